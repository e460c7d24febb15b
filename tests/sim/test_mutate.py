"""The judge of planted bugs, and a sample of them; `lifarray mutate` plants them all."""

import pytest

from lifarray.golden.errors import UserError
from lifarray.host import cli
from lifarray.sim import mutate, runner


def test_every_place_still_stands_in_the_source():
    mutate.check_list()
    assert len(mutate.MUTANTS) >= 60


@pytest.mark.parametrize("name", ["golden-threshold", "program-nibble", "lif-rounding", "bits-lowest", "window-credit"])
def test_quick_bugs_are_noticed(name):
    [mutant] = mutate.select([name])
    assert mutate.judge(mutant).killed_by


@pytest.mark.skipif(runner.icarus_of_system() is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("name", ["fire-begin", "fetch-tile-row"])
def test_bugs_of_the_core_are_noticed(name):
    [mutant] = mutate.select([name])
    assert "test_core" in mutate.judge(mutant).killed_by


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
    (tmp_path / "mutants.jsonl").write_text("nonsense")
    assert cli.main(["mutate", "lif-rounding", "--results", results]) == 2


def test_proofs_of_a_part_come_before_the_core():
    [mutant] = mutate.select(["window-credit"])
    stages = list(mutate.stages(mutant))
    assert stages[-1] == ["tests/sim/test_core.py"]
    assert not any("golden" in stage[0] for stage in stages)
