"""Files and JSON that commands write: whole or not at all."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

from ..golden.files import cannot_write, require_writable, whole_file

__all__ = ["output_folder", "print_json", "require_writable", "whole_file", "write_text"]


@contextmanager
def output_folder(path, option="--out"):
    """The folder for a command's files, made (with its parents) before the work that fills it.

    If the work fails, the folders that were made for it and are still empty are removed again.

    Raises
    ------
    UserError
        It cannot be made or written to.
    """
    if not str(path):
        raise cannot_write(path, "a folder without a name", option)
    folder = Path(path)
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise cannot_write(folder, error, option) from None
    try:
        yield folder
    except BaseException:
        for parent in made:
            if any(parent.iterdir()):
                break
            parent.rmdir()
        raise


def write_text(path, text: str):
    """Write ``text`` to the file ``path``, whole or not at all; UserError if that fails."""
    with whole_file(path) as part:
        part.write_text(text)


def print_json(value):
    """Print ``value`` as JSON on standard output."""
    print(json.dumps(value, indent=1))
