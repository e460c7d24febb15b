"""From a configuration to a bitstream, in steps that run again only if something changed.

The steps are those of Amaranth's build plan for the board; this runs them one by one, and looks at what they made.
"""

import fcntl
import json
import os
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

from lifarray.golden.boards import BOARDS, Board
from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import UserError
from lifarray.golden.registers import MAP_HASH

from .boards import make_platform, make_top
from .build_step import is_done, run_step
from .netlist import Netlist, check_budget
from .timing import Timing, modules_of, read_timing
from .tools import OPENXC7_TOOLS, BuildError, Tool, find_openxc7, pip_tool

# nextpnr-ecp5's resources, by the name they have in `Board.capacity`.
_ECP5_USED = {"LUT": "TRELLIS_COMB", "FF": "TRELLIS_FF", "block RAM": "DP16KD", "DSP": "MULT18X18D"}


ECP5_OPTIONS = {
    "script_after_read": "\n".join(
        (
            # No memory of the data path, and no local one, is read where it is just written, unless what is read does not matter.
            # Else yosys adds logic after each block RAM, since an ECP5's does not keep the old word for the reader.
            "setparam -set COLLISION_X_MASK 1'1 *.path.*/t:$memrd_v2 *.memory.bank*/t:$memrd_v2 %u r:CLK_ENABLE=1 %i",
            # Signals that are to be kept are registers in several copies; yosys merges them unless their cells are kept.
            "setattr -set keep 1 a:keep=1 %ci1 t:$dff* %i",
        )
    ),
    "synth_opts": "-abc9",
    "script_after_synth": "delete t:$scopeinfo",
    # Whether the clock is reached is for us to say. The usual placer's wires were longer by a fifth, and took twice as long to route.
    "nextpnr_opts": "--timing-allow-fail --placer static",
}
"""For Amaranth's templates."""

CLOCK_TOLERANCE_HZ = 10_000
"""nextpnr prints hundredths of a MHz."""


@dataclass(frozen=True)
class Design:
    """What is built.

    Parameters
    ----------
    board_name : str
        Of `BOARDS`.
    config : CoreConfig
        With ``local_pages`` above 0 for a local memory.
    clock_hz : int
    seed : int
        Of place and route, whose luck decides over some of the clock. 1 is nextpnr's own.
    """

    board_name: str
    config: CoreConfig
    clock_hz: int
    seed: int = 1

    @property
    def board(self) -> Board:
        return BOARDS[self.board_name]

    @property
    def memory(self) -> str:
        return "local" if self.config.local_pages else "ddr"

    @property
    def name(self) -> str:
        """Of the files: the board, and the memory where it is not the usual one."""
        other = "" if self.memory == self.board.memories[0] else f"-{self.memory}"
        return f"lifarray-{self.board_name}{other}"

    @property
    def top(self) -> str:
        return self.name.replace("-", "_")

    @property
    def is_xc7(self) -> bool:
        return self.board.part.startswith("xc7")


