"""The vectorised integer layer against plain loops written from the equations of the design."""

from dataclasses import replace

import numpy as np
import pytest

from lifarray.golden.lif import ResetMode, lif_step
from lifarray.golden.network import Layer
from lifarray.sim.random_networks import MODES, random_network


def run_by_loops(layer, spikes, vmem_bits):
    """One layer, one neuron, one step at a time, in Python's integers."""
    n_samples, n_steps, fan_in = spikes.shape
    highest, lowest = 2 ** (vmem_bits - 1) - 1, -(2 ** (vmem_bits - 1))
    out = np.zeros((n_samples, n_steps, layer.n_neurons), dtype=bool)
    left = np.zeros((n_samples, layer.n_neurons), dtype=np.int64)
    saturations = 0
    for n in range(n_samples):
        for j in range(layer.n_neurons):
            vmem = layer.v_init
            for t in range(n_steps):
                current = sum(int(layer.weight[i, j]) for i in range(fan_in) if spikes[n, t, i])
                current += sum(int(layer.weight[fan_in + b, j]) for b in range(layer.bias_rows))
                reset_before = vmem >= layer.v_threshold
                if layer.reset_mode == "zero_delayed" and reset_before:
                    vmem = 0
                decayed = (vmem * layer.decay + 128) // 256
                vmem = decayed + current * 2**layer.frac_bits
                if layer.reset_mode == "subtract_delayed" and reset_before:
                    vmem -= layer.v_subtract
                if vmem > highest:
                    vmem, saturations = highest, saturations + 1
                elif vmem < lowest:
                    vmem, saturations = lowest, saturations + 1
                spike = vmem >= layer.v_threshold
                out[n, t, j] = spike
                if spike and layer.reset_mode == "zero":
                    vmem = 0
                elif spike and layer.reset_mode == "subtract":
                    vmem -= layer.v_subtract
            left[n, j] = vmem
    return out, left, saturations


@pytest.mark.parametrize("seed", range(200))
def test_random_networks_match_plain_loops(seed):
    network, spikes = random_network(np.random.default_rng(seed))
    expected_in = spikes
    for layer, result in zip(network.layers, network.run(spikes)):
        out, vmem, saturations = run_by_loops(layer, expected_in, network.vmem_bits)
        np.testing.assert_array_equal(result.spikes, out)
        np.testing.assert_array_equal(result.vmem, vmem)
        assert result.saturations == saturations
        expected_in = out


def test_the_random_networks_reach_what_they_should():
    """The 200 networks above are worth running only if these things happen in them."""
    modes, saturations, silent, spiking, at_threshold = set(), 0, 0, 0, 0
    for seed in range(200):
        network, spikes = random_network(np.random.default_rng(seed))
        results = network.run(spikes)
        modes |= {layer.reset_mode for layer in network.layers}
        saturations += sum(result.saturations for result in results)
        silent += not spikes.any()
        spiking += any(result.spikes.any() for result in results)
        for layer, inputs, result in zip(network.layers, [spikes, *(result.spikes for result in results)], results):
            higher = replace(layer, v_threshold=layer.v_threshold + 1).run(inputs, network.vmem_bits)
            at_threshold += (higher.spikes != result.spikes).any()
    assert modes == set(MODES)
    assert saturations > 1000
    assert silent > 10
    assert spiking > 80
    assert at_threshold > 60


def step_of(vmem, current, **changes):
    values = dict(v_threshold=100, v_subtract=100, d=230, frac_bits=0, mode=ResetMode.ZERO, vmem_bits=16)
    return lif_step(np.array([vmem]), np.array([current]), **{**values, **changes})


@pytest.mark.parametrize(
    "vmem, decayed",
    [(0, 0), (1, 1), (4, 4), (5, 4), (-4, -4), (-5, -4), (-6, -5), (99, 89), (-99, -89)],
)
def test_decay_rounds_to_nearest_and_keeps_small_values(vmem, decayed):
    assert step_of(vmem, 0).vmem[0] == decayed


def test_threshold_is_reached_at_equality():
    assert step_of(0, 100).spike[0]
    assert not step_of(0, 99).spike[0]


def test_delayed_subtract_acts_one_step_later_after_the_decay():
    first = step_of(0, 150, mode=ResetMode.SUBTRACT_DELAYED)
    assert (first.vmem[0], first.spike[0]) == (150, True)
    second = step_of(first.vmem[0], 0, mode=ResetMode.SUBTRACT_DELAYED)
    assert (second.vmem[0], second.spike[0]) == (135 - 100, False)


def test_large_sums_stay_exact():
    """A float32 product would round these: 2^24 + 1 terms' worth of weight."""
    fan_in = 140_000
    weight = np.full((fan_in, 1), 127)
    weight[0] = 126
    layer = Layer("wide", weight, 8, v_threshold=1, v_subtract=0, decay=256, reset_mode="none")
    result = layer.run(np.ones((1, 1, fan_in), dtype=bool), vmem_bits=32)
    assert result.vmem[0, 0] == 127 * fan_in - 1
