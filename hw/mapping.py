"""How large a core is on an FPGA of the 7 series, as yosys maps it."""

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from amaranth.back.rtlil import convert

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import need
from lifarray.golden.resources import Resources

from .core import LifCore

SYNTHESIS = "synth_xilinx -family xc7 -flatten -abc9 -nodsp -noclkbuf -noiopad -top core"

LUTS = {
    **{f"LUT{n}": 1 for n in range(1, 7)},
    "INV": 1,
    "SRL16E": 1,
    "SRLC32E": 1,
    "RAM32X1S": 1,
    "RAM32X1D": 2,
    "RAM32M": 4,
    "RAM64X1S": 1,
    "RAM64X1D": 2,
    "RAM64M": 4,
    "RAM128X1S": 2,
    "RAM128X1D": 4,
    "RAM256X1S": 4,
}
"""LUTs that a cell takes. Small ones that could share a LUT count as one each: placement pairs them."""

FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE")
BLOCK_RAMS = {"RAMB36E1": 1.0, "RAMB18E1": 0.5}
DSPS = ("DSP48E1",)

RUN_SCRIPT = """
import sys
from pyosys import libyosys as ys
design = ys.Design()
for command in sys.argv[1:]:
    ys.run_pass(command, design)
"""

def map_core(config: CoreConfig) -> Resources:
    """Map a core. Takes minutes, and for hundreds of lanes gigabytes.

    Raises
    ------
    UserError
        pyosys is not installed.
    RuntimeError
        Yosys failed.
    """
    if find_spec("pyosys") is None:
        raise need("pyosys", "formal", "mapping a core")
    with tempfile.TemporaryDirectory(prefix="lifarray-") as temporary:
        source, report = Path(temporary) / "core.il", Path(temporary) / "stat.json"
        source.write_text(convert(LifCore(config), name="core", emit_src=False))
        commands = [f"read_rtlil {source}", SYNTHESIS, f"tee -q -o {report} stat -json"]
        done = subprocess.run([sys.executable, "-c", RUN_SCRIPT, *commands], capture_output=True, text=True, cwd=temporary)
        if done.returncode:
            raise RuntimeError(f"yosys failed on {config}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return count(json.loads(report.read_text())["design"]["num_cells_by_type"])


def count(cells) -> Resources:
    """Resources of a mapped design, from how often each cell occurs."""
    return Resources(
        lut=sum(n * LUTS.get(name, 0) for name, n in cells.items()),
        ff=sum(cells.get(name, 0) for name in FLIP_FLOPS),
        bram=sum(cells.get(name, 0) * size for name, size in BLOCK_RAMS.items()),
        dsp=sum(cells.get(name, 0) for name in DSPS),
    )