class Build:
    """The steps of one design.

    Parameters
    ----------
    design : Design
    folder : path
        For what the steps make, and their logs; it is made.
    report : function of str
        Told which step begins, and that one was skipped.

    The steps are for a `with` block of `held`.
    """

    def __init__(self, design: Design, folder, report=lambda text: None):
        self.design = design
        self.folder = Path(folder)
        self._report = report
        self.versions = {"lifarray": metadata.version("lifarray"), "amaranth": metadata.version("amaranth")}

    @contextmanager
    def held(self):
        """Holds the folder, so that no other build works in it, until the block or the process ends.

        Raises
        ------
        UserError
            Another one holds it; or the file system refuses something, as where a disk is full.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                self._lock(descriptor)
                yield
            finally:
                with suppress(OSError):
                    self.folder.rmdir()     # if the design failed before its first file
                os.close(descriptor)
        except BrokenPipeError:     # of who reads what is printed
            raise
        except OSError as error:
            what = f"{error.strerror or error}: {str(error.filename or self.folder)!r}"
            raise UserError(f"the build cannot go on: {what}; put that right, or choose another place with --out") from None

    def _lock(self, descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another build works in {str(self.folder)!r}: wait for its end, or choose another place with --out") from None
        except OSError:     # some network shares have no locks
            pass

    @cached_property
    def _plan(self):
        """Amaranth's plan, its files in the folder, and the commands in it."""
        self._report("elaborate the design")
        platform = make_platform(self.design.board_name, self.design.clock_hz)
        options = {"nextpnr_opts": f"--seed {self.design.seed}"}
        if not self.design.is_xc7:
            options = {**ECP5_OPTIONS, "nextpnr_opts": f"{ECP5_OPTIONS['nextpnr_opts']} {options['nextpnr_opts']}"}
        plan = platform.build(make_top(self.design.board_name, self.design.config), self.design.top, do_build=False, emit_src=False, **options)
        for name, content in plan.files.items():
            (self.folder / name).write_text(content)
        self._available = set(plan.files)
        return plan, json.loads(plan.files[f"build_{self.design.top}.json"])["commands"]

    @cached_property
    def modules(self) -> list:
        """Paths of the design's modules."""
        return modules_of(self._plan[0].files[f"{self.design.top}.il"], self.design.top)

    def _run(self, step: str, tool_name: str, tool: Tool, variables=None, arguments=None):
        """A step of the plan, or one of our own if there are ``arguments``."""
        if arguments is None:
            arguments = self._arguments(tool_name)
        self.versions[tool_name] = tool.version
        self._report(f"{step} ({tool_name})")
        begin = time.monotonic()
        ran, outputs = run_step(self.folder, step, tool, arguments, self._available, variables)
        self._available |= set(outputs)
        # Some tools have a log of their own, with more in it.
        log = self.folder / next((path for path in outputs if path.endswith((".rpt", ".tim"))), f"{step}.log")
        self._report(f"{step}: {time.monotonic() - begin:.0f} s, log {log}" if ran else f"{step}: nothing changed since it last ran")

    def _arguments(self, tool_name):
        """Those that the plan calls a tool with."""
        [arguments] = [command[1:] for command in self._plan[1] if command[0] == tool_name]
        return arguments

    @cached_property
    def netlist(self) -> Netlist:
        """Synthesized, checked, and within the board's budget as far as it is known by now.

        Raises
        ------
        BuildError
        """
        self._run("synthesis", "yosys", pip_tool("yosys"))
        netlist = Netlist(self.netlist_path, self.design.top)
        if self.design.is_xc7:
            netlist.check_xc7()
        check_budget(self.design.board, netlist.resources(self.design.board.part))
        return netlist

    @property
    def netlist_path(self) -> Path:
        return self.folder / f"{self.design.top}.json"

    @property
    def bitstream_path(self) -> Path:
        return self.folder / f"{self.design.top}.bit"

    def place_and_route(self, openxc7=None) -> Timing:
        """Place, route and pack; the bitstream is at `bitstream_path`.

        Raises
        ------
        BuildError
            A tool failed, or the design is too slow or too large.
        MissingTools
            openXC7 is needed, and not there.
        """
        if self.design.is_xc7:
            self._xc7(find_openxc7(openxc7))
        else:
            self._ecp5()
        return self.timing

    def _xc7(self, found):
        self.netlist  # noqa: B018
        variables = {"CHIPDB_DIR": found.chipdb_dir, "PRJXRAY_DB_DIR": found.database_dir}
        for step, tool_name in zip(("place-and-route", "frames", "bitstream"), OPENXC7_TOOLS):
            self._run(step, tool_name, found.tools[tool_name], variables)
            if step == "place-and-route":
                self.check_timing()

    def _ecp5(self):
        self.netlist  # noqa: B018
        self._run("place-and-route", "nextpnr-ecp5", pip_tool("nextpnr-ecp5"))
        self.check_timing()
        self._run("bitstream", "ecppack", pip_tool("ecppack"))
        try:
            self._check_bitstream()
        except BaseException:
            self.bitstream_path.unlink()    # who finds it would take it for a good one
            raise

    def check_timing(self):
        """Raise BuildError unless place and route has reached the design's clock, within the board's budget.

        Not left to nextpnr: it tells less of a clock that is missed, and nothing of one that it was not told of.
        """
        timing = self.timing
        if timing is None or abs(timing.wanted_hz - self.design.clock_hz) > CLOCK_TOLERANCE_HZ:
            raise BuildError(f"place and route did not take the clock of {self.design.clock_hz / 1e6:g} MHz for its goal; see {self._timing_log}")
        if timing.fmax_hz < self.design.clock_hz:
            reached = f"the design reaches {timing.fmax_hz / 1e6:.1f} MHz of {self.design.clock_hz / 1e6:g} with --seed {self.design.seed}"
            raise BuildError(f"{reached}, perhaps more with another: {describe_path(timing)}")
        check_budget(self.design.board, self.resources)

    def _check_bitstream(self):
        """Unpack the bitstream and pack it again: the same bytes, or it is not whole."""
        unpacked, again = f"{self.design.top}.unpacked", f"{self.design.top}.again.bit"
        self._run("unpack", "ecpunpack", pip_tool("ecpunpack"), arguments=["--input", self.bitstream_path.name, "--textcfg", unpacked])
        self._run("pack-again", "ecppack", pip_tool("ecppack"), arguments=["--compress", "--input", unpacked, "--bit", again])
        if (self.folder / again).read_bytes() != self.bitstream_path.read_bytes():
            raise BuildError(f"{self.bitstream_path} does not unpack to what was packed; see {self.folder / 'unpack.log'}")

    @property
    def _timing_log(self):
        return self.folder / f"{self.design.top}.tim"

    @property
    def timing(self) -> "Timing | None":
        """What place and route found; None where it has not run on this netlist, for this clock and with this seed."""
        tool_name = OPENXC7_TOOLS[0] if self.design.is_xc7 else "nextpnr-ecp5"
        if not is_done(self.folder, "place-and-route", self._arguments(tool_name)):
            return None
        return read_timing(self._timing_log, self.modules)

    @property
    def resources(self) -> dict:
        """Resources by the names of `Board.capacity`: those that were placed, else those in the netlist."""
        timing = self.timing
        if timing and not self.design.is_xc7:
            return {name: timing.used[used] for name, used in _ECP5_USED.items()}
        return self.netlist.resources(self.design.board.part)

    def manifest(self, **more) -> dict:
        """What the bitstream is, for who finds it later; ``more`` is put in too."""
        timing = self.timing
        return {
            "name": self.design.name,
            "board": self.design.board_name,
            "part": self.design.board.part,
            "memory": self.design.memory,
            "config": asdict(self.design.config),
            "clock_hz": self.design.clock_hz,
            "seed": self.design.seed,
            "fmax_hz": timing and round(timing.fmax_hz),
            "map_hash": f"{MAP_HASH:#010x}",
            "resources": self.resources,
            "versions": self.versions,
            **more,
        }

    def clean(self):
        """Forget all steps."""
        shutil.rmtree(self.folder, ignore_errors=True)


def describe_path(timing: Timing) -> str:
    """The critical path in a line."""
    steps = ", ".join(f"{module or 'top'} {delay:.1f} ns" for module, delay in timing.path)
    return f"critical path {steps}" if steps else "the log has no critical path"


def board_verilog(board: str, config: CoreConfig) -> str:
    """The top level of a PYNQ board as Verilog for the vendor's tools, module ``lifarray``."""
    plan = make_platform(board, toolchain="Vivado").build(make_top(board, config), "lifarray", do_build=False, emit_src=False)
    return plan.files["lifarray.v"]
