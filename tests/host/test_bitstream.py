"""`lifarray bitstream` and `lifarray report`; for openXC7, which cannot run here, stand-in executables."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lifarray.golden.boards import BOARDS
from lifarray.golden.config import CONFIGS
from lifarray.golden.errors import UserError
from lifarray.golden.registers import MAP_HASH
from lifarray.golden.resources import resources
from lifarray.host.board_errors import SelfTestError
from lifarray.host.cli import main
from lifarray.host.commands.bitstream import best_config, network_pages
from lifarray.host.hwh import hwh
from lifarray.host.netlist_check import check_digest
from lifarray.hw.tools import CHIPDB, OPENXC7_TOOLS
from lifarray.sim.sources import project_digest

from ..openxc7 import EXTERNAL, lay_out
from ..smallest_core import SMALLEST

pytest.importorskip("pyosys", reason="pyosys is not installed: nothing is built")
pytest.importorskip("amaranth_boards")

from lifarray.hw.build import Build, Design  # noqa: E402

STAND_IN = """\
#!{python}
# A stand-in for openXC7's {name}: it notes how it was called, and makes the files that the next one asks for.
import os, sys
arguments = sys.argv[1:]
print("stand-in for {name}")
open({calls!r}, "a").write(repr(["{name}", *arguments, sorted(os.listdir())]) + "\\n")
def after(option):
    return arguments[arguments.index(option) + 1]
if "{name}" == os.environ.get("LIFARRAY_TEST_FAILS"):
    open(arguments[-1], "w").write("half a file")
    sys.exit("placement of the stand-in failed")
if "{name}" == "nextpnr-xilinx":
    assert os.path.exists(after("--chipdb")) and os.path.exists(after("--json")) and os.path.exists(after("--xdc"))
    open(after("--fasm"), "w").write("fasm")
    mhz = os.environ.get("LIFARRAY_TEST_MHZ", "104.20")
    wanted = os.environ.get("LIFARRAY_TEST_WANTED") or after("--freq")
    verdict = "PASS" if float(mhz) >= float(wanted) else "FAIL"
    open(after("--log"), "w").write(f"Info: Max frequency for clock 'clk': {{mhz}} MHz ({{verdict}} at {{float(wanted):.2f}} MHz)\\n")
elif "{name}" == "fasm2frames":
    assert open(arguments[-2]).read() == "fasm" and os.path.isdir(after("--db-root"))
    open(arguments[-1], "w").write("frames")
else:
    assert open(after("--frm_file")).read() == "frames"
    open(after("--output_file"), "w").write("what a stand-in made")
"""


DESIGN = ("--board", "pynq-z2", "--config", "small")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder with openXC7's stand-ins, and one in which the netlist of a tiny design is made."""
    folder = tmp_path_factory.mktemp("bitstream")
    lay_out(folder, {name: STAND_IN.format(python=sys.executable, name=name, calls=str(folder / "calls")) for name in OPENXC7_TOOLS})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CONFIGS, "small", SMALLEST)
        patch.setenv("PATH", str(folder / "nothing"))
        assert main(["bitstream", *DESIGN, "--out", str(folder / "built"), "--skip-simulation"]) == 3
    return folder


@pytest.fixture
def call(workshop, tmp_path, monkeypatch, capsys):
    """Call a command on the tiny design, in a copy of its netlist: call("bitstream", …) → (status, out, err)."""
    monkeypatch.setitem(CONFIGS, "small", SMALLEST)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    out = tmp_path / "out"
    shutil.copytree(workshop / "built", out)
    (workshop / "calls").write_text("")

    def run(command, *options):
        status = main([command, *DESIGN, "--out", str(out), *options])
        return status, *capsys.readouterr()

    run.out = out
    run.calls = lambda: [eval(line) for line in (workshop / "calls").read_text().splitlines()]
    run.openxc7 = ("--skip-simulation", "--openxc7", str(workshop / "openxc7"))
    return run


