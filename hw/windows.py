"""Address windows: the only memory that the core touches."""

from amaranth.hdl import Cat
from amaranth.lib import data

from lifarray.golden.registers import N_WINDOWS, PAGE_BITS

page_window = data.StructLayout({"first": 32 - PAGE_BITS, "last": 32 - PAGE_BITS})
windows_layout = data.ArrayLayout(page_window, N_WINDOWS)
"""First and last page of each window, inclusive; closed where the last is below the first."""

def windows_around(windows, address):
    """The windows, a bit each, that the page of a 33-bit address lies in; none for an address beyond 2^32.

    No burst crosses a page, so this decides for a whole burst.
    """
    page = address[PAGE_BITS:32]
    return Cat((windows[i].first <= page) & (page <= windows[i].last) & ~address[32] for i in range(N_WINDOWS))
