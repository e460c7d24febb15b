"""Proofs of the window: each spike of each row is added once, to its slot, before that is captured.

With 4 slots instead of 64: no part of the window but widths depends on their number.
"""

from unittest.mock import patch

from amaranth.hdl import Cat, Mux, Signal

from lifarray.golden.config import CoreConfig
from lifarray.hw import window as hw

from .bench import implies

N_SLOTS = 4
CONFIG = CoreConfig(lanes=2, fire_units=1, window_rows=4)

RELEASE_TO_CAPTURE = 5
"""Cycles from `release` to the pick that captures the next slot, at least."""


def _window(bench, ways, leave=()):
    """The window, and what it takes in: rows of a segment lie within the slots that its end names."""
    m = bench.m
    with patch.multiple(hw, SLOTS=N_SLOTS, SLOT_BITS=(N_SLOTS - 1).bit_length()):
        dut = bench.add(hw.Window(CONFIG.with_(ways=ways)), leave=leave)
    item = dut.load.payload
    taken = dut.load.valid & dut.load.ready
    filled = Signal(N_SLOTS)
    with m.If(taken):
        m.d.sync += filled.eq(Mux(item.last, 0, filled | item.word))
    bench.assume(implies(dut.load.valid & item.last, (item.word != 0) & ((filled & ~item.word) == 0)))
    return dut, taken & ~item.last, taken & item.last


def one_way(bench):
    """See `_rows`; one way."""
    _rows(bench, 1)


def two_ways(bench):
    """See `_rows`; two ways."""
    _rows(bench, 2)


def three_ways(bench):
    """See `_rows`; three ways, an odd number."""
    _rows(bench, 3)


def _rows(bench, ways):
    """One spike of one entry, of whatever entry and slot, stands for all.

    It is added once, neither before it was loaded nor into currents of the segment before; by its
    segment's capture of the slot it was added; and no row replaces one that is still to be read.
    """
    m = bench.m
    dut, loaded, ended = _window(bench, ways)
    pick, item = dut.pick, dut.load.payload
    entry, slot = bench.constant(range(CONFIG.window_rows), "entry"), bench.constant(range(N_SLOTS), "slot")
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
    bench.check("owes_three_at_most", owed <= 3)
    # The array clears a slot with the first addition after a capture, and with no other.
    used = Signal()
    with m.If(here):
        m.d.sync += used.eq(~pick.capture)
    bench.check("clears_a_slot_once", implies(here, pick.fresh == ~used))
    bench.cover("young_and_added", adds & (ahead == 0) & held & (owed == 0) & dut.waiting)
    bench.cover("young_has_to_wait", held & (ahead == 1) & (owed == 1))
    bench.cover("added_with_its_capture", adds & captures)
    bench.cover("captures_silence", captures & ~pick.valid.any() & pick.fresh)
    if ways > 1:
        bench.cover("all_ways", adds & pick.valid.all())


def captures(bench):
    """The slots of each segment are captured once, in order, and segments one after the other."""
    m = bench.m
    dut, _, ended = _window(bench, 1)
    pick = dut.pick
    captured = pick.active & pick.capture
    word = dut.load.payload.word
    # The slots that are left of the segments that ended; three may be on their way if they are short.
    left = [Signal(N_SLOTS, name=f"left{i}") for i in range(3)]
    rest = Signal(N_SLOTS)
    m.d.comb += rest.eq(Mux(captured, left[0] & (left[0] - 1)[:N_SLOTS], left[0]))
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
    bench.check("captures_with_a_pick", implies(pick.capture, pick.active))
    bench.cover("two_segments", captured & (left[1] != 0))
    bench.cover("all_slots", captured & (left[0] == 1 << (N_SLOTS - 1)) & bench.before(captured, "captured"))


def release(bench):
    """A slot is captured `RELEASE_TO_CAPTURE` cycles or more after its release, one for each release and the first."""
    m = bench.m
    dut, _, _ = _window(bench, 1)
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
