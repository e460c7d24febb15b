"""Networks and spikes for tests of the driver."""

import numpy as np

from lifarray.golden.config import CoreConfig
from lifarray.golden.encode import poisson, sample_rng
from lifarray.golden.network import Layer, Network

SMALL = CoreConfig(lanes=16, fire_units=4)
"""One core for all tests: it is built once."""


def make_network(sizes=(30, 40, 20, 25), n_steps=20, weight_bits=8, seed=0, vmem_bits=16):
    rng = np.random.default_rng(seed)
    reach = 1 << (weight_bits - 1)
    layers = [
        Layer(f"layer{i}", rng.integers(-reach // 2, reach, (fan_in, n)), weight_bits=weight_bits, v_threshold=reach, v_subtract=0, decay=230)
        for i, (fan_in, n) in enumerate(zip(sizes, sizes[1:], strict=False))
    ]
    return Network(layers, n_steps, vmem_bits=vmem_bits)


def make_rates(network, n_samples, seed=1):
    rng = np.random.default_rng(seed)
    return rng.random((n_samples, network.fan_in)) * (rng.random((n_samples, network.fan_in)) < 0.5)


def expected_spikes(network, rates, seed=0, n_steps=None):
    """Spikes of input and all layers, by the encoder and the model."""
    spikes, results = by_the_model(network, rates, seed, n_steps)
    return [spikes, *(result.spikes for result in results)]


def by_the_model(network, rates, seed=0, n_steps=None):
    """Input spikes, and the model's results of all layers."""
    spikes = np.concatenate([poisson(row[None], n_steps or network.n_steps, sample_rng(seed, i)) for i, row in enumerate(rates)])
    return spikes, network.run(spikes)


def check_run(array, network, n_samples=3, seed=0, n_steps=None, vmem=False):
    """Run rates on what `array` is, and compare every spike of every layer, and with ``vmem`` every vmem."""
    rates = make_rates(network, n_samples)
    result = array.run_rates(rates, seed=seed, layers=range(len(network.layers)), n_steps=n_steps, vmem=vmem)
    _, expected = by_the_model(network, rates, seed, n_steps)
    for i, layer in enumerate(expected):
        assert (result.spikes[i] == layer.spikes).all(), f"layer {i}"
        if vmem:
            assert result.vmem[i].dtype == np.int32 and (result.vmem[i] == layer.vmem).all(), f"vmem of layer {i}"
    assert (result.counts == expected[-1].spikes.sum(axis=1)).all()
    assert vmem or result.vmem is None
    return result
