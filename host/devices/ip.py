"""The driver that pynq binds to the core: its registers by name.

pynq finds this module through the entry point ``pynq.lib`` and `LifCore` through ``bindto``.
"""

import numpy as np

from ...golden.registers import BY_NAME
from ..hwh import CORE_VLNV

try:
    from pynq import DefaultIP
except ImportError:
    # Where pynq does not install, everything but the devices "pynq" and "sim" works.
    DefaultIP = object


class LifCore(DefaultIP):
    """The registers of one core, as ``overlay.lif_core``; `LifArray` runs networks on it."""

    bindto = [CORE_VLNV]

    def read(self, name: str) -> int:
        """The value of the register ``name`` of ``golden/registers.py``."""
        return self.mmio.read(BY_NAME[name].address)

    def write(self, name: str, value: int):
        """Write the register ``name``."""
        self.mmio.write(BY_NAME[name].address, int(value))

    def write_bytes(self, offset: int, data: bytes):
        """Write whole 32-bit words, at an offset from the first register."""
        if isinstance(self.mmio.array, np.ndarray):
            # One copy; pynq's own write takes a word at a time.
            self.mmio.array[offset // 4 : (offset + len(data)) // 4] = np.frombuffer(data, dtype="<u4")
        else:
            self.mmio.write(offset, data)

    def read_bytes(self, offset: int, n_bytes: int) -> bytes:
        """Read whole 32-bit words."""
        words = self.mmio.array[offset // 4 : (offset + n_bytes) // 4]
        return np.array(list(words) if not isinstance(words, np.ndarray) else words, dtype="<u4").tobytes()
