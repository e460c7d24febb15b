"""Addresses that never wrap silently."""

from amaranth.hdl import Cat

ADDRESS_BITS = 33
"""A 32-bit address, and above it a bit that says: computed beyond 2^32. It sticks."""


def advance(address, n_bytes):
    """``address + n_bytes``; the overflow bit stays once it is set."""
    total = address[:32] + n_bytes
    overflow = address[32] | total[32:].any()
    return Cat(total[:32], overflow)
