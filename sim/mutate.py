"""Plant bugs and see that the suite notices: does a test exist for each mistake?"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lifarray.golden.errors import ToolError, UserError

from . import runner
from .mechanical import NETLIST_OF, changes_nothing, is_noticed, mechanical
from .mutants import MUTANTS, Mutant
from .sources import REPOSITORY

__all__ = ["Mutant", "Verdict", "check_list", "judge", "mechanical", "planted", "select", "stop"]

PACKAGES = ("golden", "hw", "sim", "host")

GOLDEN_TESTS = [f"tests/golden/test_{name}.py" for name in ("lif", "encode", "network", "registers", "program")]

UNITS = {
    "array": ["array"],
    "axi": ["reader", "writer"],
    "axi3_bridge": ["bridge"],
    "bits": ["window"],
    "fetch": ["scanner"],
    "fire": ["fire"],
    "lif": ["lif", "fire"],
    "lite_decoder": ["decoder"],
    "local_memory": ["memory"],
    "output": ["output", "fire"],
    "late_register": ["reader", "scanner"],
    "ram_fifo": ["reader", "scanner"],
    "reader": ["reader"],
    "register_slice": ["slice"],
    "registers": ["registers"],
    "rows": ["rows"],
    "sequencer": ["sequencer"],
    "serial_bridge": ["serial"],
    "store": ["rows"],
    "stream_register": ["slice", "rows", "scanner"],
    "stripes": ["stripes"],
    "uart": ["serial"],
    "window": ["window"],
    "windows": ["reader", "writer"],
    "address": ["reader", "writer", "scanner"],
    "writer": ["writer"],
}
"""Parts whose benches meet a bug in a file of ``hw/`` first."""

BOARDS = "tests/hw/test_boards.py"

WHOLE = {"serial_core": "tests/host/test_serial.py", "local_core": BOARDS, "ps7": BOARDS, "boards/zynq": BOARDS}
"""Files of ``hw/`` with tests of their own that put several parts together."""

PROVED = {name: name for name in ("array", "fire", "lif", "reader", "registers", "sequencer", "window", "writer")}
PROVED |= {"late_register": "ram", "ram_fifo": "ram", "stream_register": "stream"}
"""Files of ``hw/`` whose own proofs come next, and the groups of these."""

CORE = "tests/sim/test_core.py"

NO_TESTS = 5
"""Pytest's exit status where it selected no test, as where a simulator is not installed."""

TIMEOUT_S = 1800
"""For one test. Benches end by counting cycles; this is for a simulator that hangs, and for a busy machine."""

NOTICES = re.compile(r"^E\s+(AssertionError|assert |Failed: Timeout|.*: simulation of )", re.M)
"""What a test says that found a difference in the hardware; anything else is hardware that cannot be built."""

GRACE_S = 10
"""For tests that are stopped to end what they have begun."""


def stages(mutant: Mutant | None):
    """Arguments of pytest, quickest first; a mutant is done with at the first test that fails."""
    folder, _, name = (mutant.file if mutant else "").partition("/")
    part = name.removesuffix(".py")
    has_icarus = runner.icarus_of_system() is not None
    first = []
    if folder != "hw":
        first += GOLDEN_TESTS
    if part == "bits":
        first.append("tests/hw/test_bits.py")
    if has_icarus:
        first += [f"tests/sim/test_units.py::test_part[{unit}]" for unit in UNITS.get(part, ())] if folder == "hw" else []
    if folder == "hw" and part in PROVED and find_spec("pyosys") is not None:
        from .formal import PROOFS

        first += [f"tests/sim/test_formal.py::test_proof_holds[{proof.name}]" for proof in PROOFS if proof.group == PROVED[part] and proof.quick]
    if folder == "hw" and part in WHOLE:
        first.append(WHOLE[part])
    # Each call of pytest takes seconds to begin.
    if first:
        yield first
    if folder != "golden" and not has_icarus:
        yield ["tests/sim/test_units.py"]
    if has_icarus:
        yield [f"{CORE}::test_small_cores_cover_every_bin"]
    yield [CORE]


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Members
    -------
    mutant : Mutant
    killed_by : str or None
        The test that failed; None if all passed.
    seconds : float
    changes_nothing : bool
        No input tells it from the original, as was proved: no test can notice it.
    """

    mutant: Mutant
    killed_by: str | None
    seconds: float
    changes_nothing: bool = False

    @property
    def noticed(self) -> bool:
        return self.killed_by is not None or self.changes_nothing

    @property
    def fate(self) -> str:
        if self.changes_nothing:
            return "changes nothing, as is proved"
        return f"killed by {self.killed_by}" if self.killed_by else "SURVIVED"

    def as_dict(self) -> dict:
        """One line of a file of results."""
        fields = {**self.mutant._asdict(), "killed_by": self.killed_by, "seconds": round(self.seconds, 1)}
        return {**fields, "changes_nothing": True} if self.changes_nothing else fields

    @classmethod
    def from_dict(cls, fields: dict) -> "Verdict":
        """What `as_dict` made; raises KeyError or TypeError for anything else."""
        fields = dict(fields)
        verdict = {name: fields.pop(name) for name in ("killed_by", "seconds")}
        verdict["changes_nothing"] = fields.pop("changes_nothing", False)
        return cls(Mutant(**fields), **verdict)


def check_list(mutants):
    """Raise UserError unless each mutant's place is still there, once."""
    for mutant in mutants:
        found = (REPOSITORY / mutant.file).read_text().count(mutant.old)
        if found != 1:
            raise UserError(f"mutant {mutant.name!r}: its place stands {found} times in {mutant.file}, must be once: {mutant.old!r}")


