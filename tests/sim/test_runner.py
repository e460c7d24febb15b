"""Builds and runs: what is cached, what a killed or failing one leaves, and what it says."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lifarray.golden.errors import ToolError, UserError
from lifarray.sim import runner

DESIGN = "module top(input clk, output reg [3:0] n); always @(posedge clk) n <= n + 1; endmodule\n"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFARRAY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def program(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def fake(cache, tmp_path):
    """A Verilator that notes each call and makes a model that starts, and a `make` that does nothing."""
    make_model = "printf '#!/bin/sh\\necho Verilator\\n' > top; chmod +x top"
    program(tmp_path / "bin" / "verilator", f"echo call >> {tmp_path}/calls; touch Vtop.gch; {make_model}")
    program(tmp_path / "bin" / "make", "exit 0")
    return runner.Simulator("verilator", "5.999", tmp_path / "bin")


def calls(tmp_path):
    return (tmp_path / "calls").read_text().count("call")


def test_a_build_is_made_once_and_keeps_only_what_runs(fake, tmp_path, capsys):
    first = runner.build(DESIGN, fake, progress=True)
    assert "building the design" in capsys.readouterr().err
    assert runner.build(DESIGN, fake, progress=True) == first
    assert capsys.readouterr().err == ""
    assert calls(tmp_path) == 1
    assert [path.name for path in first.iterdir()] == ["top"]
    assert sorted(path.suffix for path in first.parent.iterdir()) == ["", ".lock"]


def test_another_python_or_another_cocotb_is_another_build(fake, monkeypatch):
    import cocotb_tools.config

    folders = {runner.build(DESIGN, fake)}
    monkeypatch.setattr(cocotb_tools.config, "libs_dir", "/elsewhere/libs")
    folders.add(runner.build(DESIGN, fake))
    monkeypatch.setattr(sys, "version", "3.99")
    folders.add(runner.build(DESIGN, fake))
    assert len(folders) == 3


def test_a_build_that_no_longer_starts_is_made_again(fake, tmp_path):
    folder = runner.build(DESIGN, fake)
    program(folder / "top", "echo cannot open shared object file >&2; exit 127")
    assert runner.build(DESIGN, fake) == folder
    assert calls(tmp_path) == 2
    (folder / "top").unlink()
    runner.build(DESIGN, fake)
    assert calls(tmp_path) == 3


def test_the_environment_stays_as_it_is(fake, monkeypatch):
    before = dict(os.environ)
    seen = []
    monkeypatch.setattr(runner, "elapsed", lambda *a, **k: contextlib.nullcontext(lambda: seen.append(dict(os.environ))))
    program(fake.bin_dir / "make", "sleep 1")
    runner.build(DESIGN, fake)
    assert len(seen) > 1 and all(environment == before for environment in seen)


BUILD = """
import sys
from lifarray.host import cli
from lifarray.host.commands import info
from lifarray.sim import runner
info.load_network = lambda name: runner.build({design!r}, runner.Simulator("verilator", "5.999", {bin_dir!r}))
sys.exit(cli.main(["info", "demo"]))
"""


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_killed_build_leaves_no_process_and_no_half_build(fake, tmp_path, cache, number, status):
    program(fake.bin_dir / "make", f"sleep 600 & echo $! > {tmp_path}/compiler; wait")
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD.format(design=DESIGN, bin_dir=str(fake.bin_dir))], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    compiler = wait_for(lambda: int((tmp_path / "compiler").read_text() or 0) if (tmp_path / "compiler").exists() else 0)
    process.send_signal(number)
    assert (process.wait(), process.communicate()[1].count("\n")) == (status, 1)
    wait_for(lambda: not alive(compiler))
    assert not [path for path in (cache / "sim").iterdir() if path.suffix != ".lock"]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition):
    while True:     # pytest's timeout ends it
        value = condition()
        if value:
            return value
        time.sleep(0.05)


def test_what_a_killed_build_left_is_removed_and_not_used(fake, cache):
    folder = runner.build(DESIGN, fake)
    left = folder.with_name(f".{folder.name}.left")
    folder.rename(left)
    assert runner.build(DESIGN, fake) == folder
    assert not left.exists()


def test_a_failing_build_tells_and_keeps_its_log(fake, cache):
    program(fake.bin_dir / "make", "echo no such flag >&2; exit 2")
    with pytest.raises(ToolError, match="(?s)could not build the design: make ended with 2; its log .*no such flag") as failed:
        runner.build(DESIGN, fake)
    (log,) = (cache / "logs").iterdir()
    assert str(log) in str(failed.value) and "no such flag" in log.read_text()
    assert not [path for path in (cache / "sim").iterdir() if path.suffix != ".lock"]


def test_logs_are_not_kept_for_ever(fake, cache, monkeypatch):
    monkeypatch.setattr(runner, "KEPT_LOGS", 2)
    program(fake.bin_dir / "make", "exit 2")
    for _ in range(4):
        with pytest.raises(ToolError):
            runner.build(DESIGN, fake)
    assert len(list((cache / "logs").iterdir())) == 2


@pytest.mark.parametrize("missing", ["perl", "make", "g++"])
def test_a_missing_compiler_is_named(fake, monkeypatch, missing):
    which = runner.shutil.which
    monkeypatch.setattr(runner.shutil, "which", lambda name, **k: None if name == missing else which(name, **k))
    with pytest.raises(UserError, match=rf"needs {missing.replace('+', '.')}, .* apt install"):
        runner.build(DESIGN, fake)


def test_an_unwritable_cache_is_named(fake, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIFARRAY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match="cannot write to the cache .* set LIFARRAY_CACHE_DIR"):
        runner.build(DESIGN, fake)


@pytest.fixture(params=["verilator", "icarus"])
def counter(request):
    """A simulator, and a build of a counter for it that can write waves."""
    if request.param == "icarus" and runner.icarus_of_system() is None:
        pytest.skip("Icarus Verilog is not installed")
    simulator = runner.find_simulator(request.param)
    return simulator, runner.build(DESIGN, simulator, waves=True)


@pytest.mark.parametrize(
    "name, headers, path, wrong",
    [
        ("verilator", True, "run.fst", None),
        ("verilator", True, "run.vcd", "Verilator writes FST here"),
        ("verilator", False, "run.fst", "needs the headers of zlib and lz4: sudo apt install"),
        ("verilator", False, "run.vcd", None),
        ("icarus", False, "run.fst", None),
        ("icarus", False, "run.vcd", "Icarus writes FST"),
        ("icarus", False, "run", None),
        ("icarus", False, None, None),
    ],
)
def test_waves_are_called_what_they_are(monkeypatch, name, headers, path, wrong):
    monkeypatch.setattr(runner, "_has_fst_headers", lambda: headers)
    with pytest.raises(UserError, match=wrong) if wrong else contextlib.nullcontext():
        runner.Simulator(name, "1.0").check_waves(path)


def test_two_runs_of_one_build_each_write_their_waves(counter, tmp_path, monkeypatch):
    simulator, folder = counter
    (tmp_path / "counting.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = {path: path.stat().st_size for path in folder.iterdir()}
    threads = []
    for i in (1, 2):
        settings = dict(env={"CYCLES": str(1000 * i)}, waves=tmp_path / f"{i}.waves")
        threads.append(threading.Thread(target=runner.run, args=(folder, simulator, "counting", tmp_path / f"work{i}"), kwargs=settings))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one, two = (tmp_path / f"{i}.waves" for i in (1, 2))
    assert 0 < one.stat().st_size < two.stat().st_size
    assert {path: path.stat().st_size for path in folder.iterdir()} == before


COUNTING = """
import os, cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

