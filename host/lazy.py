"""The packages that a board does without, imported when a command asks for them.

These are the only ways from the host to the hardware description and its simulation.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from ..golden.errors import UserError, need


def load_sim():
    """The package `lifarray.sim`; UserError where its extra is not installed."""
    _require("simulating the core", "amaranth", "cocotb", "cocotbext.axi")
    _require_cache()
    from .. import sim

    return sim


def load_random_networks():
    """The module `lifarray.sim.random_networks`; UserError where its extra is not installed."""
    load_sim()
    from ..sim import random_networks

    return random_networks


def load_throughput():
    """The module `lifarray.sim.throughput`; UserError where its extra is not installed."""
    load_sim()
    from ..sim import throughput

    return throughput


def load_sweep():
    """The module `lifarray.sim.sweep`; UserError where its extra is not installed."""
    load_sim()
    from ..sim import sweep

    return sweep


def load_board_simulation():
    """The simulated board (`SimulatedBoard`, `SimulatedDevice`, `stand_in`); UserError where its extra is not installed."""
    load_sim()
    from types import SimpleNamespace

    from ..sim.board import SimulatedBoard
    from ..sim.pynq_device import SimulatedDevice, stand_in

    return SimpleNamespace(SimulatedBoard=SimulatedBoard, SimulatedDevice=SimulatedDevice, stand_in=stand_in)


def load_bench():
    """The module `lifarray.sim.bench`; UserError where its extra is not installed."""
    load_sim()
    from ..sim import bench

    return bench


def load_units():
    """The package `lifarray.sim.units`; UserError where its extra is not installed."""
    load_sim()
    from ..sim import units

    return units


def load_core_digest() -> str:
    """`lifarray.sim.sources.core_digest()`."""
    from ..sim.sources import core_digest

    return core_digest()


def load_mutate():
    """The module `lifarray.sim.mutate`; UserError where its extra is not installed."""
    load_sim()
    from ..sim import mutate

    return mutate


def load_status():
    """The module `lifarray.sim.status`; UserError where its extra is not installed."""
    load_formal()
    from ..sim import status

    return status


def load_formal():
    """The package `lifarray.sim.formal`; UserError where its extra is not installed."""
    _require("proving", "pyosys", extra="formal")
    load_sim()
    from ..sim import formal

    return formal


def load_hw():
    """The package `lifarray.hw`; UserError where its extra is not installed."""
    _require("making Verilog", "amaranth")
    _require_cache()
    from .. import hw

    return hw


def load_build():
    """What builds bitstreams (`Build`, `Design` and their errors); UserError where its extra is not installed."""
    _require("building bitstreams", "amaranth", "amaranth_boards", "pyosys", extra="bitstream")
    from types import SimpleNamespace

    from ..hw import build, tools

    return SimpleNamespace(
        Build=build.Build,
        Design=build.Design,
        board_verilog=build.board_verilog,
        describe_path=build.describe_path,
        find_openxc7=tools.find_openxc7,
        BuildError=tools.BuildError,
        MissingTools=tools.MissingTools,
        OPENXC7_MINIMUM=tools.OPENXC7_MINIMUM,
        CHIPDB=tools.CHIPDB,
    )


def load_netlist_simulation():
    """What simulates netlists (`NetlistFile`, `SimulatedBoard`, `SimulatedPort`), and what tells one such simulation from another.

    UserError where its extra is not installed.
    """
    load_sim()
    from types import SimpleNamespace

    from ..sim.board import SimulatedBoard
    from ..sim.netlist import NetlistFile
    from ..sim.runner import find_simulator
    from ..sim.serial_port import SimulatedPort
    from ..sim.sources import project_digest

    return SimpleNamespace(
        NetlistFile=NetlistFile,
        SimulatedBoard=SimulatedBoard,
        SimulatedPort=SimulatedPort,
        find_simulator=find_simulator,
        project_digest=project_digest,
    )


def _require(purpose, *modules, extra="sim"):
    for module in modules:
        try:
            found = find_spec(module)
        except ModuleNotFoundError:  # of the package that the module is in
            found = None
        if found is None:
            raise need(module, extra, purpose)


def _require_cache():
    """Amaranth's Yosys is compiled at its first use, into the user's cache, and fails in many lines where it cannot write."""
    if sys.platform != "linux":
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    try:
        (cache / "wasmtime").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to the cache {str(cache)!r}: {error.strerror}; name another folder in XDG_CACHE_HOME") from None
