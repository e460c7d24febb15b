"""Registers in a stream, in both directions, at full rate."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class StreamRegister(wiring.Component):
    """A stream cut by registers: no path leads through.

    It holds up to two transfers: the one that is offered, and one that came while that waited.

    Parameters
    ----------
    shape : shape of the payload

    Members
    -------
    source : In(stream of ``shape``)
    sink : Out(stream of ``shape``)
    """

    def __init__(self, shape):
        signature = stream.Signature(shape)
        super().__init__({"source": In(signature), "sink": Out(signature)})

    def elaborate(self, platform):
        m = Module()
        source, sink = self.source, self.sink
        full = Signal()
        spare = Signal.like(source.payload)
        m.d.comb += source.ready.eq(~full)
        with m.If(~sink.valid | sink.ready):
            m.d.sync += [sink.payload.eq(Mux(full, spare, source.payload)), sink.valid.eq(source.valid | full), full.eq(0)]
        with m.Elif(source.valid & ~full):
            m.d.sync += full.eq(1)
        with m.If(~full):
            m.d.sync += spare.eq(source.payload)
        return m
