"""Stripes: the reading of a raster, spread over both memory ports."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .address import ADDRESS_BITS, advance
from .reader import request_layout

STRIPE_WORDS = 64
"""Words that one port reads before the other goes on: four bursts."""


class Stripes(wiring.Component):
    """Splits a request in turns over two ports, and puts what they read in order again.

    One port reads descriptors and the first halves of weight rows, the other the second halves; a
    raster of tens of thousands of words through the first alone would hold the rows up.

    Members
    -------
    requests : In(stream of request_layout), taken when the one before has been read
    words : Out(stream of 64 bits)
    port_requests{p} : Out(stream of request_layout)
    port_words{p} : In(stream of 64 bits)
    """

    def __init__(self):
        super().__init__(
            {
                "requests": In(stream.Signature(request_layout)),
                "words": Out(stream.Signature(64)),
                **{f"port_requests{p}": Out(stream.Signature(request_layout)) for p in range(2)},
                **{f"port_words{p}": In(stream.Signature(64)) for p in range(2)},
            }
        )

    def elaborate(self, platform):
        m = Module()
        length = request_layout["words"].shape
        address = Signal(ADDRESS_BITS)
        to_ask = Signal(length)
        to_read = Signal(length)
        asks = Signal()  # the port that is asked next
        reads = Signal()  # the port that is read next
        in_stripe = Signal(range(STRIPE_WORDS))
        n_words = Signal(range(STRIPE_WORDS + 1))
        m.d.comb += [
            self.requests.ready.eq(to_read == 0),
            n_words.eq(Mux(to_ask < STRIPE_WORDS, to_ask, STRIPE_WORDS)),
        ]
        with m.If(self.requests.valid & self.requests.ready):
            m.d.sync += [
                address.eq(self.requests.payload.address),
                to_ask.eq(self.requests.payload.words),
                to_read.eq(self.requests.payload.words),
                asks.eq(0),
                reads.eq(0),
                in_stripe.eq(0),
            ]
        for p in range(2):
            request, words = getattr(self, f"port_requests{p}"), getattr(self, f"port_words{p}")
            m.d.comb += [
                request.payload.address.eq(address),
                request.payload.words.eq(n_words),
                request.valid.eq((to_ask != 0) & (asks == p)),
            ]
            with m.If(request.valid & request.ready):
                m.d.sync += [address.eq(advance(address, STRIPE_WORDS * 8)), to_ask.eq(to_ask - n_words), asks.eq(~asks)]
            with m.If(reads == p):
                m.d.comb += [
                    self.words.payload.eq(words.payload),
                    self.words.valid.eq(words.valid & (to_read != 0)),
                    words.ready.eq(self.words.ready & (to_read != 0)),
                ]
        with m.If(self.words.valid & self.words.ready):
            m.d.sync += [to_read.eq(to_read - 1), in_stripe.eq(in_stripe + 1)]
            with m.If(in_stripe == STRIPE_WORDS - 1):
                m.d.sync += reads.eq(~reads)
        return m
