"""The simulated memory's contents, in and out."""

import numpy as np


def write_image(path, image: dict, bus_bits: int):
    """Write address to little-endian uint64 array as a file for ``sim/memory.v``.

    The file holds memory from address 0; what no array covers is a hole.
    """
    beat = bus_bits // 8
    with open(path, "wb") as file:
        for address in sorted(image):
            words = np.ascontiguousarray(image[address], dtype="<u8")
            file.seek(address)
            file.write(words.view(f"<u{beat}").astype(f">u{beat}").tobytes())


def read_words(storage, address: int, n_words: int, bus_bits: int):
    """Read 64-bit words from the simulator's handle of the memory array.

    Returns
    -------
    little-endian uint64 [n_words]
    """
    first = address * 8 // bus_bits
    beats = [storage[first + i].value.to_unsigned() for i in range(n_words * 64 // bus_bits)]
    return np.array(beats, dtype=f"<u{bus_bits // 8}").view("<u8")
