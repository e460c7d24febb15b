"""What runs a network: the integer model, or the simulated core, checked against the model."""

from typing import NamedTuple

import numpy as np

from ..golden.encode import samples_per_pass
from .lazy import load_sim

BACKENDS = ("rtl", "golden")


class Outcome(NamedTuple):
    """What a run produced.

    Members
    -------
    spikes : list of bool [n_samples, n_steps, n_neurons], one a layer
    cycles : list of int, one a sample, or None: the integer model has no clock
    mismatches : int, spikes and counters in which core and integer model differ; None: not compared
    sample_mismatches : list of int, spikes of each sample in which they differ, or None
    runner : str, what ran
    """

    spikes: list
    cycles: "list | None"
    mismatches: "int | None"
    sample_mismatches: "list | None"
    runner: str


def run_network(network, spikes, backend: str) -> Outcome:
    """Run ``spikes`` (bool [n_samples, n_steps, fan_in]) on a backend of `BACKENDS`."""
    expected = [result.spikes for result in network.run(spikes)]
    if backend == "golden":
        return Outcome(expected, None, None, None, "integer model")
    sim = load_sim()
    simulation = sim.simulate(network, spikes, progress=True)
    found = [layer_spikes for layer_spikes, _ in simulation.layers]
    differ = sum((a != b).sum(axis=(1, 2)) for a, b in zip(expected, found))
    return Outcome(
        found,
        cycles_per_sample(simulation.counters, len(spikes), spikes.shape[1]),
        sim.count_mismatches(network, spikes, simulation),
        differ.tolist(),
        f"RTL in {simulation.simulator}",
    )


def cycles_per_sample(counters, n_samples: int, n_steps: int) -> list:
    """Each sample's clock cycles: samples that share a pass share its cycles evenly.

    ``counters`` is the simulation's, one dict a pass.
    """
    in_pass = np.arange(n_samples) // samples_per_pass(n_steps)
    share = np.bincount(in_pass)
    return [round(counters[p]["cycles"] / share[p]) for p in in_pass]
