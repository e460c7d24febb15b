"""Run a network on the simulated RTL of the core, and hold the result against the golden model."""

import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from lifarray.golden.config import CONFIGS, CoreConfig
from lifarray.golden.errors import UserError
from lifarray.golden.network import Network
from lifarray.golden.program import Program
from lifarray.golden.progress import progress as report

from . import runner
from .ddr import DdrTiming
from .job import PROGRESS_CYCLES, prepare, read_outputs
from .top import CoreWithDdr, verilog

MEMORY_BYTES = 32 << 20
"""Size of the simulated memory, unless a batch takes more: one build serves all that fit."""

MOST_MEMORY_BYTES = 512 << 20
"""As much as the boards have."""

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
    setup : dict or None
        The same of loading the weights, if they stay in the core.
    weight_bytes : int
        Read from memory during the passes.
    simulator : str
    config : CoreConfig
    """

    layers: list
    counters: list
    setup: "dict | None"
    weight_bytes: int
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
    resident: bool | None = None,
    progress: bool = False,
    expected_cycles: int | None = None,
    waves=None,
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
    resident : bool
        Keep the weights in the core; by default where they fit.
    progress : bool
        Show a progress bar.
    expected_cycles : int
        For the progress bar.
    waves : path
        Write waves to this file: FST, or what `Simulator.wave_format` says.

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
    program = Program(network, config, n_samples, n_steps, read_vmem=read_vmem, resident=resident)
    memory_bytes = max(MEMORY_BYTES, 1 << (program.end - 1).bit_length())
    if memory_bytes > MOST_MEMORY_BYTES:
        raise UserError(f"the batch takes {program.end} bytes and the simulated memory has {MOST_MEMORY_BYTES}: simulate fewer samples at a time")
    found = runner.find_simulator(simulator)
    found.check_waves(waves)
    build_dir = runner.build(_verilog(config, memory_bytes, timing), found, sources=[STORAGE], waves=waves is not None, progress=progress)
    with tempfile.TemporaryDirectory(prefix="lifarray-") as temporary:
        folder = Path(temporary)
        prepare(folder, program, spikes)
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            task = pool.submit(
                runner.run,
                build_dir,
                found,
                "lifarray.sim.network_bench",
                folder,
                env={"LIFARRAY_JOB": str(folder)},
                plusargs=[f"+memory={folder / 'memory.bin'}"],
                waves=waves,
                stop=stop,
            )
            try:
                ticks = _numbers_of(folder / "progress", task)
                total = expected_cycles and -(-expected_cycles // PROGRESS_CYCLES)
                for _ in report(ticks, f"simulate on {found}, {PROGRESS_CYCLES} cycles each", total=total, quiet=not progress):
                    pass
            finally:
                stop.set()      # if this was interrupted, the simulator need not go on
            task.result()
        told = json.loads((folder / "counters.json").read_text())
        layers = program.decode(read_outputs(folder, program))
    return Simulation(layers, simulator=str(found), config=config, **told)


@lru_cache(maxsize=4)
def _verilog(config, memory_bytes, timing):
    """The design; kept, because making it takes longer than many a run of it."""
    return verilog(CoreWithDdr(config, memory_bytes, timing))


def _numbers_of(path: Path, task):
    """Yield once for each number up to that which ``task`` keeps in a file, until the task ends."""
    seen = 0
    while not wait([task], timeout=0.2).done:
        # Between being opened and written the file is empty.
        reached = int((path.read_text() if path.exists() else "") or 0)
        yield from range(seen, reached)
        seen = max(seen, reached)


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
