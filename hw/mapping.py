"""How large a core is on an FPGA of the 7 series, as yosys maps it.

``python -m lifarray.hw.mapping`` measures the cores anew to which the formulas of `lifarray.golden.resources` are fitted.
"""

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from amaranth.back.rtlil import convert

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import ToolError, need
from lifarray.golden.files import whole_file
from lifarray.golden.progress import progress
from lifarray.golden.resources import MAPPED, Resources

from .core import LifCore
from .netlist import Netlist

PART = "xc7z020"
SYNTHESIS = "synth_xilinx -family xc7 -flatten -abc9 -nodsp -noclkbuf -noiopad -top core"


def map_core(config: CoreConfig) -> Resources:
    """Map a core. Takes minutes, and for hundreds of lanes gigabytes.

    Raises
    ------
    UserError
        pyosys is not installed.
    ToolError
        Yosys failed.
    """
    if find_spec("pyosys") is None:
        raise need("pyosys", "formal", "mapping a core")
    with tempfile.TemporaryDirectory(prefix="lifarray-") as temporary:
        folder = Path(temporary)
        (folder / "core.il").write_text(convert(LifCore(config), name="core", emit_src=False))
        (folder / "map.ys").write_text(f"read_rtlil core.il\n{SYNTHESIS}\nwrite_json core.json\n")
        command = [sys.executable, "-m", "lifarray.hw.yosys", "-q", "map.ys"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            raise ToolError(f"yosys failed on {config}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        found = Netlist(folder / "core.json", "core").resources(PART)
    return Resources(lut=found["LUT"], ff=found["FF"], bram=found["block RAM"], dsp=found["DSP"])


def renew():
    """Map the cores of `MAPPED` anew, each in minutes; the file is written after each."""
    cores = json.loads(MAPPED.read_text())
    for core in progress(cores, "cores"):
        found = map_core(CoreConfig(**core["config"]))
        core.update({"LUT": found.lut, "FF": found.ff, "block RAM": found.bram, "DSP": found.dsp})
        with whole_file(MAPPED) as part:
            part.write_text(json.dumps(cores, indent=1) + "\n")


if __name__ == "__main__":
    renew()
