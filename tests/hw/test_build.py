"""The parts of a build: steps, netlist checks, timing, budgets."""

import json
import os
import stat
import sys
import time
from contextlib import contextmanager
from multiprocessing import get_context
from types import SimpleNamespace

import pytest

from lifarray.golden.boards import BOARDS
from lifarray.golden.config import CONFIGS
from lifarray.golden.errors import UserError
from lifarray.hw.build_step import is_done, run_step
from lifarray.hw.netlist import Netlist, check_budget
from lifarray.hw.timing import module_of, modules_of, read_timing
from lifarray.hw.tools import CHIPDB, DATABASE, OPENXC7_TOOLS, BuildError, MissingTools, Tool, find_openxc7, folders_below, pip_tool

from ..openxc7 import lay_out

UPPERCASE = "import sys; open(sys.argv[2], 'w').write(open(sys.argv[1]).read().upper()); print('done')"


def run(folder, tool, arguments, variables=None):
    """Whether the step had to run."""
    return run_step(folder, "step", tool, arguments, {"in.txt", "script.ys", "a.txt"}, variables)[0]


def python(code, version="1"):
    return Tool((sys.executable, "-c", code), version)


def test_a_step_runs_only_when_something_changed(tmp_path):
    (tmp_path / "in.txt").write_text("abc")
    assert run(tmp_path, python(UPPERCASE), ["in.txt", "out.txt"])
    assert (tmp_path / "out.txt").read_text() == "ABC"
    assert (tmp_path / "step.log").read_text() == "done\n"
    assert not run(tmp_path, python(UPPERCASE), ["in.txt", "out.txt"])
    for change in (
        lambda: (tmp_path / "in.txt").write_text("abcd"),
        lambda: (tmp_path / "out.txt").write_text("damaged"),
        (tmp_path / "out.txt").unlink,
    ):
        change()
        assert run(tmp_path, python(UPPERCASE), ["in.txt", "out.txt"])
        assert not run(tmp_path, python(UPPERCASE), ["in.txt", "out.txt"])
    (tmp_path / "step.stamp").write_text("{")     # as a power cut leaves it
    assert run(tmp_path, python(UPPERCASE), ["in.txt", "out.txt"])
    assert run(tmp_path, python(UPPERCASE, version="2"), ["in.txt", "out.txt"])
    assert run(tmp_path, python(UPPERCASE, version="2"), ["in.txt", "other.txt"])
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "other.txt", "out.txt", "step.log", "step.stamp"]


def test_what_a_step_has_run_on(tmp_path):
    """As `report` asks, which has no tool at hand: other arguments, inputs or outputs are those of another run."""
    (tmp_path / "in.txt").write_text("abc")
    arguments = ["in.txt", "out.txt"]
    assert not is_done(tmp_path, "step", arguments)
    run(tmp_path, python(UPPERCASE), arguments)
    assert is_done(tmp_path, "step", arguments)
    assert not is_done(tmp_path, "step", [*arguments, "--seed"])
    for name in arguments:
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text("another")
        assert not is_done(tmp_path, "step", arguments)
        (tmp_path / name).write_text(text)
        assert is_done(tmp_path, "step", arguments)
    (tmp_path / "step.stamp").write_text('{"digest": "of an older version", "outputs": {}}')
    assert not is_done(tmp_path, "step", arguments)


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def no_links(*arguments, **options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "in.txt").write_text("abc")
    assert run(tmp_path, python(UPPERCASE), ["in.txt", "out.txt"])


def test_a_tool_that_cannot_be_started(tmp_path):
    script = tmp_path / "tool"
    script.write_text("#!/nowhere/python\n")
    script.chmod(stat.S_IRWXU)
    with pytest.raises(BuildError, match="step cannot run .*tool: No such file"):
        run(tmp_path, Tool((str(script),), "1"), [])


