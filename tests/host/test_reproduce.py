"""``lifarray reproduce`` and ``lifarray bench train``: what they write, list, refuse."""

import json

import pytest

from lifarray.golden.experiments import targets
from lifarray.golden.experiments.figures import Figure, Panel, Series
from lifarray.golden.experiments.tasks import Result, Task, _save
from lifarray.host.benches import train as bench
from lifarray.host.cli import main


@pytest.fixture
def tiny_target(monkeypatch):
    """A target of two trainings that take a second each."""
    phase = dict(rule="vmem", epochs=1, learning_rate=2e-3, batch=50)
    base = dict(name="tiny", phases=[phase], hidden=20, n_steps=5, n_train=200, n_validation=50, n_test=50)
    work = [Task("snn-autoencoder", dict(base, seed=seed)) for seed in (1, 2)]

    def show(results, fast):
        found = results.spread(work, "float", "mse")
        panel = Panel("A", "seed", "MSE", [Series("ours", [1], [found["mean"]])] if found else [])
        return Figure([panel], ["network", "float"], [["SNN", "not run" if found is None else f"{found['mean']:.3f}, {found['n']} seeds"]])

    monkeypatch.setitem(targets.TARGETS, "fig3", targets.Target("A tiny figure", lambda fast, data_dir: work, show))


def test_it_trains_what_is_missing_and_writes_plot_table_and_csv(tiny_target, tmp_path, data_dir, capsys):
    call = ["reproduce", "fig3", "--out", str(tmp_path), "--jobs", "1", "--data-dir", str(data_dir)]
    assert main(call) == 0
    out = capsys.readouterr().out
    assert "2 seeds" in out and "2 of 2 tasks done" in out
    assert {p.name for p in tmp_path.iterdir()} == {"fig3.png", "fig3.md", "fig3.csv", "tasks"}
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "tasks").iterdir()}
    assert main([*call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["tasks"], said["done"]) == (2, 2) and str(tmp_path / "fig3.csv") in said["written"]
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "tasks").iterdir()}, "nothing was trained again"


def test_a_report_trains_nothing_and_a_list_writes_nothing(tiny_target, tmp_path, data_dir, capsys):
    out = tmp_path / "new"
    call = ["reproduce", "fig3", "--out", str(out), "--data-dir", str(data_dir)]
    assert main([*call, "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [task["done"] for task in listed] == [False, False] and not out.exists()
    assert main([*call, "--report"]) == 0
    assert "not run" in (out / "fig3.md").read_text() and "0 of 2 tasks done" in capsys.readouterr().out


def test_a_page_of_all_leaves_out_what_was_not_run(tiny_target, monkeypatch, tmp_path, data_dir, capsys):
    other = Task("snn-autoencoder", dict(name="never run"))
    never = targets.Target("A figure never made", lambda fast, data_dir: [other], lambda results, fast: pytest.fail("shown"))
    for name in targets.TARGETS:
        if name != "fig3":
            monkeypatch.setitem(targets.TARGETS, name, never)
    folder = tmp_path / "tasks"
    folder.mkdir()
    for task in targets.TARGETS["fig3"].tasks(False, None):
        _save(task, folder, Result({"float": {"mse": 0.1}}), 1.0)
    assert main(["reproduce", "all", "--report", "--out", str(tmp_path), "--data-dir", str(data_dir)]) == 0
    page = (tmp_path / "results.md").read_text()
    assert "A tiny figure" in page and "2 seeds" in page
    assert "nothing of it was run: A figure never made" in page


def test_bad_requests_are_told_in_one_line(tmp_path, data_dir, capsys):
    for words, text in (
        (["fig8"], "fig8"),
        (["fig3", "--report", "--list"], "not allowed"),
        (["fig3", "--jobs", "0"], "at least 1"),
        (["fig3", "--data-dir", str(tmp_path / "none")], "does not exist"),
    ):
        assert main(["reproduce", *words]) == 2
        error = capsys.readouterr().err
        assert text in error and error.count("\n") == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, where it is installed
def test_bench_measures_our_step_and_says_who_is_missing(capsys):
    assert main(["bench", "train", "--rounds", "2", "--batch", "4", "--steps", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    ours = found["steps"]["lifarray (numpy)"]
    assert 0 < ours["fastest_ms"] <= ours["median_ms"]
    assert len(found["steps"]) + len(found["missing"]) == 4
    # Those that are there did the same work: the same spikes came out of the first step.
    for other in found["steps"].values():
        assert other["hidden"] == pytest.approx(ours["hidden"], rel=0.01)


def test_the_papers_audiocoder_on_a_small_scale(monkeypatch, capsys):
    monkeypatch.setattr(bench, "PAPER_SIZES", (300, 20, 10))
    assert main(["bench", "train", "--paper-size", "--batch", "3", "--steps", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["seconds"] > 0 and found["loss"] > 0 and 0 < found["peak_gib"] < 6


def test_a_library_that_is_not_there_is_told(monkeypatch, capsys):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(bench, "import_module", missing)
    assert main(["bench", "train", "--backend", "cupy"]) == 2
    assert "needs the Python package 'cupy'" in capsys.readouterr().err
    assert main(["bench"]) == 2
