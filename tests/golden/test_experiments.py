"""Tasks of the experiments: keys, results in files, stopping, order, processes, a cluster that loses a worker; reports."""

import csv
import json
import os
import signal

import numpy as np
import pytest

from lifarray.golden import stage
from lifarray.golden.errors import UserError
from lifarray.golden.experiments import figures, report, schedule, settings, targets, tasks
from lifarray.golden.experiments.tasks import Result, Task


class Stop(Exception):
    pass


def tiny(seed=1, epochs=2):
    """A spiking autoencoder of seconds, really trained."""
    phase = dict(rule="vmem", epochs=epochs, learning_rate=2e-3, batch=50)
    parameters = dict(name="tiny", phases=[phase], hidden=20, n_steps=5, n_train=200, n_validation=50, n_test=50, seed=seed)
    return Task("snn-autoencoder", parameters)


def journal(folder):
    path = folder / tasks.JOURNAL
    return [json.loads(line)["task"] for line in path.read_text().splitlines()] if path.exists() else []


def silent(text):
    pass


@pytest.fixture
def counted(monkeypatch):
    """Kinds of task that take no time; returns the list of what ran."""
    ran = []

    def add(parameters, context):
        ran.append(parameters["name"])
        total = parameters["value"] + sum(int(weights["sum"]) for weights in context.needs)
        return Result({"sum": total}, np.arange(3), {"sum": np.array(total)})

    monkeypatch.setattr(tasks, "kinds", lambda: {"add": add})
    return ran


def test_a_key_depends_on_all_that_decides_the_result_and_on_nothing_else():
    one = Task("snn-autoencoder", {"a": 1, "b": [1, 2]})
    assert one.key == Task("snn-autoencoder", {"b": [1, 2], "a": 1}).key
    others = [
        Task("pca", {"a": 1, "b": [1, 2]}),
        Task("snn-autoencoder", {"a": 2, "b": [1, 2]}),
        Task("snn-autoencoder", {"a": 1, "b": [1, 2]}, (Task("pca", {}),)),
    ]
    assert len({one.key, *(task.key for task in others)}) == 4
    # A fixed one: results that exist must be found again by later versions.
    assert Task("pca", {"components": 3}).key == "pca-55b66945fd2a"


def test_needs_come_first_and_nothing_runs_twice(counted, tmp_path):
    first = Task("add", {"name": "first", "value": 1})
    second = Task("add", {"name": "second", "value": 10}, (first,))
    third = Task("add", {"name": "third", "value": 100}, (second, first))
    schedule.run_tasks([third, second], tmp_path, log=silent)
    assert counted == ["first", "second", "third"]
    assert tasks.load_result(third, tmp_path).figures == {"sum": 112}
    np.testing.assert_array_equal(tasks.load_result(third, tmp_path).shown, [0, 1, 2])
    said = []
    schedule.run_tasks([third], tmp_path, log=said.append)
    assert counted == ["first", "second", "third"] and said == ["3 of 3 tasks are done already"]


def test_figures_whose_weights_are_gone_are_made_again_only_for_those_who_start_from_them(counted, tmp_path):
    first = Task("add", {"name": "first", "value": 1})
    second = Task("add", {"name": "second", "value": 10}, (first,))
    other = Task("add", {"name": "other", "value": 5})
    schedule.run_tasks([second, other], tmp_path, log=silent)
    for path in tmp_path.glob("*.weights.npz"):
        path.unlink()
    counted.clear()
    said = []
    schedule.run_tasks([second, other], tmp_path, log=said.append)
    assert not counted and said == ["3 of 3 tasks are done already"]
    third = Task("add", {"name": "third", "value": 100}, (second,))
    assert schedule.left([first, second, other, third], tmp_path) == [(first, True), (second, True), (third, False)]
    schedule.run_tasks([third, other], tmp_path, log=said.append)
    assert counted == ["first", "second", "third"] and tasks.load_result(third, tmp_path).figures == {"sum": 111}
    assert said[1:3] == ["3 of 4 tasks are done already", "2 of these run again, because others start from their weights, which are not here"]


@pytest.mark.parametrize("load, name", ((tasks.load_result, "{}.npz"), (tasks.load_result, "{}.json"), (tasks.load_weights, "{}.weights.npz")))
def test_a_damaged_result_is_told_not_used(load, name, counted, tmp_path):
    task = Task("add", {"name": "x", "value": 1})
    tasks.run_task(task, tmp_path)
    load(task, tmp_path)
    damaged = tmp_path / name.format(task.key)
    damaged.write_bytes(damaged.read_bytes()[:50])
    with pytest.raises(UserError, match=f"{damaged.name}' cannot be read.*remove it, and call again"):
        load(task, tmp_path)


