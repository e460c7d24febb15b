"""The core against the golden model: random networks, errors and recovery, in cocotb."""

import json
from collections import Counter
from pathlib import Path

import pytest

from lifarray.golden.errors import ToolError, UserError
from lifarray.host import cli
from lifarray.sim import bench, coverage, runner
from lifarray.sim.bench import CORES, run_core_bench
from lifarray.sim.coverage import BINS, Coverage, document

HAS_ICARUS = runner.icarus_of_system() is not None
needs_icarus = pytest.mark.skipif(not HAS_ICARUS, reason="Icarus Verilog is not installed")


@pytest.mark.timeout(1800)     # minutes on Icarus, and many of them where a machine is busy
def test_small_cores_cover_every_bin(seed):
    """All tests on the small cores, and what they hit between them: by default with a seed that misses nothing by chance."""
    hits = Counter()
    seed += 1
    simulator = "icarus" if HAS_ICARUS else "verilator"
    for name in ("two-ports", "plain", "narrow-bus"):
        hits.update(run_core_bench(name, seed=seed, simulator=simulator, count=3))
    # One group of fire units, three ways; one lane.
    hits.update(run_core_bench("four-bit", seed=seed, simulator=simulator, test="resident_and_streamed"))
    hits.update(run_core_bench("one-lane", seed=seed, simulator=simulator, test="random_networks", count=5))
    assert [name for name in BINS if not hits[name]] == []


def test_the_list_of_bins_is_documented():
    page = Path(coverage.__file__).with_name("COVERAGE.md")
    assert page.read_text() == document(), "python -m lifarray.sim.coverage > sim/COVERAGE.md"


@pytest.mark.parametrize("name", ["four-bit", "wide"])
def test_core_on_verilator(name, seed):
    run_core_bench(name, seed=seed, simulator="verilator", count=10)


def test_coverage_refuses_unknown_bins():
    with pytest.raises(KeyError, match="no bin"):
        Coverage().hit("reset mode sideways")


@pytest.mark.long
@pytest.mark.parametrize("more", range(100, 104))
@pytest.mark.parametrize("name", CORES)
def test_core_on_more_seeds(name, more, seed):
    run_core_bench(name, seed=seed + more, simulator="verilator", count=30)


@pytest.mark.long
@pytest.mark.parametrize("more", range(3))
def test_large_networks(more, seed):
    """Layers of up to 800 neurons, runs of up to 200 steps."""
    run_core_bench("wide", seed=seed + more, simulator="verilator", test="random_networks", count=5, max_size=800, max_steps=200)


def test_sizes_beyond_the_memory_are_refused():
    with pytest.raises(UserError, match="max_size = 801, must be 1 to 800"):
        run_core_bench("plain", seed=1, max_size=801)


@needs_icarus
def test_waves_are_written(tmp_path, seed):
    run_core_bench("plain", seed=seed, simulator="icarus", test="register_fields", waves=tmp_path / "run.fst")
    assert (tmp_path / "run.fst").stat().st_size > 1000


def test_command_runs_every_seed_on_every_core(monkeypatch, capsys):
    runs = []

    def run(core, seed, **options):
        runs.append((core, seed, options["max_size"]))
        return {"several layers": 2}

    monkeypatch.setattr(bench, "run_core_bench", run)
    assert cli.main(["simulate", "core", "--core", "all", "--seeds", "2", "--seed", "7", "--max-size", "50", "--json"]) == 0
    assert runs == [(core, seed, 50) for seed in (7, 8) for core in CORES]
    told = json.loads(capsys.readouterr().out)
    assert told["coverage"] == {"several layers": 4 * len(CORES)}
    assert "several layers" not in told["missed"] and len(told["missed"]) == len(BINS) - 1
    assert cli.main(["simulate", "core", "--seeds", "2", "--waves", "run.fst"]) == 2


def test_the_replay_is_of_the_first_test_that_failed(monkeypatch):
    def run(*args, **options):
        raise runner.SimulationError("2 of 12 tests failed", ["corners", "windows"])

    monkeypatch.setattr(runner, "build", lambda *args, **options: None)
    monkeypatch.setattr(runner, "run", run)
    with pytest.raises(ToolError, match=r"\nreplay: lifarray simulate core --core plain --seed 1 .* --test corners$"):
        run_core_bench("plain", seed=1, simulator="verilator")


def test_unknown_cores_are_refused():
    with pytest.raises(UserError, match="'huge'"):
        run_core_bench("huge", seed=1)
