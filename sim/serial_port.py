"""A serial port with a simulated core at its other end: what `SerialLink` takes for one of pyserial's."""

from lifarray.golden.config import CoreConfig
from lifarray.hw.serial_core import SerialCore

from . import runner
from .netlist import NetlistFile, SerialNetlist
from .simulator_process import SimulatorProcess
from .testbench import CLOCK_NS
from .top import verilog

CYCLES_PER_BIT = 8
"""Of the simulated line: a tenth of a board's, so that a network is loaded ten times as fast."""

TIMEOUT_BITS = 3000
"""Longest wait for a byte: the core answers in less."""


class SimulatedPort:
    """The line to a `SerialCore` on a simulator.

    Parameters
    ----------
    config : CoreConfig
        With ``local_pages`` above 0.
    simulator : str
        "verilator" or "icarus"; by default the best at hand.

    Members
    -------
    clock_hz : int
    simulator : str
    sent, received : int, bytes so far
    """

    clock_hz = 1_000_000_000 // CLOCK_NS

    def __init__(self, config: CoreConfig, simulator: "str | None" = None):
        found = runner.find_simulator(simulator)
        self._open(found, runner.build(verilog(SerialCore(config, CYCLES_PER_BIT)), found), CYCLES_PER_BIT)

    @classmethod
    def of_netlist(cls, netlist: NetlistFile, cycles_per_bit: int, simulator: "str | None" = None) -> "SimulatedPort":
        """The line to the netlist of an `Ulx3sTop`, at the line speed that it was built for."""
        port = cls.__new__(cls)
        found = runner.find_simulator(simulator)
        top = verilog(SerialNetlist(netlist))
        port._open(found, runner.build(top, found, sources=[netlist.verilog], progress=True), cycles_per_bit)
        return port

    def _open(self, simulator, build_dir, cycles_per_bit):
        self.simulator = str(simulator)
        self._process = SimulatorProcess(build_dir, simulator, "lifarray.sim.serial_bench", {"LIFARRAY_BIT_NS": str(cycles_per_bit * CLOCK_NS)})
        self.sent = self.received = self._cycles = 0

    def write(self, data: bytes):
        self.sent += len(data)
        self._process.ask("send", data)

    def read(self, n_bytes: int) -> bytes:
        data = self._process.ask("receive", n_bytes, TIMEOUT_BITS + 20 * n_bytes)
        self.received += len(data)
        return data

    def reset_input_buffer(self):
        self._process.ask("discard")

    def sleep(self, seconds: float):
        """Let time pass for the core."""
        cycles = max(1, round(seconds * self.clock_hz))
        self._cycles += cycles
        self._process.ask("sleep", cycles)

    def now(self) -> float:
        """Seconds slept so far."""
        return self._cycles / self.clock_hz

    def set_noise(self, flip_share: float):
        """Flip a bit in that share of the bytes, both ways."""
        self._process.ask("noise", flip_share)

    def glitch(self, ns: int):
        """Pull the idle line down for so long."""
        self._process.ask("glitch", ns)

    def cut(self, cut: bool):
        """Cut the line, or mend it."""
        self._process.ask("cut", cut)

    def close(self):
        self._process.close()
