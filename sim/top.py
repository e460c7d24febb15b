"""What is simulated: the core, with a memory behind it or with its port laid open."""

from amaranth.back.verilog import convert
from amaranth.hdl import Module, Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig
from lifarray.golden.registers import MAP_SIZE
from lifarray.hw.axi import Axi3Signature, Axi4LiteSignature
from lifarray.hw.core import LifCore
from lifarray.hw.fire import trace_layout

from .ddr import Ddr, DdrTiming
from .runner import TOP


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


class CoreOnAxi4(wiring.Component):
    """A core alone; its AXI3 port has the lengths and locks of AXI4, which bus models expect.

    Members
    -------
    s_axil : In(Axi4LiteSignature)
    m_axi, m_axi1 : Out, Axi3Signature with AWLEN and ARLEN of 8 bits, AWLOCK and ARLOCK of 1; the
        second on a core with two ports
    irq : Out(1)
    trace_valid, trace_group, trace_slot, trace_vmem, trace_spike, trace_saturated : Out
        Fields of the core's trace, each a port.
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        members = dict(Axi3Signature(config.bus_bits, 1).members)
        members.update(awlen=Out(8), arlen=Out(8), awlock=Out(1), arlock=Out(1))
        self._ports = ("m_axi", "m_axi1")[: config.ports]
        super().__init__(
            {
                "s_axil": In(Axi4LiteSignature((MAP_SIZE - 1).bit_length())),
                **{name: Out(wiring.Signature(members)) for name in self._ports},
                "irq": Out(1),
                **{f"trace_{name}": Out(Shape.cast(field.shape).width) for name, field in trace_layout(config)},
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = LifCore(self._config, trace=True)
        for name, _ in trace_layout(self._config):
            m.d.comb += getattr(self, f"trace_{name}").eq(getattr(core.trace, name))
        wiring.connect(m, wiring.flipped(self.s_axil), core.s_axil)
        for port_name in self._ports:
            for name, member in core.m_axi.signature.members.items():
                inner, port = getattr(getattr(core, port_name), name), getattr(getattr(self, port_name), name)
                m.d.comb += port.eq(inner) if member.flow == Out else inner.eq(port)
        m.d.comb += self.irq.eq(core.irq)
        return m


def verilog(component) -> str:
    """A component as the top module of a simulation."""
    return convert(component, name=TOP, emit_src=False, strip_internal_attrs=True)
