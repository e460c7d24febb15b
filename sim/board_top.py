"""What is simulated as a board: the core, DDR behind its port, and faults of that port on demand."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig
from lifarray.golden.registers import MAP_SIZE
from lifarray.hw.axi import Axi3Signature, Axi4LiteSignature
from lifarray.hw.core import LifCore

from .ddr import Ddr, DdrTiming

FAULTS = ("dead_read", "dead_write", "fail_read", "fail_write")
"""dead: nothing is accepted or answered, as by an HP port that is off; fail: answered with SLVERR."""

SLAVE_ERROR = 2


class FaultyPort(wiring.Component):
    """A wire between a manager and its memory that can be cut, or made to answer with errors.

    Members
    -------
    manager : In(Axi3Signature), to the core
    memory : Out(Axi3Signature)
    dead_read, dead_write, fail_read, fail_write : In(1)
    """

    def __init__(self, bus_bits):
        signature = Axi3Signature(bus_bits, 1)
        super().__init__({"manager": In(signature), "memory": Out(signature), **{name: In(1) for name in FAULTS}})

    def elaborate(self, platform):
        m = Module()
        for name, member in self.memory.signature.members.items():
            inner, outer = getattr(self.manager, name), getattr(self.memory, name)
            target, value = (outer, inner) if member.flow == Out else (inner, outer)
            if name.endswith(("valid", "ready")):
                value = value & ~(self.dead_read if name.startswith(("ar", "r")) else self.dead_write)
            elif name == "rresp":
                value = Mux(self.fail_read, SLAVE_ERROR, value)
            elif name == "bresp":
                value = Mux(self.fail_write, SLAVE_ERROR, value)
            m.d.comb += target.eq(value)
        return m


class BoardTop(wiring.Component):
    """A core, the memory behind it, and the switches for faults of its first port.

    Parameters
    ----------
    config : CoreConfig
    memory_bytes : int
    timing : DdrTiming
    core : wiring.Component
        What has the ports of a `LifCore`; by default one.

    Members
    -------
    s_axil : In(Axi4LiteSignature)
    irq : Out(1)
    dead_read, dead_write, fail_read, fail_write : In(1)
    """

    def __init__(self, config: CoreConfig, memory_bytes: int, timing: DdrTiming = DdrTiming(), core=None):
        self._config = config
        self._core = core or LifCore(config)
        self._beats = memory_bytes * 8 // config.bus_bits
        self._timing = timing
        super().__init__({"s_axil": In(Axi4LiteSignature((MAP_SIZE - 1).bit_length())), "irq": Out(1), **{name: In(1) for name in FAULTS}})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self._core
        ports = [name for name in ("m_axi", "m_axi1") if name in core.signature.members]
        m.submodules.ddr = ddr = Ddr(self._config.bus_bits, self._beats, self._timing, len(ports))
        m.submodules.port = port = FaultyPort(self._config.bus_bits)
        wiring.connect(m, core.m_axi, port.manager)
        wiring.connect(m, port.memory, ddr.bus)
        if len(ports) == 2:
            wiring.connect(m, core.m_axi1, ddr.bus1)
        wiring.connect(m, wiring.flipped(self.s_axil), core.s_axil)
        m.d.comb += self.irq.eq(core.irq)
        m.d.comb += [getattr(port, name).eq(getattr(self, name)) for name in FAULTS]
        return m
