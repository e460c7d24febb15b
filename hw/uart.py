"""Bytes on a serial line: 8 data bits, no parity, one stop bit."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

FRAME_BITS = 10
"""Start bit, eight data bits, stop bit."""


class UartReceiver(wiring.Component):
    """Looks at each bit in its middle; a byte without its stop bit is dropped.

    Parameters
    ----------
    cycles_per_bit : int
        At least 4.

    Members
    -------
    rx : In(1), from the pin
    data : Out(8)
    valid : Out(1), for one cycle
    """

    def __init__(self, cycles_per_bit):
        self._cycles_per_bit = cycles_per_bit
        super().__init__({"rx": In(1, init=1), "data": Out(8), "valid": Out(1)})

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        # The start bit too is looked at in its middle: a shorter pulse is noise.
        timer = Signal(range(self._cycles_per_bit))
        bits_left = Signal(range(FRAME_BITS + 1))
        shift = Signal(8)
        m.d.sync += self.valid.eq(0)
        with m.If(bits_left == 0):
            with m.If(~line):
                m.d.sync += [bits_left.eq(FRAME_BITS), timer.eq(self._cycles_per_bit // 2 - 1)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self._cycles_per_bit - 1), bits_left.eq(bits_left - 1)]
            with m.If(bits_left == FRAME_BITS):
                with m.If(line):
                    m.d.sync += bits_left.eq(0)
            with m.Elif(bits_left == 1):
                m.d.sync += [self.data.eq(shift), self.valid.eq(line)]
            with m.Else():
                m.d.sync += shift.eq(Cat(shift[1:], line))
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes.

    Parameters
    ----------
    cycles_per_bit : int

    Members
    -------
    bytes : In(stream of 8 bits)
    tx : Out(1), to the pin
    """

    def __init__(self, cycles_per_bit):
        self._cycles_per_bit = cycles_per_bit
        super().__init__({"bytes": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self._cycles_per_bit))
        bits_left = Signal(range(FRAME_BITS + 1))
        shift = Signal(FRAME_BITS - 1)
        m.d.comb += self.bytes.ready.eq(bits_left == 0)
        with m.If(self.bytes.valid & self.bytes.ready):
            m.d.sync += [
                self.tx.eq(0),
                shift.eq(Cat(self.bytes.payload, 1)),
                bits_left.eq(FRAME_BITS),
                timer.eq(self._cycles_per_bit - 1),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(bits_left != 0):
            m.d.sync += [timer.eq(self._cycles_per_bit - 1), bits_left.eq(bits_left - 1), self.tx.eq(shift[0]), shift.eq(Cat(shift[1:], 1))]
        return m
