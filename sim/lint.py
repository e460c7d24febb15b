"""Verilator's lint of what is synthesized: the core in every named configuration, and what boards put around it.

    python -m lifarray.sim.lint
    python -m lifarray.sim.lint small serial

``make lint`` runs it. ``lint.vlt`` says which warnings are waived, and why.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from lifarray.golden.config import CONFIGS
from lifarray.golden.errors import ToolError, UserError
from lifarray.golden.progress import progress
from lifarray.hw.core import LifCore
from lifarray.hw.serial_core import SerialCore

from . import runner
from .memory_top import MemoryOnAxi4
from .top import verilog

WAIVERS = Path(__file__).with_name("lint.vlt")

DESIGNS = {
    **{name: lambda config=config: LifCore(config) for name, config in CONFIGS.items()},
    # Serial line, decoder, local memory; register slices and the bridge from AXI3.
    "serial": lambda: SerialCore(CONFIGS["small"].with_(local_pages=3), 8),
    "memory": lambda: MemoryOnAxi4(9),
}


def lint(text: str, waivers: Path = WAIVERS) -> str:
    """What Verilator says about Verilog whose top module is ``top``; empty if nothing.

    Raises
    ------
    UserError
        There is no Verilator.
    """
    simulator = runner.find_simulator("verilator")
    path = os.pathsep.join(filter(None, (simulator.bin_dir and str(simulator.bin_dir), os.environ.get("PATH", os.defpath))))
    with tempfile.TemporaryDirectory(prefix="lifarray-lint-") as folder:
        source = Path(folder) / f"{runner.TOP}.v"
        source.write_text(text)
        command = [shutil.which("verilator", path=path), "--lint-only", "-Wall", "--top-module", runner.TOP, str(waivers), source.name]
        done = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    if done.returncode and not done.stderr:
        raise ToolError(f"Verilator ended with {done.returncode}")
    return done.stderr


def lint_design(name: str) -> str:
    return lint(verilog(DESIGNS[name]()))


def main(names):
    unknown = [name for name in names if name not in DESIGNS]
    if unknown:
        raise UserError(f"unknown design {unknown[0]!r}: choose some of {', '.join(DESIGNS)}")
    chosen = list(names or DESIGNS)
    wrong = False
    # Most of the time goes into making the Verilog.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for name, said in zip(chosen, progress(pool.map(lint_design, chosen), "Verilator's lint", total=len(chosen))):
            if said:
                wrong = True
                print(f"{name}:\n{said}")
    return int(wrong)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (UserError, ToolError) as error:
        sys.exit(f"lifarray: {error}")
