"""Buffers whose program's side is a copy: what pynq's are on a board, for memories that pynq does not know."""

import numpy as np

from .buffer import WORD_BYTES, Buffer


class _Shadow(np.ndarray):
    """The program's side of a buffer; ``store`` and ``fetch`` reach the core's."""

    def __array_finalize__(self, whole):
        for name in ("store", "fetch", "release", "origin"):
            setattr(self, name, getattr(whole, name, None))

    def _first(self):
        return (self.ctypes.data - self.origin) // WORD_BYTES

    def flush(self):
        self.store(self._first(), self)

    def invalidate(self):
        self[:] = self.fetch(self._first(), len(self))

    def freebuffer(self):
        self.release()


def shadow_buffer(n_words: int, address: int, store, fetch, release) -> Buffer:
    """A `Buffer` of zeros.

    Parameters
    ----------
    n_words : int
    address : int
        Of the first byte, as the core sees it.
    store : function of (first, words)
        Puts words into the core's memory, counted from the buffer's first.
    fetch : function of (first, n_words)
        Takes them from there.
    release : function
        Called when the buffer is freed.
    """
    words = np.zeros(n_words, dtype="<u8").view(_Shadow)
    words.store, words.fetch, words.release = store, fetch, release
    words.origin = words.ctypes.data
    return Buffer(words, address)
