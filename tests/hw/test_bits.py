import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from lifarray.hw.bits import index_of, isolate_highest, isolate_lowest, marked_at_lowest, two_or_more


@pytest.mark.parametrize("words", [[1 << i for i in range(64)], [0, (1 << 64) - 1], [3 << i for i in range(63)], None])
def test_two_or_more(words):
    if words is None:
        rng = np.random.default_rng(0)
        words = [int(rng.integers(1 << 63)) << int(rng.integers(63)) & (1 << 64) - 1 for _ in range(200)]
    m = Module()
    word, found = Signal(64), Signal()
    m.d.comb += found.eq(two_or_more(word))

    async def bench(ctx):
        for value in words:
            ctx.set(word, value)
            assert ctx.get(found) == (value.bit_count() > 1)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


def test_marked_at_lowest():
    rng = np.random.default_rng(0)
    m = Module()
    word, marks, found = Signal(16), Signal(16), Signal()
    m.d.comb += found.eq(marked_at_lowest(word, marks))

    async def bench(ctx):
        for _ in range(300):
            value, marked = int(rng.integers(1, 1 << 16)) & -1 << int(rng.integers(16)), int(rng.integers(1 << 16))
            if value & 0xFFFF:
                ctx.set(word, value & 0xFFFF)
                ctx.set(marks, marked)
                assert ctx.get(found) == (marked & value & -value != 0)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


def test_isolate():
    rng = np.random.default_rng(1)
    m = Module()
    word, lowest, highest, index = Signal(16), Signal(16), Signal(16), Signal(4)
    m.d.comb += [lowest.eq(isolate_lowest(word)), highest.eq(isolate_highest(word)), index.eq(index_of(lowest))]

    async def bench(ctx):
        for value in [0, 1, 0x8000, 0xFFFF, *(int(rng.integers(1 << 16)) for _ in range(200))]:
            ctx.set(word, value)
            assert ctx.get(lowest) == value & -value
            assert ctx.get(highest) == (1 << value.bit_length() >> 1 if value else 0)
            if value:
                assert ctx.get(index) == (value & -value).bit_length() - 1

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
