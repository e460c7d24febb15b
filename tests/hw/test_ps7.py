"""The pins of the PS7."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest


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