def test_a_task_stopped_after_an_epoch_ends_with_the_same_bits(tmp_path, data_dir):
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    task = tiny()
    tasks.run_task(task, tmp_path / "whole", data_dir)

    def stop_at_second(text):
        if "epoch 2/2" in text:
            raise Stop

    with pytest.raises(Stop):
        tasks.run_task(task, tmp_path / "stopped", data_dir, stop_at_second)
    assert not task.is_done(tmp_path / "stopped") and not journal(tmp_path / "stopped")
    said = []
    tasks.run_task(task, tmp_path / "stopped", data_dir, said.append)
    assert len(said) == 1 and "epoch 2/2" in said[0]
    one, two = (tasks.load_result(task, tmp_path / name) for name in ("whole", "stopped"))
    assert one.figures == two.figures and len(one.figures["curve"]) == 8
    np.testing.assert_array_equal(one.shown, two.shown)
    one, two = (tasks.load_weights(task, tmp_path / name) for name in ("whole", "stopped"))
    for name in ("encoder", "decoder"):
        np.testing.assert_array_equal(one[name], two[name])
    assert not list((tmp_path / "stopped").glob("*.checkpoint")) and not list((tmp_path / "stopped").glob(".*"))


def test_figures_of_a_trained_autoencoder_are_those_of_its_weights(tmp_path, data_dir):
    task = tiny()
    tasks.run_task(task, tmp_path, data_dir)
    found = tasks.load_result(task, tmp_path).figures
    # Eight batches teach it something; untrained it is at 2, the mean image at about 0.5.
    assert found["float"]["mse"] < 1.5 and abs(found["float"]["mse"] - found["int8"]["mse"]) < 0.05
    assert found["int4"]["mse"] > found["int8"]["mse"] - 0.02
    assert 0 < found["hidden"] < 20


def test_local_processes(tmp_path, data_dir):
    work = [tiny(seed, epochs=1) for seed in (1, 2, 3)]
    schedule.run_tasks(work, tmp_path, data_dir, jobs=2, log=silent)
    assert sorted(journal(tmp_path)) == sorted(task.key for task in work)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_loses_a_worker_loses_nothing_and_runs_nothing_twice(tmp_path, data_dir):
    distributed = pytest.importorskip("distributed", reason="pip install 'lifarray[cluster]'")
    work = [tiny(seed, epochs=3) for seed in range(8)]
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        victim = next(iter(cluster.workers.values())).pid
        killed = []

        def kill_one(text):
            if not killed and len(journal(tmp_path)) >= 2:
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

        schedule.run_tasks(work, tmp_path, data_dir, scheduler=cluster.scheduler_address, log=kill_one)
        assert killed
    assert sorted(journal(tmp_path)) == sorted(task.key for task in work)
    alone = tmp_path / "alone"
    alone.mkdir()
    tasks.run_task(work[-1], alone, data_dir)
    assert tasks.load_result(work[-1], alone).figures == tasks.load_result(work[-1], tmp_path).figures


def test_a_scheduler_that_is_not_there_is_told(tmp_path):
    pytest.importorskip("distributed", reason="pip install 'lifarray[cluster]'")
    with pytest.raises(UserError, match="no Dask scheduler at 'nonsense'"):
        schedule.run_tasks([tiny()], tmp_path, scheduler="nonsense", log=silent)


# The folder at hand may hold Fashion-MNIST in another order.
@pytest.mark.filterwarnings("ignore::lifarray.golden.datasets.DataWarning")
@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_target_shows_what_was_not_run(name, tmp_path, data_dir):
    target = targets.TARGETS[name]
    shown = target.show(targets.Results(tmp_path, str(data_dir)), fast=False)
    assert shown.rows and all(len(row) == len(shown.headings) for row in shown.rows)
    assert "not run" in report.markdown(target.title, shown)
    written = report.write_report(name, target.title, shown, tmp_path)
    assert all(path.stat().st_size > 100 for path in written)
    assert all(isinstance(task.key, str) for task in schedule.with_needs(target.tasks(False, data_dir)))


def test_fast_tasks_share_no_key_with_real_ones(data_dir):
    keys = [{t.key for target in targets.TARGETS.values() for t in target.tasks(fast, data_dir)} for fast in (False, True)]
    assert not keys[0] & keys[1]


