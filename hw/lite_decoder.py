"""One AXI4-Lite manager, two subordinates: the address says which."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import Axi4LiteSignature


class LiteDecoder(wiring.Component):
    """Passes each access to the subordinate that the topmost address bit names.

    Parameters
    ----------
    address_bits : int
        Of the manager.
    low_bits, high_bits : int
        Address bits that each subordinate takes.

    Members
    -------
    manager : In(Axi4LiteSignature(address_bits))
    low, high : Out(Axi4LiteSignature), where the topmost address bit is 0, and 1
    """

    def __init__(self, address_bits, low_bits, high_bits):
        self._top = address_bits - 1
        super().__init__(
            {
                "manager": In(Axi4LiteSignature(address_bits)),
                "low": Out(Axi4LiteSignature(low_bits)),
                "high": Out(Axi4LiteSignature(high_bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus = self.manager
        # Only the half that was asked has an answer to give.
        halves = (self.low, self.high)

        # The data of a write waits for its address.
        write_address = Signal.like(bus.awaddr)
        writing, address_passed, data_passed = Signal(), Signal(), Signal()
        m.d.comb += bus.awready.eq(~writing)
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [write_address.eq(bus.awaddr), writing.eq(1), address_passed.eq(0), data_passed.eq(0)]
        for i, half in enumerate(halves):
            chosen = write_address[self._top] == i
            m.d.comb += [
                half.awaddr.eq(write_address),
                half.awvalid.eq(writing & chosen & ~address_passed),
                half.wdata.eq(bus.wdata),
                half.wstrb.eq(bus.wstrb),
                half.wvalid.eq(bus.wvalid & writing & chosen & ~data_passed),
                half.bready.eq(bus.bready),
            ]
            with m.If(writing & chosen):
                m.d.comb += [bus.wready.eq(half.wready & ~data_passed), bus.bvalid.eq(half.bvalid), bus.bresp.eq(half.bresp)]
            with m.If(half.awvalid & half.awready):
                m.d.sync += address_passed.eq(1)
            with m.If(half.wvalid & half.wready):
                m.d.sync += data_passed.eq(1)
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += writing.eq(0)

        read_address = Signal.like(bus.araddr)
        reading, asked = Signal(), Signal()
        m.d.comb += bus.arready.eq(~reading)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [read_address.eq(bus.araddr), reading.eq(1), asked.eq(0)]
        for i, half in enumerate(halves):
            chosen = read_address[self._top] == i
            m.d.comb += [
                half.araddr.eq(read_address),
                half.arvalid.eq(reading & chosen & ~asked),
                half.rready.eq(bus.rready),
            ]
            with m.If(reading & chosen):
                m.d.comb += [bus.rvalid.eq(half.rvalid), bus.rdata.eq(half.rdata), bus.rresp.eq(half.rresp)]
            with m.If(half.arvalid & half.arready):
                m.d.sync += asked.eq(1)
        with m.If(bus.rvalid & bus.rready):
            m.d.sync += reading.eq(0)
        return m
