"""The training loop: phases of epochs, each epoch ending in a checkpoint; the best weights are kept."""

import contextlib
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .checkpoint import load_checkpoint, save_checkpoint
from .progress import progress
from .quantize import quantize_weight, round_weight
from .recipes import parameters
from .vmem_bptt import Adam

CURVE_POINTS = 20
"""Of each epoch: means over equal spans of its batches, for plots of how training went."""


@contextlib.contextmanager
def one_blas_thread():
    """Two BLAS threads on products this small can cost far more than they bring."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1):
        yield


@dataclass
class Run:
    """One training under way.

    Parameters
    ----------
    recipe : one of `recipes`
    seed : int
    data_dir : str, path or None
    checkpoint : path or None
        None: no checkpoint is written.
    resume : bool
        Continue from it, if it is there.
    log : function of a str
    data : str
        Fingerprint of the data: a checkpoint is of no use for others.

    Members
    -------
    rng : numpy.random.Generator
        The one that all draws of the training come from.
    curve : list of dict
        How training went: "stage", "rule", "epoch" (with a fraction) and the means of the step's figures.
    """

    recipe: object
    seed: int
    data_dir: object
    checkpoint: Path = None
    resume: bool = False
    log: object = print
    data: str = ""
    rng: np.random.Generator = field(init=False)
    curve: list = field(init=False, default_factory=list)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        described = json.dumps([parameters(self.recipe), self.seed, self.data], sort_keys=True)
        self.identity = hashlib.sha256(described.encode()).hexdigest()
        self.saved = load_checkpoint(self.checkpoint, self.identity) if self.resume else None
        self.finished = {}          # weights of the stages that are done
        if self.saved:
            self.finished = self.saved["finished"]
            self.curve = self.saved["curve"]
            self.rng.bit_generator.state = self.saved["rng"]

    def stage(self, name, weights, trained, phases, batches, step, validate, measure="mse", keep_last=False, share=None):
        """Train ``weights`` through ``phases``; returns the best by validation, or the last.

        Parameters
        ----------
        name : str
        weights : function returning a list of arrays
            Called only if the stage starts afresh, because it draws from the generator.
        trained : list of bool
            Which of them Adam updates.
        phases : tuple of Phase
        batches : function (phase, rng) -> (number of batches, iterator of them), one epoch
        step : function (phase, weights, used, batch, optimizer, learning_rate) -> dict of figures
            ``used`` are the weights to run with: ``weights``, or what they are when rounded.
        validate : function weights -> dict of figures
        measure : str
            The one of them by which the best weights are chosen; lower is better.
        share : list of function or None, optional
            What makes of each weight's gradient that of weights which it shares.
        """
        if name in self.finished:
            return self.finished[name]
        mid = self.saved if self.saved and self.saved["stage"] == name else None
        weights = [w.copy() for w in mid["weights"]] if mid else weights()
        best, best_figure = (mid["best"], mid["best_figure"]) if mid else ([w.copy() for w in weights], np.inf)
        first_phase, first_epoch = (mid["phase"], mid["epoch"]) if mid else (0, 0)
        for p in range(first_phase, len(phases)):
            phase = phases[p]
            optimizer = Adam([w for w, t in zip(weights, trained, strict=True) if t], weight_decay=phase.weight_decay, share=share)
            scales = [quantize_weight(w, phase.weight_bits)[1] for w in weights] if phase.weight_bits else None
            if mid and p == first_phase and first_epoch:
                optimizer.load(mid["optimizer"])
                scales = mid["scales"]
            for epoch in range(first_epoch if p == first_phase else 0, phase.epochs):
                n, iterator = batches(phase, self.rng)
                figures = []
                label = f"{name}, {phase.rule}, epoch {epoch + 1}/{phase.epochs}"
                for b, batch in enumerate(progress(iterator, label, total=n)):
                    done = (epoch * n + b) / (phase.epochs * n)
                    rate = phase.final_rate + (phase.learning_rate - phase.final_rate) * 0.5 * (1 + np.cos(np.pi * done))
                    figures.append(step(phase, weights, _used(weights, phase, scales), batch, optimizer, rate))
                    if phase.weight_limit:
                        for w in optimizer.params:
                            np.clip(w, -phase.weight_limit, phase.weight_limit, out=w)
                self._record(name, phase, epoch, figures)
                # Already rounded, a network of them finds the scales that they were trained with.
                used = _used(weights, phase, scales)
                found = validate(used)
                if keep_last or found[measure] <= best_figure:
                    best, best_figure = [w.copy() for w in used], found[measure]
                mean = {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}
                self.log(f"{label}: " + ", ".join(f"{k} {v:.4g}" for k, v in mean.items()) + "; validation " + _text(found))
                last_epoch = epoch + 1 == phase.epochs
                self._save(
                    stage=name,
                    phase=p + 1 if last_epoch else p,
                    epoch=0 if last_epoch else epoch + 1,
                    weights=weights,
                    best=best,
                    best_figure=best_figure,
                    optimizer=optimizer.state(),
                    scales=scales,
                )
        self.finished[name] = best
        return best

    def _record(self, name, phase, epoch, figures):
        for span in np.array_split(np.arange(len(figures)), min(CURVE_POINTS, len(figures))):
            mean = {key: float(np.mean([figures[i][key] for i in span])) for key in figures[0]}
            self.curve.append({"stage": name, "rule": phase.rule, "epoch": epoch + float(span[-1] + 1) / len(figures), **mean})

    def _save(self, **values):
        if self.checkpoint is None:
            return
        values.update(rng=self.rng.bit_generator.state, finished=self.finished, curve=self.curve)
        save_checkpoint(self.checkpoint, self.identity, values)


def _used(weights, phase, scales):
    """The weights to run with: rounded to what the phase's bits hold, or as they are."""
    if not phase.weight_bits:
        return weights
    return [round_weight(w, phase.weight_bits, scale) for w, scale in zip(weights, scales, strict=True)]


def _text(figures):
    return ", ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items())
