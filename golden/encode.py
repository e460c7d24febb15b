"""Spikes: the Poisson encoder, and the raster words that memory holds."""

import numpy as np

from .config import SLOTS
from .errors import UserError

RATE_LEVELS = 256
"""A firing rate is a multiple of 1/256: one random byte a step decides."""


def poisson(rates, n_steps: int, rng: np.random.Generator, max_rate: float = 1.0):
    """Spikes at random, each step with a probability proportional to its input's value.

    Random bytes are drawn for inputs with a rate above zero only, so the same generator gives
    the same spikes wherever it runs.

    Parameters
    ----------
    rates : float [n_samples, n], 0 to 1
    n_steps : int
    rng : numpy.random.Generator
    max_rate : float
        Probability of a spike in a step at a rate of 1.

    Returns
    -------
    bool [n_samples, n_steps, n]
    """
    rates = np.asarray(rates, dtype=np.float64)
    if rates.ndim != 2:
        raise UserError(f"rates have shape {list(rates.shape)}, must be [n_samples, n]")
    if not (0 <= rates.min(initial=0) and rates.max(initial=0) <= 1):
        raise UserError(f"rates reach from {rates.min()} to {rates.max()}, must lie in 0 to 1")
    level = np.rint(rates * (max_rate * RATE_LEVELS)).astype(np.uint16)
    sample, neuron = np.nonzero(level)
    noise = np.frombuffer(rng.bytes(sample.size * n_steps), dtype=np.uint8).reshape(n_steps, sample.size)
    spikes = np.zeros((rates.shape[0], n_steps, rates.shape[1]), dtype=bool)
    spikes[sample, :, neuron] = (noise < level[sample, neuron]).T
    return spikes


def sample_rng(seed: int, index: int) -> np.random.Generator:
    """The generator of one sample of a stream: its spikes depend on nothing that came before it."""
    return np.random.default_rng([seed, index])


def poisson_stream(rates, n_steps: int, seed: int, max_rate: float = 1.0):
    """`poisson` with the generator `sample_rng` for each sample: what a stream of that seed runs, on any device.

    Returns
    -------
    bool [n_samples, n_steps, n]
    """
    rates = np.asarray(rates)
    spikes = np.zeros((len(rates), n_steps, rates.shape[-1]), dtype=bool)
    for i in range(len(rates)):
        spikes[i] = poisson(rates[i : i + 1], n_steps, sample_rng(seed, i), max_rate)[0]
    return spikes


def poisson_words(rates, n_steps: int, rngs, max_rate: float = 1.0):
    """Raster words of one pass, straight from the rates: `pack` of `poisson`, without the bits between.

    Each sample draws from a generator of its own, so that a stream's spikes do not depend on how it
    is cut into passes.

    Parameters
    ----------
    rates : float [n_samples, n], 0 to 1
    n_steps : int
    rngs : sequence of numpy.random.Generator, one a sample
    max_rate : float
        Probability of a spike in a step at a rate of 1.

    Returns
    -------
    little-endian uint64 [passes * n]
    """
    rates = np.asarray(rates, dtype=np.float64)
    if rates.ndim != 2 or len(rngs) != len(rates):
        raise UserError(f"rates have shape {list(rates.shape)}, must be [n_samples, n] for {len(rngs)} generators")
    if len(rates) > samples_per_pass(n_steps):
        raise UserError(f"{len(rates)} samples of {n_steps} steps do not fit into one raster: at most {samples_per_pass(n_steps)}")
    if not (0 <= rates.min(initial=0) and rates.max(initial=0) <= 1):
        raise UserError(f"rates reach from {rates.min()} to {rates.max()}, must lie in 0 to 1")
    n_passes = passes(n_steps)
    words = np.zeros((n_passes, rates.shape[1]), dtype="<u8")
    for sample, (row, rng) in enumerate(zip(rates, rngs)):
        level = np.minimum(np.rint(row * (max_rate * RATE_LEVELS)), RATE_LEVELS)
        (active,) = np.nonzero(level)
        # noise < level, in bytes: a level of 256 does not fit into one.
        highest = (level[active] - 1).astype(np.uint8)
        noise = np.frombuffer(rng.bytes(active.size * n_steps), dtype=np.uint8).reshape(n_steps, active.size)
        bits = np.zeros((n_passes * SLOTS, active.size), dtype=np.uint8)
        np.less_equal(noise, highest, out=bits[:n_steps].view(bool))
        # Pairs of rows, pairs of pairs, and so on: a third of what packbits takes down columns.
        for width in (1, 2, 4):
            bits = bits[0::2] | bits[1::2] << width
        by_pass = bits.reshape(n_passes, SLOTS // 8, active.size).transpose(0, 2, 1)
        words[:, active] |= np.ascontiguousarray(by_pass).view("<u8")[:, :, 0] << np.uint64(sample * n_steps)
    return words.reshape(-1)


def samples_per_pass(n_steps: int) -> int:
    """Samples of ``n_steps`` that share one raster: ``floor(64 / T)``, 1 if T > 64."""
    return max(1, SLOTS // n_steps)


def passes(n_steps: int) -> int:
    """Raster passes of one layer: 1 up to 64 steps."""
    return -(-n_steps // SLOTS)


def pack(spikes):
    """Raster words of up to ``samples_per_pass`` samples.

    Bit k of a word is slot k = sample * T + t. With T > 64 there is one sample, and words of
    passes of 64 steps follow each other, bit t mod 64.

    Parameters
    ----------
    spikes : bool [n_samples, n_steps, n]

    Returns
    -------
    little-endian uint64 [passes * n]
    """
    n_samples, n_steps, n = spikes.shape
    if n_samples > samples_per_pass(n_steps):
        raise UserError(f"{n_samples} samples of {n_steps} steps do not fit into one raster: at most {samples_per_pass(n_steps)}")
    bits = np.zeros((passes(n_steps) * SLOTS, n), dtype=bool)
    bits[: n_samples * n_steps] = spikes.reshape(-1, n)
    by_pass = np.ascontiguousarray(bits.reshape(-1, SLOTS, n).transpose(0, 2, 1))
    return np.packbits(by_pass, axis=-1, bitorder="little").view("<u8").reshape(-1)


def unpack(words, n_samples: int, n_steps: int):
    """The inverse of `pack`: bool [n_samples, n_steps, n]."""
    words = np.ascontiguousarray(words, dtype="<u8").reshape(passes(n_steps), -1)
    bits = np.unpackbits(words.view(np.uint8).reshape(*words.shape, 8), axis=-1, bitorder="little")
    steps = bits.transpose(0, 2, 1).reshape(-1, words.shape[1])
    return steps[: n_samples * n_steps].reshape(n_samples, n_steps, -1).astype(bool)
