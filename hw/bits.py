"""Finding set bits."""

from amaranth.hdl import Cat, Mux


def lowest_set_bit(word):
    """Index of the lowest set bit of a value whose width is a power of two, as a tree of multiplexers.

    Returns
    -------
    (any, index)
    """
    nodes = [(word[i], None) for i in range(len(word))]
    while len(nodes) > 1:
        paired = []
        for (low_any, low_index), (high_any, high_index) in zip(nodes[0::2], nodes[1::2]):
            index = ~low_any
            if low_index is not None:
                index = Cat(Mux(low_any, low_index, high_index), ~low_any)
            paired.append((low_any | high_any, index))
        nodes = paired
    return nodes[0]


def isolate_lowest(word):
    """The lowest set bit alone; 0 if there is none."""
    return word & (~word + 1)[: len(word)]


def isolate_highest(word):
    """The highest set bit alone; 0 if there is none."""
    return isolate_lowest(word[::-1])[::-1]


def index_of(one_hot):
    """Index of the only set bit; 0 if there is none."""
    bits = (len(one_hot) - 1).bit_length()
    return Cat(Cat(one_hot[i] for i in range(len(one_hot)) if i >> b & 1).any() for b in range(bits))
