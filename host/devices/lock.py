"""One process at a time holds a core."""

import fcntl
import os
import tempfile
from pathlib import Path

from ..board_errors import CoreHeldError

DEFAULT_LOCK = Path(tempfile.gettempdir()) / "lifarray-core.lock"


class CoreLock:
    """Holds the core until `release`, or until the process ends, however it ends.

    Raises
    ------
    CoreHeldError
        Another process holds it; says which.
    """

    def __init__(self, path=None):
        path = Path(path or DEFAULT_LOCK)
        try:
            self._file = _open(path)
        except OSError as error:
            who = "another user made it: use the core as that user does, a board's as root"
            raise CoreHeldError(f"cannot open the lock file {str(path)!r}: {error.strerror}; {who}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise CoreHeldError(f"process {holder} holds the core (lock file {str(path)!r}): close its LifArray or end it") from None
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self):
        self._file.close()


def _open(path):
    try:
        # Linux refuses even root to open another user's file in /tmp if that might create it (fs.protected_regular).
        return open(path, "r+")
    except FileNotFoundError:
        return open(path, "a+")
