"""The read half of the memory manager: two streams of 64-bit words over one AXI3 port.

Each stream reserves room in its buffer before it asks for a burst, so the data channel never
waits for the core and no stream can block the other.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from lifarray.golden.registers import N_WINDOWS

from .address import ADDRESS_BITS, advance
from .axi import MAX_BURST_BEATS, RESPONSE_ERROR, Axi3Signature, constant_attributes
from .ram_fifo import RamFifo
from .windows import windows_around, windows_layout

request_layout = data.StructLayout({"address": ADDRESS_BITS, "words": 21})
"""Words to read in a row, at least 1, from an address that is a multiple of 8."""

OUTSTANDING_BURSTS = 16
"""Bursts that one stream may have under way."""


def burst_words(bus_bits):
    """64-bit words in the longest burst."""
    return MAX_BURST_BEATS * bus_bits // 64


class Cutter:
    """The first burst of ``left`` words from an address on, a multiple of 8, and what is left after it.

    It ends where the longest burst divides the page, or with the last word; so no burst crosses a page.

    Members
    -------
    words, is_last : Value
        Of the burst.
    next_address, next_left : Value
        Of what follows it, unless it is the last.
    """

    def __init__(self, address, left, longest):
        bits = (longest - 1).bit_length()
        low = 3 + bits
        to_end = (longest - address[3:low])[: bits + 1]
        self.is_last = (left[bits + 1 :] == 0) & (left[: bits + 1] <= to_end)
        self.words = Mux(self.is_last, left[: bits + 1], to_end)
        self.next_address = advance(Cat(Const(0, low), address[low:]), longest << 3)
        self.next_left = (left - to_end)[: len(left)]


class ReadStream(wiring.Component):
    """Splits requests into bursts and keeps their data in order.

    Members
    -------
    requests : In(stream of request_layout)
    words : Out(stream of 64 bits)
    windows : In(windows_layout)
    burst : Out(stream), address (32 bits) and words of a burst that may be issued
    beat_valid, beat_data, beat_error, beat_last : In, a beat of data of this stream
    outside : Out(1), the next burst lies outside the windows, at ``outside_address``
    failed : Out(1), memory answered a burst with an error, at ``failed_address``
    idle : Out(1), no burst is unanswered
    """

    def __init__(self, bus_bits, depth):
        self._bus_bits = bus_bits
        self._depth = depth
        super().__init__(
            {
                "requests": In(stream.Signature(request_layout)),
                "words": Out(stream.Signature(64)),
                "windows": In(windows_layout),
                "burst": Out(stream.Signature(data.StructLayout({"address": 32, "words": 5}))),
                "beat_valid": In(1),
                "beat_data": In(bus_bits),
                "beat_error": In(1),
                "beat_last": In(1),
                "outside": Out(1),
                "outside_address": Out(32),
                "failed": Out(1),
                "failed_address": Out(32),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        longest = burst_words(self._bus_bits)

        # Stage 1: cut the request where a longest burst would begin in a page cut into such.
        cutting = Signal()
        address = Signal(ADDRESS_BITS)
        left = Signal(21)
        here = Signal(5)
        next_free = Signal()  # stage 2 takes a burst in this cycle
        cut = Cutter(address, left, longest)
        m.d.comb += [here.eq(cut.words), self.requests.ready.eq(~cutting)]
        with m.If(self.requests.valid & self.requests.ready):
            m.d.sync += [cutting.eq(1), address.eq(self.requests.payload.address), left.eq(self.requests.payload.words)]
        with m.If(cutting & next_free):
            m.d.sync += [cutting.eq(~cut.is_last), address.eq(cut.next_address), left.eq(cut.next_left)]

        # Stage 2: its window check.
        checks = Signal()
        checks_address = Signal(ADDRESS_BITS)
        checks_words = Signal(5)
        # Stage 3: it waits for room and a place among the outstanding.
        waits = Signal()
        around = Signal(N_WINDOWS)
        allowed = Signal()
        waits_address = Signal(ADDRESS_BITS)
        waits_words = Signal(5)
        m.submodules.addresses = addresses = SyncFIFO(width=32, depth=OUTSTANDING_BURSTS)
        # Room for a burst is kept when it comes here; below zero, it is still to become free.
        room = Signal(range(-longest, self._depth + 1), init=self._depth)
        comes = Signal()
        issued = Signal()
        m.d.comb += [
            next_free.eq(~checks | ~waits),
            comes.eq(checks & ~waits),
            allowed.eq(around.any()),
            self.outside.eq(waits & ~allowed),
            self.outside_address.eq(waits_address),
            self.burst.valid.eq(waits & allowed & (room >= 0) & addresses.w_rdy),
            self.burst.payload.address.eq(waits_address),
            self.burst.payload.words.eq(waits_words),
            issued.eq(self.burst.valid & self.burst.ready),
            addresses.w_data.eq(waits_address),
            addresses.w_en.eq(issued),
        ]
        with m.If(next_free):
            m.d.sync += [checks.eq(cutting), checks_address.eq(address), checks_words.eq(here)]
        with m.If(comes):
            m.d.sync += waits.eq(1)
        with m.If(~waits):
            m.d.sync += [
                around.eq(windows_around(self.windows, checks_address)),
                waits_address.eq(checks_address),
                waits_words.eq(checks_words),
            ]
        with m.If(issued):
            m.d.sync += waits.eq(0)

        # Data comes back in order, into room that was kept for it.
        m.submodules.buffer = buffer = RamFifo(64, self._depth)
        wiring.connect(m, buffer.sink, wiring.flipped(self.words))
        if self._bus_bits == 64:
            m.d.comb += [buffer.source.payload.eq(self.beat_data), buffer.source.valid.eq(self.beat_valid)]
        else:
            low = Signal(32)
            odd = Signal()
            m.d.comb += [buffer.source.payload.eq(Cat(low, self.beat_data)), buffer.source.valid.eq(self.beat_valid & odd)]
            with m.If(self.beat_valid):
                m.d.sync += [odd.eq(~odd), low.eq(self.beat_data)]
        m.d.comb += [
            addresses.r_en.eq(self.beat_valid & self.beat_last),
            self.idle.eq(~addresses.r_rdy),
            self.failed.eq(self.beat_valid & self.beat_error),
            self.failed_address.eq(addresses.r_data),
        ]
        m.d.sync += room.eq(room - Mux(comes, checks_words, 0) + buffer.taken)
        return m


class Reader(wiring.Component):
    """Streams of words over the read channels of one AXI3 port; their numbers are their IDs.

    Parameters
    ----------
    bus_bits : int
    depths : tuple of int
        Words that each stream's buffer holds. A stream goes before those after it.

    Members
    -------
    bus : Out(Axi3Signature), of which this drives the read channels
    requests{i} : In(stream of request_layout)
    words{i} : Out(stream of 64 bits)
    windows : In(windows_layout)
    halt : In(1), issue nothing more
    error_outside, error_failed : Out(1), at ``error_address``
    idle : Out(1), nothing is unanswered
    beat : Out(1), for the counters
    """

    def __init__(self, bus_bits, depths):
        self._bus_bits = bus_bits
        self._depths = depths
        members = {
            "bus": Out(Axi3Signature(bus_bits, 1)),
            "windows": In(windows_layout),
            "halt": In(1),
            "error_outside": Out(1),
            "error_failed": Out(1),
            "error_address": Out(32),
            "idle": Out(1),
            "beat": Out(1),
        }
        for i in range(len(depths)):
            members[f"requests{i}"] = In(stream.Signature(request_layout))
            members[f"words{i}"] = Out(stream.Signature(64))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        constant_attributes(m, bus, "ar", self._bus_bits)
        streams = [ReadStream(self._bus_bits, depth) for depth in self._depths]
        for i, source in enumerate(streams):
            m.submodules[f"stream{i}"] = source
            wiring.connect(m, wiring.flipped(getattr(self, f"requests{i}")), source.requests)
            wiring.connect(m, wiring.flipped(getattr(self, f"words{i}")), source.words)

        free = Signal()
        m.d.comb += free.eq((~bus.arvalid | bus.arready) & ~self.halt)
        with m.If(bus.arready):
            m.d.sync += bus.arvalid.eq(0)
        beats_per_word = 64 // self._bus_bits
        for i, source in enumerate(streams):
            granted = Signal(name=f"granted{i}")
            others = Cat(earlier.burst.valid for earlier in streams[:i]).any()
            m.d.comb += [
                granted.eq(source.burst.valid & ~others),
                source.burst.ready.eq(free & granted),
                source.windows.eq(self.windows),
                source.beat_valid.eq(bus.rvalid & (bus.rid == i)),
                source.beat_data.eq(bus.rdata),
                source.beat_error.eq(bus.rresp[RESPONSE_ERROR]),
                source.beat_last.eq(bus.rlast),
            ]
            with m.If(free & granted):
                m.d.sync += [
                    bus.arvalid.eq(1),
                    bus.arid.eq(i),
                    bus.araddr.eq(source.burst.payload.address),
                    bus.arlen.eq(source.burst.payload.words * beats_per_word - 1),
                ]
        failed = [source.failed for source in streams]
        outside = [source.outside for source in streams]
        m.d.comb += [
            bus.rready.eq(1),
            self.beat.eq(bus.rvalid),
            self.idle.eq(Cat(source.idle for source in streams).all() & ~bus.arvalid),
            self.error_failed.eq(Cat(failed).any()),
            self.error_outside.eq(Cat(outside).any()),
        ]
        # An error that memory reported goes before an address that was not allowed.
        addresses = [(source.failed, source.failed_address) for source in streams]
        addresses += [(source.outside, source.outside_address) for source in streams]
        for happened, address in reversed(addresses):
            with m.If(happened):
                m.d.comb += self.error_address.eq(address)
        return m
