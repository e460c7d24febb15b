"""What is simulated: the core, with a memory behind it or with its port laid open."""

from amaranth.back.verilog import convert
from amaranth.hdl import Cat, MemoryInstance, Module, Shape, Signal, Value
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
    watch_first, watch_end : In(32), a range of addresses
    watched : Out(32), beats that were read from it
    """

    def __init__(self, config: CoreConfig, memory_bytes: int, timing: DdrTiming):
        self._config = config
        self._beats = memory_bytes * 8 // config.bus_bits
        self._timing = timing
        super().__init__(
            {
                "s_axil": In(Axi4LiteSignature((MAP_SIZE - 1).bit_length())),
                "irq": Out(1),
                "watch_first": In(32),
                "watch_end": In(32),
                "watched": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = LifCore(self._config)
        m.submodules.ddr = ddr = Ddr(self._config.bus_bits, self._beats, self._timing, self._config.ports)
        wiring.connect(m, core.m_axi, ddr.bus)
        if self._config.ports == 2:
            wiring.connect(m, core.m_axi1, ddr.bus1)
        wiring.connect(m, wiring.flipped(self.s_axil), core.s_axil)
        m.d.comb += [
            self.irq.eq(core.irq),
            ddr.watch_first.eq(self.watch_first),
            ddr.watch_end.eq(self.watch_end),
            self.watched.eq(ddr.watched),
        ]
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


class Memories:
    """In the place of Amaranth's platform: block RAMs that read a word wrong in the cycle in which it is written.

    An ECP5's may, and ``hw.build`` has yosys take it that nobody uses such a word.
    """

    @staticmethod
    def get_memory(memory):
        """What stands for an `amaranth.lib.memory.Memory`; Amaranth calls it."""
        m = Module()
        m.submodules.storage = storage = MemoryInstance(data=memory.data, attrs=memory.attrs)
        for write in memory.write_ports:
            storage.write_port(domain=write.domain, addr=write.addr, data=write.data, en=write.en)
        for i, read in enumerate(memory.read_ports):
            assert not read.transparent_for, "no memory of ours forwards what is written"
            data = Value.cast(read.data)
            if read.domain != "comb":
                met = Signal(name=f"met{i}")
                with m.If(read.en):
                    m.d[read.domain] += met.eq(Cat((write.addr == read.addr) & write.en.any() for write in memory.write_ports).any())
                data = Signal(len(data), name=f"read{i}")
                m.d.comb += Value.cast(read.data).eq(data ^ met.replicate(len(data)))
            storage.read_port(domain=read.domain, addr=read.addr, data=data, en=read.en, transparent_for=())
        return m


def verilog(component) -> str:
    """A component as the top module of a simulation."""
    return convert(component, name=TOP, platform=Memories(), emit_src=False, strip_internal_attrs=True)
