"""Files of results: a command that was stopped goes on where it was."""

import json

import pytest

from lifarray.golden.errors import UserError
from lifarray.host import cli
from lifarray.host.commands import simulate
from lifarray.host.results import ResultsFile
from lifarray.sim import bench


def test_lines_are_kept(tmp_path):
    path = tmp_path / "results.jsonl"
    ResultsFile(path, dict, "v1").append({"seed": 1})
    again = ResultsFile(path, dict, "v1")
    again.append({"seed": 2})
    assert again.lines == [{"seed": 1}] and [line["seed"] for line in ResultsFile(path, dict, "v1").lines] == [1, 2]


def test_results_of_another_version_do_not_count(tmp_path):
    path = tmp_path / "results.jsonl"
    ResultsFile(path, dict, "v1").append({"seed": 1})
    path.write_text(path.read_text() + '{"seed": 2}\n')
    results = ResultsFile(path, dict, "v2")
    assert (results.lines, results.n_others) == ([], 2)
    assert results.describe(0, 5) == f"2 lines in {path} are of another version of the core and do not count"
    results.append({"seed": 3})
    assert ResultsFile(path, dict, "v1").lines == [{"seed": 1}] and ResultsFile(path, dict, "v2").lines == [{"seed": 3}]


def test_a_torn_line_is_dropped(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"seed": 1, "sources": "v1"}\n{"se')
    results = ResultsFile(path, dict, "v1")
    assert results.lines == [{"seed": 1}]
    results.append({"seed": 3})
    assert path.read_text() == '{"seed": 1, "sources": "v1"}\n{"seed": 3, "sources": "v1"}\n'


@pytest.mark.parametrize("text", ["a note of mine", "a note\nof mine\n", '{"seed": 1}\nno line'])
def test_another_file_is_left_alone(text, tmp_path):
    path = tmp_path / "notes"
    path.write_text(text)
    with pytest.raises(UserError, match="not results of this command"):
        ResultsFile(path, dict, "v1")
    assert path.read_text() == text


def test_simulate_goes_on_after_what_passed(tmp_path, monkeypatch, capsys):
    ran = []

    def run(core, seed, **options):
        if len(ran) == 3:
            raise KeyboardInterrupt
        ran.append((core, seed))
        return {bench.BINS[0]: 1}

    monkeypatch.setattr(bench, "run_core_bench", run)
    path = tmp_path / "core.jsonl"
    command = ["simulate", "core", "--core", "all", "--seeds", "2", "--results", str(path)]
    assert cli.main(command) == 130
    assert [(line["core"], line["seed"]) for line in map(json.loads, path.read_text().splitlines())] == ran
    first, ran[:] = list(ran), []
    for _ in range(10):
        if cli.main(command) == 0:
            break
        first, ran[:] = first + ran, []
    everything = [(core, seed) for seed in range(2) for core in bench.CORES]
    assert first + ran == everything
    capsys.readouterr()
    assert cli.main(command) == 0
    assert f"{len(everything)} of {len(everything)} stand in {path}" in capsys.readouterr().out
    assert cli.main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["coverage"] == {bench.BINS[0]: len(everything)}
    assert cli.main([*command, "--count", "11"]) == 130, "other settings are other runs"
    monkeypatch.setattr(simulate, "load_core_digest", lambda: "another")
    assert cli.main(command) == 130, "the core has changed"


@pytest.mark.parametrize("line", ['{"name": "a-bug", "killed_by": null}', '{"bench": "core", "core": "plain", "seed": 0}', "[]"])
def test_simulate_takes_no_other_results(line, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "run_core_bench", lambda core, seed, **options: {})
    path = tmp_path / "results.jsonl"
    path.write_text(f"{line}\n")
    assert cli.main(["simulate", "core", "--results", str(path)]) == 2
    assert path.read_text() == f"{line}\n" and "not results of this command" in capsys.readouterr().err
    assert cli.main(["simulate", "core", "--results", str(tmp_path / "new"), "--waves", str(tmp_path / "run.fst")]) == 2
