"""Finding set bits."""

from amaranth.hdl import Cat, Const, Mux


def two_or_more(word):
    """Whether a value has more than one bit set, as a tree."""
    nodes = [(word[i], Const(0, 1)) for i in range(len(word))]
    while len(nodes) > 1:
        odd = nodes[len(nodes) & ~1 :]
        pairs = zip(nodes[0::2], nodes[1::2])
        nodes = [(any_a | any_b, more_a | more_b | (any_a & any_b)) for (any_a, more_a), (any_b, more_b) in pairs] + odd
    return nodes[0][1]


def marked_at_lowest(word, marks):
    """The bit of ``marks`` where ``word`` has its lowest set bit, as a tree; some bit if there is none."""
    nodes = list(zip(word, marks))
    while len(nodes) > 1:
        odd = nodes[len(nodes) & ~1 :]
        pairs = zip(nodes[0::2], nodes[1::2])
        nodes = [(any_a | any_b, Mux(any_a, mark_a, mark_b)) for (any_a, mark_a), (any_b, mark_b) in pairs] + odd
    return nodes[0][1]


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
