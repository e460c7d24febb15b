"""Functional coverage of the core bench: what must have happened before it says much.

A bin is a name; the bench counts how often each was hit, and the union over all cores must hit
every bin of `BINS`.
"""

from collections import Counter

from lifarray.golden.config import SLOTS, CoreConfig
from lifarray.golden.encode import samples_per_pass
from lifarray.golden.lif import LayerResult, ResetMode
from lifarray.golden.network import Layer
from lifarray.golden.registers import ErrorCode
from lifarray.hw.array import BLOCK_LANES
from lifarray.hw.stripes import STRIPE_WORDS

GROUPS = {
    "arithmetic": (
        *(f"reset mode {mode.name.lower()}" for mode in ResetMode),
        "decay 0",
        "decay between",
        "decay 256",
        "frac_bits 0",
        "frac_bits 1 to 6",
        "frac_bits 7",
        "weights of 4 bits",
        "weights of 8 bits",
        "4-bit weights on an 8-bit core",
        "no bias",
        "one bias row",
        "several bias rows",
        "v_init 0",
        "v_init above the threshold",
        "v_init negative",
        "currents at their limit",
        "no output spike",
        "every step spikes",
        "saturation",
        "no saturation",
        "vmem at its highest at the end",
        "vmem at its lowest at the end",
        "vmem negative at the end",
    ),
    "shapes": (
        "steps 1",
        "steps 2 to 63",
        "steps 64",
        "steps beyond 64",
        "steps a multiple of 64 beyond it",
        "one sample a pass",
        "several samples a pass",
        "all 64 slots in use",
        "several passes of samples in a list",
        "one input",
        "one neuron",
        "less than a tile",
        "exactly a tile",
        "several tiles, the last one full",
        "several tiles, the last one short",
        "one layer",
        "several layers",
        "empty raster",
        "full raster",
        "a silent input among others",
    ),
    "core": (
        "bus of 32 bits",
        "bus of 64 bits",
        "one memory port",
        "two memory ports",
        *(f"{ways} ways" for ways in range(1, 5)),
        "several blocks of lanes",
        "one group of fire units",
        "several groups of fire units",
    ),
    "data path": (
        "bus paused",
        "bus not paused",
        "rows of which the second port has no part",
        "a raster of several stripes over two ports",
        "streamed weights",
        "resident weights",
        "resident weights run twice",
        "resident weights loaded anew",
        "streamed after resident",
        "resident after streamed",
        "weights in the last rows of the store",
        "a load and a layer in one list",
        "rows beyond the end of the ring",
        "raster list replayed",
        "raster list overflows",
        "a second segment",
        "window full",
        "all ways in one cycle",
        "a young row added while slots are emitted",
        "cycles that wait for weights",
        "cycles that wait for input",
        "cycles that wait for fire",
    ),
    "errors": (
        *(f"error {code.name.lower()}" for code in ErrorCode if code != ErrorCode.NONE),
        "abort in a load",
        "run after an error, without reset",
        "run after an abort, without reset",
        "reset in a run",
    ),
}
"""What must have happened, by what it is about."""

BINS = tuple(name for names in GROUPS.values() for name in names)


def document() -> str:
    """The list as a Markdown page."""
    lines = [
        "# Coverage",
        "",
        f"The {len(BINS)} bins of the core's bench, written by `python -m lifarray.sim.coverage`. Each must be hit in the quick tests",
        "(`tests/sim/test_core.py`); `lifarray simulate core --json` counts the hits of a run and names what it missed.",
    ]
    for group, names in GROUPS.items():
        lines += ["", f"## {group[0].upper()}{group[1:]}", "", *(f"- {name}" for name in names)]
    return "\n".join(lines) + "\n"


