"""Each part of the core against its model, in cocotb."""

import json
from pathlib import Path

import pytest

import lifarray.hw
from lifarray.golden.errors import UserError
from lifarray.host import cli
from lifarray.sim import runner, units
from lifarray.sim.bench import CORES
from lifarray.sim.sources import TOOLS
from lifarray.sim.units import UNITS, run_unit_bench

needs_icarus = pytest.mark.skipif(runner.icarus_of_system() is None, reason="Icarus Verilog is not installed")


@needs_icarus
@pytest.mark.parametrize("name", UNITS)
def test_part(name, seed):
    run_unit_bench(name, seed=seed, simulator="icarus", count=3)


def test_parts_on_verilator(seed):
    """All in one design, since that is one build."""
    run_unit_bench("units", seed=seed, simulator="verilator", count=3)


@pytest.mark.long
@pytest.mark.parametrize("more", range(100, 104))
def test_parts_on_more_seeds(more, seed):
    run_unit_bench("units", seed=seed + more, simulator="verilator", count=20)


INSIDE = {
    # In the parts that have benches.
    "store": "rows", "bits": "window", "windows": "reader", "address": "reader", "descriptor": "sequencer", "axi": "reader",
    "fetch": "scanner", "axi3_bridge": "bridge", "lite_decoder": "decoder", "local_memory": "memory", "register_slice": "slice",
    "stream_register": "slice", "ram_fifo": "reader", "late_register": "reader",
    "uart": "serial", "serial_bridge": "serial",
    # Whole cores.
    "core": "core", "local_core": "core", "serial_core": "core", "ps7": "core",
}


def test_every_part_has_a_bench():
    files = {path.stem for path in Path(lifarray.hw.__file__).parent.glob("*.py")}
    assert {INSIDE.get(name, name) for name in files - TOOLS} == {*UNITS, "core"}


def test_unknown_parts_are_refused():
    with pytest.raises(UserError, match="'gearbox'"):
        run_unit_bench("gearbox", seed=1)


def test_command_runs_a_part(monkeypatch, capsys):
    runs = []
    monkeypatch.setattr(units, "run_unit_bench", lambda unit, seed, **options: runs.append((unit, seed, options["count"])))
    assert cli.main(["simulate", "window", "--seed", "7", "--seeds", "2", "--count", "3", "--json"]) == 0
    assert runs == [("window", 7, 3), ("window", 8, 3)]
    said = json.loads(capsys.readouterr().out)
    assert said.pop("simulator") == str(units.find_simulator())
    assert said == {"bench": "window", "seed": 7, "seeds": 2, "passed": True}
    for wrong in (["gearbox"], ["window", "--core", "plain"], ["window", "--samples", "2"], ["window", "--seeds", "2", "--waves", "run.fst"]):
        assert cli.main(["simulate", *wrong]) == 2


def test_command_lists_what_there_is(capsys):
    assert cli.main(["simulate", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*UNITS, *CORES, "network", "core", "units"))


@needs_icarus
def test_waves_of_a_part_are_written(tmp_path):
    run_unit_bench("stripes", seed=1, simulator="icarus", count=1, waves=tmp_path / "run.fst")
    assert (tmp_path / "run.fst").stat().st_size > 1000
