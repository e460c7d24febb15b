"""The array: what is captured is the sum of the weights that were picked for the slot since it was fresh."""

import cocotb
import numpy as np

from lifarray.golden.config import SLOTS
from lifarray.hw.window import pick_layout

from .part import Fields, settings, with_all_variants


@cocotb.test()
async def sums(dut):
    """Random picks to few slots, so that additions follow each other at once."""
    await with_all_variants(dut, "array", run)


async def run(part):
    rng, config = part.rng, part.config
    fields = Fields(pick_layout(config))
    captured_fields = Fields(part.shape("captured"))
    reach = 1 << config.weight_bits - 1
    limit = 1 << config.current_bits - 1
    weights = np.zeros((config.window_rows, config.lanes), dtype=int)
    currents = np.zeros((SLOTS, config.lanes), dtype=int)
    expected = []
    due = False
    n_captured = 0

    def row_bits(row):
        return sum((int(weight) & (1 << config.weight_bits) - 1) << lane * config.weight_bits for lane, weight in enumerate(row))

    def compare():
        nonlocal n_captured
        found = captured_fields.unpack(part.value("captured"))
        wanted = expected.pop(0)
        assert found == wanted, f"captured {found}, must be {wanted}"
        n_captured += 1

    def drive(active):
        """What goes in next, and what the model makes of it."""
        slot = int(rng.integers(0, 4)) if rng.random() < 0.8 else int(rng.integers(0, SLOTS))
        ways = rng.permutation(config.window_rows)[: config.ways]
        n = int(rng.integers(0, config.ways + 1))
        total = weights[ways[:n]].sum(axis=0)
        fresh = bool(rng.random() < 0.2) or bool((np.abs(currents[slot] + total) >= limit).any())
        pick = {"valid": (1 << n) - 1, "entry": [int(way) for way in ways], "slot": slot, "active": 1, "fresh": fresh, "capture": rng.random() < 0.3}
        if not active:
            pick = {**pick, "active": 0, "valid": 0, "capture": 0}
        part.pick.value = fields.pack(pick)
        if active:
            currents[slot] = total + (0 if fresh else currents[slot])
            if pick["capture"]:
                expected.append(currents[slot].tolist())
        # A row is written while others are added.
        write = not active or rng.random() < 0.3
        part.write.value = write
        if write:
            entry = int(rng.integers(config.window_rows))
            low = rng.random() < 0.2
            weights[entry] = -reach if low else rng.integers(-reach, reach, config.lanes)
            part.entry.value = entry
            part.row.value = row_bits(weights[entry])

    for cycle in range(200 * settings["count"]):
        drive(cycle > 40 and rng.random() < 0.8)
        await part.tick()
        if due:
            compare()
        due = bool(part.capture.value)
    part.pick.value = 0
    part.write.value = 0
    for _ in range(12):
        await part.tick()
        if due:
            compare()
        due = bool(part.capture.value)
    assert not expected, f"{len(expected)} captures are missing"
    assert n_captured > 20
