"""The simulated memory's contents, in and out."""

import numpy as np


def as_beats(words, bus_bits: int):
    """Little-endian uint64 words as memory beats of ``bus_bits``."""
    return np.ascontiguousarray(words, dtype="<u8").view(f"<u{bus_bits // 8}")


def write_image(path, image: dict, bus_bits: int):
    """Write address to uint64 array as a ``$readmemh`` file."""
    digits = bus_bits // 4
    with open(path, "w") as file:
        for address in sorted(image):
            file.write(f"@{address * 8 // bus_bits:x}\n")
            beats = as_beats(image[address], bus_bits)
            file.write("\n".join(f"{beat:0{digits}x}" for beat in beats.tolist()))
            file.write("\n")


def read_words(storage, address: int, n_words: int, bus_bits: int):
    """Read 64-bit words from the simulator's handle of the memory array.

    Returns
    -------
    little-endian uint64 [n_words]
    """
    first = address * 8 // bus_bits
    beats = [storage[first + i].value.to_unsigned() for i in range(n_words * 64 // bus_bits)]
    return np.array(beats, dtype=f"<u{bus_bits // 8}").view("<u8")