def select(names=(), sample=0, seed=0):
    """Mutants by name, or ``sample`` of them at random, or all."""
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        raise UserError(f"unknown mutant {sorted(unknown)[0]!r}: see 'lifarray mutate --list'")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    if sample:
        places = np.random.default_rng(seed).choice(len(chosen), size=min(sample, len(chosen)), replace=False)
        chosen = [chosen[i] for i in sorted(places)]
    check_list(chosen)
    return chosen


@contextmanager
def planted(mutant: Mutant | None):
    """A copy of the project with one bug planted, or none: its folder, and the environment to run it in.

    Raises
    ------
    UserError
        The tests are not here: an installed package has none.
    """
    if not (REPOSITORY / "tests").is_dir():
        raise UserError("mutants are planted in a checkout of the project: this is an installed package")
    with tempfile.TemporaryDirectory(prefix="lifarray-mutant-") as temporary:
        root = Path(temporary)
        for package in PACKAGES:
            shutil.copytree(REPOSITORY / package, root / "lifarray" / package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(REPOSITORY / "tests", root / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "pyproject.toml", root)
        path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        if mutant:
            source = root / "lifarray" / mutant.file
            source.write_text(source.read_text().replace(mutant.old, mutant.new))
            if mutant.file.startswith("hw/"):
                # Nobody will ask for these builds again. A wrong model runs on those of the right core.
                environment["LIFARRAY_CACHE_DIR"] = str(root / "cache")
        yield root, environment


def judge(mutant: Mutant | None) -> Verdict:
    """Run the suite on a copy of the project with one bug planted, or none.

    Raises
    ------
    UserError
        See `planted`.
    ToolError
        The tests cannot be run, the one that failed does so without the bug, or hardware with the bug cannot be built.
    """
    begin = time.monotonic()
    if mutant and mutant.file.startswith(NETLIST_OF):
        unit = mutant.file.removeprefix(NETLIST_OF)
        if is_noticed(mutant):
            return Verdict(mutant, f"lifarray simulate {unit}", time.monotonic() - begin)
        return Verdict(mutant, None, time.monotonic() - begin, changes_nothing(mutant))
    with planted(mutant) as (root, environment):
        for stage in stages(mutant):
            code, output = _run_tests(stage, root, environment)
            if code not in (0, NO_TESTS):
                lines = [line for line in output.splitlines() if line.startswith(("FAILED tests", "ERROR tests"))]
                if not lines:
                    raise ToolError(f"the tests could not be run (exit {code}): {output[-1000:]}")
                test = lines[0].partition(" ")[2].partition(" - ")[0]
                if mutant and not _passes(test):
                    raise ToolError(f"{test} fails without a bug, too, and says nothing: {output[-1000:]}")
                if mutant and mutant.file.startswith("hw/") and not NOTICES.search(output):
                    raise ToolError(f"{mutant.name} cannot be built, which says nothing of the tests: {output[-1000:]}")
                return Verdict(mutant, test, time.monotonic() - begin)
    return Verdict(mutant, None, time.monotonic() - begin)


@cache
def _passes(test) -> bool:
    """Whether a test passes where nothing is planted."""
    with planted(None) as (root, environment):
        return _run_tests([test], root, environment)[0] == 0


def _run_tests(tests, root, environment):
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not long", "-o", f"timeout={TIMEOUT_S}"]
    return _run([sys.executable, "-m", "pytest", *options, *tests], cwd=root, env=environment)


_stopped = threading.Event()
_running = set()


def stop():
    """End what other threads are judging.

    Builds of a simulator are process groups of their own, which only the tests that began them can end: they are asked first.
    """
    _stopped.set()
    for process in list(_running):
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + GRACE_S
    while _running and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in list(_running):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _run(command, **options):
    """Exit status and output of a command, which `stop` ends."""
    if _stopped.is_set():
        raise ToolError("stopped")
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, **options
    )
    _running.add(process)
    try:
        output, _ = process.communicate()
    finally:
        _running.discard(process)
    if _stopped.is_set():
        raise ToolError("stopped")
    return process.returncode, output
