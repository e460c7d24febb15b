"""Proofs of the window: each spike of each row is added once, to its slot, before that is captured.

With 4 or 8 slots instead of 64: nothing in the window but widths depends on their number.
"""

from unittest.mock import patch

from amaranth.hdl import Array, Cat, Mux, Signal

from lifarray.golden.config import CoreConfig
from lifarray.hw import window as hw

from .bench import implies

CONFIG = CoreConfig(lanes=2, fire_units=1, window_rows=4)

RELEASE_TO_CAPTURE = 5
"""Cycles from `release` to the pick that captures the next slot, at least."""


def _window(bench, n_slots=4, **changes):
    """The window, and what it takes in: rows of a segment lie within the slots that its end names."""
    m = bench.m
    with patch.multiple(hw, SLOTS=n_slots, SLOT_BITS=(n_slots - 1).bit_length()):
        dut = bench.add(hw.Window(CONFIG.with_(**changes)))
    item = dut.load.payload
    taken = dut.load.valid & dut.load.ready
    filled = Signal(n_slots)
    with m.If(taken):
        m.d.sync += filled.eq(Mux(item.last, 0, filled | item.word))
    bench.assume(implies(dut.load.valid & item.last, (item.word != 0) & ((filled & ~item.word) == 0)))
    return dut, taken & ~item.last, taken & item.last


def one_way(bench):
    """See `_rows`; 4 entries, 4 slots."""
    _rows(bench, 1, 4, 4)


def two_ways(bench):
    """See `_rows`; 4 entries, 4 slots."""
    _rows(bench, 2, 4, 4)


def four_ways(bench):
    """See `_rows`; 8 entries, 8 slots."""
    _rows(bench, 4, 8, 8)


def _rows(bench, ways, n_entries, n_slots):
    """One spike of one entry, of whatever entry and slot, stands for all.

    It is added once, neither before it was loaded nor into currents of the segment before; by its
    segment's capture of the slot it was added; and no row replaces one that is still to be read.
    """
    m = bench.m
    dut, loaded, ended = _window(bench, n_slots, ways=ways, window_rows=n_entries)
    pick, item = dut.pick, dut.load.payload
    entry, slot = bench.constant(range(n_entries), "entry"), bench.constant(range(n_slots), "slot")
    here = pick.active & (pick.slot == slot)
    adds_in = Cat(here & pick.valid[way] & (pick.entry[way] == entry) for way in range(ways))
    adds, captures = adds_in.any(), here & pick.capture
    owed, ahead, held = Signal(3), Signal(3), Signal()  # captures of the slot; those before the spike's own
    ends_here = ended & item.word.bit_select(slot, 1)
    m.d.sync += owed.eq(owed + ends_here - captures)
    replaced = loaded & (dut.entry == entry)
    with m.If(replaced & item.word.bit_select(slot, 1)):
        m.d.sync += [held.eq(1), ahead.eq(owed - captures)]
    with m.Else():
        with m.If(captures & (ahead != 0)):
            m.d.sync += ahead.eq(ahead - 1)
        with m.If(adds):
            m.d.sync += held.eq(0)
    bench.check("adds_what_was_loaded", implies(adds, held))
    bench.check("adds_it_by_one_way", (adds_in & (adds_in - 1)[:ways]) == 0)
    bench.check("adds_it_after_the_capture_before", implies(adds, ahead == 0))
    bench.check("adds_it_before_its_capture", implies(captures & held & (ahead == 0), adds))
    bench.check("replaces_what_was_added", implies(replaced & held, adds))
    bench.check("captures_what_ended", implies(captures, owed != 0))
    # The array clears a slot with the first addition after a capture, and with no other.
    used = Signal()
    with m.If(here):
        m.d.sync += used.eq(~pick.capture)
    bench.check("clears_a_slot_once", implies(here, pick.fresh == ~used))
    _where_it_is(bench, dut, entry, slot, held, ahead, owed, used)
    bench.cover("young_and_added", adds & (ahead == 0) & held & (owed == 0) & dut.waiting)
    bench.cover("young_has_to_wait", held & (ahead == 1) & (owed == 1))
    bench.cover("added_with_its_capture", adds & captures)
    bench.cover("captures_silence", captures & ~pick.valid.any() & pick.fresh)
    if ways > 1:
        bench.cover("all_ways", adds & pick.valid.all())


