"""The sweep of ``lifarray bench core``: its points, its table, its plot."""

import json

import numpy as np
import pytest

from lifarray.golden.cycles import network_cost
from lifarray.host.cli import main
from lifarray.sim import sweep, throughput


@pytest.fixture
def no_simulator(monkeypatch):
    """The cost model in place of the simulated core, which tests/sim/test_throughput.py holds against it."""

    def measure(network, spikes, config, timing, simulator=None):
        layers = [layer for layers in network_cost(network, spikes, config, timing) for layer in layers]
        cycles, ideal = (sum(getattr(layer, name) for layer in layers) for name in ("cycles", "ideal_cycles"))
        nothing = dict.fromkeys(("setup_cycles", "operations", "other_read_bytes", "written_bytes", "mismatches"), 0)
        return throughput.Measurement(
            n_samples=1,
            passes=1,
            cycles=cycles,
            model_cycles=cycles,
            ideal_cycles=ideal,
            events=sum(layer.events for layer in layers),
            density=float(spikes.mean()),
            active_inputs=1.0,
            weight_bytes=0,
            ideal_weight_bytes=sum(layer.weight_bytes for layer in layers),
            stalls={},
            simulator="none",
            **nothing,
        )

    monkeypatch.setattr(sweep, "measure", measure)
    monkeypatch.setattr(sweep, "AXES", {axis: values[:3] for axis, values in sweep.AXES.items()})


def test_cycles_grow_with_events_and_active_rows(no_simulator, capsys):
    assert main(["bench", "core", "--sweep", "--json"]) in (0, None)
    points = json.loads(capsys.readouterr().out)
    assert {point["axis"] for point in points} == set(sweep.AXES)
    for axis, values in sweep.AXES.items():
        here = [point for point in points if point["axis"] == axis]
        assert [point[axis] for point in here] == list(values)
        for name in ("cycles", "events"):
            assert [point[name] for point in here] == sorted(point[name] for point in here)
    # A straight line through events, active rows, and the words that are scanned and fired.
    features = [[p["events"], p["active_rows"], p["n_in"], p["n_steps"] * p["n_out"], 1] for p in points]
    cycles = np.array([point["cycles"] for point in points])
    line = np.array(features) @ np.linalg.lstsq(np.array(features, dtype=float), cycles, rcond=None)[0]
    assert np.abs(line - cycles).max() < 0.15 * cycles.mean()


def test_the_plot(no_simulator, tmp_path, capsys):
    assert main(["bench", "core", "--sweep", "--plot", str(tmp_path / "sweep.png")]) in (0, None)
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert "15.75 bytes a cycle" in capsys.readouterr().out


@pytest.mark.parametrize("name, message", [("sweep.xyz", "cannot draw"), ("none/sweep.png", "cannot write")])
def test_a_plot_that_cannot_be(no_simulator, tmp_path, capsys, name, message):
    assert main(["bench", "core", "--sweep", "--plot", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err
