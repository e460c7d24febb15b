"""Registers after a block RAM, whose output comes late in the cycle."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .stream_register import StreamRegister


class LateRegister(wiring.Component):
    """A stream cut by registers, for a source whose payload comes too late for any logic before the first of them.

    It holds up to three transfers: that of a plain register, and those of a `StreamRegister` after it.

    Parameters
    ----------
    shape : shape of the payload

    Members
    -------
    source : In(stream of ``shape``)
    sink : Out(stream of ``shape``)
    """

    def __init__(self, shape):
        self._shape = shape
        signature = stream.Signature(shape)
        super().__init__({"source": In(signature), "sink": Out(signature)})

    def elaborate(self, platform):
        m = Module()
        late = stream.Signature(self._shape).create(path=["late"])
        m.submodules.register = register = StreamRegister(self._shape)
        wiring.connect(m, register.sink, wiring.flipped(self.sink))
        m.d.comb += [
            register.source.payload.eq(late.payload),
            register.source.valid.eq(late.valid),
            late.ready.eq(register.source.ready),
            self.source.ready.eq(~late.valid | late.ready),
        ]
        with m.If(self.source.ready):
            m.d.sync += [late.payload.eq(self.source.payload), late.valid.eq(self.source.valid)]
        return m
