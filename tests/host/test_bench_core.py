"""``lifarray bench core`` on a small case."""

import json

import numpy as np
import pytest

from lifarray.golden import cases, config
from lifarray.golden.cases import Case, random_network
from lifarray.host.cli import main
from lifarray.sim import throughput

CORE = config.CoreConfig(lanes=24, fire_units=4, current_bits=20, ports=2, ways=2, window_rows=16, store_rows=4096)

FIELDS = {"case", "lanes", "weight_bits", "cycles", "cycles_per_sample", "efficiency", "bytes_fetched", "bytes_ideal", "mismatches"}


def load(data_dir):
    rng = np.random.default_rng(0)
    spikes = rng.random((2, 20, 100)) < 0.3
    return random_network((100, 30), 8, spikes, CORE.vmem_bits, rng), spikes


@pytest.fixture(autouse=True)
def small_cases(monkeypatch):
    monkeypatch.setitem(config.CONFIGS, "tiny", CORE)
    for name, resident in (("tiny-streamed", False), ("tiny-resident", True)):
        monkeypatch.setitem(cases.CASES, name, Case(name, "a small layer", "tiny", load, resident))
    monkeypatch.setitem(cases.SPIKER_PLUS, "tiny-resident", ("some network", 12_345))


def test_json_has_what_scripts_read(capsys):
    assert main(["bench", "core", "--case", "tiny-streamed", "--case", "tiny-resident", "--json"]) == 0
    streamed, resident = json.loads(capsys.readouterr().out)
    assert FIELDS <= set(streamed)
    assert streamed["case"] == "tiny-streamed" and streamed["lanes"] == 24
    assert streamed["mismatches"] == resident["mismatches"] == 0
    assert streamed["cycles_per_sample"] == streamed["cycles"] / 2
    assert streamed["bytes_fetched"] == streamed["bytes_ideal"] == 2 * 100 * 24
    assert resident["bytes_fetched"] == resident["bytes_ideal"] == 0
    assert 0 < streamed["efficiency"] == streamed["ideal_cycles"] / streamed["cycles"] < 1


def test_people_get_a_table(capsys):
    assert main(["bench", "core", "--case", "tiny-resident"]) == 0
    out = capsys.readouterr().out
    assert "30 to 60 cycles latency" in out and "15.75 bytes a cycle" in out and "100 MHz" in out
    assert "12,345" in out and "loaded once" in out and "Verilator" in out


def test_a_mismatch_fails_the_command(monkeypatch, capsys):
    monkeypatch.setattr(throughput, "count_mismatches", lambda *_: 3)
    assert main(["bench", "core", "--case", "tiny-resident", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["mismatches"] == 3
