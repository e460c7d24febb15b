"""A FIFO in block RAM, with registers around it."""

from amaranth.hdl import Module, Shape
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from .late_register import LateRegister


class RamFifo(wiring.Component):
    """A FIFO for block RAM, with a `LateRegister` after it.

    Parameters
    ----------
    shape : shape of the payload
    depth : int
        Of the block RAM; three more transfers may wait in the registers after it.

    Members
    -------
    source : In(stream of ``shape``)
    sink : Out(stream of ``shape``)
    level : Out, transfers in the block RAM
    taken : Out(1), one leaves it
    """

    def __init__(self, shape, depth):
        self._shape = shape
        self._depth = depth
        signature = stream.Signature(shape)
        super().__init__({"source": In(signature), "sink": Out(signature), "level": Out(range(depth + 1)), "taken": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.ram = ram = SyncFIFOBuffered(width=Shape.cast(self._shape).width, depth=self._depth)
        m.submodules.register = register = LateRegister(self._shape)
        wiring.connect(m, register.sink, wiring.flipped(self.sink))
        m.d.comb += [
            ram.w_data.eq(self.source.payload),
            ram.w_en.eq(self.source.valid),
            self.source.ready.eq(ram.w_rdy),
            self.level.eq(ram.level),
            register.source.payload.eq(ram.r_data),
            register.source.valid.eq(ram.r_rdy),
            ram.r_en.eq(register.source.ready),
            self.taken.eq(ram.r_rdy & ram.r_en),
        ]
        return m
