"""What NumPy has to do for one utterance, counted: front end and encoder."""

from math import log2

import numpy as np

from ..golden.config import SLOTS
from ..golden.encode import RATE_LEVELS, passes


def front_end_operations(front_end, n_samples: int) -> int:
    """Additions, multiplications and logarithms of the front end for ``n_samples`` at its own rate.

    Linear in the length: each hop takes one real FFT (5/2 N log2 N, the usual count) and one
    product with the filters.
    """
    n_hops = 1 + max(0, n_samples - front_end.window_samples) // front_end.hop_samples
    n_bins = front_end.fft_samples // 2 + 1
    fft = 5 * front_end.fft_samples * log2(front_end.fft_samples) / 2
    # Window, transform, power, filters, logarithm and power for the loudness, running sum.
    per_hop = front_end.window_samples + fft + 3 * n_bins + 2 * n_bins * front_end.n_channels + 4 * front_end.n_channels
    # Stretch, tilt, range, two means, compression, floor.
    return round(n_hops * per_hop + 12 * front_end.fan_in)


def encoder_operations(rates, n_steps: int, max_rate: float = 1.0) -> dict:
    """Of `poisson_words` for one sample: random bytes drawn, and byte operations on them.

    Linear in the inputs with a rate above zero, times the steps.
    """
    rates = np.asarray(rates)
    active = int(np.count_nonzero(np.rint(rates * (max_rate * RATE_LEVELS))))
    slots = passes(n_steps) * SLOTS
    # Two operations for each pair of rows, of 64, 32 and 16 rows; then a scatter of words.
    packing = active * 2 * (slots // 2 + slots // 4 + slots // 8)
    return {"active_inputs": active, "random_bytes": active * n_steps, "operations": active * n_steps + packing + 3 * rates.size + 2 * active}