def test_without_openxc7(call):
    status, out, err = call("bitstream", "--skip-simulation")
    assert status == 3
    assert "LUT" in out and "85.0 %" in out
    for text in ("not on PATH: nextpnr-xilinx", CHIPDB, "at least 0.9.6", "nix develop", "lifarray bitstream"):
        assert text in err
    assert not list(call.out.glob("*.bit")) and not list(call.out.rglob("*.bit"))
    assert (call.out / "lifarray-pynq-z2.build" / "lifarray_pynq_z2.json").exists()
    # Again: nothing is done twice.
    status, out, err = call("bitstream", "--skip-simulation")
    assert status == 3 and "synthesis: nothing changed" in err
    # For a script: what the netlist takes, and what is missing.
    status, out, _ = call("bitstream", "--skip-simulation", "--json")
    told = json.loads(out)
    assert status == 3 and told["resources"]["DSP"] == 0 and told["fmax_hz"] is None and told["sha256"] == {}
    assert told["missing"].startswith("not on PATH: nextpnr-xilinx")


def test_a_wrong_folder_of_openxc7_is_told_before_the_work(call):
    status, _, err = call("bitstream", "--openxc7", str(call.out / "none"))
    assert status == 2 and "is no folder" in err and "synthesis" not in err


def test_no_manifest_where_the_rest_is_not_whole(call, monkeypatch):
    assert call("bitstream", *call.openxc7)[0] == 0

    def full(*arguments):
        raise UserError("the disk is full")

    monkeypatch.setattr("lifarray.host.commands.bitstream.hwh", full)
    assert call("bitstream", *call.openxc7)[0] == 2
    assert not (call.out / "lifarray-pynq-z2.json").exists()


