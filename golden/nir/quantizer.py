"""From a folded stage to a layer of integers, and how close that comes."""

from dataclasses import dataclass

import numpy as np

from ..config import DECAY_ONE, MAX_FRAC_BITS
from ..descriptor import FIELDS
from ..errors import UserError
from ..network import Layer
from ..quantize import MAX_SHIFT, quantize_weight
from .dynamics import Folded
from .graph import Stage

HEADROOM = 32
"""Thresholds that vmem should be able to reach below and above 0 before it saturates: inhibited
neurons of MNIST classifiers go 40 below. Finer steps than 1/1024 of a threshold gain nothing."""

MIN_HEADROOM = 8
"""What is left of that before small weights have to give up bits."""

MAX_BIAS_ROWS = next((1 << field.width) - 1 for field in FIELDS if field.name == "bias_rows")

ON_GRID = 1e-5
"""How far, relatively, a value may lie from what it counts as: files hold single precision."""


@dataclass(frozen=True)
class LayerReport:
    """How a layer was made. Ranges are (lowest, highest).

    Parameters
    ----------
    name, kind, reset_mode : str
    fan_in, n_neurons : int
    weight_range : tuple of float
        Of the folded weights, in thresholds; in the file's own numbers of a readout, and where those
        are integers times a power of two.
    integer_range : tuple of int
        Of the weights as the core has them.
    weight_scale : float
        Integer weight of 1 such unit, a power of two.
    clipped : int
        Weights beyond what the bits hold at that scale.
    bias_rows : int
    decay : float
        1 − dt / tau.
    decay_256 : int
        The core's.
    frac_bits, v_threshold : int
    current_range : tuple of int
        Proved: no input can lead out of it.
    current_bits : int
        Width that it takes.
    vmem_bits : int
        Width at which no input at all could make vmem saturate within the network's steps.
    saturations : int or None
        (Sample, neuron, step) triples of the sample in which vmem was clamped.
    float_spikes : int or None
        Spikes of the float network on the sample.
    count_mismatches : int or None
        Spikes of the integer network that are too many or too few, summed over samples and neurons.
    step_mismatches : int or None
        (Sample, neuron, step) triples in which one network spikes and the other does not. A spike
        that comes a step late makes two of them.
    float_vmem_range : tuple of float or None
        On the sample, in the file's own numbers, before the reset.
    """

    name: str
    kind: str
    reset_mode: str
    fan_in: int
    n_neurons: int
    weight_range: tuple
    integer_range: tuple
    weight_scale: float
    clipped: int
    bias_rows: int
    decay: float
    decay_256: int
    frac_bits: int
    v_threshold: int
    current_range: tuple
    current_bits: int
    vmem_bits: int
    saturations: "int | None" = None
    float_spikes: "int | None" = None
    count_mismatches: "int | None" = None
    step_mismatches: "int | None" = None
    float_vmem_range: "tuple | None" = None


