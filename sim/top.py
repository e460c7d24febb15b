"""What is simulated: the core and a memory behind it."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig
from lifarray.golden.registers import MAP_SIZE
from lifarray.hw.axi import Axi4LiteSignature
from lifarray.hw.core import LifCore

from .ddr import Ddr, DdrTiming


class CoreWithDdr(wiring.Component):
    """A core whose registers are reached from outside and whose memory is `Ddr`.

    Members
    -------
    s_axil : In(Axi4LiteSignature)
    irq : Out(1)
    """

    def __init__(self, config: CoreConfig, memory_bytes: int, timing: DdrTiming):
        self._config = config
        self._beats = memory_bytes * 8 // config.bus_bits
        self._timing = timing
        super().__init__({"s_axil": In(Axi4LiteSignature((MAP_SIZE - 1).bit_length())), "irq": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = LifCore(self._config)
        m.submodules.ddr = ddr = Ddr(self._config.bus_bits, self._beats, self._timing)
        wiring.connect(m, core.m_axi, ddr.bus)
        wiring.connect(m, wiring.flipped(self.s_axil), core.s_axil)
        m.d.comb += self.irq.eq(core.irq)
        return m
