"""The parts that have benches, the variants of each, and how to run them."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import ToolError, UserError
from lifarray.hw.array import LaneArray
from lifarray.hw.axi import Axi3Signature, Axi4LiteSignature
from lifarray.hw.axi3_bridge import Axi3Bridge
from lifarray.hw.core import capabilities
from lifarray.hw.fetch import Scanner
from lifarray.hw.fire import Fire
from lifarray.hw.lif import LifPipeline
from lifarray.hw.lite_decoder import LiteDecoder
from lifarray.hw.output import Output
from lifarray.hw.reader import Reader
from lifarray.hw.register_slice import RegisterSlice
from lifarray.hw.registers import RegisterFile
from lifarray.hw.rows import RowFetch
from lifarray.hw.sequencer import Sequencer
from lifarray.hw.serial_bridge import SerialBridge
from lifarray.hw.stripes import Stripes
from lifarray.hw.window import Window
from lifarray.hw.writer import Writer

from .. import runner
from ..memory_top import MemoryOnAxi4
from ..top import verilog
from .top import SideBySide


@dataclass(frozen=True)
class Unit:
    """A part of the core and its bench, ``tb_NAME.py``.

    Parameters
    ----------
    what : str
    component : function of a variant's parameters, which makes the part
    variants : dict
        Name to parameters, each at the edge of something.
    """

    what: str
    component: Callable
    variants: dict = field(default_factory=dict)


SMALL = CoreConfig(lanes=6, fire_units=2, current_bits=12, vmem_bits=9, store_rows=64, ring_rows=16, list_words=16)

UNITS = {
    "lif": Unit("each step is the golden one", lambda bits: LifPipeline(*bits), {"narrow": (9, 6), "plain": (16, 16), "wide": (12, 24)}),
    "window": Unit(
        "each spike is added once, before its slot's capture",
        Window,
        {f"ways{ways}": SMALL.with_(ways=ways, window_rows=rows) for ways, rows in ((1, 8), (2, 4), (3, 16), (4, 8))},
    ),
    "array": Unit(
        "what is captured is the sum of what was picked",
        LaneArray,
        {
            "ways1": SMALL.with_(current_bits=10),
            "ways2": SMALL.with_(ways=2, weight_bits=4),
            # Lanes of two blocks.
            "ways3": SMALL.with_(ways=3, lanes=26),
            "ways4": SMALL.with_(ways=4, window_rows=16),
        },
    ),
    "rows": Unit(
        "each input comes with its row of weights",
        RowFetch,
        {
            "plain": SMALL.with_(lanes=10),
            "four_bit": SMALL.with_(weight_bits=4, lanes=20),
            # Three words a row: two for one port, one for the other, which has no part in rows of 4 bits.
            "two_ports": SMALL.with_(ports=2, lanes=20),
        },
    ),
    "scanner": Unit(
        "the inputs that are active, in order, and what is asked of memory for them",
        Scanner,
        {
            "plain": SMALL,
            "four_bit": SMALL.with_(weight_bits=4, store_rows=512, list_words=64),
            "two_ports": SMALL.with_(ports=2, lanes=20, store_rows=512),
        },
    ),
    "stripes": Unit("a raster read through two ports comes out in order", lambda config: Stripes(), {"two_ports": None}),
    "output": Unit(
        "words and vmem of each lane, at their addresses",
        Output,
        {"plain": SMALL, "one_group": SMALL.with_(lanes=5, fire_units=5), "one_unit": SMALL.with_(lanes=7, fire_units=1)},
    ),
    "fire": Unit(
        "steps, words, vmem and releases of every layer",
        Fire,
        {
            "plain": SMALL,
            # More groups than `RELEASE_AHEAD`; one; units that a tile does not fill.
            "one_unit": SMALL.with_(lanes=11, fire_units=1, vmem_bits=6),
            "one_group": SMALL.with_(lanes=3, fire_units=3, vmem_bits=16),
        },
    ),
    "reader": Unit(
        "bursts as AXI3 allows them, words in order, errors",
        lambda variant: Reader(*variant),
        {"bus64": (64, (32, 64)), "bus32": (32, (32, 32))},
    ),
    "writer": Unit("bursts as AXI3 allows them, each byte where it belongs, errors", Writer, {"bus64": SMALL, "bus32": SMALL.with_(bus_bits=32)}),
    "registers": Unit("what the table says", RegisterFile, {"plain": capabilities(SMALL)}),
    "sequencer": Unit(
        "lists of descriptors, their errors, the end of a run",
        Sequencer,
        {"plain": SMALL, "four_bit": SMALL.with_(weight_bits=4, vmem_bits=4)},
    ),
    "slice": Unit("transfers pass once, in order, one a cycle", RegisterSlice, {"axi3": Axi3Signature(32, 4), "lite": Axi4LiteSignature(12)}),
    "bridge": Unit("bursts become single accesses, IDs and errors come back", lambda bits: Axi3Bridge(12, bits), {"plain": 12}),
    "decoder": Unit("accesses reach the half that their address names, once", lambda bits: LiteDecoder(*bits), {"plain": (10, 6, 9)}),
    "serial": Unit(
        "requests on the line are answered, noise is not",
        lambda cycles_per_bit: SerialBridge(cycles_per_bit, 12),
        {"quick": 8, "odd": 11},
    ),
    "memory": Unit("a local memory, and the way to it, from both sides", MemoryOnAxi4, {"two_banks": 9}),
}


ALL = "units"
"""All parts, in one design."""


def find_simulator(name=None) -> runner.Simulator:
    """The simulator called ``name``, or by default Icarus where it is, since it builds a part in a second."""
    return (runner.icarus_of_system() if name is None else None) or runner.find_simulator(name)


def run_unit_bench(unit: str, seed: int, *, simulator=None, count=10, waves=None):
    """Run the bench of a part on all its variants.

    Parameters
    ----------
    unit : str
        A name in `UNITS`, or `ALL`.
    seed : int
        Decides everything that is drawn.
    simulator : str
        "verilator" or "icarus"; by default what `find_simulator` says.
    count : int
        How much to try.
    waves : path
        Write waves to this file: FST, or what `Simulator.wave_format` says.

    Raises
    ------
    UserError
        There is no such part, no simulator, or the waves cannot be written.
    ToolError
        A test failed; with why, and the command that replays it.
    """
    if unit not in (*UNITS, ALL):
        raise UserError(f"unknown part {unit!r}: choose one of {', '.join(UNITS)}, or {ALL}")
    found = find_simulator(simulator)
    found.check_waves(waves)
    names = list(UNITS) if unit == ALL else [unit]
    # The benches in Python take longer than the model: its compiler should be quick.
    build_dir = runner.build(_verilog(tuple(names)), found, waves=waves is not None, progress=True)
    try:
        run_built(build_dir, found, names, seed, count, waves)
    except ToolError as error:
        waves = f"run.{found.wave_format}"
        replay = f"lifarray simulate {unit} --seed {seed} --count {count} --simulator {found.name} --waves {waves}"
        raise ToolError(f"{error}\nreplay: {replay}; open them: surfer {waves}, or gtkwave {waves}") from None


@cache
def _verilog(names) -> str:
    """Kept, since many seeds run on one build."""
    parts = {f"{name}_{key}": UNITS[name].component(variant) for name in names for key, variant in UNITS[name].variants.items()}
    return verilog(SideBySide(parts))


def run_built(build_dir, simulator, units, seed, count, waves=None, inputs=None):
    """Run the benches of ``units`` on a build of them; ``inputs`` are held at other inputs of the design."""
    env = {"LIFARRAY_UNIT": json.dumps({"seed": seed, "count": count, "inputs": inputs or {}})}
    modules = ",".join(f"lifarray.sim.units.tb_{name}" for name in units)
    with tempfile.TemporaryDirectory(prefix="lifarray-") as folder:
        runner.run(build_dir, simulator, modules, Path(folder), env=env, waves=waves, progress=True)
