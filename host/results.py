"""Files of results to which a long command adds line by line, so that it can be stopped and run again."""

import json
from pathlib import Path

from ..golden.errors import UserError
from ..golden.files import cannot_write, require_writable


class ResultsFile:
    """JSON, one line for each thing that is done.

    Parameters
    ----------
    path : path or None
        None: nothing is read or written.
    parse : function of a dict
        What `lines` holds for a line; raises KeyError or TypeError for one of another command.
    sources : str
        Stands in each line: what it is a result of. Lines of others do not count.

    Members
    -------
    lines : list of what ``parse`` made, in the order of the file
    n_others : int, lines of other sources

    Raises
    ------
    UserError
        It cannot be read or written, or holds something else.
    """

    def __init__(self, path, parse, sources):
        self._path = Path(path) if path is not None else None
        self._sources = sources
        self.lines = []
        self.n_others = 0
        if self._path is None:
            return
        require_writable(path, "--results")
        try:
            text = self._path.read_text() if self._path.exists() else ""
            # A line without an end was being written when its command was killed.
            whole = text[: text.rfind("\n") + 1]
            torn = text[len(whole) :]
            if torn and not torn.startswith("{"):
                raise ValueError("no JSON")
            for fields in [dict(json.loads(line)) for line in whole.splitlines()]:
                mine = fields.pop("sources", None) == sources
                line = parse(fields)
                if mine:
                    self.lines.append(line)
                self.n_others += not mine
            with self._path.open("a") as file:
                if torn:
                    file.truncate(len(whole.encode()))
        except OSError as error:
            raise cannot_write(path, error, "--results") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"--results {path}: not results of this command ({error})") from None

    def describe(self, n_done: int, n_all: int) -> str:
        """What of a command's work stands in the file; empty if nothing does."""
        texts = [f"{n_done} of {n_all} stand in {self._path}"] if n_done else []
        if self.n_others:
            texts.append(f"{self.n_others} lines in {self._path} are of another version of the core and do not count")
        return "; ".join(texts)

    def append(self, fields: dict):
        """Add a line."""
        if self._path is None:
            return
        try:
            with self._path.open("a") as file:
                file.write(json.dumps({**fields, "sources": self._sources}) + "\n")
        except OSError as error:
            raise cannot_write(self._path, error, "--results") from None
