"""From utterances to images: front end, encoder, network, comparison with the class images."""

from dataclasses import dataclass

import numpy as np

from ..golden.audio import to_mono
from ..golden.encode import poisson_stream
from ..golden.evaluate import class_images, class_scores, front_end
from ..golden.progress import progress
from .backend import Outcome, run_network
from .utterances import Utterance


@dataclass(frozen=True)
class Result:
    """What became of one utterance.

    Parameters
    ----------
    utterance : Utterance
    levels : float [frames, n_channels], dB
        The front end's spectrogram, without leading and trailing silence.
    hidden : bool [n_steps, n_neurons]
        Spikes that the last layer receives.
    image : int [28, 28]
        Spike counts of the last layer.
    scores : float [10]
        MSE to each class image, lower is nearer.
    cycles : int or None
        Clock cycles; None: the integer model has no clock.
    mismatches : int or None
        Spikes in which core and integer model differ; None: not compared.
    """

    utterance: Utterance
    levels: np.ndarray
    hidden: np.ndarray
    image: np.ndarray
    scores: np.ndarray
    cycles: "int | None"
    mismatches: "int | None"

    @property
    def nearest(self) -> int:
        """The class with the lowest MSE."""
        return int(self.scores.argmin())

    @property
    def mse(self) -> float:
        """To the image of the digit that was said; to the nearest class where nobody knows it."""
        digit = self.utterance.digit
        return float(self.scores[self.nearest if digit is None else digit])

    @property
    def correct(self) -> "bool | None":
        digit = self.utterance.digit
        return None if digit is None else self.nearest == digit


def hear(ears, utterance):
    """One utterance through a front end: spectrogram (float [frames, n_channels], dB) and rates (float [fan_in])."""
    samples = to_mono(utterance.samples, utterance.sample_rate_hz, ears.sample_rate_hz, utterance.name)
    levels = ears.trim(ears.levels(samples), utterance.name)
    return levels, ears.shape(levels).reshape(-1)


def listen(network, utterances):
    """Spectrograms (list of float [frames, n_channels], dB) and rates (float [n, fan_in]).

    Raises
    ------
    UserError
        An utterance is empty, silent, too short or too long, or the network takes no audio.
    """
    ears = front_end(network)
    levels, rates = zip(*[hear(ears, utterance) for utterance in progress(utterances, "listening")])
    return list(levels), np.array(rates)


def synthesize_images(network, utterances, backend: str, seed: int) -> "tuple[list, Outcome]":
    """Run every utterance through the network: (list of `Result`, `Outcome`).

    The spikes are those that `driver.LifArray.synthesize` draws of the same seed.
    """
    levels, rates = listen(network, utterances)
    spikes = poisson_stream(rates, network.n_steps, seed, network.meta.get("max_rate", 1.0))
    targets = class_images(network)
    outcome = run_network(network, spikes, backend)
    counts = outcome.spikes[-1].sum(axis=1)
    scores = class_scores(counts, targets)
    images = counts.reshape(-1, *targets.shape[1:])
    hidden = [spikes, *outcome.spikes][-2]
    unknown = [None] * len(utterances)
    columns = utterances, levels, hidden, images, scores, outcome.cycles or unknown, outcome.sample_mismatches or unknown
    return [Result(*values) for values in zip(*columns)], outcome