def _where_it_is(bench, dut, entry, slot, held, ahead, owed, used):
    """Steps on the way: where in the window the spike and the captures of its slot are."""
    pick, ways = dut.pick, len(dut.pick.valid)
    (young, empty, tail_free, chosen, its_slot, slot_closed, emission, waits, waits_rows, waits_slot) = (
        bench.internal(name) for name in "young empty tail_free chosen slot slot_closed emission waits waits_rows waits_slot".split()
    )
    (visiting, rows, left, visit_slot, visit_emission, fresh, touched) = (
        bench.internal(name) for name in "visiting rows left visit_slot visit_emission fresh touched".split()
    )
    one_hot = [bench.internal(f"one_hot{way}") for way in range(ways)]
    word = Array(bench.internal(f"entry{e}") for e in range(len(young)))[entry]

    def mine(mask):
        return mask.bit_select(entry, 1)

    to_come = [mask.bit_select(slot, 1) for mask in _captures_to_come(bench, pick)]
    bench.check("owes_what_is_on_its_way", owed == sum(to_come))
    # The spike, and the captures before it.
    in_entry = word.bit_select(slot, 1)
    in_wait = waits & (waits_slot == slot) & mine(waits_rows)
    in_visit = visiting & (visit_slot == slot) & mine(rows)
    in_pick = Cat(pick.active & (pick.slot == slot) & pick.valid[way] & mine(one_hot[way]) for way in range(ways))
    bench.check("is_in_one_place", held == in_entry + in_wait + in_visit + sum(in_pick))
    bench.check("young_comes_after_all", implies(in_entry & mine(young), ahead == sum(to_come)))
    bench.check("old_comes_with_its_segment", implies(in_entry & ~mine(young), ahead == sum(to_come[2:])))
    bench.check("waits_in_its_turn", implies(in_wait, ahead == sum(to_come[3:])))
    bench.check("visited_in_its_turn", implies(in_visit, ahead == to_come[4]))
    # The machine.
    bench.check("empty_is_empty", implies(mine(empty), word == 0))
    bench.check("free_is_free", implies(tail_free & (dut.entry == entry), (word == 0) & ~mine(waits_rows) & ~mine(rows)))
    # A visit that is chosen knows of the capture of its slot that is still to come, from the first young row on.
    unaware = chosen & its_slot.bit_select(slot, 1) & ~emission & ~slot_closed
    bench.check("knows_what_is_closed", implies(unaware, ~(mine(young) & to_come[0])))
    bench.check("nobody_waits", implies(~waits, waits_rows == 0))
    bench.check("nobody_visits", implies(~visiting, rows == 0))
    bench.check("counts_its_rows", implies(visiting, left == sum(rows)))
    bench.check("picks_nothing_when_idle", implies(~pick.active, pick.valid == 0))
    for way in range(ways):
        one = one_hot[way]
        bench.check(f"picks_one_row{way}", implies(pick.valid[way], (one != 0) & ((one & (one - 1)[: len(one)]) == 0)))
        bench.check(f"picks_others{way}", Cat((one != other) | ~(pick.valid[way] & pick.valid[i]) for i, other in enumerate(one_hot[:way])).all())
    # What the slot holds after the pick of this cycle, and after the visit before it.
    after_pick = Mux(pick.active & (pick.slot == slot), ~pick.capture, used)
    visits = visiting & (visit_slot == slot)
    bench.check("fresh_is_fresh", implies(visits, fresh != after_pick))
    bench.check("touched_is_touched", touched.bit_select(slot, 1) == Mux(visits, ~visit_emission, after_pick))


