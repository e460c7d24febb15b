"""The LIF pipeline against the golden step, over the corners of its inputs."""

import cocotb
import numpy as np

from lifarray.golden.lif import ResetMode, lif_step
from lifarray.hw.lif import LIF_STAGES, neuron_layout, parameters_layout

from .part import Fields, settings, with_all_variants


def corner_values(rng, bits, n):
    """Signed values: the extremes, around zero, and random ones."""
    highest = (1 << bits - 1) - 1
    corners = [-highest - 1, -highest, -1, 0, 1, highest - 1, highest]
    return np.concatenate([rng.choice(corners, n // 2), rng.integers(-highest - 1, highest + 1, n - n // 2)])[rng.permutation(n)]


@cocotb.test()
async def steps(dut):
    """A step in every cycle, in every reset mode."""
    await with_all_variants(dut, "lif", run)


async def run(part):
    rng = part.rng
    current_bits, vmem_bits = part.config
    neurons, parameters = Fields(neuron_layout(vmem_bits)), Fields(parameters_layout(vmem_bits))
    highest = (1 << vmem_bits - 1) - 1
    saturations = spikes = 0
    for mode in ResetMode:
        for d in (0, 1, 15, 16, 230, 255, 256):
            v_threshold = int(rng.choice([1, highest, rng.integers(1, highest + 1)]))
            v_subtract = int(rng.choice([0, highest, rng.integers(0, highest + 1)]))
            frac_bits = int(rng.integers(0, 8))
            values = dict(v_threshold=v_threshold, v_subtract=v_subtract, decay=d, frac_bits=frac_bits)
            names = ("zero", "subtract", "zero_delayed", "subtract_delayed")
            part.parameters.value = parameters.pack({**values, **{name: name == mode.name.lower() for name in names}})
            n = 30 * settings["count"]
            vmem, current = corner_values(rng, vmem_bits, n), corner_values(rng, current_bits, n)
            expected = lif_step(
                vmem, current, v_threshold=v_threshold, v_subtract=v_subtract, d=d, frac_bits=frac_bits, mode=mode, vmem_bits=vmem_bits
            )
            for i in range(n + LIF_STAGES):
                if i < n:
                    part.before.value = neurons.pack({"vmem": vmem[i], "fired": vmem[i] >= v_threshold})
                    part.current.value = int(current[i]) & (1 << current_bits) - 1
                await part.tick()
                # What is read stood there before this edge, which took the i-th step into the pipeline.
                j = i - LIF_STAGES
                if j >= 0:
                    found = (neurons.unpack(part.value("after")).vmem, part.value("spike"), part.value("saturated"))
                    wanted = (int(expected.vmem[j]), int(expected.spike[j]), int(expected.saturated[j]))
                    given = f"reset {mode.name.lower()}, vmem {vmem[j]}, current {current[j]}, {values}"
                    assert found == wanted, f"{given}: vmem, spike, saturated are {found}, must be {wanted}"
                    saturations += wanted[2]
                    spikes += wanted[1]
    assert saturations > 20 and spikes > 20
