"""The cost model: clock cycles and bytes of a network on a core, without simulating it."""

from dataclasses import dataclass

import numpy as np

from .config import CoreConfig
from .encode import pack, passes
from .network import Network
from .pipeline import LayerModel
from .program import Program, weight_rows
from .timing import DdrTiming

LIST_START = 3
LAYER_START = 30
"""Cycles from one layer's end to the next one's start, besides memory's latency: the descriptor."""


@dataclass(frozen=True)
class LayerCost:
    """One layer in one pass of samples.

    Members
    -------
    name : str
    cycles : int
    ideal_cycles : float
        Of the compute or of the memory, whichever takes longer, a tile.
    events : int
        Input spikes and bias rows' spikes, times tiles: what the array adds, once for all lanes.
    operations : int
        The same times neurons: synaptic operations.
    active_rows, rows : int
        Weight rows with a spike, and all.
    weight_bytes : int
        Of the active rows of all tiles.
    idle : dict of str to int
        Cycles in which nothing was added, by cause.
    """

    name: str
    cycles: int
    ideal_cycles: float
    events: int
    operations: int
    active_rows: int
    rows: int
    weight_bytes: int
    idle: dict


def network_cost(
    network: Network, spikes, config: CoreConfig, timing: DdrTiming = DdrTiming(), resident=None, rasters=None, tick=lambda: None
) -> list:
    """Cost of each layer in each pass of samples.

    Parameters
    ----------
    network : Network
    spikes : bool [n_samples, n_steps, fan_in]
    config : CoreConfig
    timing : DdrTiming
    resident : bool
        As in `Program`.
    rasters : list of bool [n_samples, n_steps, fan_in]
        The input of each layer, if known; else the integer model runs.
    tick : function
        Called for each tile of each layer and pass.

    Returns
    -------
    list of list of LayerCost, [pass][layer]
    """
    n_samples, n_steps, _ = spikes.shape
    program = Program(network, config, n_samples, n_steps, resident=resident)
    if rasters is None:
        rasters = layer_inputs(network, spikes)
    return [
        [
            layer_cost(layer, raster[group.start : group.stop], config, timing, program.resident, tick)
            for layer, raster in zip(network.layers, rasters)
        ]
        for group in program.groups
    ]


def layer_inputs(network: Network, spikes) -> list:
    """The input raster of each layer, bool [n_samples, n_steps, fan_in]."""
    return [spikes, *(result.spikes for result in network.run(spikes)[:-1])]


def layer_cost(layer, spikes, config: CoreConfig, timing: DdrTiming, resident: bool, tick=lambda: None) -> LayerCost:
    """Cost of a layer on the spikes of one pass of samples (bool [n_samples, n_steps, fan_in])."""
    n_samples, n_steps, _ = spikes.shape
    words = pack(spikes).reshape(passes(n_steps), -1)
    model = LayerModel(
        config,
        timing,
        words,
        n_neurons=layer.n_neurons,
        n_steps=n_steps,
        n_samples=n_samples,
        bias_rows=layer.bias_rows,
        weight_bits=layer.weight_bits,
        resident=resident,
        tick=tick,
    )
    cycles = model.run() + LAYER_START + sum(timing.latency_cycles) // 2
    tiles = config.tiles(layer.n_neurons)
    events = int(spikes.sum()) + layer.bias_rows * n_samples * n_steps
    active_rows = int(np.count_nonzero(words)) + layer.bias_rows * len(words)
    row_bytes = config.row_words(layer.weight_bits) * 8
    return LayerCost(
        layer.name,
        cycles,
        tiles * ideal_tile_cycles(events, active_rows, row_bytes, config, timing, resident),
        tiles * events,
        layer.n_neurons * events,
        tiles * active_rows,
        weight_rows(layer, config) * len(words),
        0 if resident else tiles * active_rows * row_bytes,
        model.idle,
    )


def ideal_tile_cycles(events, active_rows, row_bytes, config, timing, resident) -> float:
    """``max(weight bytes of active rows / bus bytes a cycle, events / ways)``, of a tile."""
    fetch = 0 if resident else active_rows * row_bytes / timing.bus_bytes_per_cycle(config.bus_bits, config.ports)
    return max(fetch, events / config.ways)
