"""``lifarray board``."""

import json
import warnings

import numpy as np
import pytest

from lifarray.golden.audio import FrontEnd
from lifarray.golden.config import CONFIGS
from lifarray.golden.encode import poisson_words
from lifarray.host.cost import encoder_operations, front_end_operations
from lifarray.host.devices.model import ModelDevice


def test_info(lifarray):
    status, out, _ = lifarray("board", "info", "--device", "golden", "--config", "small")
    assert status == 0 and "the integer model" in out
    info = json.loads(lifarray("board", "info", "--device", "golden", "--json")[1])
    assert (info["runner"], info["lanes"], info["clock_hz"]) == ("the integer model", CONFIGS["demo"].lanes, None)
    assert (info["resident_rows"], info["weights"]) == (CONFIGS["demo"].resident_rows, None)


@pytest.mark.parametrize("network, config, weights", [("mnist-ae-int4", "fast", "resident"), ("demo", "demo", "streamed")])
def test_info_says_where_a_network_would_lie(lifarray, network, config, weights):
    status, out, _ = lifarray("board", "info", "--device", "golden", "--config", config, "--network", network, "--json")
    assert status == 0
    assert json.loads(out)["weights"] == weights


def test_selftest(lifarray, monkeypatch):
    status, out, _ = lifarray("board", "selftest", "--device", "golden")
    assert status == 0 and "all passed on: the integer model" in out
    assert len(json.loads(lifarray("board", "selftest", "--device", "golden", "--json")[1])["checks"]) == 5
    run_layer = ModelDevice._run_layer

    def dead(self, address):
        self.dead = True
        run_layer(self, address)

    monkeypatch.setattr(ModelDevice, "_run_layer", dead)
    status, out, err = lifarray("board", "selftest", "--device", "golden")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "dead memory port" in err and "--memory local" in err


def test_run(lifarray, network_file, wav, word):
    arguments = ["board", "run", wav("7_me.wav", word()), "--device", "golden", "--network", network_file, "--seed", 3]
    status, out, _ = lifarray(*arguments)
    assert status == 0
    assert "0 spike counts differ" in out and "ran on: the integer model" in out
    answer = json.loads(lifarray(*arguments, "--json")[1])
    assert answer["mismatches"] == 0 and len(answer["utterances"]) == 1
    answer = json.loads(lifarray("board", "run", "--device", "golden", "--samples", 9, "--json")[1])
    assert (answer["mismatches"], answer["counters"]["samples"], answer["utterances"]) == (0, 9, [])


def test_a_mismatch_fails(lifarray, network_file, monkeypatch):
    run_layer = ModelDevice._run_layer

    def wrong(self, address):
        run_layer(self, address)
        layer = self._descriptor(address)
        if not layer["load"]:
            self._memory(layer["output_address"], 1, None)[0] ^= np.uint64(1)

    monkeypatch.setattr(ModelDevice, "_run_layer", wrong)
    status, out, _ = lifarray("board", "run", "--device", "golden", "--network", network_file, "--samples", 1)
    assert status == 1 and "\n0 spike counts" not in out


def test_throughput(lifarray, network_file):
    arguments = ["board", "throughput", "--device", "golden", "--network", network_file, "--samples", 5]
    status, out, _ = lifarray(*arguments)
    assert status == 0
    assert all(stage in out for stage in ("front end", "encode", "copy", "core", "wait", "decode", "utterances/s"))
    report = json.loads(lifarray(*arguments, "--json")[1])
    assert report["utterances"] == 5 and report["register_accesses_a_batch"] <= 20
    assert sum(share for share in report["percent"].values() if share is not None) == pytest.approx(100)
    assert report["percent"]["wait"] is None and report["percent"]["encode"] > 0
    assert set(report["milliseconds"]) == {"front_end", "encode", "copy", "core", "wait", "decode"}


@pytest.mark.parametrize(
    "arguments, part",
    [
        (["board"], "required: ACTION"),
        (["board", "info", "x.wav"], "takes no files"),
        (["board", "info", "--clock-mhz", "0"], "not a clock in MHz"),
        (["board", "info", "--device", "fpga"], "invalid choice: 'fpga'"),
        (["board", "info", "--config", "small"], ""),
        (["board", "info"], "choose the device"),
    ],
)
def test_bad_calls_are_told_in_one_line(lifarray, arguments, part):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        status, out, err = lifarray(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("lifarray: ") and err.count("\n") == 1
    assert part in err


def test_the_cost_of_numpy_is_linear():
    ears = FrontEnd()
    one, two, four = (front_end_operations(ears, n * 8000) for n in (1, 2, 4))
    assert four - two == pytest.approx(2 * (two - one), rel=0.01)
    rates = np.zeros(780)
    rates[:100] = 0.5
    few, many = encoder_operations(rates, 60), encoder_operations(rates + np.r_[np.zeros(100), np.full(100, 0.5), np.zeros(580)], 60)
    assert (few["active_inputs"], few["random_bytes"]) == (100, 6000)
    assert many["random_bytes"] == 2 * few["random_bytes"] and many["operations"] < 2 * few["operations"]


def test_the_encoder_draws_the_bytes_that_are_counted():
    class Counting:
        drawn = 0

        def bytes(self, n):
            self.drawn += n
            return bytes(n)

    rates = np.random.default_rng(0).random((1, 50)) * (np.arange(50) % 3 == 0)
    rng = Counting()
    poisson_words(rates, 60, [rng])
    assert rng.drawn == encoder_operations(rates[0], 60)["random_bytes"]
