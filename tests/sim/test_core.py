"""The core against the golden model: random networks, errors and recovery, in cocotb."""

from collections import Counter

import pytest

from lifarray.golden.errors import UserError
from lifarray.sim import runner
from lifarray.sim.bench import CORES, run_core_bench
from lifarray.sim.coverage import BINS, Coverage


@pytest.mark.parametrize("name", ["one-lane", "wide"])
def test_core_on_verilator(name):
    run_core_bench(name, seed=1, simulator="verilator", count=10)


def test_cores_on_verilator_cover_every_bin():
    """The other cores, and what the random networks on all three hit between them."""
    hits = Counter()
    for name in ("plain", "narrow-bus", "four-bit"):
        for seed in (1, 5):
            hits.update(run_core_bench(name, seed=seed, simulator="verilator", count=25))
    assert [name for name in BINS if not hits[name]] == []


def test_coverage_refuses_unknown_bins():
    with pytest.raises(KeyError, match="no bin"):
        Coverage().hit("reset mode sideways")


@pytest.mark.skipif(runner.icarus_of_system() is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("name", ["plain", "narrow-bus"])
def test_core_on_icarus(name):
    run_core_bench(name, seed=2, simulator="icarus", count=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
@pytest.mark.parametrize("name", CORES)
def test_core_on_more_seeds(name, seed):
    run_core_bench(name, seed=seed, simulator="verilator", count=30)


@pytest.mark.skipif(runner.icarus_of_system() is None, reason="Icarus Verilog is not installed")
def test_waves_are_written(tmp_path):
    run_core_bench("plain", seed=1, simulator="icarus", test="register_fields", waves=tmp_path / "run.fst")
    assert (tmp_path / "run.fst").stat().st_size > 1000


def test_unknown_cores_are_refused():
    with pytest.raises(UserError, match="'huge'"):
        run_core_bench("huge", seed=1)
