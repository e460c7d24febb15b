"""``lifarray estimate`` and ``lifarray bench core``: what they print, and what they refuse."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lifarray.golden.activity import with_typical_input
from lifarray.golden.config import CoreConfig
from lifarray.golden.cycles import network_cost
from lifarray.golden.network import Layer, Network
from lifarray.host.cli import main


@pytest.fixture
def job(tmp_path):
    rng = np.random.default_rng(1)
    layers = [Layer(name, rng.integers(-8, 8, (48, 48)), 4, v_threshold=25, v_subtract=0, decay=230) for name in "ab"]
    spikes = rng.random((4, 16, 48)) < 0.3
    network = with_typical_input(Network(layers, 16, vmem_bits=12), spikes)
    network.save(tmp_path / "n.lif")
    Network(layers, 16, vmem_bits=12).save(tmp_path / "bare.lif")
    np.savez(tmp_path / "spikes.npz", spikes=spikes[:1])
    np.savez(tmp_path / "rates.npz", rates=np.full((2, 48), 0.5))
    return network, spikes, tmp_path


def estimate(capsys, *words):
    status = main(["estimate", *map(str, words), "--json"])
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if status in (0, None) else captured.err


def test_estimates_are_the_models(job, capsys):
    network, spikes, folder = job
    status, [row] = estimate(capsys, folder / "n.lif", "--lanes", 24)
    config = CoreConfig(**{key: row[key] for key in ("lanes", "fire_units", "ways", "window_rows", "ports", "weight_bits")})
    config = config.with_(**{key: row[key] for key in ("current_bits", "vmem_bits", "store_rows", "list_words")})
    assert row["cycles"] == sum(layer.cycles for layers in network_cost(network, spikes, config) for layer in layers)
    assert row["cycles_per_sample"] == row["cycles"] / 4
    assert row["microseconds_per_sample"] == pytest.approx(row["cycles"] / 4 / 100)
    assert row["lut"] > 1000 and row["bram"] >= 1 and row["dsp"] == 0


def test_activity_is_the_files_or_what_is_given(job, capsys):
    _, _, folder = job
    _, [whole] = estimate(capsys, folder / "n.lif")
    _, [first] = estimate(capsys, folder / "n.lif", "--samples", 1)
    _, [given] = estimate(capsys, folder / "bare.lif", "--spikes", folder / "spikes.npz")
    assert first["cycles"] == given["cycles"] < whole["cycles"]
    _, [sparse] = estimate(capsys, folder / "bare.lif", "--density", 0.05)
    _, [dense] = estimate(capsys, folder / "bare.lif", "--density", 0.9)
    assert sparse["cycles"] < dense["cycles"]
    status, _ = estimate(capsys, folder / "bare.lif", "--spikes", folder / "rates.npz")
    assert status == 0


def test_rates_are_encoded_as_when_the_network_runs(job, capsys):
    network, _, folder = job
    replace(network, meta={**network.meta, "max_rate": 0.1}).save(folder / "slow.lif")
    np.savez(folder / "ones.npz", rates=np.ones((1, 48)))
    _, [fast] = estimate(capsys, folder / "n.lif", "--spikes", folder / "ones.npz")
    _, [slow] = estimate(capsys, folder / "slow.lif", "--spikes", folder / "ones.npz")
    assert slow["ideal_cycles"] < fast["ideal_cycles"]


def test_weights_without_a_spike_are_streamed_all_the_same(job, capsys):
    _, _, folder = job
    np.savez(folder / "silent.npz", spikes=np.zeros((1, 16, 48)))
    _, [row] = estimate(capsys, folder / "n.lif", "--spikes", folder / "silent.npz", "--streamed")
    assert row["resident"] is False and row["bytes_fetched"] == 0


def test_several_lanes_are_several_rows(job, capsys):
    _, _, folder = job
    _, rows = estimate(capsys, folder / "n.lif", "--lanes", 8, 24, 48)
    assert [row["lanes"] for row in rows] == [8, 24, 48]
    cycles, luts = [row["cycles"] for row in rows], [row["lut"] for row in rows]
    assert cycles == sorted(cycles, reverse=True) and luts == sorted(luts)


def test_exploring_lists_the_fastest_first(job, capsys):
    _, _, folder = job
    status, rows = estimate(capsys, folder / "n.lif", "--explore", "--lut-share", 0.25)
    assert status == 0 and len(rows) == 10
    assert [row["cycles"] for row in rows] == sorted(row["cycles"] for row in rows)
    assert all(row["lut"] <= 0.25 * 53_200 and row["fits"] for row in rows)


def test_people_get_tables(job, capsys):
    _, _, folder = job
    assert main(["estimate", str(folder / "n.lif")]) in (0, None)
    out = capsys.readouterr().out
    assert "48 → 48 → 48" in out and "µs/sample" in out and "active rows" in out


@pytest.mark.parametrize(
    "words, message",
    [
        (["bare.lif"], "no typical input"),
        (["n.lif", "--samples", "5"], "typical input of 4"),
        (["n.lif", "--explore", "--lanes", "8"], "--explore chooses"),
        (["n.lif", "--density", "1.5"], "share above 0"),
        (["n.lif", "--explore", "--lut-share", "0.01"], "no configuration fits"),
        (["n.lif", "--spikes", "n.lif"], "must hold one of"),
        (["n.lif", "--spikes", "none.npz"], "cannot read"),
        (["n.lif", "--config", "demo"], "vmem"),
        ([], "either a network or"),
        (["n.lif", "--case", "audio-demo"], "either a network or"),
        (["--case", "x"], "no case 'x'"),
        (["--case", "audio-demo", "--density", "0.1"], "brings its own input"),
        (["--case", "audio-demo", "--samples", "1"], "brings its own input"),
        (["n.lif", "--lut-share", "0.3"], "--lut-share is for --explore"),
        (["n.lif", "--spikes", "no-steps.npz"], "shape [1, 0, 48]"),
        (["n.lif", "--spikes", "half.npz"], "0 or 1"),
        (["n.lif", "--spikes", "text.npz"], "must be numbers"),
        (["n.lif", "--spikes", "rates-of-text.npz"], "must be numbers"),
        (["n.lif", "--spikes", "cut.npz"], "not an npz file"),
        (["n.lif", "--spikes", "empty.npz"], "not an npz file"),
        (["n.lif", "--spikes", "array.npz"], "not an npz file"),
        (["n.lif", "--spikes", "long.npz"], "n_steps = 65536"),
    ],
)
def test_bad_input_is_told_in_one_line(job, capsys, words, message):
    _, _, folder = job
    np.savez(folder / "no-steps.npz", spikes=np.zeros((1, 0, 48)))
    np.savez(folder / "half.npz", spikes=np.full((1, 16, 48), 0.5))
    np.savez(folder / "text.npz", spikes=np.full((1, 16, 48), "1"))
    np.savez(folder / "rates-of-text.npz", rates=np.full((1, 48), "a"))
    np.savez(folder / "long.npz", spikes=np.zeros((1, 1 << 16, 48), dtype=bool))
    (folder / "cut.npz").write_bytes((folder / "spikes.npz").read_bytes()[:300])
    (folder / "empty.npz").write_bytes(b"")
    with open(folder / "array.npz", "wb") as file:
        np.save(file, np.zeros(3))
    words = [str(folder / word) if word.endswith((".lif", ".npz")) else word for word in words]
    assert main(["estimate", *words]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_bench_lists_its_cases(capsys):
    assert main(["bench", "core", "--list", "--json"]) in (0, None)
    names = [row["case"] for row in json.loads(capsys.readouterr().out)]
    assert {"ae-batch1-resident", "ae-batch4-streamed", "audio-demo", "classifier-784-128-10", "audio-paper-int8"} <= set(names)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--case", "x"], "no case 'x'"),
        (["--latency", "9", "3"], "the shorter one goes first"),
        (["--plot", "x.png"], "--sweep"),
        (["--bandwidth", "0"], "not a number of bytes"),
        (["--latency", "1", "99999999999999999999"], "latency of 1 to"),
        (["--outstanding", "1000000"], "must be 1 to 256"),
        (["--sweep", "--plot", "x.xyz"], "its suffix must be one of"),
        (["--sweep", "--plot", "x"], "its suffix must be one of"),
    ],
)
def test_bench_refuses_in_one_line(capsys, words, message):
    assert main(["bench", "core", *words]) == 2
    assert message in capsys.readouterr().err