def test_a_step_that_fails_leaves_no_file_and_says_its_last_lines(tmp_path):
    (tmp_path / "in.txt").write_text("abc")
    run(tmp_path, python(UPPERCASE), ["in.txt", "out.txt"])
    (tmp_path / "in.txt").write_text("new")
    code = "import sys; open(sys.argv[2], 'w').write('half'); print('first'); print('what went wrong', file=sys.stderr); sys.exit(7)"
    with pytest.raises(BuildError, match=r"step failed with status 7; .*step\.log ends with\n(.*\n)*what went wrong"):
        run(tmp_path, python(code), ["in.txt", "out.txt"])
    assert (tmp_path / "out.txt").read_text() == "ABC", "the old file stays, whole"
    assert run(tmp_path, python(UPPERCASE), ["in.txt", "out.txt"]), "it is not taken for done"


def test_a_step_that_is_interrupted_ends_its_tool(tmp_path, monkeypatch):
    """At the first sign of life that it shows while the tool runs."""

    @contextmanager
    def interrupted(description):
        def tick():
            while not list(tmp_path.glob(".step-*/pid")):
                time.sleep(0.01)
            pid.append(int(next(tmp_path.glob(".step-*/pid")).read_text()))
            raise KeyboardInterrupt

        yield tick

    pid = []
    monkeypatch.setattr("lifarray.hw.build_step.elapsed", interrupted)
    code = "import os, time; open('part', 'w').write(str(os.getpid())); os.rename('part', 'pid'); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, python(code), [])
    with pytest.raises(ProcessLookupError):
        os.kill(pid[0], 0)
    assert os.listdir(tmp_path) == ["step.log"], "nothing that a later run would take for whole"


def test_variables_are_replaced_and_files_of_scripts_are_inputs(tmp_path):
    for name, text in (("script.ys", "read a.txt\nwrite_json out.json"), ("a.txt", "1"), ("out.json", "old")):
        (tmp_path / name).write_text(text)
    code = "import sys, os; print(sys.argv[1:], sorted(os.listdir())); open('out.json', 'w').write('new')"
    assert run(tmp_path, python(code), ["script.ys", "$WHERE/x"], {"WHERE": "/there"})
    assert (tmp_path / "step.log").read_text() == "['script.ys', '/there/x'] ['a.txt', 'script.ys']\n"
    (tmp_path / "a.txt").write_text("2")
    assert run(tmp_path, python(code), ["script.ys", "$WHERE/x"], {"WHERE": "/there"})


def test_a_database_outside_the_build_is_an_input(tmp_path):
    """The chip database of openXC7 comes apart from its tools, and may be replaced under the same name."""
    database, build = tmp_path / "database", tmp_path / "build"
    (database / "zynq7").mkdir(parents=True)
    build.mkdir()
    (database / "chip.bin").write_text("1")
    (database / "zynq7" / "part.yaml").write_text("1")
    for argument, file in (("$WHERE/chip.bin", "chip.bin"), ("$WHERE/zynq7", "zynq7/part.yaml")):
        assert run(build, python("pass"), [argument], {"WHERE": database})
        assert not run(build, python("pass"), [argument], {"WHERE": database})
        (database / file).write_text("12")
        assert run(build, python("pass"), [argument], {"WHERE": database})
    # Behind a link, too.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (database / "zynq7" / "linked").symlink_to(elsewhere)
    for change in ("1", "12"):
        (elsewhere / "segbits.db").write_text(change)
        assert run(build, python("pass"), ["$WHERE/zynq7"], {"WHERE": database})
    assert not run(build, python("pass"), ["$WHERE/zynq7"], {"WHERE": database})


def write_netlist(path, *cells):
    names = {f"cell{i}": {"port_directions": {}, "parameters": {}, "connections": {}, **cell} for i, cell in enumerate(cells)}
    path.write_text(json.dumps({"modules": {"top": {"cells": names}}}))
    return Netlist(path, "top")


GOOD = [{"type": name} for name in ("LUT6", "FDRE", "CARRY4", "RAM64M", "RAM64X1S", "PS7", "BUFG", "OBUFT")]


