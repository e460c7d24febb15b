"""Training: a recipe, a seed and data become a network file.

The same seed, data and numeric libraries give the same file bit for bit, also when training was
stopped and resumed: each epoch ends with a checkpoint of weights, moments and generator state.
"""

from pathlib import Path

from .errors import UserError
from .recipes import AutoencoderRecipe, recipe
from .stage import Run, one_blas_thread
from .train_images import train_image_network
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
        Continue from that checkpoint, if there is one.
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
        Unknown recipe, missing data or packages, an unwritable folder, a checkpoint of another
        training.
    """
    chosen = recipe(recipe_name, **changes)
    out = Path(out or f"{recipe_name}.lif")
    _require_writable(out)
    run = Run(chosen, seed, data_dir, out.with_name(out.name + ".checkpoint"), resume, log)
    with one_blas_thread():
        network = train_image_network(run) if isinstance(chosen, AutoencoderRecipe) else train_audio_network(run)
    network.save(out)
    run.checkpoint.unlink(missing_ok=True)
    return network


def _require_writable(out):
    if not out.parent.is_dir():
        raise UserError(f"output folder {str(out.parent)!r} does not exist: create it, or choose another with --out")
    probe = out.with_name(f".{out.name}.probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write into {str(out.parent)!r}: {error.strerror}; choose another with --out") from None