@pytest.mark.parametrize(
    "options, part",
    [
        (["--bits", "4"], "--bits is of a network"),
        (["--openxc7", "nowhere"], "--openxc7 'nowhere' is no folder"),
        (["--board", "ulx3s-85f", "--openxc7", "."], "is built without it"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_built(options, part, tmp_path, capsys):
    assert main(["bitstream", "--board", "pynq-z2", "--out", str(tmp_path / "out"), *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1) and part in err
    assert not (tmp_path / "out").exists()


def test_the_same_netlist_made_again(call):
    """As where another design was made in between: what counts is not its age."""
    assert call("bitstream", *call.openxc7)[0] == 0
    (call.out / "lifarray-pynq-z2.build" / "lifarray_pynq_z2.json").touch()
    assert call("bitstream", *call.openxc7)[0] == 0 and len(call.calls()) == 3


def test_with_stand_ins(call):
    status, out, err = call("bitstream", *call.openxc7)
    assert (status, err.count("nothing changed")) == (0, 1)
    root = Path(call.openxc7[-1])
    database = root / "nextpnr-xilinx" / EXTERNAL / "prjxray-db" / "zynq7"
    name = "lifarray_pynq_z2"
    pnr, frames, bit = call.calls()
    assert pnr[:-1] == [
        "nextpnr-xilinx", "--seed", "1", "--chipdb", f"{root}/chipdb/{CHIPDB}", "--xdc", f"{name}.xdc", "--json", f"{name}.json",
        "--freq", "100", "--log", f"{name}.tim", "--fasm", f"{name}.fasm",
    ]  # fmt: skip
    assert pnr[-1] == [f"{name}.json", f"{name}.xdc"], "the files that it gets, and no other"
    assert frames == [
        "fasm2frames", "--part", "xc7z020clg400-1", "--db-root", f"{database}", f"{name}.fasm", f"{name}.frames", [f"{name}.fasm"],
    ]  # fmt: skip
    assert bit == [
        "xc7frames2bit", "--part_file", f"{database}/xc7z020clg400-1/part.yaml", "--part_name", "xc7z020clg400-1",
        "--frm_file", f"{name}.frames", "--output_file", f"{name}.bit", [f"{name}.frames"],
    ]  # fmt: skip
    assert sorted(path.name for path in call.out.iterdir() if path.is_file()) == [f"lifarray-pynq-z2.{end}" for end in ("bit", "hwh", "json")]
    manifest = json.loads((call.out / "lifarray-pynq-z2.json").read_text())
    assert manifest["map_hash"] == f"{MAP_HASH:#010x}" and manifest["config"]["lanes"] == SMALLEST.lanes
    assert (manifest["clock_hz"], manifest["fmax_hz"], manifest["netlist_simulated_on"]) == (100_000_000, 104_200_000, None)
    assert set(manifest["sha256"]) == {"lifarray-pynq-z2.bit", "lifarray-pynq-z2.hwh"}
    assert set(manifest["versions"]) >= {"lifarray", "amaranth", "yosys", "nextpnr-xilinx", "fasm2frames", "xc7frames2bit"}
    assert manifest["resources"]["DSP"] == 0
    status, _, err = call("bitstream", *call.openxc7)
    assert (status, len(call.calls())) == (0, 3), "nothing runs twice"
    status, out, _ = call("report")
    assert status == 0 and "clock: 104.2 MHz after place and route" in out
    # Never the figures of another run.
    status, out, _ = call("report", "--clock-mhz", "125")
    assert status == 0 and "104" not in out and "clock: unknown before place and route of this netlist for 125 MHz with --seed 1" in out
    status, out, _ = call("report", "--seed", "7", "--json")
    told = json.loads(out)
    assert (status, told["seed"], told["fmax_hz"], told["critical_path"]) == (0, 7, None, None)


@pytest.mark.parametrize("tool", OPENXC7_TOOLS)
def test_a_tool_that_fails(call, monkeypatch, tool):
    monkeypatch.setenv("LIFARRAY_TEST_FAILS", tool)
    status, _, err = call("bitstream", *call.openxc7)
    assert status == 1
    assert "placement of the stand-in failed" in err and ".log ends with" in err and "Traceback" not in err
    assert not list(call.out.rglob("*.bit"))
    monkeypatch.delenv("LIFARRAY_TEST_FAILS")
    status, _, err = call("bitstream", *call.openxc7)
    assert status == 0 and len(call.calls()) == 3 + 1, "it goes on where it failed"


def test_clocks_that_are_missed_or_not_understood(call, monkeypatch):
    monkeypatch.setenv("LIFARRAY_TEST_MHZ", "99.00")
    status, _, err = call("bitstream", *call.openxc7)
    assert status == 1 and "reaches 99.0 MHz of 100" in err
    assert len(call.calls()) == 1 and not list(call.out.rglob("*.bit")), "no bitstream of what is too slow"
    status, out, err = call("report")
    assert status == 1 and "reaches 99.0 MHz of 100" in err and "clock: 99.0 MHz after place and route" in out
    (call.out / "lifarray-pynq-z2.build" / "place-and-route.stamp").unlink()
    monkeypatch.setenv("LIFARRAY_TEST_MHZ", "200.00")
    monkeypatch.setenv("LIFARRAY_TEST_WANTED", "12")
    status, _, err = call("bitstream", *call.openxc7)
    assert status == 1 and "did not take the clock of 100 MHz for its goal" in err


def test_a_netlist_that_computes_something_else(call, monkeypatch):
    def check(path, design):
        checked.append(path)
        if wrong:
            raise SelfTestError("1 of 5 neurons of layer 1 spike otherwise than the integer model")
        return "a stand-in"

    checked, wrong = [], True
    monkeypatch.setattr("lifarray.host.commands.bitstream.check_netlist", check)
    openxc7 = call.openxc7[1:]
    status, _, err = call("bitstream", *openxc7)
    assert status == 1 and "does not run on the netlist: 1 of 5 neurons" in err
    assert not call.calls() and not list(call.out.rglob("*.bit"))
    wrong = False
    for n_checked in (2, 2, 3):
        if n_checked == 3:
            monkeypatch.setattr("lifarray.host.commands.bitstream.check_digest", lambda path, design: "something else")
        status, _, err = call("bitstream", *openxc7)
        assert (status, len(checked)) == (0, n_checked), "once it has passed, it is not done again"
    assert json.loads((call.out / "lifarray-pynq-z2.json").read_text())["netlist_simulated_on"] == "a stand-in"


def test_all_that_decides_what_a_netlist_does(tmp_path, monkeypatch):
    def digest():
        return check_digest(path, design)

    path, design = tmp_path / "netlist.json", Design("pynq-z2", SMALLEST, 100_000_000)
    path.write_text("{}")
    digests = [digest()]
    path.write_text("{ }")
    digests.append(digest())
    design = replace(design, config=SMALLEST.with_(local_pages=3))
    digests.append(digest())
    design = replace(design, clock_hz=50_000_000)
    digests.append(digest())
    for name, other in (
        ("lifarray.sim.sources.project_digest", lambda: "another"),
        ("lifarray.sim.runner.find_simulator", lambda: "another"),
        ("importlib.metadata.version", lambda name: "another"),
        ("sys.version", "another"),
    ):
        monkeypatch.setattr(name, other)
        digests.append(digest())
    assert len(set(digests)) == len(digests) == 8
    design = replace(design, seed=2)
    assert digest() == digests[-1], "the seed is of place and route"


@pytest.mark.parametrize("name", ["sim/cells/xc7.v", "host/selftest.py", "golden/lif.py", "sim/board_bench.py", "hw/local_memory.py"])
def test_the_digest_of_the_project(name, tmp_path, monkeypatch):
    for path in ("sim/cells/xc7.v", "sim/window.vlt", "host/selftest.py", "golden/lif.py", "sim/board_bench.py", "hw/local_memory.py", "sim/of.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("1")
    monkeypatch.setattr("lifarray.sim.sources.REPOSITORY", tmp_path)
    before = project_digest.__wrapped__()
    (tmp_path / "sim" / "of.json").write_text("2")
    assert project_digest.__wrapped__() == before
    (tmp_path / name).write_text("2")
    assert project_digest.__wrapped__() != before


@pytest.mark.parametrize("command", ["bitstream", "report"])
def test_a_second_build_in_a_folder(call, command):
    held = Build(Design("pynq-z2", SMALLEST, 100_000_000), call.out / "lifarray-pynq-z2.build")
    with held.held():
        status, out, err = call(command)
    assert (status, out, err.count("\n")) == (2, "", 1) and "another build works in" in err


@pytest.mark.parametrize("command", ["bitstream", "report"])
def test_a_full_disk(call, command, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lifarray.hw.build.make_platform", full)
    status, out, err = call(command)
    assert (status, out) == (2, "") and "No space left on device" in err.splitlines()[-1] and "Traceback" not in err


def test_report_before_place_and_route(call):
    status, out, _ = call("report")
    assert status == 0 and "unknown before place and route" in out
    status, out, _ = call("report", "--json")
    report = json.loads(out)
    assert report["fmax_hz"] is None and report["critical_path"] is None and report["resources"]["LUT"] > 1000


def test_over_budget(call, monkeypatch):
    monkeypatch.setitem(BOARDS["pynq-z2"].budget, "LUT", 0.01)
    status, out, err = call("report")
    assert status == 1 and "over the budget of 1 %" in err
    status, out, err = call("bitstream", *call.openxc7)
    assert status == 1 and "over the budget of 1 %" in err and not call.calls()


@pytest.mark.parametrize(
    "options, text",
    [
        (("--board", "ulx3s-85f", "--memory", "ddr"), "the ULX3S with an LFE5U-85F has local"),
        (("--board", "pynq-z2", "--local-pages", "8"), "only a local memory has pages"),
        (("--board", "pynq-z2", "--clock-mhz", "97"), "a clock of 97 MHz"),
        (("--board", "pynq-z2", "--memory", "local", "--local-pages", "120"), "room for 119 at most"),
        (("--board", "ulx3s-85f", "--local-pages", "89"), "room for 88 at most"),
        (("--board", "ulx3s-85f", "--network-size", "784-784-784"), "with its pages of local memory for a network of 784-784-784 fits the ULX3S"),
        (("--board", "pynq-z2", "--network-size", "784"), "as in 784-196-784"),
        (("--board", "pynq-z2", "--network-size", "1048576-10"), "1,048,575 inputs or neurons at most"),
        (("--board", "pynq-z2", "--network-size", "64-32", "--lanes", "8"), "leave out --lanes"),
        (("--board", "pynq-z2", "--lanes", "2000"), "lanes = 2000"),
    ],
)
def test_bad_options(options, text, capsys, tmp_path):
    assert main(["bitstream", *options, "--skip-simulation", "--out", str(tmp_path / "out")]) == 2
    assert text in capsys.readouterr().err


def test_choice_by_network_size():
    pynq, ulx3s = BOARDS["pynq-z2"], BOARDS["ulx3s-85f"]
    for bits, widths in ((8, (8, 16)), (4, (4, 12))):
        for board, local in ((pynq, False), (pynq, True), (ulx3s, True)):
            config = best_config([64, 48, 96], bits, board, local)
            assert (config.weight_bits, config.vmem_bits) == widths, "no other core runs such a network"
            assert bool(config.local_pages) == local
    for sizes in ([784, 196, 784], [64, 32]):
        assert resources(best_config(sizes, 8, pynq)).lut <= 0.85 * pynq.capacity["LUT"]
    # As long as a network streams, what counts is the bus; where it stays in the core, the ways.
    assert best_config([784, 196, 784], 8, pynq).ports == 2
    assert best_config([784, 196, 784], 4, pynq) == CONFIGS["fast"]
    assert network_pages([8, 32], 8, CONFIGS["small"]) == 2


def test_the_choice_fits_the_board(monkeypatch):
    """By the estimate, with its local memory."""
    ulx3s = BOARDS["ulx3s-85f"]
    chosen = best_config([196, 128, 784], 4, ulx3s, local=True)
    shares = resources(chosen).shares(ulx3s)
    assert shares["LUT"] <= 0.85
    assert shares["block RAM"] + chosen.local_pages * ulx3s.page_rams / ulx3s.capacity["block RAM"] <= 0.85
    assert best_config([64, 48], 4, ulx3s, local=True, pages=7).local_pages == 7
    monkeypatch.setitem(ulx3s.capacity, "LUT", 30_000)
    assert best_config([196, 128, 784], 4, ulx3s, local=True).lanes < chosen.lanes
    with pytest.raises(UserError, match="fits the ULX3S"):
        best_config([64, 48], 4, ulx3s, local=True, pages=87)


@pytest.mark.parametrize("name", ["pynq-z2", "pynq-z1"])
@pytest.mark.parametrize("memory", ["ddr", "local"])
def test_what_a_board_gets_unless_told_otherwise_fits(name, memory):
    board = BOARDS[name]
    taken = resources(CONFIGS[board.config])
    assert taken.fits(board, 0.85)
    assert taken.bram + (board.local_pages if memory == "local" else 0) <= 0.85 * board.capacity["block RAM"]


def test_verilog_of_a_board(monkeypatch, tmp_path):
    monkeypatch.setitem(CONFIGS, "small", SMALLEST)
    path = tmp_path / "top.v"
    assert main(["verilog", "--board", "pynq-z2", "--config", "small", "--out", str(path)]) == 0
    text = path.read_text()
    assert "module lifarray(led_1__io, led_0__io);" in text and "PS7 ps7 (" in text and "SAXIHP0ARADDR" in text
    # Unless told otherwise it is the core of the board's bitstream.
    assert main(["verilog", "--board", "pynq-z2", "--out", str(path)]) == 0
    assert path.read_text() == text
    assert (tmp_path / "top.hwh").read_text() == hwh("top", 100_000_000)
    assert main(["verilog", "--board", "pynq-z2", "--memory", "local", "--out", str(path)]) == 0
    text = path.read_text()
    assert "PS7 ps7 (" in text and r"module \lifarray.core.memory.bank0 (" in text
    assert (tmp_path / "top.hwh").read_text() == hwh("top", 100_000_000, BOARDS["pynq-z2"].local_pages)
    assert main(["verilog", "--memory", "local", "--out", str(path)]) == 2


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_ulx3s_from_python_packages_alone(monkeypatch, capsys, tmp_path):
    """The whole command: netlist, a network on it bit for bit over its serial line, place and route, a bitstream that unpacks."""
    monkeypatch.setitem(CONFIGS, "small", SMALLEST)
    # Ten cycles a bit of the serial line.
    design = ["--board", "ulx3s-85f", "--config", "small", "--local-pages", "3", "--clock-mhz", "10", "--out", str(tmp_path)]
    assert main(["bitstream", *design]) == 0
    out, err = capsys.readouterr()
    name = "lifarray-ulx3s-85f"
    bitstream, build = tmp_path / f"{name}.bit", tmp_path / f"{name}.build"
    assert bitstream.stat().st_size > 100_000
    assert (build / "lifarray_ulx3s_85f.again.bit").read_bytes() == bitstream.read_bytes(), "it unpacks to what was packed"
    assert f"wrote {bitstream}" in out and "runs bit for bit on the netlist" in err
    manifest = json.loads((tmp_path / f"{name}.json").read_text())
    assert manifest["fmax_hz"] > manifest["clock_hz"] == 10_000_000
    assert manifest["netlist_simulated_on"] and manifest["resources"]["block RAM"] > 8
    assert main(["report", *design]) == 0
    assert f"clock: {manifest['fmax_hz'] / 1e6:.1f} MHz after place and route; critical path" in capsys.readouterr().out
    # Again: nothing is done twice.
    assert main(["bitstream", *design]) == 0
    err = capsys.readouterr().err
    assert err.count("nothing changed") == 5 and "on the netlist: it has passed" in err
    assert json.loads((tmp_path / f"{name}.json").read_text()) == manifest
