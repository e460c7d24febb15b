"""Variations of an utterance that do not change the digit: what other voices and rooms would do."""

from dataclasses import dataclass

import numpy as np

from .audio import resample


@dataclass(frozen=True)
class Augmentation:
    """How far an utterance is varied; each draw is uniform within its range.

    Parameters
    ----------
    speed : float
        Largest change of the playing speed, as a natural logarithm: pitch, formants and tempo.
    warp : float
        Largest change of a linear frequency warp beyond the speed's, in channels at mid-range.
    noise_db : (float, float)
        Signal-to-noise ratio of added noise, of a random colour between white and pink.
    noisy_share : float
        Share of the utterances that get noise.
    silence_seconds : float
        Longest silence (with the noise in it) before and after.
    equaliser_db : float
        Largest gain of a smooth random curve over the channels.
    cut : float
        Largest share of the utterance lost or added as silence at either end.
    time_warp : float
        Strength of an uneven tempo within the utterance.
    """

    speed: float = 0.18
    warp: float = 1.0
    noise_db: tuple = (5.0, 35.0)
    noisy_share: float = 0.6
    silence_seconds: float = 0.2
    equaliser_db: float = 6.0
    cut: float = 0.08
    time_warp: float = 0.25


def augmented_rates(front_end, samples, augmentation, rng: np.random.Generator):
    """Rates of one varied utterance.

    Parameters
    ----------
    front_end : FrontEnd
    samples : float [n], mono, at the front end's rate
    augmentation : Augmentation
    rng : numpy.random.Generator

    Returns
    -------
    float32 [front_end.fan_in]
    """
    a = augmentation
    samples = resample(samples, max(1, round(len(samples) * np.exp(rng.uniform(-a.speed, a.speed)))))
    pad = (rng.uniform(0, a.silence_seconds, 2) * front_end.sample_rate_hz).astype(int)
    rms = np.sqrt(np.mean(samples**2))
    samples = np.pad(samples, pad)
    if rng.random() < a.noisy_share:
        samples = samples + rms * 10 ** (-rng.uniform(*a.noise_db) / 20) * coloured_noise(len(samples), rng.uniform(0, 1), rng)
    levels = front_end.trim(front_end.levels(samples), "an augmented utterance")
    levels = cut_ends(levels, rng.uniform(-a.cut, a.cut, 2))
    levels = warp_time(levels, rng.uniform(-a.time_warp, a.time_warp))
    levels = warp_channels(levels, rng.uniform(-a.warp, a.warp))
    levels = levels + equaliser(front_end.n_channels, a.equaliser_db, rng)
    return front_end.shape(levels).reshape(-1)


def coloured_noise(n, colour, rng):
    """Noise of unit power, its spectral density falling as f^-colour: 0 white, 1 pink."""
    white = np.fft.rfft(rng.standard_normal(n))
    shaped = np.fft.irfft(white * np.maximum(np.arange(len(white)), 1) ** (-colour / 2), n)
    return shaped / np.sqrt(np.mean(shaped**2))


def cut_ends(levels, shares):
    """Lose (positive share) or repeat (negative) the first and last frames."""
    n = len(levels)
    first, last = int(round(shares[0] * n)), int(round(shares[1] * n))
    quiet = levels.min(axis=0, keepdims=True)
    levels = levels[max(first, 0) : n - max(last, 0)]
    before, after = np.repeat(quiet, max(-first, 0), axis=0), np.repeat(quiet, max(-last, 0), axis=0)
    return np.concatenate([before, levels, after])


def warp_time(levels, strength):
    """Speak the first half slower and the second faster (strength > 0), or the reverse."""
    n = len(levels)
    x = np.linspace(0, 1, n)
    return _interpolate(levels, (x + strength * x * (1 - x)) * (n - 1))


def warp_channels(levels, shift):
    """Move the spectrum by ``shift`` channels at mid-range, its edges held."""
    n = levels.shape[1]
    x = np.linspace(0, 1, n)
    return _interpolate(levels.T, np.arange(n) + shift * 4 * x * (1 - x)).T


def equaliser(n_channels, gain_db, rng):
    """A smooth random gain in dB for each channel, of a random microphone."""
    knots = rng.uniform(-gain_db, gain_db, 4)
    return np.interp(np.linspace(0, 3, n_channels), np.arange(4), knots)


def _interpolate(rows, position):
    position = np.clip(position, 0, len(rows) - 1)
    below = np.minimum(position.astype(int), len(rows) - 2) if len(rows) > 1 else np.zeros(len(position), int)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (position - below)[:, None]
    return rows[below] * (1 - share) + rows[above] * share
