"""The verification table counts what the results say."""

import pytest

from lifarray.golden.errors import UserError
from lifarray.sim import mutate, status
from lifarray.sim.coverage import BINS


def test_table_counts():
    proofs = [
        {"name": "window-one-way", "result": "proved", "covers": {"a": 3}},
        {"name": "window-two-ways", "result": "proved", "covers": {"a": None}},
    ]
    mutants = [{"name": "window-credit", "killed_by": "a test"}, {"name": "window-closed", "killed_by": None}]
    text = status.table({BINS[0]: 2, BINS[1]: 0}, proofs, mutants)
    n_proofs = sum(proof.group == "window" for proof in status.PROOFS)
    n_mutants = sum(mutant.file == "hw/window.py" for mutant in mutate.MUTANTS)
    assert f"| window | core | 1 of {n_proofs} | 1 of 2 ({n_mutants} in the list) |" in text
    assert f"1 of {len(BINS)} bins" in text


def test_every_mutant_and_proof_has_a_block():
    files = " ".join(files for files, _ in status.BLOCKS.values()).split()
    assert all(mutant.file.removesuffix(".py") in files for mutant in mutate.MUTANTS)
    assert all(f"hw/{proof.group}" in files for proof in status.PROOFS)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("[]")
    with pytest.raises(UserError, match="not what the commands print"):
        status.main([path] * 3)
