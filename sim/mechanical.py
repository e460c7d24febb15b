"""Bugs that yosys makes in the netlist of a part: a bit inverted, stuck, or taken from another signal.

``mutate -list`` chooses the places, spread over the netlist. All mutations of a part go into one
design, in which an input says which of them acts, so that one build serves them all. One that the
part's bench does not notice is held against the original by ABC: if no input tells the two apart,
there is nothing to notice.
"""

import re
import subprocess
import sys
import tempfile
import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from amaranth.back import rtlil

from lifarray.golden.errors import ToolError, UserError, need

from . import runner
from .mutants import Mutant
from .units import UNITS
from .units.top import SideBySide
from .units.units import run_built

NETLIST_OF = "netlist of "

SELECT = "mutation"
"""Input that says which mutation acts; 0 is none."""

SELECT_BITS = 8

SEED = 1
"""Of the bench, as in the test suite."""

COUNTS = 3, 30
"""Of the bench: as in the test suite, and for what that does not notice."""

PROOF_S = 60
"""For a method of proof; four times as much for the whole, so that a part of large memories takes minutes at most."""

READ = """\
read_rtlil {il}
hierarchy -top top
proc
flatten
memory_collect
opt_expr
opt_clean
"""

LIST = "mutate -list {n} -seed {seed} -o {list}\n"

MITER = """\
delete -port top/o:* top/o:{outputs} %d
opt_clean
copy top changed
{mutation}
miter -equiv -flatten top changed miter
hierarchy -top miter
opt -fast
memory -nordff -nomap
memory_map
opt -fast -full
techmap
opt -fast
dffunmap
setundef -zero
aigmap
clean
write_aiger -zinit {aig}
"""


def _parts(unit):
    return {f"{unit}_{key}": UNITS[unit].component(variant) for key, variant in UNITS[unit].variants.items()}


def _yosys(folder, script, timeout=None):
    (folder / "script.ys").write_text(script)
    command = [sys.executable, "-m", "lifarray.hw.yosys", "-q", "-l", "log", "script.ys"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise ToolError(f"yosys failed: {done.stderr[-1000:] or (folder / 'log').read_text()[-1000:]}")


@cache
def _rtlil(unit) -> str:
    return rtlil.convert(SideBySide(_parts(unit)), name="top", emit_src=False)


@cache
def _mutations(unit, n, seed) -> tuple:
    """The first ``n`` commands by which yosys would change a part."""
    with tempfile.TemporaryDirectory(prefix="lifarray-") as folder:
        folder = Path(folder)
        (folder / "top.il").write_text(_rtlil(unit))
        _yosys(folder, READ.format(il="top.il") + LIST.format(n=n, seed=seed, list="list"))
        return tuple(line.strip() for line in (folder / "list").read_text().splitlines() if line.startswith("mutate"))


def mechanical(names, n, seed=0) -> list:
    """``n`` mutants of each part in ``names``, or of every part.

    Raises
    ------
    UserError
        There is no such part, pyosys is not installed, or ``n`` is too large.
    """
    if find_spec("pyosys") is None:
        raise need("pyosys", "formal", "changing netlists")
    unknown = [name for name in names if name not in UNITS]
    if unknown:
        raise UserError(f"unknown part {unknown[0]!r}: choose some of {', '.join(UNITS)}")
    if not 0 < n < 1 << SELECT_BITS:
        raise UserError(f"--mechanical {n}, must be 1 to {(1 << SELECT_BITS) - 1}")
    mutants = []
    for unit in names or UNITS:
        for k, command in enumerate(_mutations(unit, n, seed), 1):
            what = re.sub(r"-(module|src|wire|wirebit) \S+ ?", "", command.removeprefix("mutate ")).strip()
            mutants.append(Mutant(f"{unit}-{seed}-{k}of{n}", NETLIST_OF + unit, "", command, what))
    return mutants


def _place(mutant):
    """(unit, number, of how many, seed) of a mutant."""
    unit, seed, k, n = re.fullmatch(r"(.+)-(\d+)-(\d+)of(\d+)", mutant.name).groups()
    return unit, int(k), int(n), int(seed)


_building = threading.Lock()


@cache
def _verilog(unit, n, seed) -> str:
    """A part with all its mutations, and the input that chooses one."""
    with tempfile.TemporaryDirectory(prefix="lifarray-") as folder:
        folder = Path(folder)
        (folder / "top.il").write_text(_rtlil(unit))
        controlled = [f"{command} -ctrl {SELECT} {SELECT_BITS} {k}" for k, command in enumerate(_mutations(unit, n, seed), 1)]
        _yosys(folder, READ.format(il="top.il") + "\n".join(controlled) + "\nwrite_verilog -noattr top.v\n")
        return (folder / "top.v").read_text()


@cache
def _build(unit, n, seed, count):
    """(simulator, build folder) of a part with all its mutations, on which the bench passes while none acts."""
    simulator = runner.icarus_of_system() or runner.find_simulator()
    build_dir = runner.build(_verilog(unit, n, seed), simulator)
    run_built(build_dir, simulator, [unit], SEED, count, inputs={SELECT: 0})
    return simulator, build_dir


def is_noticed(mutant) -> bool:
    """Whether the part's bench fails with a mutation at work.

    Raises
    ------
    ToolError
        It fails without one.
    """
    unit, k, n, seed = _place(mutant)
    for count in COUNTS:
        with _building:
            simulator, build_dir = _build(unit, n, seed, count)
        try:
            run_built(build_dir, simulator, [unit], SEED, count, inputs={SELECT: k})
        except ToolError as error:
            if "tests failed" not in str(error):
                raise
            return True
    return False


def changes_nothing(mutant) -> bool:
    """Whether a proof says that a mutant is what it was."""
    unit = mutant.file.removeprefix(NETLIST_OF)
    abc = Path(find_spec("pyosys").origin).parent / "yosys-abc"
    with tempfile.TemporaryDirectory(prefix="lifarray-") as folder:
        folder = Path(folder)
        (folder / "top.il").write_text(_rtlil(unit))
        mutation = mutant.new.replace("-module top ", "-module changed ")
        # The other variants of the part are as they were.
        variant = re.search(rf"-cell \S*\\({unit}_\w+)\.", mutant.new)
        outputs = f"{variant[1]}_*" if variant else "*"
        miter = READ.format(il="top.il") + MITER.format(mutation=mutation, aig="miter.aig", outputs=outputs)
        # Registers that correspond, of tens of thousands, first: in most cases nothing is left then.
        commands = f"read_aiger miter.aig; strash; scleanup; lcorr; scorr; dprove; pdr -T {PROOF_S}"
        try:
            _yosys(folder, miter, timeout=4 * PROOF_S)
            done = subprocess.run([str(abc), "-c", commands], cwd=folder, capture_output=True, text=True, timeout=4 * PROOF_S)
        except subprocess.TimeoutExpired:
            return False
    return re.search(r"Networks are equivalent|\bUNSATISFIABLE|Property proved", done.stdout) is not None
