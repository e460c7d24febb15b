"""Proofs of the LIF step: the pipeline computes the equations of golden/README.md, for all inputs."""

from amaranth.hdl import Mux, Signal, signed

from lifarray.golden.config import DECAY_ONE, MAX_FRAC_BITS
from lifarray.golden.lif import ResetMode
from lifarray.hw import lif as hw

from .bench import implies

CURRENT_BITS = 9
VMEM_BITS = 6


def step(bench):
    """See `_step`; the narrowest current, vmem of 6 bits."""
    _step(bench, CURRENT_BITS, VMEM_BITS)


def narrow_step(bench):
    """See `_step`; a current and a vmem of 4 bits."""
    _step(bench, 4, 4)


def _step(bench, current_bits, vmem_bits):
    """One step, `LIF_STAGES` cycles later: every vmem, current, parameter and reset mode."""
    m = bench.m
    names = ("v_threshold", "v_subtract", "decay", "frac_bits", "zero", "subtract", "zero_delayed", "subtract_delayed")
    ports = [f"parameters__{name}" for name in names]
    dut = bench.add(hw.LifPipeline(current_bits, vmem_bits), leave=("parameters", "before", *ports))
    highest = (1 << (vmem_bits - 1)) - 1
    lowest = -highest - 1
    mode = bench.constant(3, "mode")
    v_threshold, v_subtract = bench.constant(vmem_bits - 1, "v_threshold"), bench.constant(vmem_bits - 1, "v_subtract")
    decay, frac_bits = bench.constant(9, "decay"), bench.constant(MAX_FRAC_BITS.bit_length(), "frac_bits")
    vmem = bench.free(signed(vmem_bits), "vmem")
    bench.assume((mode <= max(ResetMode)) & (v_threshold >= 1) & (decay <= DECAY_ONE))
    m.d.comb += [
        dut.parameters.v_threshold.eq(v_threshold),
        dut.parameters.v_subtract.eq(v_subtract),
        dut.parameters.decay.eq(decay),
        dut.parameters.frac_bits.eq(frac_bits),
        dut.before.vmem.eq(vmem),
        dut.before.fired.eq(vmem >= v_threshold),
    ]
    for name in ("zero", "subtract", "zero_delayed", "subtract_delayed"):
        m.d.comb += getattr(dut.parameters, name).eq(mode == ResetMode[name.upper()])

    # The equations, at the pipeline's end, of what entered it.
    v, current = vmem, dut.current
    full = Signal(hw.LIF_STAGES)
    m.d.sync += full.eq(full << 1 | 1)
    for stage in range(hw.LIF_STAGES):
        v = bench.before(v, f"vmem_{stage}")
        current = bench.before(current, f"current_{stage}")
    fired = v >= v_threshold
    start = Mux((mode == ResetMode.ZERO_DELAYED) & fired, 0, v)
    total = ((start * decay + DECAY_ONE // 2) >> 8) + (current << frac_bits)
    total = total - Mux((mode == ResetMode.SUBTRACT_DELAYED) & fired, v_subtract, 0)
    too_high, too_low = total > highest, total < lowest
    new = Signal(signed(vmem_bits))
    m.d.comb += new.eq(Mux(too_high, highest, Mux(too_low, lowest, total)))
    spike = new >= v_threshold
    after = Signal(signed(vmem_bits))
    m.d.comb += after.eq(
        Mux(spike & (mode == ResetMode.ZERO), 0, Mux(spike & (mode == ResetMode.SUBTRACT), new - v_subtract, new))
    )
    arrived = full.all()
    bench.check("vmem", implies(arrived, dut.after.vmem == after))
    bench.check("spike", implies(arrived, dut.spike == spike))
    bench.check("saturated", implies(arrived, dut.saturated == (too_high | too_low)))
    delayed = mode >= ResetMode.ZERO_DELAYED
    bench.check("fired", implies(arrived & delayed, dut.after.fired == (dut.after.vmem >= v_threshold)))

    for reset_mode in ResetMode:
        bench.cover(f"spikes_{reset_mode.name.lower()}", arrived & (mode == reset_mode) & dut.spike & ~dut.saturated & (v > 0))
    bench.cover("saturates_high", arrived & too_high)
    bench.cover("saturates_low", arrived & too_low)
    bench.cover("rounds_up", arrived & (v == 1) & (decay == 128) & (current == 0) & (dut.after.vmem == 1))
