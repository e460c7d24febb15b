"""The sample input that an imported network is tried on."""

from pathlib import Path

import numpy as np

from ..encode import poisson
from ..errors import UserError


def read_sample(path, fan_in: int, n_steps: "int | None", rng: np.random.Generator, *, any_steps=False, max_rate: float = 1.0):
    """Spikes from an npz file: bool [n_samples, n_steps, fan_in].

    Parameters
    ----------
    path : str or Path
        Holds ``spikes`` [n_samples, n_steps, fan_in], 0 or 1, or ``rates`` [n_samples, fan_in],
        0 to 1, of which Poisson spikes are made.
    fan_in : int
        Of the network.
    n_steps : int or None
        Steps to make of rates; of spikes, what they must have.
    rng : numpy.random.Generator
        Of the Poisson encoder.
    any_steps : bool
        Take spikes of another number of steps too.
    max_rate : float
        Probability of a spike in a step at a rate of 1.

    Raises
    ------
    UserError
        Missing, not npz, without these arrays, or of other shapes or values.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("spikes", "rates") if name in archive.files}
    except OSError as error:
        raise UserError(f"cannot read the sample {str(path)!r}: {error.strerror or error}") from None
    except Exception:  # numpy and zipfile raise many kinds; a single array has no files
        raise UserError(f"{str(path)!r} is not an npz file: write one with numpy.savez(file, spikes=...)") from None
    if len(arrays) != 1:
        raise UserError(f"{str(path)!r} must hold one of the arrays 'spikes' and 'rates'")
    if "rates" in arrays:
        if not n_steps:
            raise UserError(f"{str(path)!r} holds rates, so say for how many steps with --steps")
        arrays["spikes"] = poisson(check_size(path, arrays["rates"], 2, fan_in), n_steps, rng, max_rate)
    return check_spikes(path, arrays["spikes"], fan_in, None if any_steps else n_steps)


def check_spikes(name, spikes, fan_in, n_steps):
    """``spikes`` as bool [n_samples, n_steps, fan_in]; UserError if they are no such thing."""
    spikes = check_size(name, spikes, 3, fan_in)
    if not np.isin(spikes, (0, 1)).all():
        raise UserError(f"{str(name)!r}: spikes must be 0 or 1: the core takes spikes, not analogue input")
    if n_steps and spikes.shape[1] != n_steps:
        raise UserError(f"{str(name)!r}: spikes have {spikes.shape[1]} steps, not {n_steps}")
    return spikes.astype(bool)


def check_size(name, array, ndim, fan_in):
    array = np.asarray(array)
    if array.dtype.kind not in "buif":
        raise UserError(f"{str(name)!r}: values of type {array.dtype}, must be numbers")
    if array.ndim != ndim or array.shape[-1] != fan_in or array.size == 0:
        what = "spikes [n_samples, n_steps, fan_in]" if ndim == 3 else "rates [n_samples, fan_in]"
        raise UserError(f"{str(name)!r}: shape {list(array.shape)} where {what} with fan_in = {fan_in} are needed")
    return array
