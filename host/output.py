"""Files and JSON that commands write: whole or not at all."""

import json
import os
from contextlib import contextmanager, suppress
from pathlib import Path

from ..golden.errors import UserError


@contextmanager
def output_folder(path):
    """The folder for a command's files, made (with its parents) before the work that fills it.

    If the work fails, the folders that were made for it and are still empty are removed again.

    Raises
    ------
    UserError
        It cannot be made or written to.
    """
    folder = Path(path)
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _cannot_write(folder, error) from None
    try:
        yield folder
    except BaseException:
        for parent in made:
            if any(parent.iterdir()):
                break
            parent.rmdir()
        raise


@contextmanager
def whole_file(path):
    """A temporary name beside ``path``, renamed to it when the block ends well, else removed.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    path = Path(path)
    # The suffix stays the last part: some writers choose the file's format by it.
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            part.unlink()


def write_text(path, text: str):
    """Write ``text`` to the file ``path``, whole or not at all; UserError if that fails."""
    with whole_file(path) as part:
        part.write_text(text)


def print_json(value):
    """Print ``value`` as JSON on standard output."""
    print(json.dumps(value, indent=1))


def _cannot_write(path, error):
    return UserError(f"cannot write {str(path)!r}: {error.strerror or error}: choose another place with --out")
