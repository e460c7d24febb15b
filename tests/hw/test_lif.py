"""The LIF pipeline against the golden step, over the corners of its inputs."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from lifarray.golden.lif import ResetMode, lif_step
from lifarray.hw.lif import LIF_STAGES, LifPipeline


def corner_values(rng, bits, n):
    """Signed values: the extremes, around zero, and random ones."""
    highest = (1 << (bits - 1)) - 1
    corners = [-highest - 1, -highest, -1, 0, 1, highest - 1, highest]
    return np.concatenate([rng.choice(corners, n // 2), rng.integers(-highest - 1, highest + 1, n - n // 2)])[rng.permutation(n)]


@pytest.mark.parametrize("mode", list(ResetMode))
@pytest.mark.parametrize("current_bits, vmem_bits", [(9, 6), (16, 16), (12, 24)])
def test_every_step_is_the_golden_step(mode, current_bits, vmem_bits):
    rng = np.random.default_rng([mode, current_bits, vmem_bits])
    dut = LifPipeline(current_bits, vmem_bits)
    highest = (1 << (vmem_bits - 1)) - 1
    saturations = spikes = 0

    async def bench(ctx):
        nonlocal saturations, spikes
        p = dut.parameters
        for d in (0, 1, 15, 16, 230, 255, 256):
            v_threshold = int(rng.choice([1, highest, rng.integers(1, highest + 1)]))
            v_subtract = int(rng.choice([0, highest, rng.integers(0, highest + 1)]))
            frac_bits = int(rng.integers(0, 8))
            for name, value in (("v_threshold", v_threshold), ("v_subtract", v_subtract), ("decay", d), ("frac_bits", frac_bits)):
                ctx.set(getattr(p, name), value)
            for name in ("zero", "subtract", "zero_delayed", "subtract_delayed"):
                ctx.set(getattr(p, name), name == mode.name.lower())
            n = 300
            vmem = corner_values(rng, vmem_bits, n)
            current = corner_values(rng, current_bits, n)
            expected = lif_step(
                vmem, current, v_threshold=v_threshold, v_subtract=v_subtract, d=d, frac_bits=frac_bits, mode=mode, vmem_bits=vmem_bits
            )
            for i in range(n + LIF_STAGES):
                if i >= LIF_STAGES:
                    j = i - LIF_STAGES
                    found = (ctx.get(dut.after.vmem), ctx.get(dut.spike), ctx.get(dut.saturated))
                    wanted = (int(expected.vmem[j]), int(expected.spike[j]), int(expected.saturated[j]))
                    assert found == wanted, (vmem[j], current[j], d, v_threshold, v_subtract, frac_bits)
                    saturations += wanted[2]
                    spikes += wanted[1]
                if i < n:
                    ctx.set(dut.before.vmem, int(vmem[i]))
                    ctx.set(dut.before.fired, int(vmem[i] >= v_threshold))
                    ctx.set(dut.current, int(current[i]))
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert saturations > 20 and spikes > 20
