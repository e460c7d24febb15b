"""A core that needs no DDR."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import UserError

from .axi import Axi4LiteSignature
from .core import LifCore
from .lite_decoder import LiteDecoder
from .local_memory import WINDOW_BITS, LocalMemory
from .register_slice import RegisterSlice


class LocalCore(wiring.Component):
    """A core with a local memory: one port for the registers and, from ``LOCAL_MEMORY_BASE`` on, the memory.

    Parameters
    ----------
    config : CoreConfig
        With ``local_pages`` above 0.

    Members
    -------
    s_axil : In(Axi4LiteSignature(WINDOW_BITS + 1))
    irq : Out(1)
    """

    def __init__(self, config: CoreConfig):
        if config.ports != 1:
            raise UserError(f"ports = {config.ports}: a local memory has one; take a configuration with ports = 1")
        self._config = config
        super().__init__({"s_axil": In(Axi4LiteSignature(WINDOW_BITS + 1)), "irq": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = LifCore(self._config)
        m.submodules.memory = memory = LocalMemory(self._config.local_pages)
        # Block RAM lies all over a device: the way to it begins and ends in registers.
        m.submodules.between = between = RegisterSlice(core.m_axi.signature)
        m.submodules.decoder = decoder = LiteDecoder(WINDOW_BITS + 1, len(core.s_axil.awaddr), WINDOW_BITS)
        wiring.connect(m, wiring.flipped(self.s_axil), decoder.manager)
        wiring.connect(m, decoder.low, core.s_axil)
        wiring.connect(m, decoder.high, memory.host)
        wiring.connect(m, core.m_axi, between.manager)
        wiring.connect(m, between.subordinate, memory.bus)
        m.d.comb += self.irq.eq(core.irq)
        return m
