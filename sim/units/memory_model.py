"""What the benches of the memory ports have in common: what lies in memory, and the rules of bursts."""

from lifarray.hw.windows import windows_layout

from .part import Fields

PAGE = 4096
WINDOWS = [(0x100, 0x110), (0, 0), (0x7, 0x6), (0xFFFFF, 0xFFFFF)]
"""First and last page of each: some pages, the lowest, none, the topmost."""

ATTRIBUTES = {"burst": 1, "lock": 0, "cache": 0b0011, "prot": 0, "qos": 0}
"""What every burst says of itself: incrementing, bufferable and modifiable, nothing special."""


def set_windows(part):
    part.windows.value = Fields(windows_layout).pack([{"first": first, "last": last} for first, last in WINDOWS])


def is_inside(address) -> bool:
    return any(first <= address // PAGE <= last for first, last in WINDOWS)


def word_at(address) -> int:
    """What memory holds at a multiple of 8: each word is another one."""
    return (address * 0x9E37_79B9_7F4A_7C15 ^ address) & (1 << 64) - 1


def draw_place(rng, n_words) -> int:
    """An address in a window from which ``n_words`` lie in it; often near a page's end."""
    first, last = WINDOWS[0]
    low, high = first * PAGE, (last + 1) * PAGE - 8 * n_words
    place = int(rng.integers(low, high + 1)) & ~7
    if rng.random() < 0.4:
        place = max(low, min(high, (place // PAGE + 1) * PAGE - 8 * int(rng.integers(1, 20))))
    return place


class Bursts:
    """Checks the bursts of one address channel, in each cycle.

    Parameters
    ----------
    part : Part
    prefix : "ar" or "aw"
    bus_bits : int
    """

    def __init__(self, part, prefix, bus_bits):
        self._part, self._prefix, self._bus_bits = part, prefix, bus_bits
        self._waiting = None
        self.n = 0

    def see(self):
        """(id, address, beats) of the burst that was taken at this edge, or None."""
        part, prefix = self._part, self._prefix
        names = ("id", "addr", "len", "size", *ATTRIBUTES)
        offered = tuple(part.value(f"bus__{prefix}{name}") for name in names) if part.value(f"bus__{prefix}valid") else None
        assert self._waiting is None or offered == self._waiting, "an address changes while it waits"
        taken = offered is not None and part.value(f"bus__{prefix}ready")
        self._waiting = None if taken else offered
        if not taken:
            return None
        identity, address, length, size, *attributes = offered
        n_bytes = (length + 1) * self._bus_bits // 8
        assert (8 << size, attributes) == (self._bus_bits, list(ATTRIBUTES.values())), f"size {size}, {', '.join(ATTRIBUTES)}: {attributes}"
        assert address // PAGE == (address + n_bytes - 1) // PAGE, f"a burst from {address:#x} on crosses a page"
        assert is_inside(address), f"a burst at {address:#x}, outside the windows"
        self.n += 1
        return identity, address, length + 1


def places_outside():
    """Name to where a request begins, and the first address of it that is not allowed."""
    first, last = WINDOWS[0]
    end = (last + 1) * PAGE
    return {
        "over a window's end": (end - 160, end),
        "before a window": (first * PAGE - 64, first * PAGE - 64),
        "beyond the topmost page": (0xFFFF_FF80, 0),
        "elsewhere": (0x4000_0000, 0x4000_0000),
    }
