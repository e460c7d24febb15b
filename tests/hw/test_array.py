import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from lifarray.hw.array import lowest_set_bit


@pytest.mark.parametrize("words", [[1 << i for i in range(64)], [0, (1 << 64) - 1], None])
def test_lowest_set_bit(words):
    if words is None:
        rng = np.random.default_rng(0)
        words = [int(rng.integers(1 << 63)) << int(rng.integers(63)) & (1 << 64) - 1 for _ in range(200)]
    m = Module()
    word, any_set, index = Signal(64), Signal(), Signal(6)
    m.d.comb += [part.eq(value) for part, value in zip((any_set, index), lowest_set_bit(word))]

    async def bench(ctx):
        for value in words:
            ctx.set(word, value)
            assert ctx.get(any_set) == (value != 0)
            if value:
                assert ctx.get(index) == (value & -value).bit_length() - 1

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
