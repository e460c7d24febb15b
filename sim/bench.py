"""Running the cocotb benches: which there are, and what each simulates."""

import json
import re
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import ToolError, UserError

from . import runner
from .coverage import BINS
from .top import CoreOnAxi4, verilog

__all__ = ["BINS", "CORES", "LARGEST", "LONGEST", "run_core_bench"]

CORE_PUBLIC = Path(__file__).with_name("core_public.vlt")

CORES = {
    # Many groups a unit and one way: the least time between a slot's release and its capture. Two blocks of lanes.
    "plain": CoreConfig(lanes=26, fire_units=2, store_rows=1024),
    # A 32-bit bus, the shallowest buffers, a window and a list that overflow.
    "narrow-bus": CoreConfig(
        lanes=24,
        fire_units=8,
        bus_bits=32,
        current_bits=15,
        vmem_bits=13,
        ways=2,
        window_rows=4,
        store_rows=128,
        list_words=16,
        weight_fifo_words=32,
        stream_fifo_words=32,
    ),
    # 4-bit weights in rows that end within a word; one lane a unit.
    "four-bit": CoreConfig(
        lanes=10, fire_units=10, weight_bits=4, current_bits=12, vmem_bits=9, ways=3, window_rows=16, store_rows=1024, list_words=64
    ),
    # Two ports, of which the second has no part in 4-bit rows; the narrowest vmem.
    "two-ports": CoreConfig(
        lanes=12, fire_units=3, current_bits=14, vmem_bits=4, ports=2, ways=4, window_rows=8, store_rows=128, list_words=16
    ),
    "one-lane": CoreConfig(lanes=1, fire_units=1, current_bits=14, vmem_bits=20, store_rows=256, list_words=16),
    # Rows longer than a burst, many groups a unit, the widest vmem.
    "wide": CoreConfig(lanes=144, fire_units=12, vmem_bits=32, ports=2, ways=4, window_rows=32, store_rows=256, list_words=64),
}
"""Cores that the bench runs on, each at the edge of something."""

LARGEST = 800
LONGEST = 200
"""Neurons of a layer, and steps, of the largest random networks."""


def run_core_bench(core: str, seed: int, *, simulator=None, test=None, count=10, max_size=None, max_steps=None, waves=None) -> dict:
    """Run ``tb_core`` on a core.

    Parameters
    ----------
    core : str
        A name in `CORES`.
    seed : int
        Decides everything that is drawn.
    simulator : str
        "verilator" or "icarus"; by default the best at hand.
    test : str
        Name of a test in ``tb_core``; by default all.
    count : int
        Random networks to run.
    max_size, max_steps : int
        Their largest layer and longest run; by default what takes seconds.
    waves : path
        Write waves to this file: FST, or what `Simulator.wave_format` says.

    Returns
    -------
    dict
        Bins of `lifarray.sim.coverage` to how often they were hit.

    Raises
    ------
    UserError
        There is no such core or test, no simulator, or the waves cannot be written.
    ToolError
        A test failed; with why, and the command that replays the first that did.
    """
    for name, value, limit in (("max_size", max_size, LARGEST), ("max_steps", max_steps, LONGEST)):
        if value is not None and not 1 <= value <= limit:
            raise UserError(f"{name} = {value}, must be 1 to {limit}: more does not fit into the bench's memory")
    if core not in CORES:
        raise UserError(f"unknown core {core!r}: choose one of {', '.join(CORES)}")
    names = re.findall(r"^@cocotb\.test\(.*\)\nasync def (\w+)", Path(__file__).with_name("tb_core.py").read_text(), re.MULTILINE)
    if test is not None and test not in names:
        raise UserError(f"unknown test {test!r}: choose one of {', '.join(names)}")
    config = CORES[core]
    found = runner.find_simulator(simulator)
    found.check_waves(waves)
    sources = [CORE_PUBLIC] if found.name == "verilator" else []
    build_dir = runner.build(_verilog(core), found, sources=sources, waves=waves is not None, progress=True)
    replay = f"lifarray simulate core --core {core} --seed {seed} --count {count} --simulator {found.name} --waves run.{found.wave_format}"
    for name, value in (("test", test), ("max-size", max_size), ("max-steps", max_steps)):
        if value is not None:
            replay += f" --{name} {value}"
    settings = {"config": asdict(config), "seed": seed, "count": count, "max_size": max_size, "max_steps": max_steps, "replay": replay}
    with tempfile.TemporaryDirectory(prefix="lifarray-") as temporary:
        folder = Path(temporary)
        try:
            runner.run(
                build_dir,
                found,
                "lifarray.sim.tb_core",
                folder,
                env={"LIFARRAY_BENCH": json.dumps(settings)},
                tests=[test] if test else None,
                waves=waves,
                progress=True,
            )
        except runner.SimulationError as error:
            if error.failed_tests and test is None:
                replay += f" --test {error.failed_tests[0]}"
            raise ToolError(f"{error}\nreplay: {replay}") from None
        return json.loads((folder / "coverage.json").read_text())


@cache
def _verilog(core) -> str:
    """Kept, since many seeds run on one core."""
    return verilog(CoreOnAxi4(CORES[core]))
