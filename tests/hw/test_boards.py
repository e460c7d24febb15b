"""What the boards' top levels join, read from them before synthesis."""

import json

import pytest

from ..smallest_core import SMALLEST

ys = pytest.importorskip("pyosys.libyosys", reason="pyosys is not installed: no design is flattened")
pytest.importorskip("amaranth_boards")

from lifarray.hw.boards import make_platform, make_top  # noqa: E402


def flattened(board, config, folder):
    """The module of a board's top level, as yosys' JSON has it: nets that are joined have one number, constants are texts."""
    plan = make_platform(board).build(make_top(board, config), "top", do_build=False, emit_src=False)
    (folder / "top.il").write_text(plan.files["top.il"])
    (folder / "top.ys").write_text(f"read_rtlil {folder}/top.il\nproc\nflatten\nwrite_json {folder}/top.json\n")
    ys.run_pass(f"tee -q script {folder}/top.ys", ys.Design())
    return json.loads((folder / "top.json").read_text())["modules"]["top"]


@pytest.mark.parametrize("board, local_pages", [("pynq-z2", 0), ("pynq-z2", 3), ("ulx3s-85f", 3)])
def test_the_interrupt_arrives(board, local_pages, tmp_path):
    """At LED 1, and at the processor, of whose interrupts it is the first."""
    module = flattened(board, SMALLEST.with_(local_pages=local_pages), tmp_path)
    nets, cells = module["netnames"], list(module["cells"].values())
    registers = {net["bits"][0] for name, net in nets.items() if name.endswith(("registers.irq_status_done", "registers.irq_enable_done"))}
    pins = [cell["connections"] for cell in cells]
    [irq] = [cell["Y"] for cell in pins if {*cell.get("A", ()), *cell.get("B", ())} == registers]
    assert [cell["I"] for cell in pins if cell.get("O") == nets["led_1__io"]["bits"]] == [irq]
    of_processor = [cell["connections"]["IRQF2P"] for cell in cells if cell["type"] == "PS7"]
    assert of_processor == ([irq + ["0"] * 19] if "pynq" in board else [])
