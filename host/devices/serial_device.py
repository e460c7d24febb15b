"""A core with local memory at the end of a serial line, as on the ULX3S."""

import time

from ...golden.boards import BOARDS
from ...golden.registers import BY_NAME, field_of
from ...golden.serial_frame import BAUD, MAX_WORDS, WORD_BYTES
from ..board_errors import NoBoardError
from .buffer import Buffer
from .local_memory import LocalMemory
from .serial_link import SerialLink

BOARD = "ulx3s-85f"

BITS_PER_BYTE = 10
TIMEOUT_SECONDS = 0.1 + 2 * MAX_WORDS * WORD_BYTES * BITS_PER_BYTE / BAUD
"""Longest wait for an answer: the longest one, all of its bytes escaped, and what USB adds."""


class SerialDevice:
    """A core behind a `SerialLink`.

    Parameters
    ----------
    link : SerialLink
    runner : str
    clock_hz : int
    sleep, now : functions of the time that the core lives in
    """

    def __init__(self, link: SerialLink, runner, clock_hz, sleep=time.sleep, now=time.monotonic):
        self.runner = runner
        self.clock_hz = clock_hz
        self.sleep = sleep
        self.now = now
        self.accesses = 0
        self.link = link
        self._memory = None

    def read(self, name: str) -> int:
        self.accesses += 1
        return int.from_bytes(self.link.read(BY_NAME[name].address, WORD_BYTES), "little")

    def write(self, name: str, value: int):
        self.accesses += 1
        self.link.write(BY_NAME[name].address, int(value).to_bytes(WORD_BYTES, "little"))

    def allocate(self, n_bytes: int) -> Buffer:
        """A buffer of at least ``n_bytes``.

        Raises
        ------
        OutOfMemoryError
        """
        if self._memory is None:
            self._memory = LocalMemory(field_of("CAPS3", self.read("CAPS3"), "local_pages"), self.link.write, self.link.read)
        return self._memory.allocate(n_bytes)

    def download(self):
        """Reset the core; its memory keeps its contents."""
        self.link.reset()

    def close(self):
        self.link.close()


def open_serial(port: "str | None" = None, clock_hz: "int | None" = None) -> SerialDevice:
    """The core on the serial port ``port``, or on the only one of an FTDI chip.

    Raises
    ------
    NoBoardError
        There is no such port, or pyserial is not installed.
    """
    try:
        import serial
        from serial.tools import list_ports
    except ImportError:
        raise NoBoardError("this device needs the Python package 'pyserial': pip install 'lifarray[serial]'") from None
    if port is None:
        port = _only_port(list_ports.comports())

    def open_port():
        return serial.Serial(port, BAUD, timeout=TIMEOUT_SECONDS, write_timeout=TIMEOUT_SECONDS, exclusive=True)

    try:
        link = SerialLink(open_port, port)
    except (OSError, ValueError) as error:
        raise NoBoardError(f"cannot open the serial port {port!r} ({error}): plug the board in, and see that you may use its port") from None
    return SerialDevice(link, f"core at {port}", clock_hz or BOARDS[BOARD].clock_hz)


FTDI = 0x0403
"""USB vendor of the serial chip on the ULX3S."""


def _only_port(ports):
    found = sorted(port.device for port in ports if port.vid == FTDI)
    if len(found) == 1:
        return found[0]
    what = f"there are {', '.join(found)}" if found else "no serial port of an FTDI chip is here"
    raise NoBoardError(f"{what}: plug the board in, and name its port (--port /dev/ttyUSB0)")
