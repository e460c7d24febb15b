"""From the AXI3 of a processor to the AXI4-Lite of registers: bursts become single accesses, IDs come back."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import Axi3Signature, Axi4LiteSignature

WRAP = 2
FIXED = 0
"""Values of AWBURST and ARBURST (AMBA AXI, table A3-3)."""


class Axi3Bridge(wiring.Component):
    """A 32-bit AXI3 subordinate that passes its accesses on, one beat at a time.

    Reads and writes go their own ways. An error of any beat of a write is the answer to the burst.

    Parameters
    ----------
    id_bits : int
    address_bits : int
        Of the accesses passed on; higher address bits are ignored.

    Members
    -------
    axi3 : In(Axi3Signature(32, id_bits))
    lite : Out(Axi4LiteSignature(address_bits))
    """

    def __init__(self, id_bits, address_bits):
        self._id_bits = id_bits
        self._address_bits = address_bits
        super().__init__({"axi3": In(Axi3Signature(32, id_bits)), "lite": Out(Axi4LiteSignature(address_bits))})

    def elaborate(self, platform):
        m = Module()
        self._write(m)
        self._read(m)
        return m

    def _burst(self, m, prefix):
        """The burst under way: its ID, the address of its next beat, beats left; and how to take and advance it."""
        bus = self.axi3
        address = Signal(self._address_bits, name=f"{prefix}_address")
        step = Signal.like(address, name=f"{prefix}_step")
        wrap_mask = Signal.like(address, name=f"{prefix}_wrap_mask")
        identity = Signal(self._id_bits, name=f"{prefix}_identity")
        left = Signal(4, name=f"{prefix}_left")
        size, length = getattr(bus, f"{prefix}size"), getattr(bus, f"{prefix}len")
        kind = getattr(bus, f"{prefix}burst")

        def take():
            m.d.sync += [
                address.eq(getattr(bus, f"{prefix}addr")),
                identity.eq(getattr(bus, f"{prefix}id")),
                left.eq(length),
                step.eq(Mux(kind == FIXED, 0, 1 << size[:2])),
                wrap_mask.eq(Mux(kind == WRAP, ((length + 1) << size[:2]) - 1, (1 << self._address_bits) - 1)),
            ]

        def advance():
            m.d.sync += [address.eq(address & ~wrap_mask | (address + step) & wrap_mask), left.eq(left - 1)]

        return identity, address, left, take, advance

    def _write(self, m):
        bus, lite = self.axi3, self.lite
        identity, address, left, take, advance = self._burst(m, "aw")
        error = Signal()
        with m.FSM(name="write"):
            with m.State("ADDRESS"):
                m.d.comb += bus.awready.eq(1)
                m.d.sync += error.eq(0)
                with m.If(bus.awvalid):
                    take()
                    m.next = "DATA"
            with m.State("DATA"):
                m.d.comb += bus.wready.eq(1)
                m.d.sync += [lite.wdata.eq(bus.wdata), lite.wstrb.eq(bus.wstrb)]
                with m.If(bus.wvalid):
                    m.d.sync += [lite.awvalid.eq(1), lite.wvalid.eq(1)]
                    m.next = "ACCESS"
            with m.State("ACCESS"):
                m.d.comb += lite.bready.eq(1)
                with m.If(lite.awready):
                    m.d.sync += lite.awvalid.eq(0)
                with m.If(lite.wready):
                    m.d.sync += lite.wvalid.eq(0)
                with m.If(lite.bvalid):
                    m.d.sync += error.eq(error | lite.bresp.any())
                    advance()
                    m.next = "DATA"
                    with m.If(left == 0):
                        m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += bus.bvalid.eq(1)
                with m.If(bus.bready):
                    m.next = "ADDRESS"
        m.d.comb += [lite.awaddr.eq(address & ~0b11), bus.bid.eq(identity), bus.bresp.eq(error << 1)]

    def _read(self, m):
        bus, lite = self.axi3, self.lite
        identity, address, left, take, advance = self._burst(m, "ar")
        with m.FSM(name="read"):
            with m.State("ADDRESS"):
                m.d.comb += bus.arready.eq(1)
                with m.If(bus.arvalid):
                    take()
                    m.d.sync += lite.arvalid.eq(1)
                    m.next = "ACCESS"
            with m.State("ACCESS"):
                m.d.comb += lite.rready.eq(1)
                with m.If(lite.arready):
                    m.d.sync += lite.arvalid.eq(0)
                with m.If(lite.rvalid):
                    m.d.sync += [bus.rdata.eq(lite.rdata), bus.rresp.eq(lite.rresp), bus.rlast.eq(left == 0)]
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += bus.rvalid.eq(1)
                with m.If(bus.rready):
                    advance()
                    m.next = "ADDRESS"
                    with m.If(~bus.rlast):
                        m.d.sync += lite.arvalid.eq(1)
                        m.next = "ACCESS"
        m.d.comb += [lite.araddr.eq(address & ~0b11), bus.rid.eq(identity)]
