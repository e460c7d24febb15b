"""The judge of planted bugs, and a sample of them; `lifarray mutate` plants them all."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest

from lifarray.golden.errors import ToolError, UserError
from lifarray.host import cli
from lifarray.sim import mechanical, mutate, runner
from lifarray.sim.units import UNITS

needs_yosys = pytest.mark.skipif(find_spec("pyosys") is None, reason="pyosys is not installed")


def test_every_place_still_stands_in_the_source():
    mutate.check_list(mutate.MUTANTS)
    assert len({mutant.name for mutant in mutate.MUTANTS}) == len(mutate.MUTANTS) >= 60


def test_planted_bugs_name_nothing_unknown(tmp_path):
    """Or they would be noticed for that alone."""
    for mutant in mutate.MUTANTS:
        text = (mutate.REPOSITORY / mutant.file).read_text()
        (tmp_path / f"{mutant.name}.py").write_text(text.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--isolated", "--select", "F821,E9", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["golden-threshold", "program-nibble", "lif-rounding", "bits-lowest", "window-credit"])
def test_quick_bugs_are_noticed(name):
    [mutant] = mutate.select([name])
    assert mutate.judge(mutant).killed_by


@pytest.mark.skipif(runner.icarus_of_system() is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("name", ["fire-begin", "fetch-tile-row"])
def test_bugs_of_the_core_are_noticed(name):
    [mutant] = mutate.select([name])
    assert mutate.judge(mutant).killed_by


def test_a_test_that_fails_by_itself_says_nothing_of_a_bug(monkeypatch):
    """As where the simulator does not start."""
    monkeypatch.setattr(mutate, "_run", lambda command, **options: (1, "FAILED tests/sim/test_core.py::test_that_is_broken - ToolError: ..."))
    [mutant] = mutate.select(["lif-rounding"])
    with pytest.raises(ToolError, match="test_core.py::test_that_is_broken fails without a bug, too"):
        mutate.judge(mutant)


def test_hardware_that_cannot_be_built_was_not_noticed():
    mutant = mutate.Mutant("broken", "hw/lif.py", "spike.eq(total >= p.v_threshold)", "spike.eq(total >= p)", "no number")
    with pytest.raises(ToolError, match="broken cannot be built"):
        mutate.judge(mutant)


def test_unknown_bugs_are_refused():
    with pytest.raises(UserError, match="'lif-colour'"):
        mutate.select(["lif-colour"])


def test_a_sample_is_decided_by_its_seed():
    first = mutate.select(sample=5, seed=1)
    assert len(first) == 5
    assert mutate.select(sample=5, seed=1) == first != mutate.select(sample=5, seed=2)


def test_results_are_kept_and_not_judged_again(tmp_path, monkeypatch, capsys):
    judged = []

    def judge(mutant):
        judged.append(mutant.name)
        return mutate.Verdict(mutant, None if mutant.name == "lif-shift" else "a test", 1.0)

    monkeypatch.setattr(mutate, "judge", judge)
    results = str(tmp_path / "mutants.jsonl")
    assert cli.main(["mutate", "lif-rounding", "--results", results]) == 0
    assert cli.main(["mutate", "lif-rounding", "lif-shift", "--results", results]) == 1
    assert judged == ["lif-rounding", "lif-shift"]
    assert "1 of 2 planted bugs were noticed" in capsys.readouterr().out
    whole = (tmp_path / "mutants.jsonl").read_text()
    (tmp_path / "mutants.jsonl").write_text(whole[:-20])        # as a full disk leaves it
    assert cli.main(["mutate", "lif-rounding", "lif-shift", "--results", results]) == 1
    assert judged == ["lif-rounding", "lif-shift", "lif-shift"]
    assert (tmp_path / "mutants.jsonl").read_text() == whole
    (tmp_path / "mutants.jsonl").write_text("nonsense")
    assert cli.main(["mutate", "lif-rounding", "--results", results]) == 2


def test_what_cannot_be_done_is_told_before_anything_is_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mutate, "judge", lambda mutant: pytest.fail("it was judged"))
    for arguments in (["--results", str(tmp_path / "none" / "mutants.jsonl")], ["--results", ""], ["--sample", "2"]):
        assert cli.main(["mutate", "lif-rounding", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_the_list_as_json(capsys):
    assert cli.main(["mutate", "--list", "--json", "lif-rounding"]) == 0
    [mutant] = json.loads(capsys.readouterr().out)
    assert (mutant["name"], mutant["file"]) == ("lif-rounding", "hw/lif.py")


TEST_THAT_BUILDS = """
import subprocess
from lifarray.sim import runner
runner._call(["sh", "-c", "echo $$ > part; mv part pid; exec sleep 60"], True, lambda: None, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""


def test_stop_leaves_no_build_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "_stopped", threading.Event())
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(mutate._run, [sys.executable, "-c", TEST_THAT_BUILDS], cwd=tmp_path)
        while not (tmp_path / "pid").exists() and not task.done():
            time.sleep(0.05)
        mutate.stop()
        with pytest.raises(ToolError, match="stopped"):
            task.result()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_bench_and_the_proofs_of_a_part_come_before_the_core():
    [mutant] = mutate.select(["window-credit"])
    stages = list(mutate.stages(mutant))
    assert any("test_proof_holds[window-release]" in test for test in stages[0])
    assert stages[-1] == ["tests/sim/test_core.py"]
    assert not any("golden" in stage[0] for stage in stages)


def test_every_part_with_bugs_has_a_bench_that_meets_them():
    parts = {mutant.file.removeprefix("hw/").removesuffix(".py") for mutant in mutate.MUTANTS if mutant.file.startswith("hw/")}
    assert parts - {"core"} <= set(mutate.UNITS) | set(mutate.WHOLE)
    assert {unit for units in mutate.UNITS.values() for unit in units} <= set(UNITS)


@needs_yosys
def test_yosys_makes_bugs_that_the_bench_of_a_part_notices():
    mutants = mutate.mechanical(["stripes"], 2, seed=3)
    assert [mutant.file for mutant in mutants] == ["netlist of stripes"] * 2
    assert mutate.mechanical(["stripes"], 2, seed=3) == mutants != mutate.mechanical(["stripes"], 2, seed=4)
    assert all(mutate.judge(mutant).killed_by for mutant in mutants)


@needs_yosys
def test_a_change_that_no_input_tells_is_proved_to_be_none():
    """Nor where the change is none."""
    [mutant] = mutate.mechanical(["stripes"], 1, seed=3)
    assert not mechanical.changes_nothing(mutant)
    assert mechanical.changes_nothing(mutant._replace(new="mutate -mode none -module top "))


def test_unknown_parts_have_no_netlist():
    with pytest.raises(UserError, match="unknown part 'gearbox'"):
        mutate.mechanical(["gearbox"], 2)