def test_a_report_holds_what_the_figure_shows(tmp_path):
    series = figures.Series("ours", [1, 2], [0.5, 0.25], [(0.4, 0.6), (0.2, 0.3)])
    grid = figures.Images("grid", [("row", np.random.default_rng(0).random((3, 784)))])
    shown = figures.Figure([figures.Panel("A", "epoch", "MSE", [series]), grid], ["network", "MSE"], [["x", "0.25"]], ["A note."])
    png, markdown, table = report.write_report("fig0", "Figure 0", shown, tmp_path)
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert markdown.read_text() == "## Figure 0\n\n| network | MSE |\n|---|---|\n| x | 0.25 |\n\nA note.\n"
    rows = list(csv.reader(table.read_text().splitlines()))
    assert rows[1:3] == [["A", "ours", "1", "0.5", "0.4", "0.6"], ["A", "ours", "2", "0.25", "0.2", "0.3"]]
    assert rows[-1] == ["table", "x", "0.25"]


def test_a_plot_leaves_out_panels_of_what_was_not_run(tmp_path):
    full = figures.Panel("A", "epoch", "MSE", [figures.Series("ours", [1, 2], [0.5, 0.25])])
    empty = figures.Panel("B", "epoch", "MSE", [figures.Series("ours", [], [])])

    def width(*panels):
        png = report.write_report("fig0", "Figure 0", figures.Figure(list(panels), ["network"], []), tmp_path)[0].read_bytes()
        return int.from_bytes(png[16:20], "big")

    assert width(full, empty) == width(full) < width(full, full)
    assert width(empty) == width(full), "nothing run: axes that say so"


def test_spreads_leave_out_what_is_missing():
    assert figures.spread([None, None]) is None and figures.cell(None) == "not run"
    assert figures.spread([0.1, None, 0.3]) == {"mean": pytest.approx(0.2), "low": 0.1, "high": 0.3, "n": 2}
    assert figures.cell(figures.spread([0.1, 0.3])) == "0.2000 (0.1000 to 0.3000, 2 seeds)"


def test_an_anns_learning_rate_is_chosen_on_validation_images(counted, tmp_path, monkeypatch):
    rates = {0.1: {"validation": 0.3, "mse": 0.1}, 0.2: {"validation": 0.2, "mse": 0.4}, 0.3: {"validation": None, "mse": None}}
    monkeypatch.setattr(tasks, "kinds", lambda: {"ann": lambda p, context: Result(rates[p["learning_rate"]])})
    work = [Task("ann", {"learning_rate": rate}) for rate in rates]
    for task in work:
        tasks.run_task(task, tmp_path)
    results = targets.Results(tmp_path, None)
    assert results.tuned(work).parameters["learning_rate"] == 0.2
    assert results.ann_row("ANN", work) == ["ANN, learning rate 0.2", "", "0.4000", "", ""]


def test_the_mean_over_speakers_is_of_seeds_that_have_them_all(tmp_path, data_dir, monkeypatch):
    def train(p, context):
        return Result({"int8": {"accuracy": 0.5 + p["seed"] / 10, "mse": 0.3 if p["leave_out"] == "jackson" else 0.2}})

    def start(p, context):
        return Result({}, weights={"none": np.zeros(1)})

    monkeypatch.setattr(tasks, "kinds", lambda: {"snn-audiocoder": train, "snn-autoencoder": start})
    target = targets.TARGETS["speakers"]
    work = target.tasks(False, data_dir)
    assert {task.parameters["seed"] for task in work} == set(settings.SEEDS)
    missing = next(t for t in work if t.parameters["seed"] == 3 and t.parameters["leave_out"] == "lucas")
    schedule.run_tasks([task for task in work if task is not missing], tmp_path, log=silent)
    shown = target.show(targets.Results(tmp_path, data_dir), fast=False)
    rows = {row[0]: row[1:] for row in shown.rows}
    assert rows["george"] == ["0.700 (0.600 to 0.800, 3 seeds)", "0.200 (0.200 to 0.200, 3 seeds)"]
    assert rows["lucas"] == ["0.650 (0.600 to 0.700, 2 seeds)", "0.200 (0.200 to 0.200, 2 seeds)"]
    assert rows["mean"] == ["0.650 (0.600 to 0.700, 2 seeds)", "0.220 (0.220 to 0.220, 2 seeds)"]
    (bars,) = shown.panels[0].series
    assert bars.spread[bars.x.index("george")] == (0.6, 0.8)


def test_leaks_are_the_hardwares():
    assert [settings.alpha_to_decay(alpha) for alpha in (0, 0.01, 0.1, 1)] == [256, 253, 230, 0]


def test_blas_is_kept_to_one_thread_where_it_can_be():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with stage.one_blas_thread():
        assert all(pool["num_threads"] == 1 for pool in threadpoolctl.threadpool_info())
