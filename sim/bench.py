"""Running the cocotb benches: which there are, and what each simulates."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from lifarray.golden.config import CoreConfig

from . import runner
from .top import CoreOnAxi4, verilog


def run_core_bench(config: CoreConfig, seed: int, *, simulator=None, tests=None, count=10):
    """Run ``tb_core`` on a core.

    Parameters
    ----------
    config : CoreConfig
    seed : int
        Decides everything that is drawn.
    simulator : str
        "verilator" or "icarus"; by default the best at hand.
    tests : list of str
        Names of tests in ``tb_core``; by default all.
    count : int
        Random networks to run.

    Raises
    ------
    RuntimeError
        A test failed; with the end of the log.
    """
    found = runner.find_simulator(simulator)
    build_dir = runner.build(verilog(CoreOnAxi4(config)), found)
    settings = {"config": asdict(config), "seed": seed, "count": count}
    with tempfile.TemporaryDirectory(prefix="lifarray-") as folder:
        runner.run(
            build_dir,
            found,
            "lifarray.sim.tb_core",
            Path(folder),
            env={"LIFARRAY_BENCH": json.dumps(settings)},
            tests=tests,
        )
