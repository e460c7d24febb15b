"""Proof of the array: what is captured is the sum of the weights that were picked."""

from unittest.mock import patch

from amaranth.hdl import Array, Cat, Mux, Signal, signed

from lifarray.golden.config import CoreConfig
from lifarray.hw import array as hw
from lifarray.hw import window

N_SLOTS = 2
CONFIG = CoreConfig(lanes=1, fire_units=1, weight_bits=4, current_bits=5, window_rows=4)


def two_ways(bench):
    """See `_sums`."""
    _sums(bench, 2)


def three_ways(bench):
    """See `_sums`; the adders are a tree that is not full."""
    _sums(bench, 3)


def _sums(bench, ways):
    """One lane, with 2 slots: currents by the definition, a cycle after each pick, and what the array captures."""
    m = bench.m
    config = CONFIG.with_(ways=ways)
    with patch.multiple(hw, SLOTS=N_SLOTS), patch.multiple(window, SLOT_BITS=1):
        dut = bench.add(hw.LaneArray(config))
    pick = dut.pick
    bench.assume(pick.active | ~(pick.valid.any() | pick.capture))
    weights = Array(Signal(signed(4), name=f"weight{e}") for e in range(config.window_rows))
    currents = Array(Signal(signed(5), name=f"current{s}") for s in range(N_SLOTS))
    current, expected = Signal(signed(5)), Signal(signed(5))
    terms = [Mux(pick.valid[way], weights[pick.entry[way]], 0) for way in range(ways)]
    m.d.comb += current.eq(Mux(pick.fresh, 0, currents[pick.slot]) + sum(terms))
    with m.If(dut.write):
        m.d.sync += weights[dut.entry].eq(dut.row)
    with m.If(pick.active):
        m.d.sync += currents[pick.slot].eq(current)
    with m.If(pick.capture):
        m.d.sync += expected.eq(current)
    delay = hw.PICK_TO_ADD + hw.add_stages(ways)
    captures, late = pick.capture, expected
    for i in range(delay):
        captures, late = bench.before(captures, f"captures{i}"), bench.before(late, f"expected{i}").as_signed()
    found = dut.captured[0]
    bench.check("captures_in_time", dut.capture == captures)
    bench.check("captures_the_sum", found == late)
    bench.cover("sum_of_all", bench.before(dut.capture, "was_captured") & (found == -5) & bench.before(dut.capture & (found == 7), "other"))
    bench.cover("all_at_once", Cat(terms[way] == way + 1 for way in range(ways)).all() & pick.capture & ~pick.fresh & (currents[pick.slot] != 0))
