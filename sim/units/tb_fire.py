"""Fire: the steps of every lane, the words and vmem that it writes, and when it lets the next slot come."""

import cocotb
import numpy as np
from cocotb.triggers import gather

from lifarray.golden.config import SLOTS
from lifarray.golden.descriptor import pack_descriptor
from lifarray.golden.lif import ResetMode, lif_step
from lifarray.hw.array import PICK_TO_ADD, add_stages
from lifarray.hw.fire import trace_layout
from lifarray.hw.writer import run_layout
from lifarray.sim.formal.window import RELEASE_TO_CAPTURE

from .part import Fields, settings, with_all_variants

RELEASE_TO_CAPTURED = RELEASE_TO_CAPTURE + PICK_TO_ADD + add_stages(1)
"""Cycles from a release to the earliest ``capture``: the window's, proved, and those of the quickest array."""


@cocotb.test()
async def layers(dut):
    """Every reset mode; samples, passes and tiles; captures as early as they may come, and late."""
    await with_all_variants(dut, "fire", run)


class Layer:
    """A random layer, its currents, and what fire makes of them."""

    def __init__(self, rng, config):
        highest = (1 << config.vmem_bits - 1) - 1
        n_steps = int(rng.choice([1, 2, rng.integers(3, 20), 64, 70, 128]))
        n_samples = int(rng.integers(1, min(3, SLOTS // n_steps) + 1)) if n_steps <= SLOTS else 1
        n_neurons = int(rng.choice([1, config.lanes, rng.integers(1, 2 * config.lanes + 1)]))
        mode = ResetMode(int(rng.integers(5)))
        self.fields = dict(
            n_steps=n_steps,
            n_samples=n_samples,
            n_neurons=n_neurons,
            reset_mode=mode,
            decay=int(rng.choice([0, 230, 256, rng.integers(257)])),
            frac_bits=int(rng.choice([0, rng.integers(8)])),
            v_threshold=int(rng.choice([1, highest, rng.integers(1, highest + 1)])),
            v_subtract=int(rng.integers(0, highest + 1)),
            v_init=int(rng.choice([0, highest, rng.integers(-highest - 1, highest + 1)])),
            output_address=int(rng.integers(1 << 31)) & ~7,
            vmem_address=int(rng.integers(1 << 31)) & ~7,
            write_vmem=int(rng.random() < 0.5),
        )
        n_tiles = config.tiles(n_neurons)
        reach = 1 << config.current_bits - 1
        # Lanes beyond the layer have currents, too: nobody may look at them.
        self.currents = rng.integers(-reach, reach, (n_samples, n_steps, n_tiles * config.lanes)) >> int(rng.choice([0, 4]))
        f = self.fields
        vmem = np.full((n_samples, n_tiles * config.lanes), f["v_init"])
        names = ("v_threshold", "v_subtract", "frac_bits")
        self.steps = []
        for t in range(n_steps):
            step = lif_step(vmem, self.currents[:, t], d=f["decay"], mode=mode, vmem_bits=config.vmem_bits, **{n: f[n] for n in names})
            self.steps.append(step)
            vmem = step.vmem
        real = slice(0, n_neurons)
        self.saturations = sum(int(step.saturated[:, real].sum()) for step in self.steps)
        self.slots, self.trace, self.runs, self.words = [], [], [], []
        for tile in range(n_tiles):
            first = tile * config.lanes
            n_lanes = min(config.lanes, n_neurons - first)
            lanes = slice(first, first + config.lanes)
            for first_step in range(0, n_steps, SLOTS):
                words = [0] * n_lanes
                slot = 0
                for sample in range(n_samples):
                    for t in range(first_step, min(first_step + SLOTS, n_steps)):
                        self.slots.append(self.currents[sample, t, lanes].tolist())
                        step = self.steps[t]
                        for group in range(-(-n_lanes // config.fire_units)):
                            at = first + group * config.fire_units
                            n = min(config.fire_units, first + n_lanes - at)
                            of = [getattr(step, name)[sample, at : at + n].tolist() for name in ("vmem", "spike", "saturated")]
                            self.trace.append((group, slot, *of))
                        for lane in range(n_lanes):
                            words[lane] |= int(step.spike[sample, first + lane]) << slot
                        slot += 1
                    if f["write_vmem"] and first_step + SLOTS >= n_steps:
                        for lane in range(n_lanes):
                            self.runs.append((f["vmem_address"] + 4 * (sample * n_neurons + first + lane), 1, 1))
                            self.words.append((int(vmem[sample, first + lane]) & (1 << 32) - 1) * ((1 << 32) + 1))
                self.runs.append((f["output_address"] + 8 * (first_step // SLOTS * n_neurons + first), n_lanes, 0))
                self.words += words


async def run(part):
    rng, config = part.rng, part.config
    captured, traces, runs = Fields(part.shape("captured")), Fields(trace_layout(config)), Fields(run_layout)
    may_capture = True
    age = RELEASE_TO_CAPTURED
    for _ in range(2 * settings["count"]):
        layer = Layer(rng, config)
        part.layer.value = int.from_bytes(pack_descriptor(**layer.fields), "little")
        await part.tick(2)
        part.start.value = 1
        await part.tick()
        part.start.value = 0
        await part.tick(4)
        late = float(rng.choice([0, 0.5, 0.95]))
        slots, trace = list(layer.slots), list(layer.trace)
        saturations = 0

        async def walk(slots=slots, trace=trace, late=late):
            nonlocal may_capture, age, saturations
            quiet = 0
            while quiet < 3:
                capture = may_capture and age >= RELEASE_TO_CAPTURED and bool(slots) and rng.random() >= late
                part.capture.value = capture
                await part.tick()
                if capture:
                    part.captured.value = captured.pack(slots.pop(0))
                    may_capture = False
                age += 1
                if part.release.value:
                    assert not may_capture, "two releases of one slot"
                    may_capture, age = True, 1
                saturations += part.value("saturations")
                found = traces.unpack(part.value("trace"))
                if found.valid:
                    group, slot, *wanted = trace.pop(0)
                    n = len(wanted[0])
                    got = [found.vmem[:n], *([mask >> u & 1 for u in range(n)] for mask in (found.spike, found.saturated))]
                    assert (found.group, found.slot) == (group, slot), f"group {found.group}, slot {found.slot}, must be {group}, {slot}"
                    assert got == wanted, f"group {group}, slot {slot}: {got}, must be {wanted} "
                quiet += bool(part.finished.value) and not slots

        async def take_runs(share=float(rng.choice([0, 0.3, 0.8])), layer=layer):
            for wanted in layer.runs:
                found = runs.unpack(await part.receive("runs", share))
                assert (found.address, found.words, found.half) == wanted, f"run {vars(found)}, must be {wanted}"

        async def take_words(share=float(rng.choice([0, 0.3, 0.8])), layer=layer):
            for i, wanted in enumerate(layer.words):
                found = await part.receive("words", share)
                assert found == wanted, f"word {i} is {found:#x}, must be {wanted:#x} ({layer.fields})"

        await gather(walk(), take_runs(), take_words())
        assert not trace and not slots
        assert saturations == layer.saturations, f"{saturations} saturations, must be {layer.saturations}"
