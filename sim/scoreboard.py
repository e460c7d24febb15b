"""Lock step: each step of each neuron that leaves the core's pipelines, against the golden model."""

from typing import NamedTuple

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

from lifarray.golden.config import SLOTS, CoreConfig
from lifarray.golden.network import Network

COMPARED = ("vmem", "spike", "saturated")


class Place(NamedTuple):
    """Where in a run a cycle of the trace belongs."""

    layer: int
    tile: int
    sample: int
    step: int
    group: int


def order_of_steps(network: Network, config: CoreConfig, n_samples: int, n_steps: int):
    """The order in which steps leave the pipelines, a `Place` a cycle.

    The order is the one that ``hw/fire.py`` promises, written again from its description.
    """
    samples_at_once = max(1, SLOTS // n_steps)
    for first in range(0, n_samples, samples_at_once):
        samples = range(first, min(first + samples_at_once, n_samples))
        for i, layer in enumerate(network.layers):
            for tile in range(config.tiles(layer.n_neurons)):
                left = layer.n_neurons - tile * config.lanes
                groups = range(min(config.groups, -(-left // config.fire_units)))
                for first_step in range(0, n_steps, SLOTS):
                    steps = range(first_step, min(first_step + SLOTS, n_steps))
                    for sample in samples:
                        for step in steps:
                            for group in groups:
                                yield Place(i, tile, sample, step, group)


class Scoreboard:
    """Compares the trace of a core with the golden model as it runs.

    The first mismatch stops the test, with layer, neuron, sample, step, what was found and expected of
    vmem, spike and saturation, the time in the simulation, the seed, and the command that replays it.

    Members
    -------
    compared : int, neuron steps compared so far
    """

    def __init__(self, dut, config: CoreConfig, seed: int, replay: str):
        self._dut = dut
        self._config = config
        waves = replay.partition("--waves ")[2].partition(" ")[0]
        self._replay = f"seed {seed}; replay with waves: {replay}; open them: surfer {waves}, or gtkwave {waves}"
        self._expected = None
        self.compared = 0
        cocotb.start_soon(self._watch())

    def expect(self, network: Network, spikes):
        """What runs next; what was expected before is dropped."""
        traces = []
        inputs = spikes
        for layer in network.layers:
            steps = list(layer.steps(inputs, network.vmem_bits))
            traces.append([np.stack([getattr(step, name) for step in steps], axis=1) for name in COMPARED])
            inputs = traces[-1][1]
        n_samples, n_steps, _ = spikes.shape
        places = order_of_steps(network, self._config, n_samples, n_steps)
        self._expected = (network, traces, places)

    def ignore(self):
        """Compare nothing until the next `expect`."""
        self._expected = None

    def finished(self):
        """Fail unless all that was expected was seen."""
        missing = next(self._expected[2], None)
        if missing is not None:
            raise AssertionError(f"the run ended before {missing}; {self._replay}")

    async def _watch(self):
        dut = self._dut
        while True:
            await RisingEdge(dut.trace_valid)
            while True:
                await RisingEdge(dut.clk)
                # The values before this edge, as the next stage takes them.
                if not dut.trace_valid.value:
                    break
                if self._expected:
                    self._compare()

    def _compare(self):
        config = self._config
        network, traces, places = self._expected
        place = next(places, None)
        if place is None:
            raise AssertionError(f"more steps than the run has; {self._replay}")
        dut = self._dut
        # One group is numbered with no bits, and Icarus shows such a signal as unknown.
        group = int(dut.trace_group.value) if config.groups > 1 else 0
        found_place = (group, int(dut.trace_slot.value))
        n_steps = traces[0][0].shape[1]
        slot = place.step % SLOTS
        if n_steps <= SLOTS:
            slot += place.sample % (SLOTS // n_steps) * n_steps
        if found_place != (place.group, slot):
            self._fail(network, place, None, f"group and slot are {found_place}, must be {(place.group, slot)}")
        first = place.tile * config.lanes + place.group * config.fire_units
        n = min(config.fire_units, network.layers[place.layer].n_neurons - first)
        if n <= 0:
            return
        here = (place.sample, place.step, slice(first, first + n))
        expected = {name: trace[here].astype(int).tolist() for name, trace in zip(COMPARED, traces[place.layer])}
        found = {
            "vmem": _fields(int(dut.trace_vmem.value), config.vmem_bits, n, signed=True),
            "spike": _fields(int(dut.trace_spike.value), 1, n),
            "saturated": _fields(int(dut.trace_saturated.value), 1, n),
        }
        if found != expected:
            u = next(u for u in range(n) if any(found[name][u] != expected[name][u] for name in COMPARED))
            values = ", ".join(f"{name} is {found[name][u]}, must be {expected[name][u]}" for name in COMPARED)
            self._fail(network, place, first + u, values)
        self.compared += n

    def _fail(self, network, place, neuron, values):
        where = f"layer {network.layers[place.layer].name}, neuron {neuron}, sample {place.sample}, step {place.step}"
        raise AssertionError(f"{where}: {values}; at {get_sim_time('ns'):.0f} ns; {self._replay}")


def _fields(value, width, n, signed=False):
    """The lowest ``n`` fields of ``width`` bits of an integer."""
    mask = (1 << width) - 1
    fields = [value >> (i * width) & mask for i in range(n)]
    if signed:
        fields = [field - (1 << width) if field >> (width - 1) else field for field in fields]
    return fields
