"""Tasks: one training each, independent of all others but those that it needs. Each leaves two files.

``KEY.json`` holds the task and its figures, ``KEY.npz`` its arrays (weights, images). A task whose
files are there is not run again. While it runs, ``KEY.checkpoint`` keeps its last whole epoch, from
which whoever runs it next continues. The folder is all that the runners of tasks share.
"""

import hashlib
import json
import os
import platform
import time
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Result:
    """Figures (a dict of JSON) and arrays (a dict of arrays) of a task."""

    figures: dict
    arrays: dict


@dataclass(frozen=True)
class Context:
    """What a kind of task is given besides its parameters.

    Parameters
    ----------
    data_dir : str or None
    checkpoint : path
    needs : list of Result
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


def run_task(task, folder, data_dir=None, log=lambda text: None) -> str:
    """Run a task, unless its files are there already. Returns its key.

    Parameters
    ----------
    task : Task
        What it needs must be done.
    folder : str or path
    data_dir : str or path, optional
    log : function of a str
    """
    folder = Path(folder)
    if task.is_done(folder):
        return task.key
    checkpoint = folder / f"{task.key}.checkpoint"
    context = Context(data_dir, checkpoint, [load_result(need, folder) for need in task.needs], log)
    started = time.time()
    with one_blas_thread():
        result = kinds()[task.kind](task.parameters, context)
    _save(task, folder, result, time.time() - started)
    checkpoint.unlink(missing_ok=True)
    return task.key


def load_result(task, folder) -> Result:
    """The result of a task that is done.

    Raises
    ------
    UserError
        It is not, or its files are damaged.
    """
    path = _figures_path(folder, task)
    try:
        figures = json.loads(path.read_text())["figures"]
        with open(path.with_suffix(".npz"), "rb") as file, np.load(file, allow_pickle=False) as archive:
            return Result(figures, dict(archive))
    except Exception as error:  # numpy and zipfile raise many kinds on damaged archives
        raise UserError(f"result {str(path)!r} cannot be read ({error}): remove it, and call again") from None


def _save(task, folder, result, seconds):
    path = _figures_path(folder, task)
    said = {"kind": task.kind, "parameters": task.parameters, "needs": [need.key for need in task.needs]}
    said.update(seconds=round(seconds, 1), figures=result.figures)
    with whole_file(path.with_suffix(".npz")) as part, open(part, "wb") as file:
        np.savez_compressed(file, **result.arrays)
    # Last, because it is what says that the task is done.
    with whole_file(path) as part:
        part.write_text(json.dumps(said, indent=1))
    with open(Path(folder) / JOURNAL, "a") as journal:
        journal.write(json.dumps({"task": task.key, "seconds": said["seconds"], "host": platform.node(), "process": os.getpid()}) + "\n")


def _figures_path(folder, task):
    return Path(folder) / f"{task.key}.json"
