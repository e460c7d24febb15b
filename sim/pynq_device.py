"""The simulated board as a device of pynq: `Overlay`, `MMIO`, `allocate` and `Clocks` work on it unchanged.

Buffers are shadows, as on the board: the core sees what was flushed, the program what was invalidated.
"""

import ctypes
import struct
from pathlib import Path

import numpy as np
from pynq import ps
from pynq.buffer import PynqBuffer
from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
from pynq.pl_server.device import Device
from pynq.ps import ZYNQ_ARCH, Clocks
from pynqmetadata.frontends import Metadata

from .board import SimulatedBoard

BITSTREAM_TEXT = "stand-in for a bitstream: a simulated board needs none\n"
"""What `stand_in` writes and `SimulatedDevice.download` accepts."""

PAGE = 4096
CMA_BASE = 0x0010_0000
"""Where the simulated board's buffers begin."""

CMA_BYTES = 16 << 20
"""Memory for buffers, unless a test wants less. A PYNQ-Z2 has 128 MB."""

SLCR_BASE, SLCR_BYTES = 0xF800_0000, 0x200
"""The PS's clock registers (UG585, appendix B.28), as far as pynq's `Clocks` goes."""

SLCR_RESET = {
    # PLLs at 20 times 50 MHz, and FCLK0 to 3 at 1000 / (10 * 1) MHz.
    **{SLCR_BASE + offset: 20 << 12 for offset in (0x100, 0x104, 0x108)},
    **{SLCR_BASE + offset: 1 << 20 | 10 << 8 for offset in (0x170, 0x180, 0x190, 0x1A0)},
}


class SimulatedDevice(Device):
    """A pynq device whose programmable logic is simulated RTL.

    Parameters
    ----------
    board : SimulatedBoard
    register_base : int
        Where the program finds the core's registers.
    register_bytes : int
    cma_bytes : int
        Memory for buffers, at most `CMA_BYTES`.

    Members
    -------
    cma_bytes : int
    downloads : int, bitstreams loaded so far
    buffers : dict of device address to bytes of each live buffer
    lies : dict of register offset to the value that reads give instead, for tests of bad hardware
    forbidden : bool, True: a download fails as it does for a user who is not root
    """

    def __init__(self, board: SimulatedBoard, register_base: int, register_bytes: int, cma_bytes: int = CMA_BYTES):
        super().__init__("lifarray-sim")
        self.board = board
        self.name = "lifarray-sim"
        self.arch = ZYNQ_ARCH
        self.capabilities = {"REGISTER_RW": True}
        self.downloads = 0
        self.buffers = {}
        self.lies = {}
        self.forbidden = False
        self.timestamp = None
        self._registers = range(register_base, register_base + register_bytes)
        self.cma_bytes = cma_bytes
        self._slcr = dict(SLCR_RESET)
        # pynq keeps one object for the clocks of the first device that it met.
        if hasattr(Clocks, "_real_instance"):
            del Clocks._real_instance
        if not hasattr(Clocks, "set_device"):
            # pynq 3.0.1 makes the clocks of the computer that it runs on, on the active device; later
            # ones those of the device that they are told.
            Device.active_device = self
            Clocks._real_instance = ps._ClocksZynq()
            del Device._active_device

    def read_registers(self, address, length):
        if length > 4 and address in self._registers:
            return self.board.read_bytes(address - self._registers.start, length)
        return b"".join(struct.pack("<I", self._read(address + i)) for i in range(0, length, 4))

    def write_registers(self, address, data):
        if len(data) > 4 and address in self._registers:
            self.board.write_bytes(address - self._registers.start, bytes(data))
            return
        for i, (value,) in enumerate(struct.iter_unpack("<I", bytes(data))):
            self._write(address + 4 * i, value)

    def _read(self, address):
        if address in self._registers:
            offset = address - self._registers.start
            value = self.board.read(offset)
            return self.lies.get(offset, value)
        if SLCR_BASE <= address < SLCR_BASE + SLCR_BYTES:
            return self._slcr.get(address, 0)
        raise RuntimeError(f"bus error: nothing answers at {address:#010x}")

    def _write(self, address, value):
        if address in self._registers:
            self.board.write(address - self._registers.start, value)
        elif SLCR_BASE <= address < SLCR_BASE + SLCR_BYTES:
            self._slcr[address] = value
        else:
            raise RuntimeError(f"bus error: nothing answers at {address:#010x}")

    def get_bitfile_metadata(self, bitfile_name, partial=False):
        return RuntimeMetadataParser(Metadata(input=Path(bitfile_name).with_suffix(".hwh")))

    def download(self, bitstream, parser=None):
        if self.forbidden:
            raise PermissionError(13, "Permission denied", "/lib/firmware")
        if Path(bitstream.bitfile_name).read_text(errors="replace") != BITSTREAM_TEXT:
            raise RuntimeError("Unknown field: 0x0")  # what pynq says to a file that is no bitstream
        self.downloads += 1
        self.board.reset()
        self.post_download(bitstream, parser, self.name)

    def gen_cache(self, bitstream, parser=None):
        """pynq caches metadata for its next process; a simulated board does not outlive this one."""

    def allocate(self, shape, dtype, cacheable=True, **kwargs):
        address = self._place(int(np.prod(shape)) * np.dtype(dtype).itemsize)
        buffer = PynqBuffer(shape=shape, dtype=dtype, device=self, device_address=address, bo=address, coherent=False)
        # Where there is a pointer, pynq's buffers hand it to ``return_to`` when they are freed first;
        # ``freed`` keeps them from unmapping it, as they would a board's memory, when freed again.
        buffer.memory = buffer.return_to = self
        buffer.pointer = address
        buffer.freed = True
        return buffer

    def _place(self, n_bytes):
        address = CMA_BASE
        for first, taken in sorted(self.buffers.items()):
            if first - address >= n_bytes:
                break
            address = first + -(-taken // PAGE) * PAGE
        if address + n_bytes > CMA_BASE + self.cma_bytes:
            raise RuntimeError("BO allocation failed: Cannot allocate memory")
        self.buffers[address] = n_bytes
        return address

    def return_pointer(self, pointer):
        del self.buffers[pointer]

    def flush(self, bo, offset, virtual_address, n_bytes):
        self._check(bo, offset, n_bytes)
        self.board.store(bo + offset, ctypes.string_at(virtual_address, n_bytes))

    def invalidate(self, bo, offset, virtual_address, n_bytes):
        self._check(bo, offset, n_bytes)
        # As pynq 3.1.2 does, the whole buffer: what was written to it and not flushed is lost.
        n_bytes = self.buffers[bo]
        ctypes.memmove(virtual_address - offset, self.board.fetch(bo, n_bytes), n_bytes)

    def _check(self, bo, offset, n_bytes):
        if bo not in self.buffers or not 0 <= offset <= self.buffers[bo] - n_bytes:
            raise RuntimeError(f"{n_bytes} bytes at {bo + offset:#010x} are not in a live buffer")

    def close(self):
        self.board.close()


def stand_in(path):
    """Write what `SimulatedDevice.download` takes for a bitstream."""
    Path(path).write_text(BITSTREAM_TEXT)
