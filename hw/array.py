"""The array: lanes of slot currents, and what feeds spikes and weights into them."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig

SLOT_BITS = SLOTS.bit_length() - 1

word_layout = data.StructLayout({"word": SLOTS, "last": 1})
"""Work for the array: an input neuron's raster word, which has a weight row and is not zero; or,
with ``last``, the end of a tile's pass."""


def lowest_set_bit(word):
    """Index of the lowest set bit of a 64-bit value, as a tree of multiplexers.

    Returns
    -------
    (any, index)
    """
    nodes = [(word[i], None) for i in range(len(word))]
    while len(nodes) > 1:
        paired = []
        for (low_any, low_index), (high_any, high_index) in zip(nodes[0::2], nodes[1::2]):
            index = ~low_any
            if low_index is not None:
                index = Cat(Mux(low_any, low_index, high_index), ~low_any)
            paired.append((low_any | high_any, index))
        nodes = paired
    return nodes[0]


class LaneArray(wiring.Component):
    """Current accumulators: for each lane, a distributed RAM with one current a slot.

    Reading is combinational and writing synchronous, so one event a cycle is added without a
    hazard; the slot address is the same for all lanes.

    Parameters
    ----------
    config : CoreConfig

    Members
    -------
    slot : In(6), the slot that ``currents`` shows and ``add`` changes
    add : In(1), add the row to the slot at the end of this cycle
    fresh : In(1), with ``add``: the slot held nothing yet
    row : In, packed weights of all lanes
    four_bit : In(1), the row holds 4-bit weights
    currents : Out(array of signed), one a lane
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "slot": In(SLOT_BITS),
                "add": In(1),
                "fresh": In(1),
                "row": In(config.row_words(config.weight_bits) * 64),
                "four_bit": In(1),
                "currents": Out(data.ArrayLayout(signed(config.current_bits), config.lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        lanes = []
        for i in range(config.lanes):
            nibble = self.row[4 * i : 4 * i + 4].as_signed()
            weight = Signal(signed(config.weight_bits), name=f"weight{i}")
            if config.weight_bits == 4:
                m.d.comb += weight.eq(nibble)
            else:
                m.d.comb += weight.eq(Mux(self.four_bit, nibble, self.row[8 * i : 8 * i + 8].as_signed()))
            m.submodules[f"slots{i}"] = slots = Memory(shape=signed(config.current_bits), depth=SLOTS, init=[])
            read = slots.read_port(domain="comb")
            write = slots.write_port()
            m.d.comb += [
                read.addr.eq(self.slot),
                write.addr.eq(self.slot),
                write.en.eq(self.add),
                write.data.eq(Mux(self.fresh, 0, read.data) + weight),
            ]
            lanes.append(read.data)
        m.d.comb += self.currents.as_value().eq(Cat(lanes))
        return m


class RowAssembler(wiring.Component):
    """Collects 64-bit words into a weight row; the next row assembles while one is in use.

    Members
    -------
    words : In(stream of 64 bits)
    row_words : In, words of a row
    row : Out, the assembled row
    full : Out(1), the row is complete
    take : In(1), the row was used; assembly of the next may begin in the same cycle
    """

    def __init__(self, config: CoreConfig):
        self._words = config.row_words(config.weight_bits)
        super().__init__(
            {
                "words": In(stream.Signature(64)),
                "row_words": In(range(self._words + 1)),
                "row": Out(self._words * 64),
                "full": Out(1),
                "take": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        index = Signal(range(self._words))
        m.d.comb += self.words.ready.eq(~self.full | self.take)
        with m.If(self.take):
            m.d.sync += self.full.eq(0)
        with m.If(self.words.valid & self.words.ready):
            with m.Switch(index):
                for i in range(self._words):
                    with m.Case(i):
                        m.d.sync += self.row[64 * i : 64 * i + 64].eq(self.words.payload)
            with m.If(index + 1 == self.row_words):
                m.d.sync += [index.eq(0), self.full.eq(1)]
            with m.Else():
                m.d.sync += index.eq(index + 1)
        return m


class Integrator(wiring.Component):
    """Plays raster words as events, one a cycle, into the lane array.

    Members
    -------
    work : In(stream of word_layout)
    weights : In(stream of 64 bits), the rows of the words in ``work``, in their order
    row_words : In, 64-bit words of a row
    four_bit : In(1)
    pass_done : Out(1), high from the end of a pass until ``pass_taken``; the lanes stand still
    pass_taken : In(1), the currents were used: begin the next pass
    touched : Out(64), slots that hold a current; the others count as zero
    read_slot : In(6), slot shown on ``currents`` while ``pass_done``
    currents : Out, of all lanes
    event, wait_weight, wait_input : Out(1), for the counters
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "work": In(stream.Signature(word_layout)),
                "weights": In(stream.Signature(64)),
                "row_words": In(range(config.row_words(config.weight_bits) + 1)),
                "four_bit": In(1),
                "pass_done": Out(1),
                "pass_taken": In(1),
                "touched": Out(SLOTS),
                "read_slot": In(SLOT_BITS),
                "currents": Out(data.ArrayLayout(signed(config.current_bits), config.lanes)),
                "event": Out(1),
                "wait_weight": Out(1),
                "wait_input": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.lanes = lanes = LaneArray(self._config)
        m.submodules.assembler = assembler = RowAssembler(self._config)
        wiring.connect(m, wiring.flipped(self.weights), assembler.words)

        # Stage 1: the slot of the next event. The row moves on with a word's first event.
        pending = Signal(SLOTS)
        first = Signal()
        busy, slot = lowest_set_bit(pending)
        emit = Signal()
        rest = Signal(SLOTS)
        m.d.comb += [
            assembler.row_words.eq(self.row_words),
            emit.eq(busy & (~first | assembler.full)),
            rest.eq(pending & (pending - 1)),
            assembler.take.eq(emit & first),
            self.event.eq(emit),
            self.wait_weight.eq(busy & ~emit),
            self.wait_input.eq(~busy & ~self.work.valid),
        ]

        # Stage 2: read, add, write.
        row = Signal.like(assembler.row)
        event_slot = Signal(SLOT_BITS)
        add = Signal()
        fresh = Signal()
        m.d.sync += add.eq(emit)
        with m.If(emit):
            m.d.sync += [
                pending.eq(rest),
                first.eq(0),
                event_slot.eq(slot),
                fresh.eq(~self.touched.bit_select(slot, 1)),
                self.touched.eq(self.touched | (pending ^ rest)),
            ]
        with m.If(assembler.take):
            m.d.sync += row.eq(assembler.row)
        m.d.comb += [
            lanes.row.eq(row),
            lanes.four_bit.eq(self.four_bit),
            lanes.slot.eq(Mux(self.pass_done, self.read_slot, event_slot)),
            lanes.add.eq(add),
            lanes.fresh.eq(fresh),
            self.currents.eq(lanes.currents),
        ]

        done = Signal()
        m.d.comb += self.pass_done.eq(done & ~add)
        with m.If(done):
            with m.If(self.pass_taken):
                m.d.sync += [done.eq(0), self.touched.eq(0)]
        with m.Elif(~busy | (emit & (rest == 0))):
            m.d.comb += self.work.ready.eq(1)
            with m.If(self.work.valid):
                with m.If(self.work.payload.last):
                    m.d.sync += done.eq(1)
                with m.Else():
                    m.d.sync += [pending.eq(self.work.payload.word), first.eq(1)]
        return m
