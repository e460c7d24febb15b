"""Burst kinds of GP0, and the pins of the PS7."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from amaranth.sim import Simulator

from lifarray.hw.axi3_bridge import Axi3Bridge


@pytest.mark.parametrize(
    "kind, size, first, length, expected",
    [
        (1, 2, 0x100, 4, [0x100, 0x104, 0x108, 0x10C]),
        (0, 2, 0x100, 3, [0x100, 0x100, 0x100]),
        (2, 2, 0x108, 4, [0x108, 0x10C, 0x100, 0x104]),
        (1, 1, 0x102, 4, [0x100, 0x104, 0x104, 0x108]),
        (2, 0, 0x107, 4, [0x104, 0x104, 0x104, 0x104]),
        (1, 2, 0xFFC, 2, [0xFFC, 0x1000]),
    ],
)
@pytest.mark.parametrize("way", ["aw", "ar"])
def test_addresses_of_bursts(way, kind, size, first, length, expected):
    """AMBA AXI, section A3.4.1: fixed, incrementing, wrapping; words are what AXI4-Lite addresses."""
    dut = Axi3Bridge(12, 21)
    seen = []

    async def bench(ctx):
        bus, lite = dut.axi3, dut.lite
        for name, value in (("id", 0x5A5), ("addr", first), ("len", length - 1), ("size", size), ("burst", kind), ("valid", 1)):
            ctx.set(getattr(bus, f"{way}{name}"), value)
        await ctx.tick().until(getattr(bus, f"{way}ready"))
        ctx.set(getattr(bus, f"{way}valid"), 0)
        for channel in ("wvalid", "bready", "rready"):
            ctx.set(getattr(bus, channel), 1)
        for signal in (lite.awready, lite.wready, lite.arready):
            ctx.set(signal, 1)
        answer = lite.bvalid if way == "aw" else lite.rvalid
        for _ in range(20 * length):
            if ctx.get(getattr(lite, f"{way}valid")):
                seen.append(ctx.get(getattr(lite, f"{way}addr")))
                ctx.set(answer, 1)
            valid, identity = (bus.bvalid, bus.bid) if way == "aw" else (bus.rvalid, bus.rid)
            if ctx.get(valid):
                assert ctx.get(identity) == 0x5A5
                if way == "ar":
                    assert ctx.get(bus.rlast) == (len(seen) == length)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == expected


def test_ps7_pins_are_those_of_the_ps7():
    """Names, directions and widths, against yosys' declaration of the cell."""
    if find_spec("pyosys") is None:
        pytest.skip("pyosys is not installed")
    from amaranth.back import rtlil

    from lifarray.hw.ps7 import ProcessingSystem

    text = (Path(find_spec("pyosys").origin).parent / "share" / "xilinx" / "cells_xtra.v").read_text()
    module = text[text.index("module PS7") :]
    declared = re.findall(r"^\s*(input|output) (?:\[(\d+):0\] )?(\w+);", module[: module.index("endmodule")], re.M)
    pins = {name: int(high or 0) + 1 for _, high, name in declared}

    il = rtlil.convert(_in_domain(ProcessingSystem(2)), name="top", emit_src=False, ports=[])
    cell = il[il.index("cell \\PS7") :]
    connected = re.findall(r"connect \\(\w+) (.+)$", cell[: cell.index("\n  end")], re.M)
    widths = {name: int(width) for width, name in re.findall(r"wire width (\d+) .*?(\\\S+)$", il, re.M)}
    assert {"FCLKCLK", "FCLKRESETN", "IRQF2P", "MAXIGP0ARADDR", "SAXIHP0WDATA", "SAXIHP2ARVALID"} <= {name for name, _ in connected}
    for name, value in connected:
        assert name in pins, name
        found = re.fullmatch(r"(\\\S+)", value.strip())
        if found:
            assert widths.get(found[1], 1) == pins[name], name


def _in_domain(component):
    from amaranth.hdl import ClockDomain, Module

    m = Module()
    m.domains.sync = ClockDomain()
    m.submodules.ps = component
    return m
