"""Exploration of configurations, and the activity that it needs."""

import numpy as np
import pytest

from lifarray.golden import explore
from lifarray.golden.activity import typical_input, with_typical_input
from lifarray.golden.boards import BOARDS
from lifarray.golden.config import CoreConfig
from lifarray.golden.cycles import network_cost
from lifarray.golden.errors import UserError
from lifarray.golden.explore import Explorer, candidates, widths
from lifarray.golden.network import Layer, Network
from lifarray.golden.resources import Resources, resources

BOARD = BOARDS["pynq-z2"]


@pytest.fixture(scope="module")
def job():
    rng = np.random.default_rng(5)
    layers = [
        Layer("a", rng.integers(-8, 8, (60, 40)), 4, v_threshold=20, v_subtract=0, decay=230),
        Layer("b", rng.integers(-8, 8, (41, 30)), 4, v_threshold=20, v_subtract=0, decay=230, bias_rows=1),
    ]
    return Network(layers, 16, vmem_bits=12), rng.random((5, 16, 60)) < 0.3


def test_widths_are_the_narrowest(job):
    network, _ = job
    config = CoreConfig(**widths(network))
    network.check_fits(config)
    with pytest.raises(UserError, match="current"):
        network.check_fits(config.with_(current_bits=config.current_bits - 1))


def test_every_candidate_runs_the_network(job):
    network, spikes = job
    found = candidates(network)
    assert len(found) == len(set(found)) > 200
    for config, resident in found[::11]:
        network_cost(network, spikes[:1, :1], config, resident=resident)    # refuses what does not fit


def test_no_core_falls_below_the_lower_bound(job):
    network, spikes = job
    explorer = Explorer(network, spikes)
    for config, resident in candidates(network)[::41]:
        cycles = explorer.cycles(config, resident)
        assert explorer.lower_bound(config, resident) <= cycles
        costs = network_cost(network, spikes, config, resident=resident)
        assert cycles == sum(layer.cycles for layers in costs for layer in layers)


def test_the_fastest_that_fit_come_first(job, monkeypatch):
    network, spikes = job
    few = candidates(network)[::43]
    monkeypatch.setattr(explore, "candidates", lambda network: few)
    explorer = Explorer(network, spikes)
    tried = []
    share = sorted(resources(config).lut for config, _ in few)[len(few) // 2] / BOARD.capacity["LUT"]
    found = explorer.explore(BOARD, share, 4, tick=lambda: tried.append(1))
    assert 4 == len(found) <= len(tried) <= len(few)
    assert [c.cycles for c in found] == sorted(c.cycles for c in found)
    fitting = [(config, resident) for config, resident in few if resources(config).fits(BOARD, share)]
    assert 4 < len(fitting) < len(few), "the test needs cores that fit and cores that do not"
    assert [c.cycles for c in found] == sorted(explorer.cycles(*candidate) for candidate in fitting)[:4]


@pytest.mark.parametrize("n_neurons", [1, 5, 20_000])
def test_layers_of_any_size_have_candidates(n_neurons):
    layer = Layer("a", np.ones((3, n_neurons), dtype=np.int8), 4, v_threshold=2, v_subtract=0, decay=230)
    assert any(resources(config).fits(BOARD, 0.6) for config, _ in candidates(Network([layer], 2, vmem_bits=12)))


def test_the_raster_list_holds_all_passes():
    layer = Layer("a", np.ones((100, 8), dtype=np.int8), 4, v_threshold=2, v_subtract=0, decay=230)
    config, _ = candidates(Network([layer], 65, vmem_bits=12))[0]
    assert config.list_words == 256     # 2 passes of 100 inputs and an end each


def test_what_a_build_refuses_does_not_fit():
    config = CoreConfig(weight_bits=4, lanes=256, store_rows=8192)
    taken = resources(config)
    assert 0.85 < taken.shares(BOARD)["block RAM"] < 1 and not taken.fits(BOARD)
    assert Resources(50_000, 1, 1, 0).fits(BOARD) is False and Resources(45_000, 1, 1, 0).fits(BOARD)


def test_typical_input_travels_in_the_file(job, tmp_path):
    network, spikes = job
    with_typical_input(network, spikes).save(tmp_path / "n.lif")
    loaded = Network.load(tmp_path / "n.lif")
    assert (typical_input(loaded) == spikes[:4]).all()      # 4 samples of 16 steps share a pass
    assert (typical_input(loaded, 2) == spikes[:2]).all()
    with pytest.raises(UserError, match="typical input of 4"):
        typical_input(loaded, 5)
    with pytest.raises(UserError, match="no typical input"):
        typical_input(network)
