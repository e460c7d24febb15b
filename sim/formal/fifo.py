"""Proofs of the FIFOs that the core uses, as Amaranth makes them: nothing lost, doubled or reordered."""

from amaranth.hdl import Signal
from amaranth.lib import fifo as hw

from .bench import implies

DEPTH = 4


def sync(bench):
    """`SyncFIFO`, the addresses of outstanding bursts."""
    _order(bench, hw.SyncFIFO(width=1, depth=DEPTH), DEPTH)


def buffered(bench):
    """`SyncFIFOBuffered`, as of the read data and the work, shallower."""
    _order(bench, hw.SyncFIFOBuffered(width=1, depth=DEPTH), DEPTH)


def _order(bench, dut, depth):
    """One marked word among others comes out in its turn; how many are inside is right.

    What a FIFO does with a bit depends on no other, so one bit stands for all widths.
    """
    m = bench.m
    w_en, w_data, r_en = bench.free(1, "w_en"), bench.free(1, "w_data"), bench.free(1, "r_en")
    bench.add(dut)
    m.d.comb += [dut.w_en.eq(w_en), dut.w_data.eq(w_data), dut.r_en.eq(r_en)]
    inside, last = takes_its_turn(bench, w_en & dut.w_rdy, w_data, r_en & dut.r_rdy, dut.r_rdy, dut.r_data)
    bench.check("never_overfull", inside <= depth)
    bench.check("takes_until_full", dut.w_rdy == (inside < depth))
    bench.check("shows_the_level", dut.level == inside)
    waited = Signal(2)
    with m.If((inside == 0) | dut.r_rdy):
        m.d.sync += waited.eq(0)
    with m.Else():
        m.d.sync += waited.eq(waited + 1)
    bench.check("shows_it_soon", waited <= 1)
    bench.cover("full", inside == depth)
    bench.cover("last_of_a_full_one", last & dut.r_data & (inside == depth))


def takes_its_turn(bench, written, w_data, read, shown, r_data):
    """Check that one marked word of those written, whichever it is, is shown and read in its turn.

    Returns
    -------
    (inside, turn)
        Words inside, and whether the marked one is shown.
    """
    m = bench.m
    inside, ahead = Signal(8), Signal(8)
    marked, waiting, value = Signal(), Signal(), Signal(len(w_data))
    mark = bench.free(1, "mark") & written & ~marked
    m.d.sync += inside.eq(inside + written - read)
    with m.If(mark):
        m.d.sync += [marked.eq(1), waiting.eq(1), value.eq(w_data), ahead.eq(inside - read)]
    with m.Elif(waiting & read):
        m.d.sync += [ahead.eq(ahead - 1), waiting.eq(ahead != 0)]
    turn = waiting & (ahead == 0) & shown
    bench.check("shows_only_what_is_there", implies(shown, inside > 0))
    bench.check("keeps_what_it_took", implies(waiting, ahead < inside))
    bench.check("comes_out_in_its_turn", implies(turn, r_data == value))
    return inside, turn
