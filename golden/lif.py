"""The LIF layer in integers: the binding arithmetic, vectorised over samples and neurons.

The equations stand in ``golden/README.md``; this file is their definition in code, and the
hardware must match it bit for bit.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from .config import DECAY_ONE


class ResetMode(IntEnum):
    """What a spike does to vmem. The values are the codes in the layer descriptor.

    ``ZERO``, ``SUBTRACT`` and ``NONE`` act at the end of the step that spiked. The two
    ``DELAYED`` modes act at the start of the next one, as ``snntorch.Leaky`` 1.0.0 does with
    its default ``reset_delay=True``.
    """

    NONE = 0
    ZERO = 1
    SUBTRACT = 2
    ZERO_DELAYED = 3
    SUBTRACT_DELAYED = 4

    @property
    def delayed(self) -> bool:
        return self >= ResetMode.ZERO_DELAYED


def reset_mode(name) -> ResetMode:
    """The `ResetMode` called ``name``, as networks spell it (``"zero"``, ``"subtract"``…)."""
    return ResetMode[str(name).upper()]


class LifStep(NamedTuple):
    """What one time step leaves behind, each of shape [..., n_neurons]."""

    vmem: np.ndarray
    spike: np.ndarray
    saturated: np.ndarray


def decay(vmem, d):
    """``(vmem * d + 128) >> 8``: leak with rounding to nearest, d in units of 1/256."""
    return (vmem * d + DECAY_ONE // 2) >> 8


def lif_step(
    vmem, current, *, v_threshold, v_subtract, d, frac_bits, mode: ResetMode, vmem_bits
) -> LifStep:
    """One time step of LIF neurons.

    ::

        NONE, ZERO, SUBTRACT         ZERO_DELAYED                   SUBTRACT_DELAYED
        u = decay(v) + (I << f)      u = decay(r ? 0 : v) + (I << f)  u = decay(v) + (I << f) - r * v_subtract
        v = saturate(u)              where r = v >= v_threshold, of the step before
        spike = v >= v_threshold
        v = 0 | v - v_subtract       v stays

    Parameters
    ----------
    vmem, current : int64 array [..., n_neurons]
        Membrane potential before the step, and the sum of the weights of the inputs that spiked.
    v_threshold, v_subtract : int
        In units of vmem.
    d : int
        Decay factor, 0 to 256.
    frac_bits : int
        Left shift of the current.
    vmem_bits : int
        Width at which vmem saturates.
    """
    shifted = current << frac_bits
    if mode.delayed:
        fired_before = vmem >= v_threshold
        if mode == ResetMode.ZERO_DELAYED:
            total = decay(np.where(fired_before, 0, vmem), d) + shifted
        else:
            total = decay(vmem, d) + shifted - fired_before * v_subtract
    else:
        total = decay(vmem, d) + shifted
    highest = (1 << (vmem_bits - 1)) - 1
    new = np.clip(total, -highest - 1, highest)
    spike = new >= v_threshold
    after = new
    if mode == ResetMode.ZERO:
        after = np.where(spike, 0, new)
    elif mode == ResetMode.SUBTRACT:
        after = new - spike * v_subtract
    return LifStep(after, spike, new != total)


class LayerResult(NamedTuple):
    """What a layer produced.

    Members
    -------
    spikes : bool [n_samples, n_steps, n_neurons]
    vmem : int32 [n_samples, n_neurons], after the reset at the last step
    saturations : int, (sample, neuron, step) triples in which vmem was clamped
    events : int, input spikes, bias rows included: one synaptic addition a lane each
    """

    spikes: np.ndarray
    vmem: np.ndarray
    saturations: int
    events: int


def currents(weight, spikes):
    """Input currents of every step, exact.

    Parameters
    ----------
    weight : int8 [fan_in, n_neurons]
    spikes : bool [n_samples, n_steps, fan_in]

    Returns
    -------
    int64 [n_samples, n_steps, n_neurons]
    """
    # Rows whose input never spikes add nothing.
    flat = spikes.reshape(-1, spikes.shape[-1])
    active = np.flatnonzero(flat.any(axis=0))
    weight, flat = weight[active], flat[:, active]
    # Sums of integers are exact in floating point below 2**24 (2**53), and BLAS is fast.
    bound = np.abs(weight, dtype=np.int16).sum(axis=0, dtype=np.int64).max(initial=0)
    dtype = np.float32 if bound < 1 << 24 else np.float64
    total = flat.astype(dtype) @ weight.astype(dtype)
    return total.astype(np.int64).reshape(*spikes.shape[:-1], weight.shape[1])
