"""The judge of planted bugs, and a sample of them; `lifarray mutate` plants them all."""

import pytest

from lifarray.golden.errors import UserError
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
