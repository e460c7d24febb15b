"""How fast the simulated core is: one case, measured and held against the integer and the cost model."""

from dataclasses import dataclass

import numpy as np

from lifarray.golden.cases import Case
from lifarray.golden.config import CoreConfig
from lifarray.golden.cycles import layer_inputs, network_cost
from lifarray.golden.timing import DdrTiming

from .simulation import count_mismatches, simulate

STALLS = ("weight", "input", "fire")


@dataclass(frozen=True)
class Measurement:
    """What a network did on the simulated core.

    Members
    -------
    n_samples, passes : int
        Samples, and runs that they were grouped into.
    cycles, setup_cycles : int
        Of all runs; of loading the weights once, if they stay in the core.
    model_cycles, ideal_cycles : float
        What the cost model says.
    events : int
        Spikes times tiles, bias rows included: additions of a row of weights.
    operations : int
        Spikes times neurons: synaptic operations.
    density, active_inputs : float
        Spikes an input and step; share of the inputs that spike at all in a pass.
    weight_bytes, ideal_weight_bytes, other_read_bytes, written_bytes : int
        Ideal: each row whose input spikes, once a tile.
    stalls : dict
        Cycles without an addition by cause: "weight", "input", "fire".
    mismatches : int
    simulator : str
    """

    n_samples: int
    passes: int
    cycles: int
    setup_cycles: int
    model_cycles: int
    ideal_cycles: float
    events: int
    operations: int
    density: float
    active_inputs: float
    weight_bytes: int
    ideal_weight_bytes: int
    other_read_bytes: int
    written_bytes: int
    stalls: dict
    mismatches: int
    simulator: str

    @property
    def cycles_per_sample(self) -> float:
        return self.cycles / self.n_samples

    @property
    def efficiency(self) -> float:
        return self.ideal_cycles / self.cycles


def measure(network, spikes, config: CoreConfig, timing: DdrTiming = DdrTiming(), *, resident=None, simulator=None, progress=False) -> Measurement:
    """Run ``network`` on ``spikes`` (bool [n_samples, n_steps, fan_in]) on the simulated core.

    Raises
    ------
    UserError
        The network does not run on such a core, or there is no simulator.
    ToolError
        The build or the simulation failed.
    """
    costs = network_cost(network, spikes, config, timing, resident, layer_inputs(network, spikes))
    layers = [layer for costs_of_pass in costs for layer in costs_of_pass]
    model_cycles = sum(layer.cycles for layer in layers)
    simulation = simulate(
        network, spikes, config, simulator=simulator, timing=timing, resident=resident, progress=progress, expected_cycles=model_cycles
    )
    totals = {name: sum(counters[name] for counters in simulation.counters) for name in simulation.counters[0]}
    beat = config.bus_bits // 8
    return Measurement(
        n_samples=len(spikes),
        passes=len(costs),
        cycles=totals["cycles"],
        setup_cycles=simulation.setup["cycles"] if simulation.setup else 0,
        model_cycles=model_cycles,
        ideal_cycles=sum(layer.ideal_cycles for layer in layers),
        events=totals["events"],
        operations=sum(layer.operations for layer in layers),
        density=float(spikes.mean()),
        active_inputs=float(np.mean([layers[0].active_rows / layers[0].rows for layers in costs])),
        weight_bytes=simulation.weight_bytes,
        ideal_weight_bytes=sum(layer.weight_bytes for layer in layers),
        other_read_bytes=totals["read_beats"] * beat - simulation.weight_bytes,
        written_bytes=totals["write_beats"] * beat,
        stalls={cause: totals[f"stalls_{cause}"] for cause in STALLS},
        mismatches=count_mismatches(network, spikes, simulation),
        simulator=simulation.simulator,
    )


def measure_case(case: Case, timing: DdrTiming = DdrTiming(), *, data_dir=None, simulator=None, progress=False) -> Measurement:
    """`measure` a case of ``golden/cases.py``."""
    network, spikes = case.load(data_dir)
    return measure(network, spikes, case.core, timing, resident=case.resident, simulator=simulator, progress=progress)
