"""A simulated board: the RTL of the core and its memory, for a program to use as it would use a real one."""

from pathlib import Path

import numpy as np

from lifarray.golden.config import CONFIGS, CoreConfig
from lifarray.golden.errors import UserError
from lifarray.hw.local_core import LocalCore

from . import runner
from .board_top import FAULTS, BoardTop
from .netlist import NETLIST_OPTIMIZE, NetlistFile, ZynqNetlist
from .simulator_process import SimulatorProcess
from .testbench import CLOCK_NS
from .top import verilog

STORAGE = Path(__file__).with_name("board_memory.v")

CLOCK_HZ = 1_000_000_000 // CLOCK_NS

MEMORY_BYTES = 32 << 20
"""Size of the simulated memory: one build serves all networks that fit."""


class SimulatedBoard:
    """The core on a simulator of its own; time passes for it only while it is asked for something.

    Parameters
    ----------
    config : CoreConfig
        By default ``CONFIGS["demo"]``.
    simulator : str
        "verilator" or "icarus"; by default the best at hand.
    netlist : NetlistFile
        Of a `ZynqTop` with that core, to simulate instead of its RTL.

    Members
    -------
    config : CoreConfig
    clock_hz : int
    simulator : str
    memory_bytes : int
    accesses : int, register reads and writes so far
    cycles_slept : int, clock cycles that passed in `sleep`
    """

    clock_hz = CLOCK_HZ
    memory_bytes = MEMORY_BYTES

    def __init__(self, config: "CoreConfig | None" = None, simulator: "str | None" = None, netlist: "NetlistFile | None" = None):
        self.config = config or CONFIGS["demo"]
        found = runner.find_simulator(simulator)
        self.simulator = str(found)
        self.accesses = 0
        self.cycles_slept = 0
        top, sources = ZynqNetlist(self.config, netlist) if netlist else None, [netlist.verilog] if netlist else []
        if not self.config.local_pages:
            top = BoardTop(self.config, MEMORY_BYTES, core=top)
            sources.append(STORAGE)
        optimize = NETLIST_OPTIMIZE if netlist else runner.OPTIMIZE
        build_dir = runner.build(verilog(top or LocalCore(self.config)), found, sources=sources, progress=True, optimize=optimize)
        self._simulator = SimulatorProcess(build_dir, found, "lifarray.sim.board_bench")
        self.folder = self._simulator.folder
        self._ask = self._simulator.ask

    def read(self, offset: int) -> int:
        """The register at a byte offset."""
        self.accesses += 1
        return self._ask("read", offset)

    def write(self, offset: int, value: int):
        """Write the register at a byte offset."""
        self.accesses += 1
        self._ask("write", offset, value)

    def read_bytes(self, offset: int, n_bytes: int) -> bytes:
        """What single reads of whole words would bring, in one go."""
        return self._ask("read_bytes", offset, n_bytes)

    def write_bytes(self, offset: int, data: bytes):
        """What single writes of whole words would do, in one go."""
        self._ask("write_bytes", offset, data)

    def store(self, address: int, data: bytes):
        """Put bytes into DDR. What the first and last word hold beside them stays."""
        beat_bytes = self.config.bus_bits // 8
        first, end = address - address % beat_bytes, -(-(address + len(data)) // beat_bytes) * beat_bytes
        if (first, end) != (address, address + len(data)):
            whole = bytearray(self.fetch(first, end - first))
            whole[address - first : address - first + len(data)] = data
            data = bytes(whole)
        beats = np.frombuffer(data, dtype=f"<u{beat_bytes}")
        text = f"@{first // beat_bytes:x}\n" + beats.astype(f">u{beat_bytes}").tobytes().hex("\n", beat_bytes)
        (self.folder / "load.hex").write_text(text + "\n")
        self._ask("load")

    def fetch(self, address: int, n_bytes: int) -> bytes:
        """Bytes of DDR."""
        beat_bytes = self.config.bus_bits // 8
        first, last = address // beat_bytes, (address + n_bytes - 1) // beat_bytes
        self._ask("dump", first, last)
        lines = (self.folder / "dump.hex").read_text().split("\n")
        digits = "".join(line for line in lines if line[:1] not in ("@", "/"))
        data = np.frombuffer(bytes.fromhex(digits), dtype=f">u{beat_bytes}").astype(f"<u{beat_bytes}").tobytes()
        return data[address - first * beat_bytes :][:n_bytes]

    @property
    def irq(self) -> int:
        """The interrupt line, 0 or 1."""
        return self._ask("irq")

    def sleep(self, cycles: int):
        """Let clock cycles pass."""
        self.cycles_slept += cycles
        self._ask("sleep", cycles)

    def reset(self):
        """Reset the core and its port, as a download of the bitstream does; memory keeps its contents."""
        self._ask("reset")

    def set_faults(self, *names):
        """Make the memory port fail as `FAULTS` says; without names it works again."""
        unknown = set(names) - set(FAULTS)
        if unknown:
            raise UserError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
        self._ask("faults", names)

    def close(self):
        """End the simulator."""
        self._simulator.close()
