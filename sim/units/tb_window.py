"""The window: whatever order it chooses, a slot is captured with the sum of its segment's rows, and nothing else."""

import cocotb
from cocotb.triggers import gather

from lifarray.golden.config import SLOTS
from lifarray.hw.window import pick_layout, work_layout
from lifarray.sim.formal.window import RELEASE_TO_CAPTURE

from .part import Fields, settings, with_all_variants


class Model:
    """Follows the picks, with the rows that were added to each slot in the place of their sum."""

    def __init__(self, config):
        self.entries = [None] * config.window_rows      # the row in each entry
        self.pending = set()                            # (row, slot) to be added
        self.segment = {}                               # row to its segment
        self.words = {}
        self.slots = [set() for _ in range(SLOTS)]      # rows added since the slot was cleared
        self.captures = []                              # (slot, rows) that are expected, in order
        self.n_captures = 0

    def load(self, entry, row, word):
        old = self.entries[entry]
        assert not any(waiting == old for waiting, _ in self.pending), f"row {old} is replaced by {row} before it was added"
        self.entries[entry] = row
        self.words[row] = word
        self.pending |= {(row, slot) for slot in range(SLOTS) if word >> slot & 1}

    def end(self, rows, word):
        self.captures += [(slot, {row for row in rows if self.words[row] >> slot & 1}) for slot in range(SLOTS) if word >> slot & 1]

    def pick(self, pick):
        content = self.slots[pick.slot]
        assert pick.fresh == (not content), f"slot {pick.slot} holds {content}, fresh is {pick.fresh}"
        for way, entry in enumerate(pick.entry):
            if pick.valid >> way & 1:
                at = self.entries[entry], pick.slot
                assert at in self.pending, f"row {at[0]} has no spike left for slot {at[1]}"
                self.pending.remove(at)
                content.add(at[0])
        if pick.capture:
            expected = self.captures.pop(0) if self.captures else None
            assert (pick.slot, content) == expected, f"slot {pick.slot} is captured with rows {content}, must be {expected}"
            self.n_captures += 1
            self.slots[pick.slot] = set()


@cocotb.test()
async def sums(dut):
    """Segments that share slots and that do not, releases at once and late."""
    await with_all_variants(dut, "window", run)


async def run(part):
    rng, config = part.rng, part.config
    model = Model(config)
    picks, works = Fields(pick_layout(config)), Fields(work_layout(config))
    n_segments = 2 * settings["count"]
    all_in = False

    async def load():
        nonlocal all_in
        row = 0
        for _ in range(n_segments):
            slots = int(rng.integers(1, 1 << 63)) & int(rng.choice([0xF, 0xFFFF, (1 << 63) - 1])) or 1
            rows = []
            share = float(rng.choice([0, 0.5, 0.9]))
            density = float(rng.choice([0.1, 0.5, 1]))
            for _ in range(rng.integers(0, 3 * config.window_rows)):
                word = sum(1 << slot for slot in range(SLOTS) if slots >> slot & 1 and rng.random() < density) or slots & -slots
                await part.pause(share)
                await offer(row, word, 0)
                rows.append(row)
                row += 1
            await offer(rows, slots, 1)
        all_in = True

    async def offer(row, word, last):
        part.load__valid.value = 1
        part.load__payload.value = works.pack({"word": word, "last": last, "row": 0})
        await part.tick()
        while not part.load__ready.value:
            await part.tick()
        part.load__valid.value = 0
        loads.append((part.value("entry"), row, word, last))

    loads = []      # what was taken at this edge: the watcher sees the picks of the edge first
    releases = []   # cycles
    cycle = 0

    async def watch():
        nonlocal cycle
        release_at = None
        while not (all_in and not model.captures and not loads):
            await part.tick()
            cycle += 1
            found = picks.unpack(part.value("pick"))
            if found.active:
                model.pick(found)
                if found.capture:
                    waited = cycle - releases[-1] if releases else RELEASE_TO_CAPTURE
                    assert model.n_captures <= len(releases) + 1, "a capture without a release"
                    assert model.n_captures == 1 or waited >= RELEASE_TO_CAPTURE, f"a capture {waited} cycles after its release"
                    release_at = cycle + int(rng.choice([0, 1, rng.integers(60)]))
            else:
                assert not found.valid and not found.capture, "ways add in an idle cycle"
            assert cycle < 200_000, "the window stands still"
            part.release.value = release_at is not None and cycle >= release_at
            if release_at is not None and cycle >= release_at:
                releases.append(cycle + 1)
                release_at = None
            while loads:
                entry, row, word, last = loads.pop(0)
                model.end(row, word) if last else model.load(entry, row, word)

    await gather(load(), watch())
    part.release.value = 0
    for _ in range(20):
        await part.tick()
        assert not picks.unpack(part.value("pick")).active, "a pick after all is done"
    assert not model.pending
