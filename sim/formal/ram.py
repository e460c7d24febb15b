"""Proof of the FIFO in block RAM, registers and all: nothing lost, doubled or reordered."""

from amaranth.hdl import Signal

from lifarray.hw import ram_fifo as hw

from .bench import implies
from .fifo import takes_its_turn

DEPTH = 4

REGISTERS = 3
"""Transfers that its registers hold."""


def fifo(bench):
    """`RamFifo`, of the read data and the work, shallower; ``taken`` keeps count of what its RAM holds."""
    dut = bench.add(hw.RamFifo(1, DEPTH))
    source, sink = dut.source, dut.sink
    took, given = source.valid & source.ready, sink.valid & sink.ready
    inside, last = takes_its_turn(bench, took, source.payload, given, sink.valid, sink.payload)
    held = Signal(8)
    bench.m.d.sync += held.eq(held + took - dut.taken)
    bench.check("counts_what_leaves_the_ram", (held <= inside) & (inside <= held + REGISTERS))
    bench.check("shows_the_level", dut.level == held)
    bench.check("takes_until_full", source.ready == (held < DEPTH))
    waits = bench.before(sink.valid & ~sink.ready, "waits")
    bench.check("payload_stands", implies(waits, sink.valid & (sink.payload == bench.before(sink.payload, "payload"))))
    waited = Signal(3)
    with bench.m.If((inside == 0) | sink.valid):
        bench.m.d.sync += waited.eq(0)
    with bench.m.Else():
        bench.m.d.sync += waited.eq(waited + 1)
    bench.check("shows_it_soon", waited <= REGISTERS)
    full_rate = took & given
    bench.cover("full_rate", full_rate & bench.before(full_rate, "full_rate") & (held == 1))
    bench.cover("last_of_a_full_one", last & sink.payload & (inside == DEPTH + REGISTERS))
