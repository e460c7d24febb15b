"""Output: sends a tile's raster words, or its vmem, to the writer."""

from amaranth.hdl import Array, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig

from .address import ADDRESS_BITS, advance
from .writer import run_layout


class Output(wiring.Component):
    """Walks the lanes of a tile and sends what the fire units show of each.

    Members
    -------
    start_words : In(1), send the raster words of ``n_lanes`` lanes, to ``address``
    start_vmem : In(1), send their vmem
    n_lanes, address : In, with either
    for_side : In(1), with ``start_words``: copy of the words to send
    ready : Out(1), all was sent
    word_group, side : Out, whose words the units should read
    next_words : Out(1), they should show what they read in the cycle before
    shown_words : In(array), one a unit
    vmem_group : Out, whose vmem they should show in the next cycle
    shown_vmem : In(array)
    runs : Out(stream of run_layout)
    words : Out(stream of 64 bits)
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "start_words": In(1),
                "start_vmem": In(1),
                "n_lanes": In(range(config.lanes + 1)),
                "address": In(ADDRESS_BITS),
                "for_side": In(1),
                "ready": Out(1),
                "word_group": Out(range(config.groups)),
                "next_words": Out(1),
                "vmem_group": Out(range(config.groups)),
                "side": Out(1),
                "shown_words": In(data.ArrayLayout(SLOTS, config.fire_units)),
                "shown_vmem": In(data.ArrayLayout(signed(config.vmem_bits), config.fire_units)),
                "runs": Out(stream.Signature(run_layout)),
                "words": Out(stream.Signature(64)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        unit = Signal(range(config.fire_units))
        left = Signal(range(config.lanes + 1))
        address = Signal(ADDRESS_BITS)
        vmem = Signal(signed(32))
        word = Signal(SLOTS)
        m.d.comb += [
            vmem.eq(Array(self.shown_vmem[u] for u in range(config.fire_units))[unit]),
            word.eq(Array(self.shown_words[u] for u in range(config.fire_units))[unit]),
            self.runs.payload.address.eq(address),
        ]

        # The units read a group ahead of the one that they show.
        group = self.vmem_group

        def next_lane():
            m.d.sync += [left.eq(left - 1), unit.eq(unit + 1)]
            with m.If((unit == config.fire_units - 1) & (left != 1)):
                m.d.sync += [unit.eq(0), group.eq(group + 1)]
                m.d.comb += self.next_words.eq(1)

        with m.If(self.words.ready):
            m.d.sync += self.words.valid.eq(0)
        free = Signal()
        m.d.comb += free.eq(~self.words.valid | self.words.ready)

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.ready.eq(1)
                m.d.sync += [unit.eq(0), group.eq(0), left.eq(self.n_lanes), address.eq(self.address), self.side.eq(self.for_side)]
                with m.If(self.start_words):
                    m.next = "WORDS_RUN"
                with m.Elif(self.start_vmem):
                    m.next = "VMEM_RUN"
            with m.State("WORDS_RUN"):
                m.d.comb += [self.runs.payload.words.eq(left), self.runs.valid.eq(1)]
                with m.If(self.runs.ready):
                    m.next = "WORDS_FIRST"
            with m.State("WORDS_FIRST"):
                m.d.comb += [self.next_words.eq(1), self.word_group.eq(group + 1)]
                m.next = "WORDS"
            with m.State("WORDS"):
                # Several units show their words in turn, and meanwhile the next group's are read. A single one shows one a cycle.
                m.d.comb += self.word_group.eq(group + 1 + (self.next_words if config.fire_units == 1 else 0))
                with m.If(free):
                    m.d.sync += [self.words.valid.eq(1), self.words.payload.eq(word)]
                    next_lane()
                    with m.If(left == 1):
                        m.next = "IDLE"
            with m.State("VMEM_RUN"):
                m.d.comb += [self.runs.payload.words.eq(1), self.runs.payload.half.eq(1), self.runs.valid.eq(1)]
                with m.If(self.runs.ready):
                    m.next = "VMEM"
            with m.State("VMEM"):
                with m.If(free):
                    m.d.sync += [
                        self.words.valid.eq(1),
                        self.words.payload.eq(vmem.as_unsigned().replicate(2)),
                        address.eq(advance(address, 4)),
                    ]
                    next_lane()
                    m.next = "VMEM_RUN"
                    with m.If(left == 1):
                        m.next = "IDLE"
        return m
