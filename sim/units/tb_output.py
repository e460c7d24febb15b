"""Output: what it takes from the fire units, lane by lane, and where it sends that."""

import cocotb
from cocotb.triggers import gather

from lifarray.hw.writer import run_layout

from .part import Fields, settings, with_all_variants

HALF = 1 << 32


@cocotb.test()
async def tiles(dut):
    """Words and vmem of tiles of every width, to a writer that is quick or slow."""
    await with_all_variants(dut, "output", run)


async def run(part):
    rng, config = part.rng, part.config
    runs = Fields(run_layout)
    words_shown, vmem_shown = Fields(part.shape("shown_words")), Fields(part.shape("shown_vmem"))
    reach = 1 << config.vmem_bits - 1
    words = rng.integers(0, 1 << 63, (2, config.lanes)).tolist()
    vmem = rng.integers(-reach, reach, config.lanes).tolist()

    def of_group(values, group):
        """The units' values of a group, zeros beyond the last lane."""
        first = group * config.fire_units
        here = values[first : first + config.fire_units]
        return here + [0] * (config.fire_units - len(here))

    async def show_words():
        read = of_group(words[0], 0)
        while True:
            await part.tick()
            if part.next_words.value:
                part.shown_words.value = words_shown.pack(read)
            read = of_group(words[part.value("side")], part.value("word_group"))

    async def show_vmem():
        while True:
            await part.tick()
            part.shown_vmem.value = vmem_shown.pack(of_group(vmem, part.value("vmem_group")))

    helpers = [cocotb.start_soon(show_words()), cocotb.start_soon(show_vmem())]
    for _ in range(4 * settings["count"]):
        n_lanes = int(rng.choice([1, config.lanes, rng.integers(1, config.lanes + 1)]))
        of_words, side = bool(rng.random() < 0.5), int(rng.integers(2))
        address = int(rng.choice([rng.integers(HALF), HALF - 16])) & ~7
        if of_words:
            expected_runs = [(address, n_lanes, 0)]
            expected = [words[side][lane] for lane in range(n_lanes)]
        else:
            places = [address + 4 * lane for lane in range(n_lanes)]
            expected_runs = [(place if place < HALF else place & HALF - 1 | HALF, 1, 1) for place in places]
            expected = [(vmem[lane] & HALF - 1) * (HALF + 1) for lane in range(n_lanes)]
        while not part.ready.value:
            await part.tick()
        part.n_lanes.value, part.address.value, part.for_side.value = n_lanes, address, side
        (part.start_words if of_words else part.start_vmem).value = 1
        await part.tick()
        part.start_words.value = part.start_vmem.value = 0
        share = float(rng.choice([0, 0.3, 0.8]))

        async def take_runs(expected_runs=expected_runs, share=share):
            for wanted in expected_runs:
                found = runs.unpack(await part.receive("runs", share))
                assert (found.address, found.words, found.half) == wanted, f"run {vars(found)}, must be {wanted}"

        async def take_words(expected=expected, share=share):
            for i, wanted in enumerate(expected):
                found = await part.receive("words", share)
                assert found == wanted, f"word {i} is {found:#x}, must be {wanted:#x}"

        await gather(take_runs(), take_words())
        await part.tick(2)
        assert part.ready.value and not part.runs__valid.value and not part.words__valid.value
    for helper in helpers:
        helper.cancel()
