"""The cost model by itself; tests/sim/test_throughput.py holds it against the simulated core."""

import numpy as np
import pytest

from lifarray.golden import pipeline
from lifarray.golden.config import CoreConfig
from lifarray.golden.cycles import ideal_tile_cycles, layer_inputs, network_cost
from lifarray.golden.network import Layer, Network
from lifarray.golden.timing import DdrTiming

CORE = CoreConfig(lanes=16, fire_units=4, weight_bits=8, current_bits=16, ways=2, store_rows=1024)
QUICK = DdrTiming((1, 1), 16, 1000)


def one_layer(n_in, n_out, n_steps, bias_rows=0, weight_bits=8):
    weight = np.ones((n_in + bias_rows, n_out), dtype=int)
    return Network([Layer("x", weight, weight_bits, v_threshold=10_000, v_subtract=0, decay=256, bias_rows=bias_rows)], n_steps)


def cost(network, spikes, core=CORE, timing=QUICK, resident=None):
    [[layer]] = network_cost(network, spikes, core, timing, resident)
    return layer


def test_the_formula():
    """16 lanes of 8 bits are 16 bytes a row: 2 cycles at 8 bytes a cycle; two ways add two events a cycle."""
    slow = DdrTiming(bytes_per_cycle=4)
    assert ideal_tile_cycles(100, 10, 16, CORE, QUICK, True) == 50
    assert ideal_tile_cycles(30, 10, 16, CORE, QUICK, False) == 20
    assert ideal_tile_cycles(30, 10, 16, CORE, slow, False) == 40
    assert ideal_tile_cycles(30, 10, 16, CORE.with_(ports=2), QUICK, False) == 15     # the events decide


def test_what_is_counted():
    """40 neurons are 3 tiles; 5 of 20 inputs spike twice each, and a bias row in all 8 steps."""
    spikes = np.zeros((1, 8, 20), dtype=bool)
    spikes[0, [1, 6], 5:10] = True
    layer = cost(one_layer(20, 40, 8, bias_rows=1), spikes, resident=False)
    assert layer.events == 3 * (10 + 8)
    assert layer.operations == 40 * (10 + 8)
    assert layer.active_rows == 3 * 6
    assert layer.rows == 3 * 21
    assert layer.weight_bytes == 3 * 6 * 16
    assert layer.ideal_cycles == 3 * max((10 + 8) / 2, 6 * 16 / 8)
    assert cost(one_layer(20, 40, 8, bias_rows=1), spikes, resident=True).weight_bytes == 0


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("ways", [1, 2, 4])
def test_dense_layers_come_close_to_the_ideal(ways, resident):
    """With all inputs spiking at all steps every way has work: what is left is the beginning and the end."""
    core = CORE.with_(ways=ways, window_rows=32)
    layer = cost(one_layer(600, 16, 64), np.ones((1, 64, 600), dtype=bool), core, resident=resident)
    assert layer.ideal_cycles == 600 * 64 / ways
    assert layer.ideal_cycles < layer.cycles < layer.ideal_cycles + 1000


def test_memory_bounds_sparse_layers():
    """One spike a row: rows arrive at the bandwidth, whatever the array could add."""
    spikes = np.zeros((1, 32, 1000), dtype=bool)
    spikes[0, 3] = True
    slow = DdrTiming((30, 60), 16, 4)
    layer = cost(one_layer(1000, 16, 32), spikes, timing=slow, resident=False)
    assert layer.ideal_cycles == 4000
    # The raster, 1,000 words, comes through the same memory.
    assert 4000 + 2000 < layer.cycles < 4000 + 2000 + 800


def test_a_long_run_takes_passes():
    spikes = np.ones((1, 100, 50), dtype=bool)
    layer = cost(one_layer(50, 16, 100), spikes)
    assert layer.events == 5000
    assert layer.active_rows == 2 * 50


def test_silence_costs_the_scan_and_the_steps():
    """4 groups take at least the pipeline's time a step; nothing is added."""
    layer = cost(one_layer(500, 16, 10), np.zeros((1, 10, 500), dtype=bool))
    assert layer.events == 0 == layer.ideal_cycles
    assert 500 < layer.cycles < 500 + 10 * 14 + 150
    assert layer.idle["input"] > 500 and layer.idle["fire"] > 50


def test_emission_takes_the_units_time():
    """16 groups a step: one follows the other almost at once."""
    spikes = np.zeros((1, 60, 10), dtype=bool)
    layer = cost(one_layer(10, 16, 60), spikes, CORE.with_(fire_units=1))
    assert 60 * 16 < layer.cycles < 60 * 20 + 150


def test_an_overflowing_list_costs_a_scan_a_tile():
    spikes = np.random.default_rng(0).random((1, 20, 400)) < 0.05
    long, short = (cost(one_layer(400, 64, 20), spikes, CORE.with_(list_words=n), resident=False) for n in (1024, 16))
    active = long.active_rows // 4
    assert 2 * (400 - active) < short.cycles - long.cycles < 3 * 400 + 200


def test_samples_that_share_no_pass_add_up():
    rng = np.random.default_rng(3)
    network = one_layer(100, 16, 64)
    spikes = rng.random((2, 64, 100)) < 0.2
    both = network_cost(network, spikes, CORE, QUICK)
    assert len(both) == 2
    each = [network_cost(network, spikes[i : i + 1], CORE, QUICK)[0][0] for i in range(2)]
    assert [layers[0].cycles for layers in both] == [layer.cycles for layer in each]


def test_inputs_of_the_layers_are_the_models_spikes():
    rng = np.random.default_rng(0)
    layers = [Layer(str(i), rng.integers(-20, 60, (12, 12)), 8, v_threshold=60, v_subtract=0, decay=230) for i in range(3)]
    network, spikes = Network(layers, 10), rng.random((2, 10, 12)) < 0.4
    first, second, third = layer_inputs(network, spikes)
    results = network.run(spikes)
    assert (first == spikes).all() and (second == results[0].spikes).all() and (third == results[1].spikes).all()


def test_the_hardware_has_the_models_constants():
    from lifarray.hw import array, fire, reader, stripes, writer

    assert pipeline.RELEASE_AHEAD == fire.RELEASE_AHEAD
    assert pipeline.STRIPE_WORDS == stripes.STRIPE_WORDS
    assert pipeline.OUTSTANDING == reader.OUTSTANDING_BURSTS
    assert pipeline.BURST_WORDS == reader.burst_words(64) == writer.burst_words(64)
    assert pipeline.PICK_TO_CAPTURE == array.PICK_TO_ADD + 2