def quantize_stage(stage: Stage, folded: Folded, mode: str, *, bits, n_steps, vmem_bits, current_bits):
    """(Layer, LayerReport) of a stage.

    The threshold is 1 in the folded stage, so a weight scale that is a power of two makes the
    integer threshold one too: NIR's ``vmem > v_threshold`` is exactly
    ``vmem >= v_threshold + 1`` in integers, with v_subtract the threshold itself.

    Where the file's weights are integers times a power of two, as those of `export_nir` are, they
    are kept as they are, and the threshold is rounded instead: such a file comes back bit for bit.

    Parameters
    ----------
    stage : Stage
    folded : Folded
    mode : str
        Reset mode.
    bits : int
        Of the weights, 8 or 4.
    n_steps : int
        For the bound on vmem.
    vmem_bits, current_bits : int
        Of the core.

    Raises
    ------
    UserError
        Parameters that differ from neuron to neuron and must not.
    """
    d = _same(stage, np.rint(folded.decay * DECAY_ONE), "tau", 1 / DECAY_ONE)
    kept = _kept_scale(stage, folded, bits, vmem_bits, current_bits)
    if kept:
        folded, threshold, scale, frac_bits, weight, rows = kept
    else:
        threshold, (scale, weight, rows) = 1.0, _scale(stage, folded, bits, vmem_bits, current_bits)
        frac_bits = None
    if frac_bits is None:
        frac_bits = _frac_bits(stage, folded, threshold, scale, weight, rows, d, n_steps, vmem_bits)
    unit = scale * (1 << frac_bits)
    highest = (1 << (vmem_bits - 1)) - 1
    # A readout must not spike: only a vmem that saturates reaches the highest threshold.
    v_threshold = int(np.floor(threshold * unit)) + 1 if stage.spikes else highest
    layer = Layer(
        name=stage.name,
        weight=np.concatenate([weight, rows]),
        weight_bits=bits,
        v_threshold=v_threshold,
        v_subtract=int(np.rint(threshold * unit)) if stage.spikes else 0,
        decay=d,
        frac_bits=frac_bits,
        reset_mode=mode,
        v_init=_same(stage, np.rint(folded.v_init * unit), "the potential at the start", 1 / unit),
        bias_rows=len(rows),
        weight_scale=scale,
    )
    low, high = _current_range(layer.weight)
    wanted = folded.weight * scale
    report = LayerReport(
        name=stage.name,
        kind=stage.kind,
        reset_mode=mode,
        fan_in=layer.fan_in,
        n_neurons=layer.n_neurons,
        weight_range=(float(folded.weight.min()), float(folded.weight.max())),
        integer_range=(int(weight.min()), int(weight.max())),
        weight_scale=scale,
        clipped=int((np.abs(wanted - weight) > 0.5 + 1e-9).sum()),
        bias_rows=layer.bias_rows,
        decay=float(folded.decay.mean()),
        decay_256=d,
        frac_bits=frac_bits,
        v_threshold=v_threshold,
        current_range=(low, high),
        current_bits=_bits(low, high),
        vmem_bits=_vmem_bits(layer, low, high, n_steps),
    )
    return layer, report


def _same(stage, integers, what, step) -> int:
    """The one integer of all neurons."""
    low, high = int(integers.min()), int(integers.max())
    if low != high:
        raise UserError(
            f"node {stage.name!r}: {what} differs within the layer (by {(high - low) * step:.3g}), and the core has one for all its neurons: "
            "train with one, or split the layer"
        )
    return low


def _scale(stage, folded, bits, vmem_bits, current_bits):
    """(scale, integer weights, bias rows): the finest scale that fits the core."""
    largest, bias = float(np.abs(folded.weight).max(initial=0)), float(np.abs(folded.bias).max())
    # quantize_weight tries a limited range of scales, so it gets weights near 1.
    near_one = 2.0 ** -np.floor(np.log2(largest)) if largest > 0 else 1.0
    weight, scale = quantize_weight(folded.weight * near_one, bits)
    scale = float(scale * near_one)
    limit = 1 << (vmem_bits - 1)
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    while True:
        if bias * scale <= MAX_BIAS_ROWS * highest:
            rows = _bias_rows(np.rint(folded.bias * scale), highest)
            if _fits(weight, rows, current_bits) and (not stage.spikes or scale * MIN_HEADROOM <= limit):
                return scale, weight, rows
        scale /= 2
        weight = np.clip(np.rint(folded.weight * scale), lowest, highest).astype(np.int8)
        if largest > 0 and not weight.any():
            raise UserError(
                f"node {stage.name!r}: beside its bias of up to {bias:.3g} and its threshold, weights of at most {largest:.3g} "
                f"vanish in {bits} bits: train with a smaller bias"
            )


