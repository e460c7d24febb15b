"""The LIF step in hardware: the equations of ``golden/lif.py``, one step a cycle, five stages."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import DECAY_ONE, MAX_FRAC_BITS

LIF_STAGES = 5
"""Cycles from an input of `LifPipeline` to its output; as many neurons are in flight at once."""


def neuron_layout(vmem_bits):
    """State of one neuron between steps: vmem, and whether it stands at or above the threshold."""
    return data.StructLayout({"vmem": signed(vmem_bits), "fired": 1})


def parameters_layout(vmem_bits):
    """What all neurons of a layer share, ready for `LifPipeline`."""
    return data.StructLayout(
        {
            "v_threshold": vmem_bits - 1,
            "v_subtract": vmem_bits - 1,
            "decay": 9,
            "frac_bits": MAX_FRAC_BITS.bit_length(),
            "zero": 1,
            "subtract": 1,
            "zero_delayed": 1,
            "subtract_delayed": 1,
        }
    )


class LifPipeline(wiring.Component):
    """One LIF step of one neuron a cycle.

    The product with the decay factor is a tree of adders, a level a stage, so that no stage holds
    more than one adder, or a comparison with the selection after it. Tools that see one multiplication
    would spend twice the logic on it.

    Parameters
    ----------
    current_bits, vmem_bits : int

    Members
    -------
    parameters : In(parameters_layout), constant while the pipeline is in use
    current : In(signed(current_bits))
    before : In(neuron_layout), the neuron's state before the step
    after : Out(neuron_layout), its state after the step, `LIF_STAGES` cycles later
    spike : Out(1), with ``after``
    saturated : Out(1), with ``after``
    """

    def __init__(self, current_bits, vmem_bits):
        self._current_bits = current_bits
        self._vmem_bits = vmem_bits
        super().__init__(
            {
                "parameters": In(parameters_layout(vmem_bits)),
                "current": In(signed(current_bits)),
                "before": In(neuron_layout(vmem_bits)),
                "after": Out(neuron_layout(vmem_bits)),
                "spike": Out(1),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        vmem_bits = self._vmem_bits
        shifted_bits = self._current_bits + MAX_FRAC_BITS

        # Stage 1: vmem times two bits of the factor at a time; shift of the current.
        vmem = Signal(signed(vmem_bits))
        pairs = [Signal(signed(vmem_bits + 2), name=f"pair{i}") for i in range(4)]
        whole = Signal(signed(vmem_bits))
        shifted = Signal(signed(shifted_bits))
        subtract_late = Signal()
        m.d.comb += vmem.eq(Mux(p.zero_delayed & self.before.fired, 0, self.before.vmem))
        m.d.sync += [
            *(pair.eq(_times(vmem, p.decay[2 * i]) + (_times(vmem, p.decay[2 * i + 1]) << 1)) for i, pair in enumerate(pairs)),
            whole.eq(_times(vmem, p.decay[8])),
            shifted.eq(self.current << p.frac_bits),
            subtract_late.eq(p.subtract_delayed & self.before.fired),
        ]

        # Stage 2: four bits at a time. A factor of 256 has no other bit set.
        low = Signal(signed(vmem_bits + 5))
        high = Signal(signed(vmem_bits + 5))
        addend1 = Signal(signed(max(shifted_bits, vmem_bits) + 1))
        m.d.sync += [
            low.eq(pairs[0] + (pairs[1] << 2)),
            high.eq(Mux(p.decay[8], whole << 4, pairs[2] + (pairs[3] << 2))),
            addend1.eq(shifted - Mux(subtract_late, p.v_subtract, 0)),
        ]

        # Stage 3: the decayed vmem, not rounded yet, and what is added to it.
        product = Signal(signed(vmem_bits + 9))
        addend = Signal.like(addend1)
        m.d.sync += [product.eq(low + (high << 4)), addend.eq(addend1)]

        # Stage 4. Half a unit more rounds to nearest: the carry of an adder with one more bit.
        total = Signal(signed(max(vmem_bits + 1, len(addend)) + 1))
        decayed = product >> DECAY_ONE.bit_length() - 1
        half = product[DECAY_ONE.bit_length() - 2]
        m.d.sync += total.eq((Cat(1, decayed).as_signed() + Cat(half, addend).as_signed()) >> 1)

        # Stage 5: saturate, compare, reset. The comparison and the subtraction need not wait for the
        # saturation, since the threshold lies within the range, and so does what is subtracted.
        highest = (1 << (vmem_bits - 1)) - 1
        beyond = total[vmem_bits - 1 : -1]
        above = Signal()
        below = Signal()
        spike = Signal()
        clamped = Signal(signed(vmem_bits))
        lowered = Signal(signed(vmem_bits))
        m.d.comb += [
            above.eq(~total[-1] & beyond.any()),
            below.eq(total[-1] & ~beyond.all()),
            spike.eq(total >= p.v_threshold),
            clamped.eq(Mux(above, highest, Mux(below, Const(-highest - 1, signed(vmem_bits)), total))),
            lowered.eq(Mux(above, ~p.v_subtract, total - p.v_subtract)),  # ~: highest less it
        ]
        m.d.sync += [
            self.after.vmem.eq(clamped),
            self.after.fired.eq(spike),
            self.spike.eq(spike),
            self.saturated.eq(above | below),
        ]
        with m.If(spike & p.zero):
            m.d.sync += self.after.vmem.eq(0)
        with m.If(spike & p.subtract):
            m.d.sync += self.after.vmem.eq(lowered)
        return m


def _times(value, bit):
    """``value`` where the bit is set, else 0."""
    return Mux(bit, value, 0)
