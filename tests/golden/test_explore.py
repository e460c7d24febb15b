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
from lifarray.golden.resources import resources

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
