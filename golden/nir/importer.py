"""NIR in: a graph becomes a network of integers, with a report of what that costs."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..network import Network
from .dynamics import RESETS, fold, run_float
from .graph import read_stages
from .quantizer import quantize_stage
from .reader import read_graph
from .sample import check_spikes, read_sample

DEFAULT_STEPS = 32
"""Steps of a network that came without a sample: NIR stores none."""

MAX_CLASSES = 100
"""Outputs that may each stand for a class."""

SNNTORCH_DT = 1e-4
"""snnTorch 1.0.0 writes tau = dt / (1 − beta) and r = tau / dt with this dt, whatever it was trained at."""


@dataclass(frozen=True)
class Report:
    """What an import did.

    Parameters
    ----------
    layers : tuple of LayerReport
    warnings : tuple of str
    n_samples : int
        Of the sample that was replayed; 0 without.
    mismatch : float or None
        On the sample: output spikes that the integer network makes too many or too few, by sample
        and neuron, over the output spikes of the float network. (When they come is another matter:
        8-bit weights shift a good part of the spikes by a step, and no count changes.) Of a readout
        of potentials: root mean square of the difference over that of the float potentials.
    same_class : float or None
        Share of the sample in which the same output neuron has the most spikes (or the highest
        potential); None of more than `MAX_CLASSES` outputs, which are pixels rather than classes.
    """

    layers: tuple
    warnings: tuple = ()
    n_samples: int = 0
    mismatch: "float | None" = None
    same_class: "float | None" = None

    def to_dict(self) -> dict:
        return asdict(self)


def import_nir(
    source,
    dt: float,
    reset=None,
    bits: int = 8,
    sample=None,
    *,
    n_steps=None,
    allow_mismatch=False,
    limit=0.05,
    vmem_bits=16,
    current_bits=16,
    rng=None,
):
    """A network of integers from a NIR graph.

    Parameters
    ----------
    source : str, Path or nir.NIRGraph
    dt : float
        Length of a step in seconds. NIR stores none. snnTorch 1.0.0 writes its files for 1e-4;
        Norse 1.1.0 multiplies tau by the dt given to ``to_nir``, so give it ``dt=1``, and its
        own dt (0.001 by default) here.
    reset : str, optional
        What a spike does, where it is not NIR's reset to v_reset: "zero" (that one), "subtract"
        (as snntorch.Leaky 1.0.0 subtracts by default: one step later, after the decay),
        "subtract_now" (at the end of the step), "none".
    bits : int
        Of the weights, 8 or 4.
    sample : path, or bool [n_samples, n_steps, fan_in], optional
        Input on which float and integer network are compared; see `sample.read_sample`.
    n_steps : int, optional
        Time steps of the network; the sample's unless given, or 32.
    allow_mismatch : bool
        Return the network however much it differs on the sample.
    limit : float
        Largest mismatch otherwise.
    vmem_bits, current_bits : int
        Of the core that will run it.
    rng : numpy.random.Generator, optional
        Needed where the sample holds rates.

    Returns
    -------
    (Network, Report)
        Its last layer, if it was an LI, has reset mode "none": read its vmem after the last
        step; its spikes mean nothing.

    Raises
    ------
    UserError
        A graph that the core cannot run, named, with what to do; a mismatch above ``limit``.
    """
    if not (np.isfinite(dt) and dt > 0):
        raise UserError(f"dt = {dt}, must be a time in seconds above 0")
    if reset is not None and reset not in RESETS:
        raise UserError(f"unknown reset {reset!r}: choose from {', '.join(RESETS)}")
    if n_steps is not None and n_steps < 1:
        raise UserError(f"n_steps = {n_steps}, must be at least 1")
    from_file = isinstance(source, (str, Path))
    stages = read_stages(read_graph(source) if from_file else source)
    spikes = _sample_spikes(sample, stages[0].weight.shape[1], n_steps, rng)
    steps = n_steps or (spikes.shape[1] if spikes is not None else DEFAULT_STEPS)
    modes = [RESETS[reset or "zero"] if stage.spikes else "none" for stage in stages]
    made = [
        quantize_stage(
            stage, fold(stage, dt, mode), mode, bits=bits, n_steps=steps, vmem_bits=vmem_bits, current_bits=current_bits
        )
        for stage, mode in zip(stages, modes, strict=True)
    ]
    meta = {"recipe": "import", "source": Path(source).name if from_file else "a NIR graph", "dt": dt, "reset": reset or "zero"}
    if not stages[-1].spikes:
        meta["readout"] = "vmem"
    network = Network([layer for layer, _ in made], steps, meta, vmem_bits=vmem_bits)
    report = Report(tuple(layer_report for _, layer_report in made), tuple(_warnings(stages, dt, reset)))
    if n_steps is None and spikes is None:
        report = _warn(report, f"n_steps = {steps}, because NIR stores none: give the network's own with --steps")
    if spikes is None:
        report = _warn(report, "nothing was compared: give some input with --sample")
    else:
        report = _replay(network, report, stages, dt, modes, spikes)
        network.meta["import_mismatch"] = report.mismatch
        if report.mismatch > limit and not allow_mismatch:
            raise UserError(_too_different(report, stages, limit, bits))
    return network, _judge(report, vmem_bits)


def _sample_spikes(sample, fan_in, n_steps, rng):
    if sample is None:
        return None
    if isinstance(sample, (str, Path)):
        return read_sample(sample, fan_in, n_steps, rng)
    return check_spikes("sample", sample, fan_in, n_steps)


def _warnings(stages, dt, reset):
    """What the file cannot say, and its user should know."""
    lif = [stage for stage in stages if stage.kind == "LIF"]
    # SpikingJelly 2.0.0 writes the same numbers for LIFNode(decay_input=False), so this is no proof.
    by_snntorch = lif and all(np.allclose(stage.tau / stage.r, SNNTORCH_DT, rtol=1e-5) for stage in lif)
    if not by_snntorch:
        return
    if not np.isclose(dt, SNNTORCH_DT, rtol=1e-5):
        yield f"tau and r are such as snnTorch writes them, whose steps are 1e-4 s, and dt is {dt:.4g} s: the decay will be another one"
    if reset is None:
        yield (
            "tau and r are such as snnTorch writes them, and it writes every reset as a reset to 0: if the network was trained with "
            'snntorch.Leaky\'s default, reset_mechanism="subtract", give --reset subtract; else --reset zero'
        )


def _replay(network, report, stages, dt, modes, spikes) -> Report:
    """The report with the sample's figures."""
    floats = run_float(stages, spikes, dt, modes)
    results = network.run(spikes)
    layers = []
    for stage, layer, (out, _, low, high), result in zip(stages, report.layers, floats, results, strict=True):
        layer = replace(layer, saturations=result.saturations, float_vmem_range=(low, high))
        layers.append(_compare(layer, out, result.spikes) if stage.spikes else layer)
    out, vmem, _, _ = floats[-1]
    last, found = network.layers[-1], results[-1]
    if stages[-1].spikes:
        mismatch = layers[-1].count_mismatches / max(1, layers[-1].float_spikes)
        scores, found_scores = out.sum(axis=1), found.spikes.sum(axis=1)
    else:
        # A readout counts from 0, in units of its own: see `dynamics.fold`.
        scores, found_scores = vmem, found.vmem / (last.weight_scale * (1 << last.frac_bits))
        mismatch = float(np.sqrt(np.mean((scores - found_scores) ** 2)) / max(np.sqrt(np.mean(scores**2)), np.finfo(float).tiny))
    same_class = float((scores.argmax(axis=1) == found_scores.argmax(axis=1)).mean()) if last.n_neurons <= MAX_CLASSES else None
    report = replace(report, layers=tuple(layers), n_samples=len(spikes), mismatch=mismatch, same_class=same_class)
    if stages[-1].spikes and not layers[-1].float_spikes:
        report = _warn(report, "the sample makes no output spikes, so it says little: give input that the network was trained on")
    return report


