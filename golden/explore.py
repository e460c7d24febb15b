"""Which core suits a network: configurations that run it and fit a board, the fastest first."""

from dataclasses import dataclass
from itertools import product
from math import ceil

from .boards import Board
from .config import SLOTS, CoreConfig
from .cycles import ideal_tile_cycles, layer_cost, layer_inputs
from .encode import pack, passes, samples_per_pass
from .network import Network
from .program import weight_rows
from .resources import Resources, resources
from .timing import DdrTiming

GROUPS = range(7, 41)
"""Lanes a fire unit; cores of fewer lanes have one unit."""

WIDEST = 256
"""A tile of at most so many lanes is among those that are tried, however large a layer is."""


@dataclass(frozen=True)
class Candidate:
    """A configuration with its size and speed.

    Members
    -------
    config : CoreConfig
    resident : bool, the network's weights stay in the core
    resources : Resources
    cycles : int, of all samples
    """

    config: CoreConfig
    resident: bool
    resources: Resources
    cycles: int


def widths(network: Network) -> dict:
    """The narrowest widths of a core that runs a network: weight_bits, current_bits, vmem_bits."""
    weight_bits = max(layer.weight_bits for layer in network.layers)
    return {
        "weight_bits": weight_bits,
        "current_bits": max(weight_bits + 1, *(layer.current_bits for layer in network.layers)),
        "vmem_bits": network.vmem_bits,
    }


def candidates(network: Network) -> list:
    """Configurations worth a look, each with whether weights stay: lanes that waste little of a tile, and what goes with them."""
    base = CoreConfig(**widths(network))
    lanes = sorted(
        {
            min(1024, ceil(layer.n_neurons / tiles / 4) * 4)
            for layer in network.layers
            for tiles in range(1, max(32, ceil(layer.n_neurons / WIDEST)) + 1)
        }
    )
    inputs = max(layer.fan_in + layer.bias_rows + 1 for layer in network.layers) * passes(network.n_steps)
    list_words = min(1 << 14, 1 << max(4, (inputs - 1).bit_length()))
    found = {}
    shapes = [(n, n // groups) for n in lanes for groups in [*([n] if n < GROUPS.start else []), *GROUPS] if n % groups == 0]
    for (n, units), ways, window_rows, ports in product(shapes, (1, 2, 3, 4), (16, 32), (1, 2)):
        config = base.with_(lanes=n, fire_units=units, ways=ways, window_rows=window_rows, list_words=list_words)
        if ports == 2 and config.row_words(config.weight_bits) < 2:
            continue
        rows = sum(weight_rows(layer, config) for layer in network.layers) + config.ring_rows
        store_rows = 1 << max(7, (rows - 1).bit_length())
        if store_rows <= 1 << 15:
            found[config.with_(ports=ports, store_rows=store_rows), True] = None
        found[config.with_(ports=ports, store_rows=2 * config.ring_rows), False] = None
    return list(found)


class Explorer:
    """Cycles of a network on one input, for many configurations.

    Parameters
    ----------
    network : Network
    spikes : bool [n_samples, n_steps, fan_in]
    timing : DdrTiming
    """

    def __init__(self, network: Network, spikes, timing: DdrTiming = DdrTiming()):
        self.network = network
        self.timing = timing
        self.rasters = layer_inputs(network, spikes)
        size = samples_per_pass(spikes.shape[1])
        self.groups = [slice(i, i + size) for i in range(0, len(spikes), size)]
        self._activity = [[_activity(layer, raster[g]) for g in self.groups] for layer, raster in zip(network.layers, self.rasters)]

    def cycles(self, config: CoreConfig, resident: bool) -> int:
        """Of all samples, by the cost model."""
        return sum(
            layer_cost(layer, raster[group], config, self.timing, resident).cycles
            for layer, raster in zip(self.network.layers, self.rasters)
            for group in self.groups
        )

    def lower_bound(self, config: CoreConfig, resident: bool) -> float:
        """Cycles that no such core falls below: of memory, of the additions, or of the LIF steps."""
        total = 0
        for layer, groups in zip(self.network.layers, self._activity):
            row_bytes = config.row_words(layer.weight_bits) * 8
            full, rest = divmod(layer.n_neurons, config.lanes)
            steps = full * config.groups + ceil(rest / config.fire_units)
            for events, active_rows, slots in groups:
                ideal = ideal_tile_cycles(events, active_rows, row_bytes, config, self.timing, resident)
                total += max(config.tiles(layer.n_neurons) * ideal, steps * slots)
        return total

    def explore(self, board: Board, lut_share: float, count: int, tick=lambda: None) -> list:
        """The ``count`` fastest candidates that fit ``lut_share`` of the board's LUTs, fastest first.

        ``tick`` is called for each that was tried.
        """
        fitting = []
        for config, resident in candidates(self.network):
            size = resources(config)
            if size.fits(board, lut_share):
                fitting.append((self.lower_bound(config, resident), size.lut, config, resident, size))
        fitting.sort(key=lambda candidate: candidate[:2])
        best = []
        for bound, _, config, resident, size in fitting:
            if len(best) >= count and bound >= best[count - 1].cycles:
                break
            best.append(Candidate(config, resident, size, self.cycles(config, resident)))
            best.sort(key=lambda candidate: (candidate.cycles, candidate.resources.lut))
            tick()
        return best[:count]


def _activity(layer, spikes):
    """Events, active rows and slots of a layer in a pass of samples."""
    n_samples, n_steps, _ = spikes.shape
    words = pack(spikes)
    bias = layer.bias_rows
    slots = n_samples * n_steps if n_steps <= SLOTS else n_steps
    return int(spikes.sum()) + bias * n_samples * n_steps, int((words != 0).sum()) + bias * passes(n_steps), slots
