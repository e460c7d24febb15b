"""What is simulated of a core's surroundings: the way from GP0 to a local memory, and the core's port of that memory."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lifarray.hw.axi import Axi3Signature
from lifarray.hw.axi3_bridge import Axi3Bridge
from lifarray.hw.lite_decoder import LiteDecoder
from lifarray.hw.local_memory import WINDOW_BITS, LocalMemory
from lifarray.hw.register_slice import RegisterSlice

ID_BITS = 12


def axi4(signature: Axi3Signature) -> wiring.Signature:
    """The signature with the lengths and locks of AXI4, which bus models expect."""
    return wiring.Signature({**signature.members, "awlen": Out(8), "arlen": Out(8), "awlock": Out(1), "arlock": Out(1)})


class MemoryOnAxi4(wiring.Component):
    """Two memories behind a register slice, a bridge and a decoder; the second has its port for the core laid open too.

    Members
    -------
    gp0 : In, AXI of 32 bits
    core : In, AXI of 64 bits
    unasked : Out(1), a memory answered its host a write that there was not; stays high
    """

    def __init__(self, n_pages):
        self._n_pages = n_pages
        super().__init__({"gp0": In(axi4(Axi3Signature(32, ID_BITS))), "core": In(axi4(Axi3Signature(64, 1))), "unasked": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.gp0_slice = gp0_slice = RegisterSlice(Axi3Signature(32, ID_BITS))
        m.submodules.core_slice = core_slice = RegisterSlice(Axi3Signature(64, 1))
        m.submodules.bridge = bridge = Axi3Bridge(ID_BITS, WINDOW_BITS + 1)
        m.submodules.decoder = decoder = LiteDecoder(WINDOW_BITS + 1, WINDOW_BITS, WINDOW_BITS)
        m.submodules.low = low = LocalMemory(1)
        m.submodules.high = high = LocalMemory(self._n_pages)
        wiring.connect(m, gp0_slice.subordinate, bridge.axi3)
        wiring.connect(m, bridge.lite, decoder.manager)
        wiring.connect(m, decoder.low, low.host)
        wiring.connect(m, decoder.high, high.host)
        wiring.connect(m, core_slice.subordinate, high.bus)
        for i, host in enumerate((low.host, high.host)):
            writes = Signal(2, name=f"writes{i}")
            m.d.sync += writes.eq(writes + (host.awvalid & host.awready) - (host.bvalid & host.bready))
            with m.If(host.bvalid & (writes == 0)):
                m.d.sync += self.unasked.eq(1)
        for outer, inner in ((self.gp0, gp0_slice.manager), (self.core, core_slice.manager)):
            for name, member in Axi3Signature(32, 1).members.items():
                ends = getattr(inner, name), getattr(outer, name)
                m.d.comb += ends[0].eq(ends[1]) if member.flow == Out else ends[1].eq(ends[0])
        return m