@pytest.mark.parametrize("bad", ["$scopeinfo", "DSP48E1", "RAM32X1S", "MUXF9", "$_DFF_P_", "BUFGCE", "MMCME2_ADV"])
def test_cells_that_openxc7_must_not_get(tmp_path, bad):
    write_netlist(tmp_path / "a.json", *GOOD).check_xc7()
    with pytest.raises(BuildError, match=f"1 \\{bad}" if bad[0] == "$" else f"1 {bad}"):
        write_netlist(tmp_path / "b.json", *GOOD, {"type": bad}).check_xc7()


def test_ninth_bits_are_found(tmp_path):
    def netlist(**connections):
        directions = {pin: "output" if pin.startswith("DO") else "input" for pin in connections}
        ram = {"type": "RAMB36E1", "connections": connections, "port_directions": directions}
        reader = {"type": "LUT1", "connections": {"I0": [7]}, "port_directions": {"I0": "input"}}
        return write_netlist(tmp_path / "a.json", ram, reader)

    netlist(DIPADIP=["0", "0", "0", "x"], DOPADOP=[8, 9, 10, 11]).check_xc7()
    for connections in ({"DIPBDIP": ["0", 3]}, {"DOPADOP": [8, 7]}):
        with pytest.raises(BuildError, match="ninth bits"):
            netlist(**connections).check_xc7()


def test_resources_and_budgets(tmp_path):
    netlist = write_netlist(tmp_path / "a.json", *GOOD, {"type": "RAMB18E1"}, {"type": "RAMB36E1"})
    assert netlist.resources("xc7z020clg400-1") == {"LUT": 6, "FF": 1, "block RAM": 1.5, "DSP": 0}
    cells = [{"type": name} for name in ("LUT4", "CCU2C", "TRELLIS_FF", "DP16KD", "MULT18X18D")]
    assert write_netlist(tmp_path / "b.json", *cells).resources("LFE5U-85F") == {"LUT": 3, "FF": 1, "block RAM": 1, "DSP": 1}
    board = BOARDS["pynq-z2"]
    check_budget(board, {"LUT": 45_220, "block RAM": 119, "DSP": 0})
    for over in ({"LUT": 45_221}, {"block RAM": 119.5}, {"DSP": 1}):
        with pytest.raises(BuildError, match="over the budget"):
            check_budget(board, over)


LOG = """\
Info: Device utilisation:
Info: 	          TRELLIS_FF:    4016/  83640     4%
Info: 	        TRELLIS_COMB:   17665/  83640    21%
Info: Max frequency for clock 'clk': 41.79 MHz (FAIL at 80.00 MHz)
Info: Max frequency for clock 'clk': 98.50 MHz (PASS at 80.00 MHz)
Info: Max frequency for clock 'slow': 30.00 MHz (PASS at 25.00 MHz)

Info: Critical path report for clock 'clk' (posedge -> posedge):
Info:       type curr  total name
Info:   clk-to-q  5.61  5.61 Source core.reader.buffer.storage.0.1.DOA3
Info:    routing  0.84  6.45 Net core.reader.buffer.storage.0.1_DOA3[1] (46,22) -> (47,19)
Info:                          Sink core.reader.word_LUT4_C_Z.C
Info:                          Defined in:
Info:                               cells_map.v:108.23-108.24
Info:      logic  0.24  6.69 Source core.reader.word_LUT4_C_Z.F
Info:    routing  1.00  7.69 Net core.reader.word[3] (47,19) -> (51,2)
Info:                          Sink core.scan_TRELLIS_FF_Q.CE
Info:      setup  0.10  7.79 Source core.scan_TRELLIS_FF_Q.CE
Info: 7.79 ns logic

Info: Critical path report for async:
"""


