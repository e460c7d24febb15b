"""The write half of the memory manager: runs of words, cut into AXI3 bursts."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig
from lifarray.golden.registers import N_WINDOWS

from .address import ADDRESS_BITS
from .axi import RESPONSE_ERROR, Axi3Signature, constant_attributes
from .reader import Cutter, burst_words
from .windows import windows_around, windows_layout

run_layout = data.StructLayout({"address": ADDRESS_BITS, "words": 11, "half": 1})
"""Words to write in a row, at least 1. With ``half`` it is one 32-bit value, given in both halves
of its word, and its address is a multiple of 4."""

BUFFER_WORDS = 64
OUTSTANDING_BURSTS = 8


class Writer(wiring.Component):
    """Writes runs of words.

    A burst is announced only when all its data is here, so that it never blocks the port, and
    whatever was announced is also sent. The next one is announced meanwhile.

    Members
    -------
    bus : Out(Axi3Signature), of which this drives the write channels
    runs : In(stream of run_layout)
    words : In(stream of 64 bits), the runs' data
    windows : In(windows_layout)
    halt : In(1), announce nothing more
    error_outside : Out(1), the next burst lies outside the windows, at ``error_address``
    error_failed : Out(1), memory answered a burst with an error, at ``error_address``
    idle : Out(1), no burst is announced, under way or unanswered
    drained : Out(1), besides, nothing waits to be written
    beat : Out(1), for the counters
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "bus": Out(Axi3Signature(config.bus_bits, 1)),
                "runs": In(stream.Signature(run_layout)),
                "words": In(stream.Signature(64)),
                "windows": In(windows_layout),
                "halt": In(1),
                "error_outside": Out(1),
                "error_failed": Out(1),
                "error_address": Out(32),
                "idle": Out(1),
                "drained": Out(1),
                "beat": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        bus_bits = self._config.bus_bits
        longest = burst_words(bus_bits)
        m.submodules.buffer = buffer = SyncFIFO(width=64, depth=BUFFER_WORDS)
        m.submodules.addresses = addresses = SyncFIFO(width=32, depth=OUTSTANDING_BURSTS)
        m.d.comb += [
            buffer.w_data.eq(self.words.payload),
            buffer.w_en.eq(self.words.valid),
            self.words.ready.eq(buffer.w_rdy),
        ]
        constant_attributes(m, bus, "aw", bus_bits)

        # Announcing: a run is cut as requests to read are, while the burst before is sent.
        address = Signal(ADDRESS_BITS)
        left = Signal(11)
        run_half = Signal()
        here = Signal(5)
        last_cut = Signal()
        cut = Cutter(address, left, longest)
        around = Signal(N_WINDOWS)
        allowed = Signal()
        enough = Signal()
        # Words in the buffer that no burst has announced, late by a cycle.
        unannounced = Signal(range(BUFFER_WORDS + 1))
        arrived = Signal()
        just_announced = Signal(5)
        announced = Signal()
        ready = Signal()  # no announced burst waits to be sent
        with m.FSM() as fsm:
            with m.State("RUN"):
                m.d.comb += self.runs.ready.eq(~self.halt)
                m.d.sync += [
                    address.eq(self.runs.payload.address),
                    left.eq(self.runs.payload.words),
                    run_half.eq(self.runs.payload.half),
                ]
                with m.If(self.runs.valid & self.runs.ready):
                    m.next = "CUT"
            with m.State("CUT"):
                m.d.sync += [here.eq(cut.words), last_cut.eq(cut.is_last), around.eq(windows_around(self.windows, address)), enough.eq(0)]
                m.next = "FILL"
            with m.State("FILL"):
                m.d.comb += [
                    allowed.eq(around.any()),
                    self.error_outside.eq(~allowed),
                    announced.eq(~self.halt & allowed & enough & ready & addresses.w_rdy),
                    addresses.w_en.eq(announced),
                ]
                m.d.sync += enough.eq(unannounced >= here)
                with m.If(announced):
                    m.d.sync += [address.eq(cut.next_address), left.eq(cut.next_left)]
                    m.next = "CUT"
                    with m.If(last_cut):
                        m.next = "RUN"
        m.d.sync += [
            arrived.eq(buffer.w_en & buffer.w_rdy),
            just_announced.eq(Mux(announced, here, 0)),
            unannounced.eq(unannounced + arrived - just_announced),
        ]

        # Sending: the burst that was announced waits until memory took its address and the one before is sent.
        pending = Signal()
        pending_words = Signal(5)
        pending_half = Signal()
        pending_upper = Signal()
        to_send = Signal(5)
        half = Signal()
        upper = Signal()
        last_word = Signal()
        begins = Signal()
        beats_per_word = 64 // bus_bits
        beat_in_word = Signal(range(beats_per_word))
        last_beat_in_word = beat_in_word == beats_per_word - 1
        m.d.comb += [
            ready.eq(~pending),
            bus.wvalid.eq(to_send != 0),
            last_word.eq((to_send == 1) & last_beat_in_word),
            bus.wlast.eq(last_word),
            begins.eq(pending & ~bus.awvalid & ((to_send == 0) | (last_word & bus.wready))),
        ]
        with m.If(bus.awready):
            m.d.sync += bus.awvalid.eq(0)
        with m.If(announced):
            m.d.sync += [
                bus.awvalid.eq(1),
                bus.awaddr.eq(Cat(Const(0, 3), address[3:32])),
                bus.awlen.eq(here * beats_per_word - 1),
                pending.eq(1),
                pending_words.eq(here),
                pending_half.eq(run_half),
                pending_upper.eq(address[2]),
            ]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += beat_in_word.eq(Mux(last_beat_in_word, 0, beat_in_word + 1))
            with m.If(last_beat_in_word):
                m.d.comb += buffer.r_en.eq(1)
                m.d.sync += to_send.eq(to_send - 1)
        with m.If(begins):
            m.d.sync += [pending.eq(0), to_send.eq(pending_words), half.eq(pending_half), upper.eq(pending_upper)]

        # A half word covers the four bytes that its address names.
        if bus_bits == 64:
            strobe = Mux(half, Mux(upper, 0xF0, 0x0F), 0xFF)
            m.d.comb += bus.wdata.eq(buffer.r_data)
        else:
            strobe = Mux(half & (beat_in_word != upper), 0, 0xF)
            m.d.comb += bus.wdata.eq(buffer.r_data.word_select(beat_in_word, 32))
        m.d.comb += [
            bus.wstrb.eq(strobe),
            bus.bready.eq(1),
            addresses.w_data.eq(address),
            addresses.r_en.eq(bus.bvalid),
            self.error_failed.eq(bus.bvalid & bus.bresp[RESPONSE_ERROR]),
            self.error_address.eq(Mux(self.error_failed, addresses.r_data, address)),
            self.idle.eq(~addresses.r_rdy),
            self.drained.eq(self.idle & fsm.ongoing("RUN") & ~self.runs.valid),
            self.beat.eq(bus.wvalid & bus.wready),
        ]
        return m
