"""The verification table counts what the results say."""

import json
from pathlib import Path

import pytest

from lifarray.golden.errors import UserError
from lifarray.host import cli
from lifarray.sim import mutate, status
from lifarray.sim.bench import CORES
from lifarray.sim.coverage import BINS
from lifarray.sim.mutants import MUTANTS, Mutant
from lifarray.sim.sources import core_digest
from lifarray.sim.units import UNITS


def lines(values):
    return "".join(json.dumps({**value, "sources": core_digest()}) + "\n" for value in values)


@pytest.fixture
def results(tmp_path):
    """A folder in which some things went well."""
    bugs = [mutant for mutant in MUTANTS if mutant.file == "hw/window.py"]
    verdicts = [mutate.Verdict(bugs[0], "a test", 1.0), mutate.Verdict(bugs[1], None, 2.0)]
    made = [Mutant(f"window-0-{k}of3", "netlist of window", "", "mutate", "") for k in (1, 2, 3)]
    mechanical = [mutate.Verdict(made[0], "a test", 1.0), mutate.Verdict(made[1], None, 1.0), mutate.Verdict(made[2], None, 1.0, True)]
    proofs = [
        {"name": "window-one-way", "result": "proved", "covers": {"a": 3}},
        {"name": "window-two-ways", "result": "proved", "covers": {"a": None}},
    ]
    files = {
        "units.jsonl": lines({"bench": "units", "seed": seed} for seed in (*range(20), 3)),
        "core.jsonl": lines(
            {"core": core, "seed": seed, "coverage": {BINS[0]: 2, BINS[1]: 0}}
            for core in CORES
            for seed in (range(5) if core == "plain" else range(2, 8))
        ),
        "proofs.json": json.dumps([{**proof, "sources": core_digest()} for proof in proofs]),
        "mutants.jsonl": lines(verdict.as_dict() for verdict in verdicts),
        "mechanical.jsonl": lines(verdict.as_dict() for verdict in mechanical),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_table_counts(results, capsys):
    assert cli.main(["status", "--results", str(results)]) == 0
    text = capsys.readouterr().out
    n_proofs = sum(proof.group == "window" for proof in status.PROOFS)
    n_mutants = sum(mutant.file == "hw/window.py" for mutant in MUTANTS)
    assert f"| window | `window` | 1 of {n_proofs} | 1 of {n_mutants} | 1 of 2 |" in text
    assert f"1 of {len(BINS)} bins" in text
    assert f"3 of the whole core, on each of {len(CORES)} configurations; 20 of its parts" in text
    assert "1 more netlist bugs change nothing" in text


def test_what_ran_in_part_is_not_taken_for_the_whole(results):
    with (results / "units.jsonl").open("a") as file:
        file.write(lines([{"bench": "reader", "seed": 100}, {"bench": "units", "seed": 101, "count": 1}]))
    with (results / "core.jsonl").open("a") as file:
        for partly in ({"test": "windows"}, {"count": 1}, {"max_size": 2}):
            file.write(lines({"core": core, "seed": 5, **partly, "coverage": {BINS[1]: 3}} for core in CORES))
    text = status.table(status.load(results))
    assert f"1 of {len(BINS)} bins" in text and "3 of the whole core" in text and "20 of its parts" in text


def test_results_of_another_version_are_not_counted(results):
    for path in results.iterdir():
        path.write_text(path.read_text().replace(core_digest(), "another"))
    text = status.table(status.load(results))
    assert f"Coverage of the core's bench: 0 of {len(BINS)} bins" in text and "| 0 of " in text and "| 1 of " not in text
    assert "results of another version of the core are not counted" in text


def test_the_last_verdict_on_a_bug_counts(results):
    """Yosys makes another bug of the same name where a part has changed; the file of results has both."""
    old = Mutant("window-0-1of3", "netlist of window", "", "mutate in the part as it was", "")
    path = results / "mechanical.jsonl"
    path.write_text(lines([mutate.Verdict(old, None, 1.0).as_dict()]) + path.read_text())
    assert "| 1 of 2 |" in status.table(status.load(results))


def test_every_mutant_proof_and_bench_has_a_block():
    files = [file for block in status.BLOCKS.values() for file in block.files]
    assert all(mutant.file.removesuffix(".py") in files for mutant in MUTANTS)
    assert {proof.group for proof in status.PROOFS} == {group for block in status.BLOCKS.values() for group in block.proofs}
    assert sorted(unit for block in status.BLOCKS.values() for unit in block.units) == sorted(UNITS)


def test_a_page_gets_the_table(results, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{status.BEGIN}\nold\n{status.END}\nafter\n")
    for _ in range(2):
        assert cli.main(["status", "--results", str(results), "--write", str(page)]) == 0
    text = status.table(status.load(results))
    assert page.read_text() == f"before\n{status.BEGIN}\n{text}\n{status.END}\nafter\n"
    page.write_text("nothing")
    assert cli.main(["status", "--results", str(results), "--write", str(page)]) == 2


def test_other_files_are_refused(results):
    for name, text in (
        ("core.jsonl", "[]"),
        ("units.jsonl", '{"bench": "units", "seed": [1]}'),
        ("mutants.jsonl", '{"name": ["a"], "file": "", "old": "", "new": "", "what": "", "killed_by": null, "seconds": 1}'),
    ):
        before = (results / name).read_text()
        (results / name).write_text(text.replace("}", f', "sources": "{core_digest()}"}}') + "\n")
        with pytest.raises(UserError, match="not what the commands print"):
            status.load(results)
        (results / name).write_text(before)
    (results / "core.jsonl").unlink()
    with pytest.raises(UserError, match="core.jsonl is missing: lifarray simulate core"):
        status.load(results)


def test_the_readme_has_the_table_of_the_results_here():
    page = Path(status.__file__).parent.parent / "README.md"
    if not page.exists() or not status.RESULTS.exists():
        pytest.skip("an installed package has neither")
    assert status.table(status.load(status.RESULTS)) in page.read_text(), "results or core have changed: lifarray status --write README.md"