def test_timing_of_a_log(tmp_path):
    (tmp_path / "log").write_text(LOG)
    timing = read_timing(tmp_path / "log", ["core", "core.reader", "core.reader.buffer"])
    assert (timing.fmax_hz, timing.wanted_hz) == (30e6, 25e6), "the clock that is nearest to its limit"
    assert timing.used == {"TRELLIS_FF": 4016, "TRELLIS_COMB": 17665}
    (tmp_path / "log").write_text(LOG.replace("30.00 MHz (PASS at 25", "300.00 MHz (PASS at 25"))
    timing = read_timing(tmp_path / "log", ["core", "core.reader", "core.reader.buffer"])
    assert (timing.fmax_hz, timing.wanted_hz) == (98.5e6, 80e6)
    (tmp_path / "log").write_text(LOG[: LOG.index("Info: Critical path report for async")])
    timing = read_timing(tmp_path / "log", ["core", "core.reader", "core.reader.buffer"])
    assert timing.path == [("core.reader.buffer", 6.45), ("core.reader", 1.24), ("core", 0.1)]
    (tmp_path / "log").write_text("Info: nothing")
    assert read_timing(tmp_path / "log", []) is None


def test_names_of_modules():
    assert modules_of("module \\top\nend\nmodule \\top.a\nmodule \\top.a.b\n", "top") == ["a", "a.b"]
    assert module_of("a.b.x_LUT4_Z", {"a", "a.b"}) == "a.b"
    assert module_of("a.bx_TRELLIS_FF_Q", {"a", "a.b"}) == "a"
    assert module_of("x", {"a"}) == ""


