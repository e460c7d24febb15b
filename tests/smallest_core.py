"""The core for tests that make netlists: the smallest of everything, or yosys and its gates take minutes."""

from lifarray.golden.config import CoreConfig

SMALLEST = CoreConfig(
    lanes=4,
    fire_units=2,
    current_bits=12,
    vmem_bits=12,
    window_rows=4,
    store_rows=32,
    ring_rows=16,
    list_words=16,
    weight_fifo_words=32,
    stream_fifo_words=32,
)
