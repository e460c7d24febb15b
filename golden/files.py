"""Files that are written whole or not at all."""

import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import UserError


@contextmanager
def whole_file(path):
    """A temporary name beside ``path``, renamed to it when the block ends well, else removed.

    Raises
    ------
    UserError
        The file cannot be written, or is none: a device, a pipe, a folder.
    """
    path = _target(path)
    # The suffix stays the last part: some writers choose the file's format by it.
    part = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            part.unlink()


def require_writable(path, option="--out"):
    """Raise UserError unless a file can be made at ``path``: to be asked before the work that fills it."""
    path = _target(path, option)
    probe = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.part")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise cannot_write(path, error, option) from None


def cannot_write(path, why, option="--out") -> UserError:
    """The error for a place that cannot be written to; ``why`` an OSError, or text."""
    why = getattr(why, "strerror", None) or why
    return UserError(f"cannot write {str(path)!r}: {why}: choose another place with {option}")


def _target(path, option="--out") -> Path:
    """What will be replaced: never a device, which root could replace, and not a link but what it leads to."""
    given, path = path, Path(path)
    if not str(given):
        raise cannot_write(given, "a file without a name", option)
    folder = Path(os.path.realpath(path.parent))
    if path.is_dir():
        raise cannot_write(path, "it is a folder", option)
    if (path.exists() and not path.is_file()) or folder in (Path("/dev"), Path("/proc")) or Path("/proc") in folder.parents:
        raise cannot_write(path, "it is not a regular file", option)
    if not path.parent.is_dir():
        raise cannot_write(path, f"there is no folder {str(path.parent)!r}", option)
    return Path(os.path.realpath(path)) if path.is_symlink() else path