def test_finding_openxc7(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for name in ("CHIPDB_DIR", "ZYNQ7_CHIPDB", "CHIPDB", "PRJXRAY_DB_DIR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingTools, match=f"not on PATH: .*nextpnr-xilinx.*{CHIPDB}.*{DATABASE}"):
        find_openxc7()
    with pytest.raises(UserError, match="no folder"):
        find_openxc7(tmp_path / "nothing")
    farm = lay_out(tmp_path, dict.fromkeys(OPENXC7_TOOLS, "#!/bin/sh\n"))
    monkeypatch.chdir(tmp_path)
    for folder in (farm, farm.name):
        found = find_openxc7(folder)
        assert found.database_dir == farm / "nextpnr-xilinx" / "share" / "nextpnr" / "external" / "prjxray-db"
        assert found.chipdb_dir == farm / "chipdb"
        assert found.tools["fasm2frames"].command == (str(farm / "prjxray" / "bin" / "fasm2frames"),)
    monkeypatch.setenv("PATH", os.pathsep.join(str(farm / package / "bin") for package in ("prjxray", "nextpnr-xilinx")))
    monkeypatch.setenv("CHIPDB_DIR", "openxc7/chipdb")
    monkeypatch.setenv("PRJXRAY_DB_DIR", str(found.database_dir))
    assert find_openxc7() == found
    monkeypatch.setenv("PRJXRAY_DB_DIR", str(found.database_dir.parent / "nextpnr-xilinx-meta"))
    with pytest.raises(MissingTools, match=f"not on PATH: the bit database {DATABASE}$"):
        find_openxc7()
    (farm / "prjxray" / "bin" / "xc7frames2bit").chmod(stat.S_IRUSR)
    with pytest.raises(MissingTools, match="xc7frames2bit$"):
        find_openxc7(farm)


def test_folders_that_are_linked_in_a_circle(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "nowhere").symlink_to("nothing")
    assert list(folders_below(tmp_path)) == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


def test_pip_tools():
    pytest.importorskip("pyosys")
    assert pip_tool("yosys").version.startswith("pyosys ")
    with pytest.raises(KeyError):
        pip_tool("vivado")


def test_pll():
    pytest.importorskip("amaranth_boards")
    from lifarray.hw.boards import make_platform
    from lifarray.hw.boards.ulx3s import pll_parameters

    for clock_hz in (5_000_000, 25_000_000, 50_000_000, 80_000_000, 100_000_000, 62_500_000, 400_000_000):
        p = pll_parameters(25_000_000, clock_hz)
        detector_hz = 25_000_000 / p["p_CLKI_DIV"]
        vco_hz = detector_hz * p["p_CLKFB_DIV"] * p["p_CLKOP_DIV"]
        assert vco_hz == clock_hz * p["p_CLKOS_DIV"]
        assert detector_hz >= 10e6 and 400e6 <= vco_hz <= 800e6
        assert max(p["p_CLKOP_DIV"], p["p_CLKOS_DIV"]) <= 128
    choices = {33_333_333: "33.3333 MHz of 25 MHz: choose 32 or 35 MHz", 500_000_000: "choose 400 or 375", 2_500_000: "choose 4 or 5"}
    for clock_hz, choice in choices.items():
        with pytest.raises(UserError, match=choice):
            make_platform("ulx3s-85f", clock_hz)


@pytest.fixture
def build(tmp_path):
    """A function that makes a `Build` of a ULX3S in one folder."""
    pytest.importorskip("amaranth_boards")
    from lifarray.hw.build import Build, Design

    return lambda: Build(Design("ulx3s-85f", CONFIGS["small"].with_(local_pages=3), 25_000_000), tmp_path / "build")


def hold(build, pipe):
    with build.held():
        pipe.send("held")
        time.sleep(60)


def test_one_build_at_a_time_in_a_folder(build):
    pipe, other = get_context("fork").Pipe()
    holder = get_context("fork").Process(target=hold, args=(build(), other))
    holder.start()
    assert pipe.recv() == "held"
    with pytest.raises(UserError, match="another build works in .*build'"), build().held():
        pass
    holder.kill()       # a lock that outlives it would be left by a power cut, too
    holder.join()
    with build().held(), pytest.raises(UserError, match="another build works in"), build().held():
        pass
    with build().held():
        pass


def test_what_the_file_system_refuses_is_one_line(build, monkeypatch):
    with pytest.raises(UserError, match="cannot go on: No space left on device: '.*build';"), build().held():
        raise OSError(28, "No space left on device")
    with pytest.raises(UserError, match="cannot go on: Read-only file system: 'a.log';"), build().held():
        raise OSError(30, "Read-only file system", "a.log")
    with pytest.raises(BrokenPipeError), build().held():
        raise BrokenPipeError(32, "Broken pipe")

    def no_locks(*arguments):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with build().held():
        pass


ROUTE = """
import sys
used = "".join(f"Info: {name}: 1/ 100 1%\\n" for name in ("TRELLIS_FF", "TRELLIS_COMB", "DP16KD", "MULT18X18D"))
open("top.tim", "w").write(used + "Info: Max frequency for clock 'clk': 30.00 MHz (PASS at 25.00 MHz)\\n")
open("top.config", "w").write("config")
"""
COPY = """
import sys
options = dict(zip(sys.argv, sys.argv[1:]))
open(options.get("--bit") or options["--textcfg"], "w").write(open(options["--input"]).read())
"""


@pytest.mark.parametrize("unpack", ["import sys; sys.exit('cannot parse it')", COPY + "open(options['--textcfg'], 'a').write('more')"])
def test_a_bitstream_that_does_not_unpack_goes(build, unpack, monkeypatch):
    def routed():
        made = build()
        made.folder.mkdir(exist_ok=True)
        (made.folder / "top.json").write_text("{}")
        commands = [["nextpnr-ecp5", "--json", "top.json", "--log", "top.tim"], ["ecppack", "--input", "top.config", "--bit", "top.bit"]]
        made._plan, made._available = (SimpleNamespace(files={"top.il": ""}), commands), {"top.json"}
        made.netlist = made.netlist_path.read_text()
        return made

    from lifarray.hw.build import Design

    monkeypatch.setattr(Design, "top", "top")
    tools = {"nextpnr-ecp5": python(ROUTE), "ecppack": python(COPY), "ecpunpack": python(unpack, version="bad")}
    monkeypatch.setattr("lifarray.hw.build.pip_tool", tools.__getitem__)
    bad = routed()
    with pytest.raises(BuildError):
        bad.place_and_route()
    assert not bad.bitstream_path.exists()
    tools["ecpunpack"] = python(COPY)
    good = routed()
    assert good.place_and_route().fmax_hz == 30e6
    assert good.bitstream_path.read_text() == "config"