def _captures_to_come(bench, pick):
    """Steps on the way: a segment is emitting until its last emission left stage 1.

    Returns
    -------
    list of masks
        Slots whose captures are on their way, the last to come first: those still closed, then
        the one, if any, in each of stages 1 to 3, and the pick's.
    """
    (closed, any_closed, young, emitting, chosen, slot, emission, last_emission) = (
        bench.internal(name) for name in "closed any_closed young emitting chosen slot emission last_emission".split()
    )
    (waits, waits_slot, waits_emission, visiting, visit_slot, visit_emission) = (
        bench.internal(name) for name in "waits waits_slot waits_emission visiting visit_slot visit_emission".split()
    )
    emits = chosen & emission
    bench.check("emits_what_is_closed", implies(closed.any() | emits | young.any(), emitting))
    bench.check("knows_of_any", any_closed == closed.any())
    bench.check("knows_the_last", implies(emits, last_emission == (closed == 0)))
    bench.check("chooses_one_slot", implies(chosen, (slot != 0) & (slot & -slot == slot)))
    return [
        closed,
        Mux(emits, slot, 0),
        (waits & waits_emission) << waits_slot,
        (visiting & visit_emission) << visit_slot,
        (pick.active & pick.capture) << pick.slot,
    ]


def captures(bench):
    """The slots of each segment are captured once, in order, and segments one after the other."""
    m = bench.m
    dut, _, ended = _window(bench)
    pick = dut.pick
    captured = pick.active & pick.capture
    word = dut.load.payload.word
    # The slots that are left of the segments that ended; three may be on their way if they are short.
    left = [Signal(4, name=f"left{i}") for i in range(3)]
    rest = Signal(4)
    m.d.comb += rest.eq(Mux(captured, left[0] & (left[0] - 1)[:4], left[0]))
    shifts = rest == 0
    queue = [Mux(shifts, later, here) for here, later in zip([rest, *left[1:]], [*left[1:], 0])]
    taken = 1
    for here, after in zip(left, queue):
        m.d.sync += here.eq(Mux(taken & (after == 0) & ended, word, after))
        taken = after != 0
    bench.check("captures_the_lowest", implies(captured, (left[0] != 0) & (left[0] & -left[0] == 1 << pick.slot)))
    bench.check("ends_three_at_most", implies(ended, queue[2] == 0))
    for i in range(2):
        bench.check(f"ends_in_order{i}", implies(left[i] == 0, left[i + 1] == 0))
    # Steps on the way: the captures to come, taken off the queue in their order, leave what is closed.
    closed, *on_the_way = _captures_to_come(bench, pick)
    queue, in_order = list(left), []
    for mask in reversed(on_the_way):
        in_order.append(implies(mask, mask[:4] == queue[0] & -queue[0]))
        rest = queue[0] & ~mask
        queue = [Mux(rest == 0, after, here) for here, after in zip([rest, *queue[1:]], [*queue[1:], 0])]
    bench.check("are_on_their_way_in_order", Cat(in_order).all() & (queue[0] == closed) & (queue[1] == 0))
    bench.check("captures_with_a_pick", implies(pick.capture, pick.active))
    bench.cover("two_segments", captured & (left[1] != 0))
    bench.cover("all_slots", captured & (left[0] == 8) & bench.before(captured, "captured"))


def release(bench):
    """A slot is captured `RELEASE_TO_CAPTURE` cycles or more after its release, one for each release and the first."""
    m = bench.m
    dut, _, _ = _window(bench)
    captured = dut.pick.active & dut.pick.capture
    # What `fire` does: one release after each capture.
    may_release = Signal()
    bench.assume(implies(dut.release, may_release))
    with m.If(captured):
        m.d.sync += may_release.eq(1)
    with m.Elif(dut.release):
        m.d.sync += may_release.eq(0)
    may_capture = Signal(init=1)
    age = Signal(range(RELEASE_TO_CAPTURE + 1), init=RELEASE_TO_CAPTURE)
    with m.If(dut.release):
        m.d.sync += [may_capture.eq(1), age.eq(1)]
    with m.Else():
        m.d.sync += age.eq(Mux(age == RELEASE_TO_CAPTURE, age, age + 1))
        with m.If(captured):
            m.d.sync += may_capture.eq(0)
    bench.check("waits_for_its_release", implies(captured, may_capture))
    bench.check("not_at_once", implies(captured, age == RELEASE_TO_CAPTURE))
    first = Signal(init=1)
    with m.If(dut.release):
        m.d.sync += first.eq(0)
    bench.cover("as_soon_as_it_may", captured & bench.before(age == RELEASE_TO_CAPTURE - 1, "young") & ~first)
