"""Recordings and a way to call the command line."""

from types import SimpleNamespace

import numpy as np
import pytest

from lifarray.golden.audio import FrontEnd
from lifarray.golden.encode import samples_per_pass
from lifarray.golden.network import Layer, Network
from lifarray.host.cli import main


@pytest.fixture
def lifarray(capsys, tmp_path, monkeypatch):
    """Call the command line in an empty folder: lifarray("info", "demo") → (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def wav(tmp_path):
    """Write a recording: wav("a.wav", samples, sample_rate_hz=8000) → its path."""
    soundfile = pytest.importorskip("soundfile")

    def write(name, samples, sample_rate_hz=8000, **options):
        path = tmp_path / name
        soundfile.write(path, samples, sample_rate_hz, **options)
        return path

    return write


@pytest.fixture
def word():
    """Make half a second that a front end takes for speech, a chord that swells and dies: word(sample_rate_hz)."""

    def make(sample_rate_hz=8000):
        t = np.arange(sample_rate_hz // 2) / sample_rate_hz
        return 0.3 * np.sin(2 * np.pi * t) ** 2 * sum(np.sin(2 * np.pi * f * t) / 3 for f in (220, 700, 1800))

    return make


@pytest.fixture(scope="session")
def network():
    """An audio network, small and with random weights, with what a trained one carries."""
    rng = np.random.default_rng(5)
    front_end = FrontEnd(n_frames=4)
    sizes = (front_end.fan_in, 24, 16, 784)
    layers = [
        Layer(f"layer{i}", rng.integers(-20, 24, (fan_in, n)), weight_bits=8, v_threshold=60, v_subtract=60, decay=230)
        for i, (fan_in, n) in enumerate(zip(sizes, sizes[1:], strict=False))
    ]
    meta = {"recipe": "random", "evaluation": "fsdd-test", "max_rate": 1.0, "leave_out": ""}
    meta.update(front_end=front_end.to_dict(), validation={"mse": 1.5})
    return Network(layers, n_steps=15, meta=meta, arrays={"class_images": rng.integers(0, 256, (10, 28, 28)).astype(np.uint8)})


@pytest.fixture(scope="session")
def network_file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "random.lif"
    network.save(path)
    return path


@pytest.fixture
def fake_sim(monkeypatch):
    """A stand-in for `lifarray.sim` that answers at once with the integer model's results.

    Its attribute ``flips`` is the number of output spikes that it gets wrong; every pass takes
    1000 cycles.
    """
    sim = FakeSim()
    monkeypatch.setattr("lifarray.host.backend.load_sim", lambda: sim)
    monkeypatch.setattr("lifarray.host.commands.simulate.load_sim", lambda: sim)
    return sim


class FakeSim:
    flips = 0

    def simulate(self, network, spikes, config=None, *, simulator=None, progress=False, waves=None):
        layers = [(result.spikes, None) for result in network.run(spikes)]
        layers[-1][0][0].flat[: self.flips] ^= True
        n_passes = -(-len(spikes) // samples_per_pass(spikes.shape[1]))
        return SimpleNamespace(layers=layers, counters=[{"cycles": 1000, "events": 7}] * n_passes, simulator="Stand-in 1.0")

    def count_mismatches(self, network, spikes, simulation):
        expected = network.run(spikes)
        return int(sum((a.spikes != b[0]).sum() for a, b in zip(expected, simulation.layers, strict=True)))
