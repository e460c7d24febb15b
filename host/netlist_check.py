"""A small network on a netlist: what must be right before a bitstream of it is called good."""

import hashlib
import sys
from importlib import metadata

from ..golden.registers import BY_NAME, PAGE_BITS
from ..golden.serial_frame import BAUD
from . import selftest
from .board_errors import SelfTestError
from .core_control import CoreControl
from .devices.local_memory import LocalMemory
from .devices.serial_device import SerialDevice
from .devices.serial_link import SerialLink
from .lazy import load_netlist_simulation

TIMEOUT_SECONDS = 0.01
"""In the simulated core's time."""

DDR_BASE = 0x0010_0000

PACKAGES = ("amaranth", "cocotb", "cocotbext-axi", "numpy", "pyosys")
"""That take part in the simulation."""


class _SimulatedDevice:
    """A simulated board as a device of `CoreControl`, without pynq."""

    def __init__(self, board):
        self.runner = board.simulator
        self.clock_hz = board.clock_hz
        self._board = board
        pages = board.config.local_pages
        if pages:
            self._memory = LocalMemory(pages, board.write_bytes, board.read_bytes)
        else:
            self._memory = LocalMemory(board.memory_bytes - DDR_BASE >> PAGE_BITS, board.store, board.fetch, DDR_BASE)
        self.allocate = self._memory.allocate
        self.download = board.reset

    def read(self, name):
        return self._board.read(BY_NAME[name].address)

    def write(self, name, value):
        self._board.write(BY_NAME[name].address, int(value))

    def sleep(self, seconds):
        self._board.sleep(max(1, round(seconds * self.clock_hz)))

    def now(self):
        return self._board.cycles_slept / self.clock_hz


def check_digest(path, design) -> str:
    """Stands for all that decides what `check_netlist` finds: netlist and design, our code, the simulator, Python and its packages."""
    sim = load_netlist_simulation()
    versions = [sys.version, *(f"{name} {metadata.version(name)}" for name in PACKAGES)]
    netlist = hashlib.sha256(path.read_bytes()).hexdigest()
    what = (netlist, design.config, design.clock_hz, sim.project_digest(), str(sim.find_simulator()), versions)
    return hashlib.sha256(repr(what).encode()).hexdigest()


def check_netlist(path, design) -> str:
    """Run the driver's selftest on a netlist: registers, windows, memory port, and a network, every spike compared.

    Then the interrupt of a Zynq's processor.

    Parameters
    ----------
    path : path
        JSON file of yosys.
    design : lifarray.hw.build.Design

    Returns
    -------
    str
        What ran it.

    Raises
    ------
    BoardError
        The netlist does something else than the integer model.
    """
    sim = load_netlist_simulation()
    netlist = sim.NetlistFile(path, design.top, "xc7" if design.is_xc7 else "ecp5")
    if design.is_xc7:
        simulated = sim.SimulatedBoard(design.config, netlist=netlist)
        device = _SimulatedDevice(simulated)
    else:
        simulated = sim.SimulatedPort.of_netlist(netlist, round(design.clock_hz / BAUD))
        device = SerialDevice(SerialLink(lambda: simulated, "simulated"), "netlist", simulated.clock_hz, simulated.sleep, simulated.now)
    try:
        selftest.run(CoreControl(device, TIMEOUT_SECONDS))
        if design.is_xc7:
            check_interrupt(simulated)
    finally:
        simulated.close()
    return simulated.simulator


def check_interrupt(board):
    """After a run: the line is high while its interrupt is enabled, and until it is cleared.

    Parameters
    ----------
    board : lifarray.sim.SimulatedBoard

    Raises
    ------
    SelfTestError
    """
    for name, value, wanted in (("IRQ_ENABLE", 0, 0), ("IRQ_ENABLE", 1, 1), ("IRQ_STATUS", 1, 0), ("IRQ_ENABLE", 0, 0)):
        board.write(BY_NAME[name].address, value)
        if board.irq != wanted:
            raise SelfTestError(f"the interrupt line is {board.irq} after {value} was written to {name}, must be {wanted}: suspect the wiring")
