"""The simulated core's cycles and bytes, and the cost model's."""

from dataclasses import replace

import numpy as np
import pytest

from lifarray.golden.cases import random_network
from lifarray.golden.config import CoreConfig
from lifarray.golden.network import Layer, Network
from lifarray.golden.timing import DdrTiming
from lifarray.sim.throughput import measure

CORE = CoreConfig(lanes=24, fire_units=4, current_bits=20, ports=2, ways=2, window_rows=16, store_rows=4096)

WORST = 0.03
"""How far the model may be off."""


def job(n_samples, n_steps, weight_bits=8):
    """Three layers of several tiles, all of which spike."""
    rng = np.random.default_rng(n_steps)
    spikes = (rng.random((n_samples, n_steps, 400)) < 0.3) & (rng.random(400) < 0.5)
    return random_network((400, 100, 60), weight_bits, spikes, CORE.vmem_bits, rng), spikes


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("n_samples, n_steps", [(3, 20), (1, 64), (2, 150)])
def test_the_cost_model_is_near(n_samples, n_steps, resident):
    network, spikes = job(n_samples, n_steps)
    m = measure(network, spikes, CORE, resident=resident)
    assert m.mismatches == 0
    assert m.cycles > 5000, "the test needs a run that is longer than its beginning and end"
    assert abs(m.model_cycles - m.cycles) < WORST * m.cycles, (m.model_cycles, m.cycles)
    assert m.events == sum(CORE.tiles(layer.n_neurons) * result.events for layer, result in zip(network.layers, network.run(spikes)))


def test_weights_are_fetched_once():
    """Each active row once a tile and pass, 4-bit rows in half the bytes; resident ones not at all."""
    for weight_bits, row_bytes in ((8, 24), (4, 16)):
        network, spikes = job(1, 100, weight_bits)
        m = measure(network, spikes, CORE, resident=False)
        inputs = [spikes, network.run(spikes)[0].spikes]
        rows = [sum(int(part.any(axis=(0, 1)).sum()) for part in (raster[:, :64], raster[:, 64:])) for raster in inputs]
        assert m.weight_bytes == (5 * rows[0] + 3 * rows[1]) * row_bytes == m.ideal_weight_bytes
        assert m.setup_cycles == 0
        resident = measure(network, spikes, CORE, resident=True)
        assert resident.weight_bytes == 0 < resident.setup_cycles
        # Rasters, each once, and descriptors.
        assert resident.other_read_bytes == 2 * 8 * (400 + 100) + 2 * 64
        assert resident.written_bytes == 2 * 8 * (100 + 60)


def test_a_list_that_overflows_reads_the_raster_again():
    network, spikes = job(1, 40)
    few = replace(CORE, list_words=16)
    m = measure(network, spikes, few, resident=False)
    assert m.mismatches == 0
    assert m.weight_bytes == m.ideal_weight_bytes
    assert m.other_read_bytes == 8 * (5 * 400 + 3 * 100) + 2 * 64
    assert abs(m.model_cycles - m.cycles) < WORST * m.cycles


def test_ports_share_the_bandwidth():
    """Two ports of 8 bytes on a memory of 5 bytes a cycle: it is busy all the time, and never busier."""
    rng = np.random.default_rng(2)
    spikes = np.zeros((1, 20, 1500), dtype=bool)
    spikes[0, rng.integers(0, 20, 1500), np.arange(1500)] = True
    layer = Layer("x", rng.integers(-20, 20, (1500, 48)), 8, v_threshold=10, v_subtract=0, decay=230)
    m = measure(Network([layer], 20), spikes, CORE, DdrTiming(bytes_per_cycle=5), resident=False)
    assert m.mismatches == 0
    moved = m.weight_bytes + m.other_read_bytes + m.written_bytes
    assert 4.5 < moved / m.cycles <= 5
    assert abs(m.model_cycles - m.cycles) < WORST * m.cycles
