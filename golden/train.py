"""Training: a recipe, a seed and data become a network file.

The same seed, data and numeric libraries give the same file bit for bit, also when training was
stopped and resumed: each epoch ends with a checkpoint of weights, moments and generator state.
"""

import hashlib
from pathlib import Path

import numpy as np

from . import datasets, flite, voices
from .errors import UserError, need
from .files import require_writable
from .recipes import AutoencoderRecipe, recipe
from .stage import Run, one_blas_thread
from .train_images import load_images, train_image_network
from .train_speech import train_audio_network

DEFAULT_SEED = 2019


def train(recipe_name, data_dir=None, out=None, resume=False, seed=DEFAULT_SEED, log=print, **changes):
    """Train a network and write it to a file.

    Parameters
    ----------
    recipe_name : str
        One of `recipes.RECIPES`.
    data_dir : str or path, optional
        See `datasets.data_folder`.
    out : str or path, optional
        The network file; ``<recipe>.lif`` unless given. The checkpoint lies beside it while
        training lasts, as ``<out>.checkpoint``.
    resume : bool
        Continue from that checkpoint, if there is one. Without it an existing checkpoint is refused,
        so that nobody loses hours by a forgotten word.
    seed : int
    log : function of a str
    changes :
        Parameters of the recipe to change, such as ``leave_out="yweweler"``.

    Returns
    -------
    Network

    Raises
    ------
    UserError
        Unknown recipe, missing or too few data, missing packages, an unwritable place, a checkpoint
        of another training: all of them before the first epoch.
    """
    chosen = recipe(recipe_name, **changes)
    out = f"{recipe_name}.lif" if out is None else out
    require_writable(out)
    out = Path(out)
    checkpoint = checkpoint_of(out)
    if checkpoint.exists() and not resume:
        raise UserError(f"{str(checkpoint)!r} is left of a training that was stopped: go on with --resume, or remove it to start afresh")
    _require_packages(chosen)
    run = Run(chosen, seed, data_dir, checkpoint, resume, log, _fingerprint(chosen, data_dir))
    if resume and not run.saved:
        log(f"no checkpoint {str(checkpoint)!r}: starting with the first epoch")
    with one_blas_thread():
        network = train_image_network(run) if isinstance(chosen, AutoencoderRecipe) else train_audio_network(run)
    network.save(out)
    run.checkpoint.unlink(missing_ok=True)
    return network


def checkpoint_of(out) -> Path:
    """Where the checkpoint of a training that writes ``out`` lies."""
    out = Path(out)
    return out.with_name(out.name + ".checkpoint")


def _require_packages(chosen):
    if isinstance(chosen, AutoencoderRecipe):
        return
    try:
        import soundfile  # noqa: F401
    except (ImportError, OSError):
        raise need("soundfile", "train", "reading the recordings") from None
    if chosen.voice_rates and not voices.available():
        raise need("espeakng-loader", "train", "the synthetic voices of this recipe")
    if chosen.flite:
        flite.require()


def _fingerprint(chosen, data_dir) -> str:
    """Of the data: the images, and the recordings' names and sizes."""
    images_only = isinstance(chosen, AutoencoderRecipe)
    digest = hashlib.sha256()
    for array in load_images(chosen if images_only else chosen.autoencoder, data_dir):
        digest.update(np.ascontiguousarray(array))
    if not images_only:
        for r in datasets.fsdd("train", data_dir):
            digest.update(f"{r.path.name} {r.path.stat().st_size}\n".encode())
    return digest.hexdigest()
