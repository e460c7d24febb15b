"""`lifarray info`, `evaluate`, `train`, `simulate` and `verilog`."""

import json

import numpy as np
import pytest

from lifarray.golden.config import CONFIGS
from lifarray.golden.network import Layer, Network
from lifarray.host.commands import simulate


def test_info_as_json(lifarray, network, network_file):
    status, out, err = lifarray("info", network_file, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["sizes"] == [156, 24, 16, 784]
    assert found["meta"] == network.meta
    assert found["arrays"] == {"class_images": [10, 28, 28]}
    first = found["layers"][0]
    assert {key: first[key] for key in ("name", "fan_in", "n_neurons", "weight_bits", "v_threshold", "decay", "reset_mode")} == {
        "name": "layer0",
        "fan_in": 156,
        "n_neurons": 24,
        "weight_bits": 8,
        "v_threshold": 60,
        "decay": 230,
        "reset_mode": "zero",
    }
    weight = network.layers[0].weight.astype(int)
    assert first["current_range"] == [weight.clip(max=0).sum(axis=0).min(), weight.clip(min=0).sum(axis=0).max()]
    # demo: 112 lanes; 24 and 16 neurons take a tile each, 784 take 7.
    assert found["cores"]["demo"] == {"weight_bytes": 112 * (156 + 24 + 7 * 16), "refusal": None}
    assert found["cores"]["fast"]["weight_bytes"] is None
    assert "4-bit" in found["cores"]["fast"]["refusal"]


@pytest.mark.parametrize("weights, bits", [([1], 2), ([-1], 1), ([-2], 2), ([127, 1], 9), ([-128], 8), ([127], 8)])
def test_info_counts_the_bits_of_the_current(weights, bits, lifarray, tmp_path):
    layer = Layer("one", np.array(weights)[:, None], weight_bits=8, v_threshold=1, v_subtract=0, decay=0)
    Network([layer], n_steps=1).save(tmp_path / "one.lif")
    _, out, _ = lifarray("info", "one.lif", "--json")
    assert json.loads(out)["layers"][0]["current_bits"] == bits


def test_info_as_text(lifarray, network_file):
    status, out, err = lifarray("info", network_file)
    assert (status, err) == (0, "")
    assert "156 → 24 → 16 → 784, 15 steps" in out
    assert "\nrecipe: random\n" in out and "\nvalidation:\n  mse: 1.5\n" in out
    assert "n_channels" not in out and ": \n" not in out
    for name in CONFIGS:
        assert f"\n{name} " in out


def test_evaluate(lifarray, network, network_file, monkeypatch):
    seen = []

    def evaluate(network, data_dir):
        seen.append((network.sizes, data_dir))
        return {"set": "a-set", "mse": 0.125, "accuracy": 0.5, "held_out_voices": {"n": 30}}

    monkeypatch.setattr("lifarray.host.commands.evaluate.evaluate", evaluate)
    status, out, err = lifarray("evaluate", network_file, "--data-dir", "data", "--json")
    assert (status, err, json.loads(out)["mse"], json.loads(out)["accuracy"]) == (0, "", 0.125, 0.5)
    assert seen == [(network.sizes, "data")]
    _, out, _ = lifarray("evaluate", network_file)
    assert out == "set: a-set\nmse: 0.125\naccuracy: 0.5\nheld_out_voices:\n  n: 30\n"


def test_train_passes_its_options_on(lifarray, monkeypatch):
    calls = []
    monkeypatch.setattr("lifarray.host.commands.train.train", lambda *names, **options: calls.append((*names, options)))
    status, out, _ = lifarray("train", "tiny")
    assert status == 0 and "'tiny' only tests the training" in out
    assert lifarray("train", "demo", "--data-dir", "d", "--out", "x.lif", "--resume", "--seed", 4)[0] == 0
    assert "only tests" not in lifarray("train", "demo")[1]
    assert calls.pop()[0] == "demo"
    assert calls == [
        ("tiny", {"data_dir": None, "out": "tiny.lif", "resume": False, "seed": 2019}),
        ("demo", {"data_dir": "d", "out": "x.lif", "resume": True, "seed": 4}),
    ]


def test_a_training_that_is_interrupted_says_how_to_go_on(lifarray, monkeypatch, tmp_path):
    def interrupted(recipe, out, **options):
        (tmp_path / "tiny.lif.checkpoint").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("lifarray.host.commands.train.train", interrupted)
    status, _, err = lifarray("train", "tiny")
    assert status == 130
    assert "tiny.lif.checkpoint keeps the last whole epoch" in err and "--resume" in err


def test_simulate(lifarray, network_file, fake_sim):
    arguments = ["simulate", "--network", network_file, "--samples", 5]
    status, out, err = lifarray(*arguments, "--json")
    found = json.loads(out)
    assert (status, err, found["mismatches"], found["simulator"], found["lanes"]) == (0, "", 0, "Stand-in 1.0", 112)
    assert found["counters"] == [{"cycles": 1000, "events": 7}] * 2
    status, out, _ = lifarray(*arguments)
    assert status == 0
    assert out.splitlines()[2].split() == ["pass", "cycles", "events"]
    assert ", 5 samples, " in out.splitlines()[0]
    assert out.splitlines()[-1] == "0 mismatches with the integer model"
    assert ", 1 sample, " in lifarray("simulate", "--network", network_file)[1]
    fake_sim.flips = 2
    assert lifarray(*arguments)[0] == 1


def test_simulate_adapts_the_core_to_the_lanes(lifarray, fake_sim):
    status, out, _ = lifarray("simulate", "--random", "--lanes", 15, "--json")
    assert (status, json.loads(out)["lanes"]) == (0, 15)


@pytest.mark.parametrize("lanes", [None, 1, 1024])
@pytest.mark.parametrize("config", CONFIGS)
def test_random_networks_fit_the_core(config, lanes):
    config = CONFIGS[config].with_(lanes=lanes, fire_units=1, ports=1) if lanes else CONFIGS[config]
    networks = [simulate.random_network(np.random.default_rng(seed), config) for seed in range(30)]
    for network in networks:
        network.check_fits(config)
    assert len({network.sizes for network in networks}) > 5
    assert simulate.random_network(np.random.default_rng(0), config).sizes == networks[0].sizes


def test_verilog(lifarray, tmp_path):
    pytest.importorskip("amaranth")
    status, out, err = lifarray("verilog", "--config", "small")
    assert (status, err) == (0, "")
    assert "module lifarray_core(" in out
    status, nothing, err = lifarray("verilog", "--config", "small", "--out", "core.v")
    assert (status, nothing, err) == (0, "", "wrote core.v: the core 'small'\n")
    assert (tmp_path / "core.v").read_text() == out