class Coverage:
    """Counts hits of `BINS`; a name that is no bin is a mistake of the bench."""

    def __init__(self):
        self.hits = Counter()

    def hit(self, name):
        if name not in BINS:
            raise KeyError(f"{name!r} is no bin")
        self.hits[name] += 1

    def network(self, n_layers, n_samples, n_steps, spikes, config: CoreConfig, paused, counters):
        """What a whole run was like."""
        at_once = max(1, SLOTS // n_steps)
        used = min(at_once, n_samples) * n_steps
        cases = {
            "steps 1": n_steps == 1,
            "steps 2 to 63": 2 <= n_steps < SLOTS,
            "steps 64": n_steps == SLOTS,
            "steps beyond 64": n_steps > SLOTS,
            "steps a multiple of 64 beyond it": n_steps > SLOTS and n_steps % SLOTS == 0,
            "one sample a pass": min(at_once, n_samples) == 1,
            "several samples a pass": min(at_once, n_samples) > 1,
            "all 64 slots in use": used == SLOTS,
            "several passes of samples in a list": n_samples > at_once,
            "one layer": n_layers == 1,
            "several layers": n_layers > 1,
            "empty raster": not spikes.any(),
            "full raster": spikes.all(),
            "a silent input among others": spikes.any() and not spikes.any(axis=(0, 1)).all(),
            "bus paused": paused,
            "bus not paused": not paused,
            f"bus of {config.bus_bits} bits": True,
            f"{config.ways} ways": True,
            "several blocks of lanes": config.lanes > BLOCK_LANES,
            "one group of fire units": config.groups == 1,
            "several groups of fire units": config.groups > 1,
            "cycles that wait for weights": counters["stalls_weight"] > 0,
            "cycles that wait for input": counters["stalls_input"] > 0,
            "cycles that wait for fire": counters["stalls_fire"] > 0,
        }
        self._hit_all(cases)

    def layer(self, layer: Layer, spikes, result: LayerResult, config: CoreConfig, resident):
        """What one layer of it was like, on the input ``spikes``."""
        tiles = config.tiles(layer.n_neurons)
        n_samples, n_steps, _ = spikes.shape
        at_once = samples_per_pass(n_steps)
        # Active rows of each pass of each run of the layer.
        active = [
            [
                int(spikes[first : first + at_once, step : step + SLOTS].any(axis=(0, 1)).sum()) + layer.bias_rows
                for step in range(0, n_steps, SLOTS)
            ]
            for first in range(0, n_samples, at_once)
        ]
        listed = max(sum(rows) + len(rows) for rows in active)
        segments = 1 + (resident and min(n_samples, at_once) * n_steps > (1 if n_steps <= SLOTS else SLOTS // 2))
        replays = tiles > 1 or segments > 1
        full = layer.n_neurons % config.lanes == 0
        cases = {
            f"reset mode {layer.reset_mode}": True,
            "decay 0": layer.decay == 0,
            "decay between": 0 < layer.decay < 256,
            "decay 256": layer.decay == 256,
            "frac_bits 0": layer.frac_bits == 0,
            "frac_bits 1 to 6": 1 <= layer.frac_bits <= 6,
            "frac_bits 7": layer.frac_bits == 7,
            f"weights of {layer.weight_bits} bits": True,
            "4-bit weights on an 8-bit core": layer.weight_bits < config.weight_bits,
            "one memory port": config.ports == 1,
            "two memory ports": config.ports == 2,
            "rows of which the second port has no part": config.ports == 2 and layer.weight_bits < config.weight_bits and not resident,
            "a raster of several stripes over two ports": config.ports == 2 and layer.fan_in > STRIPE_WORDS,
            "streamed weights": not resident,
            "resident weights": resident,
            "rows beyond the end of the ring": not resident and tiles * max(map(sum, active)) > config.ring_rows,
            "raster list replayed": replays and listed <= config.list_words,
            "raster list overflows": replays and listed > config.list_words,
            "a second segment": segments > 1,
            "no bias": layer.bias_rows == 0,
            "one bias row": layer.bias_rows == 1,
            "several bias rows": layer.bias_rows > 1,
            "v_init 0": layer.v_init == 0,
            "v_init above the threshold": layer.v_init >= layer.v_threshold,
            "v_init negative": layer.v_init < 0,
            "one input": layer.fan_in == 1,
            "one neuron": layer.n_neurons == 1,
            "less than a tile": layer.n_neurons < config.lanes,
            "exactly a tile": layer.n_neurons == config.lanes,
            "several tiles, the last one full": tiles > 1 and full,
            "several tiles, the last one short": tiles > 1 and not full,
            "no output spike": not result.spikes.any(),
            "every step spikes": result.spikes.all(),
            "saturation": result.saturations > 0,
            "no saturation": result.saturations == 0,
            "vmem at its highest at the end": (result.vmem == (1 << config.vmem_bits - 1) - 1).any(),
            "vmem at its lowest at the end": (result.vmem == -1 << config.vmem_bits - 1).any(),
            "vmem negative at the end": (result.vmem < 0).any(),
        }
        self._hit_all(cases)

    def _hit_all(self, cases):
        for name, happened in cases.items():
            if happened:
                self.hit(name)


if __name__ == "__main__":
    print(document(), end="")
