"""Run a network on the simulated RTL of the core, and hold the result against the golden model."""

import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lifarray.golden.config import CONFIGS, CoreConfig
from lifarray.golden.errors import UserError
from lifarray.golden.network import Network
from lifarray.golden.program import Program
from lifarray.golden.progress import progress as report

from . import runner
from .ddr import DdrTiming
from .job import Job
from .memory import write_image
from .top import CoreWithDdr, verilog

MEMORY_BYTES = 32 << 20
"""Size of the simulated memory: one build serves all networks that fit."""

STORAGE = Path(__file__).with_name("memory.v")


@dataclass(frozen=True)
class Simulation:
    """What the simulated core left behind.

    Members
    -------
    layers : list of (spikes, vmem), a pair a layer
        bool [n_samples, n_steps, n_neurons], and int32 [n_samples, n_neurons] or None.
    counters : list of dict, one a pass of up to floor(64 / T) samples
        The core's counters, such as "cycles", "events" and "saturations".
    simulator : str
    config : CoreConfig
    """

    layers: list
    counters: list
    simulator: str
    config: CoreConfig


def simulate(
    network: Network,
    spikes,
    config: CoreConfig | None = None,
    *,
    simulator: str | None = None,
    timing: DdrTiming = DdrTiming(),
    read_vmem: bool = False,
    progress: bool = False,
) -> Simulation:
    """Run ``network`` on the RTL.

    Parameters
    ----------
    network : Network
    spikes : bool [n_samples, n_steps, fan_in]
    config : CoreConfig
        By default ``CONFIGS["demo"]``.
    simulator : str
        "verilator" or "icarus"; by default the best at hand.
    timing : DdrTiming
    read_vmem : bool
        Also read each layer's vmem after the last step.
    progress : bool
        Show a progress bar.

    Raises
    ------
    UserError
        The network does not run on such a core, or there is no simulator.
    ToolError
        The build or the simulation failed.
    """
    config = config or CONFIGS["demo"]
    spikes = np.asarray(spikes, dtype=bool)
    n_samples, n_steps, _ = spikes.shape
    program = Program(network, config, n_samples, n_steps, read_vmem=read_vmem)
    if program.end > MEMORY_BYTES:
        raise UserError(f"the batch takes {program.end} bytes and the simulated memory has {MEMORY_BYTES}: simulate fewer samples at a time")
    found = runner.find_simulator(simulator)
    build_dir = runner.build(verilog(CoreWithDdr(config, MEMORY_BYTES, timing)), found, sources=[STORAGE], progress=progress)
    with tempfile.TemporaryDirectory(prefix="lifarray-") as temporary:
        folder = Path(temporary)
        job = Job(program, spikes)
        job.save(folder)
        write_image(folder / "memory.hex", job.image(), config.bus_bits)
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            task = pool.submit(
                runner.run,
                build_dir,
                found,
                "lifarray.sim.network_bench",
                folder,
                env={"LIFARRAY_JOB": str(folder)},
                plusargs=[f"+memory={folder / 'memory.hex'}"],
                stop=stop,
            )
            try:
                passes = _lines_of(folder / "progress", task)
                for _ in report(passes, f"simulate on {found}", total=len(program.groups), quiet=not progress):
                    pass
            finally:
                stop.set()      # if this was interrupted, the simulator need not go on
            task.result()
        counters = json.loads((folder / "counters.json").read_text())
        with np.load(folder / "outputs.npz") as outputs:
            words = {key: outputs["/".join(map(str, key))] for key in program.output_regions()}
    return Simulation(program.decode(words), counters, str(found), config)


def _lines_of(path: Path, task):
    """Yield once for each line that ``task`` writes to a file, until the task ends."""
    seen = 0
    while True:
        ended = wait([task], timeout=0.2).done
        written = len(path.read_text().split()) if path.exists() else 0
        yield from range(seen, written)
        seen = written
        if ended:
            return


def count_mismatches(network: Network, spikes, simulation: Simulation) -> int:
    """Bits, potentials and counters in which a simulation differs from the golden model.

    Counts each spike of each layer, each vmem that was read, and the core's counters of events and
    saturations.
    """
    results = network.run(spikes)
    mismatches = 0
    for (found_spikes, found_vmem), expected in zip(simulation.layers, results):
        mismatches += int((found_spikes != expected.spikes).sum())
        if found_vmem is not None:
            mismatches += int((found_vmem != expected.vmem).sum())
    totals = {name: sum(counters[name] for counters in simulation.counters) for name in ("saturations", "events")}
    mismatches += totals["saturations"] != sum(result.saturations for result in results)
    tiles = [simulation.config.tiles(layer.n_neurons) for layer in network.layers]
    mismatches += totals["events"] != sum(n * result.events for n, result in zip(tiles, results))
    return mismatches
