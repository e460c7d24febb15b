"""The driver that pynq binds to the core: its registers by name.

pynq finds this module through the entry point ``pynq.lib`` and `LifCore` through ``bindto``.
"""

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
