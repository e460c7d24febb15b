"""From a `Bench` to an answer: Amaranth, then yosys (pyosys) to an and-inverter graph, then ABC."""

import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from amaranth.back import rtlil

from lifarray.golden.errors import ToolError

from .bench import Bench

SYNTHESIS = """\
read_rtlil {name}.il
hierarchy -top proof
proc
flatten
memory -nordff -nomap
memory_map
opt -fast -full
techmap
opt -fast
dffunmap
setundef -anyseq
aigmap
clean
write_aiger -miter -I -zinit -no-startoffset -map {name}.aim {name}.aig
write_rtlil {name}-flat.il
"""

REPLAY = """\
read_rtlil {name}-flat.il
sim -r {name}.aiw -map {name}.aim -clock clk -vcd {name}.vcd -q proof
"""

SEARCH_CYCLES = 25
"""How far to look for a counterexample where induction fails."""

NO_TRACE = "No output asserted|Explored all reachable states"
"""What ABC says where a bounded search finds nothing."""

RUN_SCRIPT = "import sys; from pyosys import libyosys as ys; ys.run_pass('script ' + sys.argv[1], ys.Design())"


@dataclass
class Outcome:
    """What became of a proof.

    Members
    -------
    result : "proved", "failed" or "undecided"
    failed : name of the check that fails, or None
    cycles : length of the counterexample, or None
    trace : Path of the counterexample, a VCD file, or None
    reached : {cover: cycles of its shortest trace, None where none was found}
    seconds : float
    """

    result: str
    failed: str | None = None
    cycles: int | None = None
    trace: Path | None = None
    reached: dict = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def n_reached(self) -> int:
        return sum(cycles is not None for cycles in self.reached.values())

    @property
    def ok(self) -> bool:
        """Proved, and not vacuously."""
        return self.result == "proved" and None not in self.reached.values()


class Engine:
    """Runs proofs in a folder, which must exist and is left full of files.

    Parameters
    ----------
    folder : Path
    timeout_s : float
        For each call of a solver.
    """

    def __init__(self, folder, timeout_s=600.0):
        self._folder = Path(folder)
        self._timeout_s = timeout_s

    def prove(self, name, build, method="induction", cycles=1, cover_cycles=40) -> Outcome:
        """Prove all checks that ``build(bench)`` makes, together, and reach all covers.

        Parameters
        ----------
        name : str, of the files
        build : function of a `Bench`
        method : str
            "induction": if the checks hold for ``cycles`` cycles, from whatever state, then also in
            the next; and they hold for as many from the initial state. "pdr": ABC's property directed
            reachability finds an invariant. Both without a bound. "bounded": no trace of ``cycles``
            cycles breaks a check.
        """
        began = time.monotonic()
        checks = self._synthesize(name, build, "fails")
        steps = {
            # ABC counts the frame in which the claim is made, too.
            "induction": (f"ind -F {cycles + 1}", "Networks are equivalent"),
            "pdr": ("pdr", "Property proved"),
            "bounded": (f"bmc3 -F {cycles}", NO_TRACE),
        }
        commands, success = steps[method]
        text = self._abc(f"read_aiger {name}.aig; orpos; scleanup; {commands}", f"{name}-{method}")
        proved = re.search(success, text) is not None
        if method == "induction":
            base = cycles + 1 if proved else SEARCH_CYCLES
            text = self._abc(f"read_aiger {name}.aig; orpos; bmc3 -F {base}", f"{name}-base")
            proved = proved and re.search(NO_TRACE, text) is not None
        frame = _frame(text)
        if frame is not None:
            outcome = self._counterexample(name, checks, frame + 1)
        elif proved:
            outcome = Outcome("proved", reached=self._covers(f"{name}-covers", build, cover_cycles))
        else:
            outcome = Outcome("undecided")
        outcome.seconds = time.monotonic() - began
        return outcome

    def _counterexample(self, name, checks, cycles):
        """The shortest trace to a failing check."""
        text = self._abc(f"read_aiger {name}.aig; bmc3 -F {cycles}; write_cex -a {name}.aiw", f"{name}-trace")
        failed = checks[int(re.search(r"Output (\d+) of miter", text)[1])]
        return Outcome("failed", failed, _frame(text) + 1, trace=self._replay(name))

    def _covers(self, name, build, cycles):
        """{cover: cycles of the shortest trace to it}, each replayed as a VCD file."""
        reached = {}
        for i, cover in enumerate(self._synthesize(name, build, "reaches")):
            text = self._abc(f"read_aiger {name}.aig; cone -a -O {i}; bmc3 -F {cycles}; write_cex -a {name}.aiw", f"{name}-{cover}")
            frame = _frame(text)
            reached[cover] = None if frame is None else frame + 1
        return reached

    def _synthesize(self, name, build, outputs):
        """Make ``name``.aig, of whose outputs it returns the names, in order."""
        bench = Bench()
        build(bench)
        module, inputs, signals = bench.finish(outputs)
        self._write(f"{name}.il", rtlil.convert(module, name="proof", ports=[*inputs, *signals.values()], emit_src=False))
        self._yosys(name, SYNTHESIS.format(name=name))
        # Outputs keep the order of the ports; the map leaves out those that became constants.
        mapped = re.findall(r"^output (\d+) 0 (\S+)$", (self._folder / f"{name}.aim").read_text(), re.MULTILINE)
        ports = [signal.name for signal in signals.values()]
        if any(ports[int(i)] != port for i, port in mapped):
            raise RuntimeError(f"yosys reordered the outputs of {name}")
        return list(signals)

    def _replay(self, name):
        """Turn the witness ``name``.aiw into a VCD file."""
        self._yosys(f"{name}-replay", REPLAY.format(name=name))
        return self._folder / f"{name}.vcd"

    def _yosys(self, name, script):
        """Run a yosys script in a process of its own: yosys ends the process at an error."""
        self._write(f"{name}.ys", script)
        try:
            self._run([sys.executable, "-c", RUN_SCRIPT, f"{name}.ys"], f"{name}.log")
        except subprocess.TimeoutExpired:
            # What it should have written may be there of an earlier run.
            raise ToolError(f"yosys did not end {name}.ys within {self._timeout_s:g} s") from None

    def _abc(self, commands, name):
        executable = Path(find_spec("pyosys").origin).parent / "yosys-abc"
        try:
            return self._run([str(executable), "-c", commands], f"{name}.log")
        except subprocess.TimeoutExpired as expired:
            return (expired.stdout or b"").decode()

    def _run(self, command, log):
        done = subprocess.run(command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=self._timeout_s)
        self._write(log, done.stdout)
        if done.returncode:
            tail = "\n".join(done.stdout.splitlines()[-15:])
            raise ToolError(f"{Path(command[0]).name} failed in {log}, which ends with\n{tail}")
        return done.stdout

    def _write(self, name, text):
        (self._folder / name).write_text(text)


def _frame(text):
    """Frame of the first asserted output in ABC's answer, or None."""
    found = re.search(r"asserted in frame (\d+)", text)
    return None if found is None else int(found[1])
