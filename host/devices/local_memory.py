"""Buffers in a core's local memory, which the program reaches word by word."""

from itertools import count

import numpy as np

from ...golden.registers import LOCAL_MEMORY_BASE, PAGE_BITS
from ..board_errors import OutOfMemoryError
from .buffer import WORD_BYTES, Buffer
from .shadow import shadow_buffer

PAGE = 1 << PAGE_BITS


class LocalMemory:
    """Hands out pages of a memory.

    Parameters
    ----------
    n_pages : int
        What the core's register ``CAPS3`` says.
    write : function of (offset, bytes)
        Writes whole 32-bit words, at an offset from the core's first register.
    read : function of (offset, n_bytes) to bytes
    base : int
        Address of the first page.

    Members
    -------
    taken : dict of a number to (address, bytes), live buffers
    """

    def __init__(self, n_pages, write, read, base=LOCAL_MEMORY_BASE):
        self._base = base
        self._n_pages = n_pages
        self._write = write
        self._read = read
        self.taken = {}
        # Not by address: a buffer that is freed twice must not take another's away.
        self._numbers = count()

    def allocate(self, n_bytes: int) -> Buffer:
        """A buffer in the first gap that has room.

        Raises
        ------
        OutOfMemoryError
        """
        address = self._base
        for first, length in sorted(self.taken.values()):
            if first - address >= n_bytes:
                break
            address = first + -(-length // PAGE) * PAGE
        if address + n_bytes > self._base + self._n_pages * PAGE:
            taken = sum(length for _, length in self.taken.values())
            raise OutOfMemoryError(
                f"no room for {n_bytes} bytes in the {self._n_pages * PAGE} bytes of block RAM, of which {taken} are taken: "
                "a smaller network, 4-bit weights, or a bitstream with more memory"
            )
        n_words = -(-n_bytes // WORD_BYTES)
        number = next(self._numbers)

        def store(first, words):
            self._write(address + first * WORD_BYTES, np.ascontiguousarray(words, dtype="<u8").tobytes())

        def fetch(first, count):
            return np.frombuffer(self._read(address + first * WORD_BYTES, count * WORD_BYTES), dtype="<u8")

        buffer = shadow_buffer(n_words, address, store, fetch, lambda: self.taken.pop(number, None))
        self.taken[number] = address, n_bytes
        return buffer
