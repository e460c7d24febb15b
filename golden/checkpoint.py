"""Checkpoints: nested values with arrays in them, in one file that appears only when whole."""

import json
from pathlib import Path

import numpy as np

from .errors import UserError
from .files import whole_file


def save_checkpoint(path, identity: str, values):
    """Write ``values`` (dicts, lists, arrays, numbers, text, None) to the npz file ``path``.

    Parameters
    ----------
    path : str or path
    identity : str
        Of the work that may continue from it.
    """
    path = Path(path)
    arrays = {}

    def strip(value):
        """Arrays leave for the archive; what remains is JSON."""
        if isinstance(value, np.ndarray):
            arrays[f"a{len(arrays)}"] = value
            return {"array": f"a{len(arrays) - 1}"}
        if isinstance(value, dict):
            return {"dict": {k: strip(v) for k, v in value.items()}}
        if isinstance(value, (list, tuple)):
            return {"list": [strip(v) for v in value]}
        if isinstance(value, np.generic):
            value = value.item()
        return {"value": value}

    text = json.dumps({"identity": identity, "values": strip(values)})
    with whole_file(path) as part, open(part, "wb") as file:
        np.savez(file, header=np.frombuffer(text.encode(), np.uint8), **arrays)


def load_checkpoint(path, identity: str):
    """What was saved, or None if there is no such file.

    Raises
    ------
    UserError
        Damaged, or of other work.
    """
    path = Path(path)
    if not path.is_file():
        return None
    try:
        # Opened here, because np.load leaves a damaged file open.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
            header["identity"], header["values"]
            arrays = {name: archive[name] for name in archive.files if name != "header"}
    except Exception as error:  # numpy and zipfile raise many kinds on damaged archives
        raise UserError(f"checkpoint {str(path)!r} cannot be read ({error}): remove it and start again") from None
    if header["identity"] != identity:
        raise UserError(f"checkpoint {str(path)!r} belongs to another recipe, seed or data: remove it, or choose another --out")

    def fill(value):
        if "array" in value:
            return arrays[value["array"]]
        if "dict" in value:
            return {k: fill(v) for k, v in value["dict"].items()}
        if "list" in value:
            return [fill(v) for v in value["list"]]
        return value["value"]

    return fill(header["values"])