@cocotb.test()
async def count(dut):
    dut.clk.value = 0
    Clock(dut.clk, 10, unit="ns").start()
    await ClockCycles(dut.clk, int(os.environ["CYCLES"]))
    assert os.environ["CYCLES"] != "7", "seven is wrong"
"""


def test_a_failure_without_waves_is_told_as_it_is(counter, tmp_path, cache):
    simulator, folder = counter
    with pytest.raises(ToolError, match="(?s)simulation of no_such_module.*its log .*logs/sim-"):
        runner.run(folder, simulator, "no_such_module", tmp_path / "work", waves=tmp_path / "x.waves")


def test_a_failing_test_is_told_and_its_waves_are_kept(counter, tmp_path, cache, monkeypatch):
    simulator, folder = counter
    (tmp_path / "counting.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(runner.SimulationError, match=r"1 of 1 tests failed; its log .*\.log\ncount \(counting.py:\d+\): seven is wrong") as failed:
        runner.run(folder, simulator, "counting", tmp_path / "work", env={"CYCLES": "7"}, waves=tmp_path / "x.waves")
    assert failed.value.failed_tests == ["count"]
    assert (tmp_path / "x.waves").stat().st_size
    assert "seven is wrong" in next((cache / "logs").iterdir()).read_text()


def test_a_run_can_be_stopped(counter, tmp_path, cache, monkeypatch):
    simulator, folder = counter
    (tmp_path / "counting.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(str(tmp_path))
    stop = threading.Event()
    stop.set()
    with pytest.raises(ToolError, match="stopped"):
        runner.run(folder, simulator, "counting", tmp_path / "work", env={"CYCLES": "2000000000"}, stop=stop)
