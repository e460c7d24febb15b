"""Networks with their inputs that the core's speed is measured on, by name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np

from .audio import FrontEnd, to_mono
from .config import CONFIGS, CoreConfig
from .datasets import fsdd, mnist
from .encode import poisson
from .errors import UserError
from .lif import currents, lif_step, reset_mode
from .network import Layer, Network

SEED = 0

PAPER_SIZES = (58_500, 2_048, 196, 784)
PAPER_STEPS = 60
PAPER_CHANNELS = 39
PAPER_FRAMES = 1_500
PAPER_HOP_SAMPLES = 3
"""The longest recording of the test set, 545 ms without its silence, fills the 1,500 frames."""

HIDDEN_RATE = 0.1
"""Spikes a neuron and step of layers drawn at random."""


@dataclass(frozen=True)
class Case:
    """One network, its input, and the core it runs on.

    Parameters
    ----------
    name, about : str
    config : str
        In `CONFIGS`.
    load : function of data_dir to (Network, bool [n_samples, n_steps, fan_in])
    resident : bool
        Whether its weights stay in the core; None: if they fit.
    """

    name: str
    about: str
    config: str
    load: Callable
    resident: "bool | None" = None

    @property
    def core(self) -> CoreConfig:
        return CONFIGS[self.config]


def case(name: str) -> Case:
    """A case by name; UserError if there is none."""
    if name not in CASES:
        raise UserError(f"no case {name!r}: choose from {', '.join(CASES)}")
    return CASES[name]


def shipped(name: str) -> Network:
    """A network that ships."""
    with resources.as_file(resources.files(__package__) / "pretrained" / f"{name}.lif") as path:
        return Network.load(path)


def autoencoder(name: str, n_images: int):
    """Loader of an autoencoder with the first images of the MNIST test set."""
    return lambda data_dir: _on_mnist(shipped(name), n_images, data_dir)


def classifier(data_dir):
    """784-128-10 with the first image of the MNIST test set."""
    return _on_mnist(shipped("mnist-classifier-int4"), 1, data_dir)


def _on_mnist(network, n_images, data_dir):
    images, _ = mnist("test", data_dir)
    rates = images[:n_images].reshape(n_images, -1) / 255
    return network, poisson(rates, network.n_steps, np.random.default_rng(SEED), network.meta["max_rate"])


def demo(data_dir):
    """The audio network that ships, with a recording of the test set."""
    network = shipped("demo")
    front_end = FrontEnd.from_dict(network.meta["front_end"])
    recording = fsdd("test", data_dir)[0]
    rates = front_end.rates(*recording.read(), recording.path.name)
    return network, poisson(rates[None], network.n_steps, np.random.default_rng(SEED), front_end.max_rate)


def paper(weight_bits: int):
    """Loader of the paper's audiocoder and decoder, weights drawn at random, with a recording of the test set."""

    def load(data_dir):
        rng = np.random.default_rng(SEED)
        spikes = poisson(padded_rates(fsdd("test", data_dir)[0])[None], PAPER_STEPS, rng)
        name = "paper" if weight_bits == 4 else "paper-int8"
        return random_network(PAPER_SIZES, weight_bits, spikes, CONFIGS[name].vmem_bits, rng), spikes

    return load


def padded_rates(recording):
    """Firing rates of a recording that is followed by silence: float [channels * frames]."""
    front_end = FrontEnd(n_channels=PAPER_CHANNELS, hop_samples=PAPER_HOP_SAMPLES)
    samples = to_mono(*recording.read(), front_end.sample_rate_hz, recording.path.name)
    levels = front_end.trim(front_end.levels(samples))[:PAPER_FRAMES]
    rates = np.zeros((PAPER_CHANNELS, PAPER_FRAMES))
    rates[:, : len(levels)] = replace(front_end, n_frames=len(levels)).shape(levels)
    return rates.reshape(-1)


def random_network(sizes, weight_bits: int, spikes, vmem_bits: int, rng) -> Network:
    """Layers with weights drawn at random, and thresholds at which they spike at `HIDDEN_RATE` on ``spikes``."""
    highest = (1 << weight_bits - 1) - 1
    n_steps = spikes.shape[1]
    layers = []
    for i, (fan_in, n_neurons) in enumerate(zip(sizes, sizes[1:])):
        weight = rng.integers(-highest, highest + 1, (fan_in, n_neurons), dtype=np.int8)
        layer = Layer(f"layer{i}", weight, weight_bits, v_threshold=1, v_subtract=0, decay=230)
        layer = replace(layer, v_threshold=_threshold(layer, spikes, vmem_bits))
        layers.append(layer)
        spikes = layer.run(spikes, vmem_bits).spikes
    return Network(layers, n_steps, {"weights": "drawn at random"}, vmem_bits=vmem_bits)


def _threshold(layer, spikes, vmem_bits) -> int:
    """The lowest threshold at which a layer spikes at `HIDDEN_RATE` or less."""
    current = currents(layer.weight, spikes)

    def rate(v_threshold):
        vmem, n_spikes = np.zeros_like(current[:, 0]), 0
        for t in range(current.shape[1]):
            step = lif_step(
                vmem,
                current[:, t],
                v_threshold=v_threshold,
                v_subtract=0,
                d=layer.decay,
                frac_bits=0,
                mode=reset_mode(layer.reset_mode),
                vmem_bits=vmem_bits,
            )
            vmem, n_spikes = step.vmem, n_spikes + step.spike.sum()
        return n_spikes / current.size

    low, high = 1, (1 << vmem_bits - 1) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if rate(middle) <= HIDDEN_RATE else (middle + 1, high)
    return low


_AE = "784-196-784, T=15, MNIST test images"
_PAPER = "58,500-2,048-196-784, T=60, padded spectrogram of an FSDD recording; weights drawn at random"
CASES = {
    c.name: c
    for c in (
        Case("ae-batch1-resident", f"{_AE}: 1", "fast", autoencoder("mnist-ae-int4", 1)),
        Case("ae-batch4-resident", f"{_AE}: 4", "fast", autoencoder("mnist-ae-int4", 4)),
        Case("ae-thin-batch4-resident", f"{_AE}: 4, trained to spike less", "fast", autoencoder("mnist-ae-int4-thin", 4)),
        Case("ae-batch1-streamed", f"{_AE}: 1, weights from memory", "fast", autoencoder("mnist-ae-int4", 1), False),
        Case("ae-batch4-streamed", f"{_AE}: 4, weights from memory", "fast", autoencoder("mnist-ae-int4", 4), False),
        Case("audio-demo", "the network 'demo', T=60, an FSDD recording", "audio", demo),
        Case("classifier-784-128-10", "784-128-10, T=100, an MNIST test image", "fast", classifier),
        Case("audio-paper-int4", _PAPER, "paper", paper(4)),
        Case("audio-paper-int8", _PAPER, "paper-int8", paper(8)),
    )
}
"""What ``lifarray bench core`` runs."""

_SPIKER_AE = ("784-196-784, T=15", 15_402)
SPIKER_PLUS = {
    "ae-batch1-resident": _SPIKER_AE,
    "ae-batch4-resident": _SPIKER_AE,
    "ae-thin-batch4-resident": _SPIKER_AE,
    "classifier-784-128-10": ("784-128-10, T=100", 92_565),
}
"""Network and cycles of Spiker+ (Carpegna, Savino, Di Carlo, 2024) for one sample, simulated from its VHDL."""
