"""NIR out: a network of integers becomes a graph that other frameworks load."""

import re

import numpy as np

from ..config import DECAY_ONE
from ..errors import UserError
from ..lif import ResetMode, reset_mode
from .reader import load_library

DEFAULT_DT = 1e-4
"""snnTorch 1.0.0 reads every file as if its steps were this long; others can be told."""


def export_nir(network, dt: float = DEFAULT_DT):
    """The network as a `nir.NIRGraph`, in the units of its trained weights.

    Each layer becomes a Linear node (Affine with a bias) and a LIF node with r = 1 (Norse ignores
    any other r), or an IF node with r = 1 / dt if it never leaks; a last layer that never resets
    becomes an LI. NIR fires strictly above v_threshold and integers at it or above, so
    v_threshold is written half a step of vmem lower.

    Parameters
    ----------
    network : Network
    dt : float
        Length of a step in seconds; a reader must be told the same.

    Raises
    ------
    UserError
        A reset that NIR cannot say.
    """
    if not (np.isfinite(dt) and dt > 0):
        raise UserError(f"dt = {dt}, must be a time in seconds above 0")
    nir = load_library()
    nodes = {"input": nir.Input(input_type=np.array([network.fan_in]))}
    for i, layer in enumerate(network.layers):
        name = _node_name(layer.name, nodes)
        last = i == len(network.layers) - 1
        affine, neurons = _nodes(nir, layer, dt, last)
        nodes[f"{name}_weight"] = affine
        nodes[name] = neurons
    nodes["output"] = nir.Output(output_type=np.array([network.layers[-1].n_neurons]))
    names = list(nodes)
    return nir.NIRGraph(nodes, list(zip(names, names[1:])))


def _nodes(nir, layer, dt, last):
    """(Affine or Linear, LIF or IF or LI) of a layer."""
    mode = reset_mode(layer.reset_mode)
    readout = mode == ResetMode.NONE and last
    if not readout and mode not in (ResetMode.ZERO, ResetMode.ZERO_DELAYED):
        raise UserError(
            f"layer {layer.name!r} has reset_mode {layer.reset_mode!r}, and NIR knows reset to a value only: train with reset_mode 'zero'"
        )
    unit = layer.weight_scale * (1 << layer.frac_bits)
    threshold = (layer.v_threshold - 0.5) / unit
    v_init = layer.v_init / unit
    weight = layer.weight.astype(np.float64).T / layer.weight_scale
    weight, bias = weight[:, : layer.fan_in], weight[:, layer.fan_in :].sum(axis=1)
    a = 1 - layer.decay / DECAY_ONE

    def each(value):
        return np.full(layer.n_neurons, value, dtype=np.float32)

    if a > 0:
        # vmem of a LIF starts at v_leak, which draws it there all the time: the bias holds against it.
        weight, bias = weight / a, bias / a - v_init
        if readout:
            neurons = nir.LI(tau=each(dt / a), r=each(1), v_leak=each(v_init))
        else:
            neurons = nir.LIF(tau=each(dt / a), r=each(1), v_leak=each(v_init), v_threshold=each(threshold), v_reset=each(0))
    elif readout:
        raise UserError(f"layer {layer.name!r} neither leaks nor resets, and NIR has no readout like that: give it a decay below 256")
    else:
        # vmem of an IF starts at 0, so the reset is moved instead.
        neurons = nir.IF(r=each(1 / dt), v_threshold=each(threshold - v_init), v_reset=each(-v_init))
    weight = weight.astype(np.float32)
    if bias.any():
        return nir.Affine(weight, bias.astype(np.float32)), neurons
    return nir.Linear(weight), neurons


def _node_name(name, taken) -> str:
    """A name that HDF5 and PyTorch modules can bear."""
    base = re.sub(r"\W", "_", name) or "layer"
    if base[0].isdigit():
        base = f"layer_{base}"
    name, n = base, 1
    while name in taken or f"{name}_weight" in taken or name == "output":
        n += 1
        name = f"{base}_{n}"
    return name
