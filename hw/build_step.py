"""One call of a tool: only if its inputs changed, with a log, and whole or not at all."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from lifarray.golden.progress import elapsed

from .tools import BuildError, Tool, folders_below

LAST_LINES = 15
TICK_SECONDS = 0.5


def run_step(folder: Path, name: str, tool: Tool, arguments, available, variables=None) -> tuple:
    """Run a tool on files in ``folder``, unless it has run on the same before.

    It works in a folder of its own, and its files are moved over when it has ended well.

    Parameters
    ----------
    folder : Path
    name : str
        Of the step; its log is ``NAME.log``.
    tool : Tool
    arguments : sequence of str
    available : set of str
        Files in ``folder`` that are there for this step: those that the arguments name, or a script (``.ys``) among them,
        are its inputs.
    variables : dict of str to path
        Replaced where an argument has ``$NAME``; what lies there is an input too.

    Returns
    -------
    ran : bool
        Whether it had to run.
    outputs : list of str
        Files that it has made.

    Raises
    ------
    BuildError
        The tool failed: its last lines, and where its log is.
    """
    stamp = folder / f"{name}.stamp"
    expanded = [_expand(argument, variables or {}) for argument in arguments]
    places = [_state(after) for before, after in zip(arguments, expanded) if after != before]
    inputs = _inputs(folder, arguments, available)
    task = {"tool": tool.version, "arguments": list(arguments), "places": places, "inputs": {path: _hash(folder / path) for path in inputs}}
    done = _done(folder, name)
    if done is not None and done["task"] == task:
        return False, sorted(done["outputs"])
    stamp.unlink(missing_ok=True)
    log = folder / f"{name}.log"
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as work:
        for path in inputs:
            shutil.copyfile(folder / path, Path(work) / path)
        with open(log, "wb") as file:
            status = _call(name, [*tool.command, *expanded], cwd=work, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        outputs = sorted(path for path in os.listdir(work) if path not in inputs)
        if status:
            # Some tools have a log of their own, with more in it.
            for path in outputs:
                if path.endswith((".rpt", ".tim")):
                    shutil.move(Path(work) / path, folder / path)
            raise BuildError(f"{name} failed with status {status}; {log} ends with\n{_tail(log)}")
        for path in outputs:
            os.replace(Path(work) / path, folder / path)
    stamp.write_text(json.dumps({"task": task, "outputs": {path: _hash(folder / path) for path in outputs}}))
    return True, outputs


def is_done(folder: Path, name: str, arguments) -> bool:
    """Whether a step has run with these arguments, by whatever version of its tool, and its inputs and outputs are still those."""
    done = _done(folder, name)
    return done is not None and done["task"]["arguments"] == list(arguments)


def _call(name, command, **options) -> int:
    """Run a command, showing for how long it has been running, and return its exit status; it does not outlive the call."""
    try:
        started = subprocess.Popen(command, start_new_session=True, **options)
    except OSError as error:    # as of a script whose interpreter is not there
        raise BuildError(f"{name} cannot run {command[0]}: {error.strerror}") from None
    with elapsed(name) as tick, started as process:
        try:
            while True:
                try:
                    return process.wait(TICK_SECONDS)
                except subprocess.TimeoutExpired:
                    tick()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)     # yosys has started ABC
            raise


def _inputs(folder, arguments, available):
    names = available & set(arguments)
    for script in [name for name in names if name.endswith(".ys")]:
        names |= available & set((folder / script).read_text().split())
    return sorted(names)


def _state(place):
    """Stands for what lies at a path outside the build, a database of hundreds of MB: which files, how long and how old."""
    place = Path(place).resolve()
    files = sorted(path.resolve() for folder in folders_below(place) for path in folder.iterdir()) or [place]
    lines = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files if os.path.isfile(path)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _done(folder, name):
    """What a step's stamp says; None if the files that it tells of are not those in the folder."""
    try:
        done = json.loads((folder / f"{name}.stamp").read_text())
    except (FileNotFoundError, ValueError):     # or cut off while it was written
        return None
    if "task" not in done:      # of an older version
        return None
    files = {**done["task"]["inputs"], **done["outputs"]}
    return done if all((folder / path).is_file() and _hash(folder / path) == sha for path, sha in files.items()) else None


def _hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _expand(argument, variables):
    for name, value in variables.items():
        argument = argument.replace(f"${name}", str(value))
    return argument


def _tail(log):
    return "\n".join(log.read_text(errors="replace").strip().split("\n")[-LAST_LINES:])
