"""The decoder of AXI4-Lite: each access reaches its half once, in order, and its answer comes back."""

import cocotb
from cocotb.triggers import gather

from .lite import LiteWords, answer, transfer
from .part import settings, with_all_variants


@cocotb.test()
async def accesses(dut):
    """Reads and writes in a row: addresses and data of the next are offered while one is under way."""
    await with_all_variants(dut, "decoder", run)


async def run(part):
    rng = part.rng
    address_bits, *bits_of_halves = part.config
    halves = [LiteWords(part, name, 0.3) for name in ("low", "high")]
    expected = [{}, {}]
    places = [[4 * int(word) for word in rng.choice(1 << bits - 2, size=8, replace=False)] for bits in bits_of_halves]
    for half, mine in zip(halves, places, strict=True):
        half.failing = {mine[0]}

    def draw():
        """An address of the manager, and where it leads: half and address there."""
        half = int(rng.integers(2))
        address = int(rng.choice(places[half]))
        return half << address_bits - 1 | address, half, address

    async def writes():
        accesses = [(*draw(), int(rng.integers(1 << 32))) for _ in range(20 * settings["count"])]

        async def addresses():
            for outer, *_ in accesses:
                await transfer(part, "manager", "aw", awaddr=outer)

        async def data():
            for *_, value in accesses:
                await transfer(part, "manager", "w", wdata=value, wstrb=0xF)

        async def answers():
            for _, half, address, value in accesses:
                (response,) = await answer(part, "manager", "b", "bresp")
                assert response == 2 * (address in halves[half].failing), f"write to {address:#x} of half {half}: response {response}"
                if not response:
                    expected[half][address] = value
                assert halves[half].words.get(address) == expected[half].get(address), f"{address:#x} of half {half}"

        await gather(addresses(), data(), answers())
        return accesses

    async def reads():
        accesses = [draw() for _ in range(20 * settings["count"])]

        async def addresses():
            for outer, *_ in accesses:
                await transfer(part, "manager", "ar", araddr=outer)

        async def answers():
            for _, half, address in accesses:
                value, response = await answer(part, "manager", "r", "rdata", "rresp")
                assert (value, response) == halves[half].last_read, f"read of {address:#x} of half {half}"

        await gather(addresses(), answers())
        return accesses

    written, read = await gather(writes(), reads())
    await part.tick(20)
    for i, half in enumerate(halves):
        assert half.words == expected[i]
        for kind, accesses in (("w", written), ("r", read)):
            asked = [access[2] for access in accesses if access[1] == i]
            assert [address for what, address in half.accesses if what == kind] == asked, f"half {i}, {kind}"
        half.stop()
