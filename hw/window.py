"""The window: rows that wait to be added, and the choice of what is added next.

Each entry holds the raster word of one weight row. A visit takes one slot and all the rows that
have a spike in it; they are added a few at a time, as many as the array has ways. So several rows
share a cycle wherever they spike in the same slot, and no cycle is spent on a silence.

When all rows of a segment are here, its slots are emitted one after the other: a slot's last visit
completes its currents, which are captured for the LIF steps. Rows of the next segment come in
meanwhile. They are young: where the slots of the two are the same, a slot takes young rows only
after it was emitted.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig

from .bits import index_of, isolate_highest, isolate_lowest, marked_at_lowest, two_or_more

SLOT_BITS = SLOTS.bit_length() - 1


def work_layout(config: CoreConfig):
    """An active input: its spikes, and where its weights lie; or, with ``last``, the end of a segment,
    and in ``word`` the slots that it filled."""
    return data.StructLayout({"word": SLOTS, "last": 1, "row": range(config.store_rows)})


def pick_layout(config: CoreConfig):
    """What the array does in a cycle.

    ``valid``: ways that add, in each the row of entry ``entry``; ``slot``: to which slot;
    ``active``: something happens; ``fresh``: the slot held nothing yet; ``capture``: the slot is
    complete with this.
    """
    return data.StructLayout(
        {
            "valid": config.ways,
            "entry": data.ArrayLayout(range(config.window_rows), config.ways),
            "slot": SLOT_BITS,
            "active": 1,
            "fresh": 1,
            "capture": 1,
        }
    )


class Window(wiring.Component):
    """Entries, and the visits to their slots.

    Parameters
    ----------
    config : CoreConfig

    Members
    -------
    load : In(stream of work_layout), whose ``row`` is not used here
    entry : Out, entry that a row goes to when ``load`` takes it
    pick : Out(pick_layout), to the array
    release : In(1), one more slot may be captured
    idle : Out(1), nothing is added in this cycle
    waiting : Out(1), what is complete waits for its capture
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "load": In(stream.Signature(work_layout(config))),
                "entry": Out(range(config.window_rows)),
                "pick": Out(pick_layout(config)),
                "release": In(1),
                "idle": Out(1),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        n_entries = config.window_rows
        entries = [Signal(SLOTS, name=f"entry{e}") for e in range(n_entries)]
        empty = Signal(n_entries, init=-1)  # late by a cycle
        pending = Signal(SLOTS)  # slots that any entry has a spike in; late by a cycle

        emitting = Signal()
        closed = Signal(SLOTS)  # slots of the segment that are still to be emitted
        young = Signal(n_entries)

        # Stage 1: the next slot, one bit of all.
        chosen = Signal()
        slot = Signal(SLOTS)
        slot_closed = Signal()  # it is still to be emitted; late by a cycle, as young rows are
        emission = Signal()
        # Stage 2: its column.
        waits = Signal()
        waits_rows = Signal(n_entries)
        waits_slot = Signal(SLOT_BITS)
        waits_emission = Signal()
        # Stage 3: the visit.
        visiting = Signal()
        rows = Signal(n_entries)
        left = Signal(range(n_entries + 1))
        visit_slot = Signal(SLOT_BITS)
        visit_emission = Signal()
        fresh = Signal()

        # Loading.
        tail = self.entry
        loaded = Signal()
        item = self.load.payload
        free = Signal(n_entries)
        tail_free = Signal()  # late by a cycle: only a load takes an entry
        next_tail = Signal.like(tail)
        m.d.comb += [
            free.eq(empty & ~waits_rows & ~rows),
            self.load.ready.eq(Mux(item.last, ~emitting, tail_free)),
            loaded.eq(self.load.valid & self.load.ready & ~item.last),
            next_tail.eq(tail + loaded),
        ]
        m.d.sync += [tail.eq(next_tail), tail_free.eq(free.bit_select(next_tail, 1))]
        column = Signal(n_entries)
        takes = Signal(n_entries)  # entries that stage 2's visit takes rows from
        clear = Signal(SLOTS)
        emitted = Signal()  # the segment's last slot goes into stage 2's register
        m.d.comb += takes.eq(~young | ~(emission | slot_closed).replicate(n_entries))
        for e, entry in enumerate(entries):
            mine = loaded & (tail == e)
            m.d.sync += [
                entry.eq(Mux(mine, item.word, entry & ~(clear & takes[e].replicate(SLOTS)))),
                empty[e].eq(~mine & (entry == 0)),
                young[e].eq(Mux(mine, emitting, young[e]) & ~emitted),
            ]
            m.d.comb += column[e].eq((entry & slot).any() & takes[e])
        m.d.sync += pending.eq(Cat(Cat(entry[s] & ~(young[e] & closed[s]) for e, entry in enumerate(entries)).any() for s in range(SLOTS)))

        # Stage 1. In sweeps, so that a slot is left alone while others collect spikes for it.
        taken2 = Signal()
        credit = Signal(init=1)
        emit = Signal()
        sweep = Signal(SLOTS)  # slots that this sweep has still to visit
        sweeping = Signal()  # there are any
        source = Signal(SLOTS)
        to_visit = Signal(SLOTS)
        to_emit = Signal(SLOTS)
        last_emission = Signal()
        any_closed = Signal()
        m.d.comb += [
            emit.eq(any_closed & credit),
            to_emit.eq(isolate_lowest(closed)),
            source.eq(Mux(sweeping, sweep, pending)),
            to_visit.eq(isolate_lowest(source)),
        ]
        with m.If(self.release):
            m.d.sync += credit.eq(1)
        m.d.sync += slot_closed.eq(slot_closed | (closed & slot).any())
        with m.If(~chosen | taken2):
            m.d.sync += [
                chosen.eq(emit | source.any()),
                slot.eq(Mux(emit, to_emit, to_visit)),
                slot_closed.eq(marked_at_lowest(source, closed)),
                emission.eq(emit),
            ]
            with m.If(emit):
                m.d.sync += [
                    credit.eq(0),
                    closed.eq(closed & ~to_emit),
                    any_closed.eq(two_or_more(closed)),
                    last_emission.eq(~two_or_more(closed)),
                ]
            with m.Else():
                m.d.sync += [sweep.eq(source & ~to_visit), sweeping.eq(Mux(sweeping, two_or_more(sweep), two_or_more(pending)))]

        # Stage 2.
        moves = Signal()
        any_row = Signal()
        m.d.comb += [
            taken2.eq(chosen & (~waits | moves)),
            any_row.eq(column.any()),
        ]
        with m.If(taken2):
            m.d.comb += clear.eq(slot)
            m.d.sync += [
                waits.eq(emission | any_row),
                waits_rows.eq(column),
                waits_slot.eq(index_of(slot)),
                waits_emission.eq(emission),
            ]
            m.d.comb += emitted.eq(emission & last_emission)
            with m.If(emitted):
                m.d.sync += emitting.eq(0)
        with m.Elif(moves):
            m.d.sync += [waits.eq(0), waits_rows.eq(0)]
        with m.If(self.load.valid & self.load.ready & item.last):
            m.d.sync += [emitting.eq(1), closed.eq(item.word), any_closed.eq(1)]

        # Stage 3. A slot's first addition finds nothing in it; an emission leaves nothing.
        touched = Signal(SLOTS)
        ends = Signal()
        picked = []
        rest = rows
        for way in range(config.ways):
            one = Signal(n_entries, name=f"picked{way}")
            m.d.comb += one.eq((isolate_lowest, isolate_highest)[way % 2](rest if way > 1 else rows))
            picked.append(one)
            if way == 1:
                rest = rows & ~picked[0] & ~picked[1]
        m.d.comb += [ends.eq(left <= config.ways), moves.eq(waits & (~visiting | ends))]
        m.d.sync += [
            left.eq(left - config.ways),
            rows.eq(rows & ~_union(picked)),
            fresh.eq(0),
        ]
        with m.If(ends):
            m.d.sync += [visiting.eq(0), rows.eq(0)]
        with m.If(moves):
            m.d.sync += [
                visiting.eq(1),
                rows.eq(waits_rows),
                left.eq(sum(waits_rows)),
                visit_slot.eq(waits_slot),
                visit_emission.eq(waits_emission),
                fresh.eq(~touched.bit_select(waits_slot, 1)),
                touched.bit_select(waits_slot, 1).eq(~waits_emission),
            ]

        # Stage 4: which entries, as numbers.
        one_hot = [Signal(n_entries, name=f"one_hot{way}") for way in range(config.ways)]
        out = Signal(pick_layout(config))
        m.d.sync += [
            out.active.eq(visiting),
            out.valid.eq(Cat(visiting & (left > way) for way in range(config.ways))),
            out.slot.eq(visit_slot),
            out.fresh.eq(fresh),
            out.capture.eq(visiting & visit_emission & ends),
            *(register.eq(one) for register, one in zip(one_hot, picked)),
        ]
        m.d.comb += self.pick.eq(out)
        for way in range(config.ways):
            m.d.comb += self.pick.entry[way].eq(index_of(one_hot[way]))
        m.d.comb += [self.idle.eq(~visiting), self.waiting.eq(emitting & ~credit)]
        return m


def _union(masks):
    """All bits of several masks."""
    union = masks[0]
    for mask in masks[1:]:
        union = union | mask
    return union
