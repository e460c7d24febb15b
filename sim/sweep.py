"""How cycles grow: one layer on the simulated core, over density, inputs, outputs and steps."""

import numpy as np

from lifarray.golden.config import CoreConfig
from lifarray.golden.network import Layer, Network
from lifarray.golden.progress import progress as report
from lifarray.golden.timing import DdrTiming

from .throughput import measure

CORE = CoreConfig(lanes=64, fire_units=8, current_bits=20, ways=2, window_rows=16, store_rows=128)
"""Small, so that it is built soon. No weights stay in it."""

BASE = {"density": 0.2, "n_in": 1024, "n_out": 128, "n_steps": 32}

AXES = {
    "density": (0.02, 0.05, 0.1, 0.2, 0.3, 0.4),
    "n_in": (256, 512, 1024, 1536, 2048),
    "n_out": (64, 128, 256, 384, 512),
    "n_steps": (8, 16, 32, 64, 128),
}

ACTIVE = 0.5
"""Share of the inputs that spike at all, as in a picture or a spectrogram."""


def layer_on(density, n_in, n_out, n_steps):
    """A layer with random weights, and spikes of that density on `ACTIVE` of its inputs."""
    rng = np.random.default_rng(0)
    layer = Layer("sweep", rng.integers(-127, 128, (n_in, n_out)), 8, v_threshold=1000, v_subtract=0, decay=230)
    spikes = (rng.random((1, n_steps, n_in)) < density / ACTIVE) & (rng.random(n_in) < ACTIVE)
    return Network([layer], n_steps), spikes


def run(timing: DdrTiming, *, simulator=None, progress=False) -> list:
    """Measure all points: a dict each, with the axis that it belongs to."""
    points = [(axis, {**BASE, axis: value}) for axis, values in AXES.items() for value in values]
    found = []
    for axis, settings in report(points, "sweep", quiet=not progress):
        network, spikes = layer_on(**settings)
        m = measure(network, spikes, CORE, timing, simulator=simulator)
        found.append(
            {
                "axis": axis,
                **settings,
                "events": m.events,
                "active_rows": m.ideal_weight_bytes // (8 * CORE.row_words(8)),
                "cycles": m.cycles,
                "model_cycles": m.model_cycles,
                "ideal_cycles": m.ideal_cycles,
                "efficiency": m.efficiency,
                "mismatches": m.mismatches,
            }
        )
    return found
