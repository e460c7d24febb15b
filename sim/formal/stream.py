"""Proof of the register in a stream: nothing lost, doubled or reordered."""

from lifarray.hw import stream_register as hw

from .bench import implies
from .fifo import takes_its_turn


def register(bench):
    """`StreamRegister` gives every transfer once, in order, after one cycle at the earliest and at full rate.

    What it does with a bit depends on no other, so one bit stands for all widths.
    """
    dut = bench.add(hw.StreamRegister(1))
    source, sink = dut.source, dut.sink
    taken, given = source.valid & source.ready, sink.valid & sink.ready
    inside, _ = takes_its_turn(bench, taken, source.payload, given, sink.valid, sink.payload)
    waited = bench.before(sink.valid & ~sink.ready, "waited")
    bench.check("payload_stands", implies(waited, sink.valid & (sink.payload == bench.before(sink.payload, "payload"))))
    bench.check("never_overfull", inside <= 2)
    bench.check("takes_until_full", source.ready == (inside < 2))
    bench.check("offers_what_is_there", sink.valid == (inside > 0))
    full_rate = taken & given
    bench.cover("full_rate", full_rate & bench.before(full_rate, "full_rate") & (inside == 1))
    bench.cover("full", inside == 2)
