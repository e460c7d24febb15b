"""Stripes: a raster read through two ports comes out in order, each port reading every second stripe."""

import cocotb
from cocotb.triggers import gather

from lifarray.hw.reader import request_layout
from lifarray.hw.stripes import STRIPE_WORDS

from .memory_model import word_at
from .part import Fields, settings, with_all_variants


@cocotb.test()
async def rasters(dut):
    """Requests of up to several stripes, ports that are quick and slow."""
    await with_all_variants(dut, "stripes", run)


async def run(part):
    rng = part.rng
    fields = Fields(request_layout)
    lengths = [1, STRIPE_WORDS, STRIPE_WORDS + 1, *(int(n) for n in rng.integers(1, 5 * STRIPE_WORDS, 2 * settings["count"]))]
    requests = [(8 * int(rng.integers(1 << 29)), n) for n in lengths]
    stripes = [[], []]
    for address, n in requests:
        for i, first in enumerate(range(0, n, STRIPE_WORDS)):
            stripes[i % 2].append((address + 8 * first, min(STRIPE_WORDS, n - first)))

    async def ask():
        for address, n in requests:
            await part.send("requests", fields.pack({"address": address, "words": n}))

    async def port(p):
        waiting = []
        share = float(rng.choice([0, 0.3, 0.7]))

        async def take():
            for stripe in stripes[p]:
                found = fields.unpack(await part.receive(f"port_requests{p}", share))
                assert (found.address, found.words) == stripe, f"port {p} is asked for {vars(found)}, must be {stripe}"
                waiting.append(stripe)

        async def bring():
            for _ in stripes[p]:
                while not waiting:
                    await part.tick()
                address, n = waiting.pop(0)
                for i in range(n):
                    await part.send(f"port_words{p}", word_at(address + 8 * i), share)

        await gather(take(), bring())

    async def read():
        for address, n in requests:
            for i in range(n):
                word = await part.receive("words", 0.2)
                assert word == word_at(address + 8 * i), f"word {i} of {n} from {address:#x} is {word:#x}"

    await gather(ask(), port(0), port(1), read())
    await part.tick(20)
    assert not part.words__valid.value and not part.port_requests0__valid.value and not part.port_requests1__valid.value