def _kept_scale(stage, folded, bits, vmem_bits, current_bits):
    """The stage in the file's own numbers, with the scale that makes integers of its weights; None if there is none.

    Returns
    -------
    (Folded, threshold, scale, frac_bits or None, integer weights, bias rows)
    """
    threshold = float(folded.unit[0])
    if np.ptp(folded.unit) > 1e-6 * threshold or not folded.weight.any():
        return None
    own = folded._replace(weight=folded.weight * threshold, bias=folded.bias * threshold, v_init=folded.v_init * threshold)
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    for shift in range(-MAX_SHIFT, 2 * MAX_SHIFT + 1):
        scale = 2.0**shift
        weight, bias = np.rint(own.weight * scale), np.rint(own.bias * scale)
        if weight.min() < lowest or weight.max() > highest or np.abs(bias).max() > MAX_BIAS_ROWS * highest:
            return None
        exact = np.abs(own.weight * scale - weight) <= ON_GRID * np.abs(weight)
        # A bias is a difference in the file, so its error is relative to more than itself.
        if weight.any() and exact.all() and np.abs(own.bias * scale - bias).max() <= ON_GRID * max(100, np.abs(bias).max()):
            break
    else:
        return None
    weight, rows = weight.astype(np.int8), _bias_rows(bias, highest)
    if not _fits(weight, rows, current_bits):
        return None
    limit = 1 << (vmem_bits - 1)
    # `export_nir` writes a threshold half a step of vmem lower, which tells its frac_bits.
    for frac_bits in range(MAX_FRAC_BITS + 1):
        half = threshold * scale * (1 << frac_bits)
        if stage.spikes and abs(half % 1 - 0.5) <= ON_GRID * (100 + half / 10) and half < limit - 1:
            return own, threshold, scale, frac_bits, weight, rows
    return (own, threshold, scale, None, weight, rows) if not stage.spikes or threshold * scale * MIN_HEADROOM <= limit else None


def _frac_bits(stage, folded, threshold, scale, weight, rows, d, n_steps, vmem_bits) -> int:
    """As many fraction bits as leave vmem its room: the decay rounds to them."""
    limit = 1 << (vmem_bits - 1)
    low, high = _current_range(np.concatenate([weight, rows]))
    room = HEADROOM * threshold * scale if stage.spikes else _reach(low, high, d, n_steps) + abs(folded.v_init).max() * scale
    frac_bits = MAX_FRAC_BITS
    while frac_bits and room * (1 << frac_bits) > limit:
        frac_bits -= 1
    return frac_bits


def _fits(weight, rows, current_bits) -> bool:
    return _bits(*_current_range(np.concatenate([weight, rows]))) <= current_bits


def _bias_rows(bias, highest):
    """Rows of weights that add up to ``bias``: int8 [bias_rows, n_neurons], none if it is 0."""
    rows = []
    while bias.any():
        rows.append(np.clip(bias, -highest, highest))
        bias = bias - rows[-1]
    return np.array(rows, dtype=np.int8).reshape(len(rows), bias.size)


def _current_range(weight):
    weight = weight.astype(np.int64)
    return int(np.minimum(weight, 0).sum(axis=0).min()), int(np.maximum(weight, 0).sum(axis=0).max())


def _bits(low, high) -> int:
    """Width of a signed number that holds both."""
    return max(int(high).bit_length(), int(-low - 1).bit_length() if low < 0 else 0) + 1


def _reach(low, high, d, n_steps):
    """Largest |vmem| before the shift by frac_bits that a current in that range can build up."""
    factor = d / DECAY_ONE
    steps = n_steps if d == DECAY_ONE else (1 - factor**n_steps) / (1 - factor)
    return max(-low, high) * steps


def _vmem_bits(layer, low, high, n_steps) -> int:
    reach = _reach(low, high, layer.decay, n_steps) * (1 << layer.frac_bits) + abs(layer.v_init)
    # What is subtracted after the decay can go below 0, and the decay of each step rounds by up to a half.
    reach += n_steps / 2 + (layer.v_subtract if layer.reset_mode == "subtract_delayed" else 0)
    return int(np.ceil(reach)).bit_length() + 1
