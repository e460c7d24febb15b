"""From trained floats to the integers of the hardware."""

import numpy as np

from .errors import UserError
from .network import Layer, Network

MAX_SHIFT = 12
"""Largest power of two tried for a weight scale."""


def quantize_weight(weight, bits: int):
    """Integers by a power-of-two scale: (int8 of ``weight``'s shape, scale).

    The scale is the power of two with the least squared error; large weights may clip, because
    a few of them would otherwise cost all others a bit.

    Parameters
    ----------
    weight : float array
    bits : int
        8 or 4.
    """
    if bits not in (4, 8):
        raise UserError(f"weights of {bits} bits, must be 8 or 4")
    weight = np.asarray(weight, dtype=np.float64)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    best = None
    for shift in range(-2, MAX_SHIFT + 1):
        scale = 2.0**shift
        integers = np.clip(np.rint(weight * scale), low, high)
        error = float(np.sum((integers / scale - weight) ** 2))
        # At equal error (all zero, say) the smaller scale has the smaller currents.
        if best is None or error < best[0]:
            best = (error, scale, integers)
    return best[2].astype(np.int8), best[1]


def round_weight(weight, bits: int, scale: float):
    """What ``weight`` is once it has been an integer of ``bits`` bits: same shape and type.

    Training runs forward and backward with it and adds the gradient to the weight itself.
    """
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    rounded = weight * weight.dtype.type(scale)
    np.rint(rounded, out=rounded)
    np.clip(rounded, low, high, out=rounded)
    rounded *= weight.dtype.type(1 / scale)
    return rounded


def quantize_layer(name, weight, *, bits=8, decay=230, v_threshold=1.0, frac_bits=0, vmem_bits=16, bias_rows=0) -> Layer:
    """A `Layer` from a float weight [fan_in + bias_rows, n_neurons] trained at threshold ``v_threshold``.

    Threshold and weights share one scale, so that the integer layer computes the float layer's
    vmem times ``scale · 2^frac_bits``, up to rounding.
    """
    integers, scale = quantize_weight(weight, bits)
    threshold = int(round(v_threshold * scale * (1 << frac_bits)))
    limit = (1 << (vmem_bits - 1)) - 1
    if not 1 <= threshold <= limit:
        raise UserError(f"layer {name!r}: v_threshold = {threshold}, must be 1 to {limit}: change frac_bits or vmem_bits")
    return Layer(
        name=name,
        weight=integers,
        weight_bits=bits,
        v_threshold=threshold,
        v_subtract=threshold,
        decay=decay,
        frac_bits=frac_bits,
        weight_scale=scale,
        bias_rows=int(bias_rows),
    )


def quantize_network(
    names, weights, *, n_steps, bits=8, decay=230, frac_bits=0, vmem_bits=16, bias_rows=None, meta=None, arrays=None
) -> Network:
    """A `Network` from float weights, one [fan_in + bias_rows, n_neurons] a layer, in order; ``bias_rows``: ints, 0 unless given."""
    layers = [
        quantize_layer(name, weight, bits=bits, decay=decay, frac_bits=frac_bits, vmem_bits=vmem_bits, bias_rows=rows)
        for name, weight, rows in zip(names, weights, bias_rows or [0] * len(weights), strict=True)
    ]
    return Network(layers, n_steps, meta or {}, arrays or {}, vmem_bits)
