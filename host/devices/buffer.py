"""Memory that program and core share."""

import numpy as np

WORD_BYTES = 8


class Buffer:
    """64-bit words at an address that the core can reach.

    Program and core see each other's changes after `flush` and `invalidate` only.

    Parameters
    ----------
    words : little-endian uint64 array
        A pynq buffer, or what has its ``flush``, ``invalidate`` and ``freebuffer``.
    address : int
        Of the first byte, as the core sees it.
    """

    _words = None

    def __init__(self, words, address: int):
        self._words = words
        self.address = address
        self.n_words = len(words)

    def write(self, first: int, words):
        """Put words at index ``first``; the core sees them after `flush`."""
        self._words[first : first + len(words)] = words

    def read(self, first: int, n_words: int):
        """A copy of words, as of the last `invalidate`."""
        # A copy: pynq frees memory only when the last view of it is gone.
        return np.array(self._words[first : first + n_words], dtype="<u8")

    def flush(self, first: int, n_words: int):
        """Hand words to the core."""
        self._words[first : first + n_words].flush()

    def invalidate(self, first: int, n_words: int):
        """Take words from the core."""
        self._words[first : first + n_words].invalidate()

    def free(self):
        """Give the memory back; the buffer cannot be used any more."""
        if self._words is not None:
            self._words.freebuffer()
            self._words = None

    def __del__(self):
        # Ctrl-C may come between an allocation and whoever was to free it.
        self.free()

    @property
    def end(self) -> int:
        """Address after the last byte."""
        return self.address + self.n_words * WORD_BYTES
