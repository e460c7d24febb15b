"""Tasks: one training each, independent of all others but those that it needs. Each leaves up to three files.

``KEY.json`` holds the task and its figures, ``KEY.npz`` images that it made, ``KEY.weights.npz`` what
other tasks start from. A task whose figures are there is not run again, unless one that is needs its
weights and they are gone: figures and images are small enough to be kept for good, weights are not.
While a task runs, ``KEY.checkpoint`` keeps its last whole epoch, from which whoever runs it next
continues. The folder is all that the runners of tasks share.
"""

import contextlib
import hashlib
import json
import os
import platform
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import whole_file
from ..stage import one_blas_thread

KEY_DIGITS = 12

JOURNAL = "journal.jsonl"
"""One line for each task that was run, by whom: what was found done leaves none."""


@dataclass(frozen=True, eq=False)
class Task:
    """One training and its figures.

    Parameters
    ----------
    kind : str
        One of `kinds`.
    parameters : dict
        Of JSON: everything that decides the result, the seed too.
    needs : tuple of Task
        Whose results it starts from.
    """

    kind: str
    parameters: dict
    needs: tuple = ()

    @cached_property
    def key(self) -> str:
        """Its name: the same for the same work, on any machine."""
        described = json.dumps([self.kind, self.parameters, [task.key for task in self.needs]], sort_keys=True)
        return f"{self.kind}-{hashlib.sha256(described.encode()).hexdigest()[:KEY_DIGITS]}"

    def is_done(self, folder) -> bool:
        return _figures_path(folder, self).is_file()

    def has_weights(self, folder) -> bool:
        return self.is_done(folder) and _weights_path(folder, self).is_file()


@dataclass(frozen=True)
class Result:
    """Figures (a dict of JSON) of a task, images that it made (an array, or None) and its weights (a dict of arrays)."""

    figures: dict
    shown: np.ndarray = None
    weights: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a kind of task is given besides its parameters.

    Parameters
    ----------
    data_dir : str or None
    checkpoint : path
    needs : list of dict of arrays
        Weights of each.
    log : function of a str
    """

    data_dir: object
    checkpoint: Path
    needs: list
    log: object


def kinds() -> dict:
    """Functions (parameters, context) -> Result, by kind."""
    from . import images, speech

    return {
        "snn-autoencoder": images.snn_autoencoder,
        "ann-autoencoder": images.ann_autoencoder,
        "pca": images.pca,
        "snn-audiocoder": speech.snn_audiocoder,
        "ann-audiocoder": speech.ann_audiocoder,
    }


def run_task(task, folder, data_dir=None, log=lambda text: None, for_weights=False) -> str:
    """Run a task, if it is `left` to do. Returns its key.

    Parameters
    ----------
    task : Task
        What it needs must be done.
    folder : str or path
    data_dir : str or path, optional
    log : function of a str
    for_weights : bool
        Run it also where its figures are there, but its weights are not.
    """
    folder = Path(folder)
    if task.has_weights(folder) if for_weights else task.is_done(folder):
        return task.key
    checkpoint = folder / f"{task.key}.checkpoint"
    context = Context(data_dir, checkpoint, [load_weights(need, folder) for need in task.needs], log)
    started = time.time()
    with one_blas_thread():
        result = kinds()[task.kind](task.parameters, context)
    _save(task, folder, result, time.time() - started)
    checkpoint.unlink(missing_ok=True)
    return task.key


def load_result(task, folder) -> Result:
    """Figures and images of a task that is done, without its weights.

    Raises
    ------
    UserError
        It is not, or its files are damaged.
    """
    path, images = _figures_path(folder, task), _images_path(folder, task)
    with _readable(path):
        figures = json.loads(path.read_text())["figures"]
    return Result(figures, _load(images)["shown"] if images.is_file() else None)


def load_weights(task, folder) -> dict:
    """The weights of a task that is done. Raises UserError as `load_result` does."""
    return _load(_weights_path(folder, task))


@contextlib.contextmanager
def _readable(path):
    try:
        yield
    except Exception as error:  # numpy and zipfile raise many kinds on damaged archives
        raise UserError(f"result {str(path)!r} cannot be read ({error}): remove it, and call again") from None


def _load(path):
    with _readable(path), open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def _save(task, folder, result, seconds):
    path = _figures_path(folder, task)
    said = {"kind": task.kind, "parameters": task.parameters, "needs": [need.key for need in task.needs]}
    said.update(seconds=round(seconds, 1), figures=result.figures)
    if result.shown is not None:
        _store(_images_path(folder, task), shown=result.shown)
    if result.weights:
        _store(_weights_path(folder, task), **result.weights)
    # Last, because it is what says that the task is done.
    with whole_file(path) as part:
        part.write_text(json.dumps(said) + "\n")
    with open(Path(folder) / JOURNAL, "a") as journal:
        journal.write(json.dumps({"task": task.key, "seconds": said["seconds"], "host": platform.node(), "process": os.getpid()}) + "\n")


def _store(path, **arrays):
    with whole_file(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, **arrays)


def _figures_path(folder, task):
    return Path(folder) / f"{task.key}.json"


def _images_path(folder, task):
    return Path(folder) / f"{task.key}.npz"


def _weights_path(folder, task):
    return Path(folder) / f"{task.key}.weights.npz"
