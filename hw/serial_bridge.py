"""From a serial line to AXI4-Lite: answers the requests of ``golden/serial_frame.py``."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC16_XMODEM
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.serial_frame import (
    BUS_ERROR,
    CRC_BYTES,
    END,
    ESCAPE,
    ESCAPED_END,
    ESCAPED_ESCAPE,
    HEADER_BYTES,
    MAX_WORDS,
    WORD_BYTES,
    Op,
)

from .axi import Axi4LiteSignature
from .stream_register import StreamRegister
from .uart import UartReceiver, UartTransmitter

LONGEST = HEADER_BYTES + MAX_WORDS * WORD_BYTES + CRC_BYTES

RESET_CYCLES = 16

answer_layout = data.StructLayout({"byte": 8, "delimiter": 1})
"""A byte of an answer; or an `END`, whatever the byte."""


class FrameReceiver(wiring.Component):
    """Takes escapes out, keeps header and words of a frame, and says when a whole one has come.

    Members
    -------
    data : In(8), valid : In(1), bytes from the line
    hold : In(1), drop what comes: the frame that is here is still needed
    whole : Out(1), for one cycle: a frame with a right CRC and length is here
    sequence, op, count (less 1) : Out(8)
    address : Out(32)
    index : In(8), word : Out(32), the cycle after: words of the frame
    """

    def __init__(self):
        super().__init__(
            {
                "data": In(8),
                "valid": In(1),
                "hold": In(1),
                "whole": Out(1),
                "sequence": Out(8),
                "op": Out(8),
                "count": Out(8),
                "address": Out(32),
                "index": In(8),
                "word": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC16_XMODEM(data_width=8).create()
        m.submodules.words = words = Memory(shape=32, depth=MAX_WORDS, init=[])
        write_port, read_port = words.write_port(), words.read_port(transparent_for=())

        # A byte of the frame, a cycle after it came.
        byte = Signal(8)
        byte_valid, end, escaped, broken = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [byte_valid.eq(0), end.eq(0)]
        with m.If(self.valid & ~self.hold):
            m.d.sync += escaped.eq(0)
            with m.If(self.data == END):
                m.d.sync += end.eq(1)
            with m.Elif(escaped):
                m.d.sync += [byte.eq(Mux(self.data == ESCAPED_END, END, ESCAPE)), byte_valid.eq(1)]
                with m.If((self.data != ESCAPED_END) & (self.data != ESCAPED_ESCAPE)):
                    m.d.sync += broken.eq(1)
            with m.Elif(self.data == ESCAPE):
                m.d.sync += escaped.eq(1)
            with m.Else():
                m.d.sync += [byte.eq(self.data), byte_valid.eq(1)]

        header = Signal(8 * HEADER_BYTES)
        word = Signal(32)
        length = Signal(range(LONGEST + 2))
        in_words = Signal(range(LONGEST + 2))
        m.d.comb += [
            in_words.eq(length - HEADER_BYTES),
            Cat(self.sequence, self.op, self.count, self.address).eq(header),
            crc.data.eq(byte),
            crc.valid.eq(byte_valid),
            write_port.addr.eq(in_words >> 2),
            write_port.data.eq(Cat(word[8:], byte)),
            write_port.en.eq(byte_valid & (length >= HEADER_BYTES) & (in_words[:2] == WORD_BYTES - 1) & (length < LONGEST - CRC_BYTES)),
            read_port.addr.eq(self.index),
            self.word.eq(read_port.data),
        ]
        with m.If(byte_valid):
            m.d.sync += word.eq(Cat(word[8:], byte))
            with m.If(length < HEADER_BYTES):
                m.d.sync += header.eq(Cat(header[8:], byte))
            with m.If(length != LONGEST + 1):
                m.d.sync += length.eq(length + 1)
        expected = Signal.like(length)
        m.d.sync += expected.eq(HEADER_BYTES + CRC_BYTES + Mux(self.op == Op.WRITE, (self.count + 1) << 2, 0))
        m.d.comb += self.whole.eq(end & crc.match_detected & (length == expected) & ~broken)
        with m.If(end):
            m.d.sync += [length.eq(0), broken.eq(0)]
            m.d.comb += crc.start.eq(1)
        return m


class FrameTransmitter(wiring.Component):
    """Puts escapes in.

    Members
    -------
    answer : In(stream of answer_layout)
    line : Out(stream of 8 bits)
    """

    def __init__(self):
        super().__init__({"answer": In(stream.Signature(answer_layout)), "line": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        byte, delimiter = self.answer.payload.byte, self.answer.payload.delimiter
        second = Signal()
        special = Signal()
        m.d.comb += [
            special.eq(~delimiter & ((byte == END) | (byte == ESCAPE))),
            self.line.valid.eq(self.answer.valid),
            self.answer.ready.eq(self.line.ready & (second | ~special)),
        ]
        with m.If(delimiter):
            m.d.comb += self.line.payload.eq(END)
        with m.Elif(second):
            m.d.comb += self.line.payload.eq(Mux(byte == END, ESCAPED_END, ESCAPED_ESCAPE))
        with m.Elif(special):
            m.d.comb += self.line.payload.eq(ESCAPE)
        with m.Else():
            m.d.comb += self.line.payload.eq(byte)
        with m.If(self.line.valid & self.line.ready):
            m.d.sync += second.eq(special & ~second)
        return m


class SerialBridge(wiring.Component):
    """A manager of AXI4-Lite that a host on a serial line commands.

    Parameters
    ----------
    cycles_per_bit : int
    address_bits : int

    Members
    -------
    rx : In(1), tx : Out(1), the pins
    lite : Out(Axi4LiteSignature(address_bits))
    reset : Out(1), for `RESET_CYCLES` cycles when the host asks for it
    """

    def __init__(self, cycles_per_bit, address_bits):
        self._cycles_per_bit = cycles_per_bit
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "lite": Out(Axi4LiteSignature(address_bits)), "reset": Out(1)})

    def elaborate(self, platform):
        m = Module()
        lite = self.lite
        m.submodules.receiver = receiver = UartReceiver(self._cycles_per_bit)
        m.submodules.request = request = FrameReceiver()
        m.submodules.answer = answer = StreamRegister(answer_layout)
        m.submodules.frame = frame = FrameTransmitter()
        m.submodules.transmitter = transmitter = UartTransmitter(self._cycles_per_bit)
        m.submodules.crc = crc = CRC16_XMODEM(data_width=8).create()
        wiring.connect(m, answer.sink, frame.answer)
        wiring.connect(m, frame.line, transmitter.bytes)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            request.data.eq(receiver.data),
            request.valid.eq(receiver.valid),
        ]

        index = Signal(8)
        address = Signal.like(lite.awaddr)
        error = Signal()
        read = Signal(32)
        byte_index = Signal(2)
        reset_left = Signal(range(RESET_CYCLES + 1))
        m.d.comb += [
            request.index.eq(index),
            lite.awaddr.eq(address),
            lite.araddr.eq(address),
            lite.wstrb.eq(0b1111),
            self.reset.eq(reset_left != 0),
        ]
        with m.If(reset_left != 0):
            m.d.sync += reset_left.eq(reset_left - 1)

        offered = answer.source.payload

        def next_word():
            m.d.sync += [index.eq(index + 1), address.eq(address + WORD_BYTES)]

        def send(byte, then, delimiter=False):
            """Offer a byte of the answer, and go on to ``then`` when it is taken."""
            m.d.comb += [answer.source.valid.eq(1), offered.byte.eq(byte), offered.delimiter.eq(delimiter)]
            with m.If(answer.source.ready):
                m.d.comb += crc.valid.eq(not delimiter)
                if callable(then):
                    then()
                else:
                    m.next = then

        m.d.comb += crc.data.eq(offered.byte)
        with m.FSM() as fsm:
            m.d.comb += request.hold.eq(~fsm.ongoing("LISTEN"))
            with m.State("LISTEN"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [index.eq(0), address.eq(request.address), error.eq(0)]
                with m.If(request.whole):
                    m.next = "BEGIN"
                    with m.If(request.op == Op.WRITE):
                        m.next = "WORD"
                    with m.If(request.op == Op.RESET):
                        m.d.sync += reset_left.eq(RESET_CYCLES)
                        m.next = "RESET"
            with m.State("RESET"):
                with m.If(reset_left == 0):
                    m.next = "BEGIN"

            with m.State("WORD"):
                # The memory of words answers in the next cycle.
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.sync += [lite.wdata.eq(request.word), lite.awvalid.eq(1), lite.wvalid.eq(1)]
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += lite.bready.eq(1)
                with m.If(lite.awready):
                    m.d.sync += lite.awvalid.eq(0)
                with m.If(lite.wready):
                    m.d.sync += lite.wvalid.eq(0)
                with m.If(lite.bvalid):
                    m.d.sync += error.eq(error | lite.bresp.any())
                    next_word()
                    m.next = "WORD"
                    with m.If(index == request.count):
                        m.next = "BEGIN"

            with m.State("BEGIN"):
                send(0, "SEQUENCE", delimiter=True)
            with m.State("SEQUENCE"):
                send(request.sequence, "OP")
            with m.State("OP"):

                def after_op():
                    m.next = "STATUS"
                    with m.If(request.op == Op.READ):
                        m.d.sync += lite.arvalid.eq(1)
                        m.next = "READ"

                send(request.op, after_op)
            with m.State("READ"):
                m.d.comb += lite.rready.eq(1)
                with m.If(lite.arready):
                    m.d.sync += lite.arvalid.eq(0)
                with m.If(lite.rvalid):
                    m.d.sync += [read.eq(lite.rdata), error.eq(error | lite.rresp.any()), byte_index.eq(0)]
                    next_word()
                    m.next = "BYTES"
            with m.State("BYTES"):

                def after_byte():
                    m.d.sync += [read.eq(read >> 8), byte_index.eq(byte_index + 1)]
                    with m.If(byte_index == WORD_BYTES - 1):
                        m.d.sync += lite.arvalid.eq(1)
                        m.next = "READ"
                        # ``index`` is one ahead by now, modulo 256.
                        with m.If(index == (request.count + 1)[:8]):
                            m.d.sync += lite.arvalid.eq(0)
                            m.next = "STATUS"

                send(read[:8], after_byte)
            with m.State("STATUS"):
                send(Mux(error, BUS_ERROR, 0), "CRC_HIGH")
            with m.State("CRC_HIGH"):
                m.d.comb += [answer.source.valid.eq(1), offered.byte.eq(crc.crc[8:])]
                with m.If(answer.source.ready):
                    m.next = "CRC_LOW"
            with m.State("CRC_LOW"):
                m.d.comb += [answer.source.valid.eq(1), offered.byte.eq(crc.crc[:8])]
                with m.If(answer.source.ready):
                    m.next = "END"
            with m.State("END"):
                send(0, "LISTEN", delimiter=True)
        return m
