"""What the neurons of NIR do in discrete time: in their own numbers, and in the core's.

NIR describes neurons by differential equations. In steps of dt, by forward Euler::

    LIF, LI   vmem += a · (v_leak − vmem + r · (W · spikes + b))        a = dt / tau
    IF        vmem += dt · r · (W · spikes + b)
    LIF, IF   spike = vmem > v_threshold                                 strictly

and then the reset, of which NIR knows one kind and frameworks more:

==================  ==========================================================================
zero                vmem = v_reset where spike (NIR)
subtract            vmem −= v_threshold where spike
subtract_delayed    the same one step later, after the decay: what snntorch.Leaky 1.0.0 does
                    unless told otherwise (``reset_mechanism="subtract"``, ``reset_delay=True``)
none                vmem stays
==================  ==========================================================================

vmem starts at v_leak, and at 0 in neurons that have none.
"""

from typing import NamedTuple

import numpy as np

from ..encode import samples_per_pass
from ..errors import UserError
from .graph import Stage

RESETS = {"zero": "zero", "subtract": "subtract_delayed", "subtract_now": "subtract", "none": "none"}
"""Names of resets as users give them, and the reset modes of `golden.lif` that they mean."""


def leak(stage: Stage, dt: float):
    """a = dt / tau of each neuron, 0 for IF: float64 [n_neurons].

    Raises
    ------
    UserError
        dt and tau for which forward Euler is no decay.
    """
    if stage.tau is None:
        return np.zeros(len(stage.weight))
    tau = stage.tau
    if not (tau > 0).all():
        raise UserError(f"node {stage.name!r}: tau = {tau.min():.4g} s, must be above 0")
    a = dt / tau
    # A little above 1 is what single precision makes of beta = 0.
    if not (a <= 1 + 1e-5).all():
        raise UserError(
            f"node {stage.name!r}: dt = {dt:.4g} s is longer than tau = {tau.min():.4g} s: give the dt that the network was trained at "
            "(snnTorch writes files for 1e-4; Norse writes tau times the dt that to_nir was given, so export with to_nir(..., dt=1))"
        )
    return np.minimum(a, 1.0)


def run_float(stages, spikes, dt: float, modes):
    """Run the network as its file means it: in float64, in the file's own numbers.

    Parameters
    ----------
    stages : list of Stage
    spikes : bool [n_samples, n_steps, fan_in]
    dt : float, seconds
    modes : list of str
        Reset mode of each stage.

    Returns
    -------
    list of (spikes, vmem, lowest, highest), one a stage
        bool [n_samples, n_steps, n_neurons] (all False of LI), float64 [n_samples, n_neurons]
        after the last step, and the extremes of vmem before the reset.
    """
    n_samples, n_steps, _ = spikes.shape
    results = []
    for stage, mode in zip(stages, modes, strict=True):
        n_neurons = len(stage.weight)
        out = np.zeros((n_samples, n_steps, n_neurons), dtype=bool)
        last = np.zeros((n_samples, n_neurons))
        low, high = np.inf, -np.inf
        # By groups of samples: the float currents of all of them would fill the memory.
        group = max(1, 16 * samples_per_pass(n_steps))
        for start in range(0, n_samples, group):
            chosen = slice(start, start + group)
            current = spikes[chosen].astype(np.float64) @ stage.weight.T + stage.bias
            vmem = np.broadcast_to(start_vmem(stage), current.shape[::2]).copy()
            spike = np.zeros(vmem.shape, dtype=bool)
            for t in range(n_steps):
                before, spike, vmem = _step(stage, dt, mode, vmem, current[:, t], spike)
                out[chosen, t] = spike
                low, high = min(low, before.min()), max(high, before.max())
            last[chosen] = vmem
        results.append((out, last, float(low), float(high)))
        spikes = out
    return results


def start_vmem(stage: Stage):
    """vmem before the first step: float64 [n_neurons]."""
    return np.zeros(len(stage.weight)) if stage.v_leak is None else stage.v_leak


def _step(stage, dt, mode, vmem, current, spiked):
    """One step: (vmem before the reset, spike, vmem after it)."""
    if stage.kind == "IF":
        vmem = vmem + dt * stage.r * current
    else:
        vmem = vmem + leak(stage, dt) * (stage.v_leak - vmem + stage.r * current)
    if mode == "subtract_delayed":
        vmem = vmem - np.where(spiked, stage.v_threshold, 0.0)
    if not stage.spikes:
        return vmem, spiked, vmem
    spike = vmem > stage.v_threshold
    if mode == "zero":
        return vmem, spike, np.where(spike, stage.v_reset, vmem)
    if mode == "subtract":
        return vmem, spike, vmem - np.where(spike, stage.v_threshold, 0.0)
    return vmem, spike, vmem


class Folded(NamedTuple):
    """A stage in the core's terms: ``vmem = decay · vmem + weight · spikes + bias``.

    vmem is counted from the reset potential and in units of the way from there to the threshold,
    so it fires above 1 and resets to 0. (Of a readout: in its own units.)

    Members
    -------
    weight : float64 [fan_in, n_neurons], r · a · W
    bias : float64 [n_neurons], r · a · b + a · v_leak
    decay : float64 [n_neurons], 1 − a
    v_init : float64 [n_neurons]
    unit : float64 [n_neurons], the way from reset to threshold in the file's own numbers; 1 of a readout
    """

    weight: np.ndarray
    bias: np.ndarray
    decay: np.ndarray
    v_init: np.ndarray
    unit: np.ndarray


def fold(stage: Stage, dt: float, mode: str) -> Folded:
    """The stage in the core's terms, still in floats.

    Parameters
    ----------
    stage : Stage
    dt : float, seconds
    mode : str
        Reset mode, as `golden.lif` spells it.

    Raises
    ------
    UserError
        Potentials for which there is no such form.
    """
    a = leak(stage, dt)
    gain = stage.r * (dt if stage.kind == "IF" else a)
    base, unit = np.zeros(1), np.ones(1)
    if stage.spikes:
        base = stage.v_reset
        if mode != "zero":
            if base.any():
                raise UserError(f"node {stage.name!r}: v_reset = {base[base != 0][0]:.4g} does not go with reset {mode!r}: use zero")
            base = np.zeros(1)
        unit = stage.v_threshold - base
        if not (unit > 0).all():
            j = int(np.argmin(np.broadcast_to(unit, len(stage.weight))))
            above = "v_reset" if mode == "zero" else "0"
            raise UserError(f"node {stage.name!r}, neuron {j}: v_threshold = {stage.v_threshold[j]:.4g} must be above {above}")
    rest = 0.0 if stage.v_leak is None else a * (stage.v_leak - base)
    n_neurons = len(stage.weight)
    return Folded(
        weight=np.ascontiguousarray(gain / unit * stage.weight.T),
        bias=np.broadcast_to((gain * stage.bias + rest) / unit, n_neurons),
        decay=1 - a,
        v_init=np.broadcast_to((start_vmem(stage) - base) / unit, n_neurons),
        unit=np.broadcast_to(unit, n_neurons),
    )