def _compare(layer, expected, found):
    """The layer's report with the spikes in which float and integer network differ."""
    counts, found_counts = expected.sum(axis=1), found.sum(axis=1)
    return replace(
        layer,
        float_spikes=int(counts.sum()),
        count_mismatches=int(np.abs(counts - found_counts).sum()),
        step_mismatches=int((expected != found).sum()),
    )


def _judge(report, vmem_bits) -> Report:
    """The report with warnings about its own figures."""
    for layer in report.layers:
        if layer.decay_256 < 256 and layer.decay < 1:
            factor = (1 - layer.decay) / (1 - layer.decay_256 / 256)
            if not 0.9 < factor < 1.1:
                text = f"its decay {layer.decay:.5f} is {layer.decay_256}/256 on the core, a time constant {factor:.2f} times as long"
                report = _warn(report, f"layer {layer.name!r}: {text}")
        elif layer.decay < 1:
            report = _warn(report, f"layer {layer.name!r}: its decay {layer.decay:.5f} is 256/256 on the core: it never leaks; take longer steps")
        if layer.saturations:
            report = _warn(report, f"layer {layer.name!r}: vmem saturated {layer.saturations} times on the sample (vmem_bits = {vmem_bits})")
    return report


def _warn(report, text) -> Report:
    return replace(report, warnings=(*report.warnings, text))


def _too_different(report, stages, limit, bits) -> str:
    what = "of the output spikes" if stages[-1].spikes else "of the output potentials"
    same_class = ":" if report.same_class is None else f", same class in {report.same_class:.1%}:"
    remedy = "use --bits 8, or " if bits == 4 else ""
    return (
        f"float and integer network differ on the sample by {report.mismatch:.1%} {what}, limit {limit:.1%}{same_class} "
        f"check dt and the reset, {remedy}take it all the same with --allow-mismatch"
    )
