"""Cell models under yosys' netlists of memories and multipliers, and whole boards as netlists."""

import json
from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.boards import BOARDS
from lifarray.golden.config import CONFIGS
from lifarray.golden.errors import UserError
from lifarray.host.netlist_check import check_netlist
from lifarray.sim import runner
from lifarray.sim.netlist import NetlistFile

from ..smallest_core import SMALLEST

ys = pytest.importorskip("pyosys.libyosys", reason="pyosys is not installed: no netlist is simulated")
pytest.importorskip("amaranth_boards")

from lifarray.hw.build import Build, Design  # noqa: E402

XC7 = """\
synth_xilinx -family xc7 -flatten -abc9 -nodsp -noiopad -noclkbuf -top top -run begin:map_memory
memory_libmap -lib +/xilinx/lutrams_xc5v.txt -lib {boards}/xc7_brams.txt
techmap -map +/xilinx/lutrams_xc5v_map.v
techmap -map {boards}/xc7_brams_map.v
synth_xilinx -family xc7 -flatten -abc9 -nodsp -noiopad -noclkbuf -top top -run map_ffram:
"""
ECP5 = "synth_ecp5 -abc9 -noiopad -top top\n"

SYNTHESIS = {"xc7": XC7, "ecp5": ECP5}


class OneMemory(wiring.Component):
    def __init__(self, depth, width, granularity):
        self._shape = depth, width, granularity
        address = range(depth)
        members = {"read_address": In(address), "read_enable": In(1), "read_data": Out(width)}
        members.update(write_address=In(address), write_data=In(width), write_enable=In(width // granularity))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        depth, width, granularity = self._shape
        m.submodules.memory = memory = Memory(shape=width, depth=depth, init=[])
        write, read = memory.write_port(granularity=granularity), memory.read_port(transparent_for=())
        m.d.comb += [write.addr.eq(self.write_address), write.data.eq(self.write_data), write.en.eq(self.write_enable)]
        m.d.comb += [read.addr.eq(self.read_address), read.en.eq(self.read_enable), self.read_data.eq(read.data)]
        return m


class TwoMultipliers(wiring.Component):
    def __init__(self):
        super().__init__({"a": In(16), "b": In(16), "signed_product": Out(32), "unsigned_product": Out(32)})

    def elaborate(self, platform):
        m = Module()
        a, b = Signal(16), Signal(16)
        m.d.sync += [a.eq(self.a), b.eq(self.b)]
        product = Signal(signed(32))
        m.d.comb += [product.eq(a.as_signed() * b.as_signed()), self.signed_product.eq(product), self.unsigned_product.eq(a * b)]
        return m


def synthesize(component, family, folder):
    from amaranth.back import rtlil

    import lifarray.hw.boards

    (folder / "top.il").write_text(rtlil.convert(component, name="top", emit_src=False))
    script = f"read_rtlil {folder}/top.il\n" + SYNTHESIS[family] + f"delete t:$scopeinfo\nwrite_json {folder}/top.json\n"
    (folder / "top.ys").write_text(script.format(boards=Path(lifarray.hw.boards.__file__).parent))
    ys.run_pass(f"tee -q script {folder}/top.ys", ys.Design())
    return folder / "top.json"


def simulate(path, family, test, env, folder):
    simulator = runner.icarus_of_system() or runner.find_simulator()
    build_dir = runner.build(NetlistFile(path, "top", family).verilog.read_text(), simulator)
    runner.run(build_dir, simulator, "lifarray.sim.tb_cells", folder, tests=[test], env={"LIFARRAY_SEED": "1", **env})


@pytest.mark.parametrize(
    "family, cell, depth, width, granularity",
    [
        ("xc7", "RAMB36E1", 512, 64, 64),
        ("xc7", "RAMB36E1", 512, 64, 8),
        ("xc7", "RAMB18E1", 512, 32, 8),
        ("xc7", "RAMB36E1", 4096, 8, 8),
        ("xc7", "RAMB18E1", 8192, 2, 2),
        ("ecp5", "DP16KD", 512, 36, 9),
        ("ecp5", "DP16KD", 4096, 8, 8),
        ("ecp5", "DP16KD", 2048, 9, 9),
        ("ecp5", "TRELLIS_DPR16X4", 16, 8, 8),
    ],
)
def test_memories(family, cell, depth, width, granularity, tmp_path):
    path = synthesize(OneMemory(depth, width, granularity), family, tmp_path)
    cells = json.loads(path.read_text())["modules"]["top"]["cells"].values()
    assert cell in {found["type"] for found in cells}, "the memory became something else"
    simulate(path, family, "memory", {"LIFARRAY_DEPTH": str(depth), "LIFARRAY_WIDTH": str(width), "LIFARRAY_GRANULARITY": str(granularity)}, tmp_path)


def test_multipliers(tmp_path):
    path = synthesize(TwoMultipliers(), "ecp5", tmp_path)
    assert "MULT18X18D" in path.read_text()
    simulate(path, "ecp5", "multiplier", {}, tmp_path)


def test_uses_without_a_model_are_refused(tmp_path):
    path = synthesize(OneMemory(512, 64, 64), "xc7", tmp_path)
    text = path.read_text()
    netlist = json.loads(text)
    for cell in netlist["modules"]["top"]["cells"].values():
        if cell["type"] == "RAMB36E1":
            cell["parameters"]["DOA_REG"] = "1"
    path.write_text(json.dumps(netlist))
    with pytest.raises(UserError, match="no model of DOA_REG = 1"):
        assert NetlistFile(path, "top", "xc7").verilog


def slow(test):
    """Minutes of synthesis and of compiling gates; on a busy machine, many."""
    return pytest.mark.long(pytest.mark.timeout(3600)(test))


@slow
@pytest.mark.parametrize("local_pages", [0, 3])
def test_a_small_network_on_the_netlist_of_a_pynq_z2(local_pages, tmp_path):
    design = Design("pynq-z2", SMALLEST.with_(local_pages=local_pages), 100_000_000)
    build = Build(design, tmp_path)
    assert build.netlist.counts["PS7"] == 1
    assert check_netlist(build.netlist_path, design)


@slow
def test_the_usual_ulx3s_reaches_its_clock(tmp_path):
    board = BOARDS["ulx3s-85f"]
    build = Build(Design("ulx3s-85f", CONFIGS[board.config].with_(local_pages=board.local_pages), board.clock_hz), tmp_path)
    assert build.place_and_route().fmax_hz >= board.clock_hz
