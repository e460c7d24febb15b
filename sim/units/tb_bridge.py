"""The bridge from AXI3: bursts of every kind become single accesses, IDs and errors come back."""

import cocotb
from cocotb.triggers import gather

from .lite import LiteWords, answer, transfer
from .part import settings, with_all_variants

FIXED, INCREMENTING, WRAPPING = range(3)


@cocotb.test()
async def bursts(dut):
    """Reads and writes at once, of random kinds, sizes and lengths, some to words that fail."""
    await with_all_variants(dut, "bridge", run)


def addresses(kind, address, size, n_beats):
    """Of each beat (AMBA AXI, section A3.4.1)."""
    step = 1 << size
    if kind == FIXED:
        return [address] * n_beats
    if kind == INCREMENTING:
        return [address] + [(address & -step) + step * beat for beat in range(1, n_beats)]
    whole = step * n_beats
    base = address & -whole
    return [base + (address - base + step * beat) % whole for beat in range(n_beats)]


def draw_burst(rng, low):
    kind = int(rng.choice([FIXED, INCREMENTING, INCREMENTING, WRAPPING]))
    size = int(rng.choice([0, 1, 2, 2]))
    n_beats = int(rng.choice([2, 4, 8, 16]) if kind == WRAPPING else rng.integers(1, 17))
    # Reads and writes keep to their halves, since nobody orders them. Beats are aligned, as the processor's are.
    address = low + (int(rng.integers(512)) & -(1 << size))
    return kind, size, n_beats, address


async def run(part):
    rng = part.rng
    lite = LiteWords(part, "lite", 0.3)
    lite.failing = {4 * int(word) for word in rng.integers(0, 1024, 60)}
    lite.words = {0x800 + 4 * i: int(rng.integers(1 << 32)) for i in range(512)}
    reads = dict(lite.words)
    words = {}
    bus = "axi3"

    async def write():
        for _ in range(6 * settings["count"]):
            kind, size, n_beats, address = draw_burst(rng, 0)
            identity = int(rng.integers(1 << 12))
            beats = addresses(kind, address, size, n_beats)
            data = [int(rng.integers(1 << 32)) for _ in beats]
            strobes = [((1 << (1 << size)) - 1) << at % 4 for at in beats]
            await transfer(part, bus, "aw", awid=identity, awaddr=address, awlen=n_beats - 1, awsize=size, awburst=kind)

            async def send(data=data, strobes=strobes):
                for i, (value, strobe) in enumerate(zip(data, strobes)):
                    await transfer(part, bus, "w", wid=0, wdata=value, wstrb=strobe, wlast=i == len(data) - 1)

            _, (found, response) = await gather(send(), answer(part, bus, "b", "bid", "bresp"))
            wrong = any(at & ~3 in lite.failing for at in beats)
            assert (found, response) == (identity, 2 * wrong), f"answer {response} with ID {found:#x}, must be {2 * wrong} with {identity:#x}"
            for at, value, strobe in zip(beats, data, strobes):
                if at & ~3 not in lite.failing:
                    mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
                    words[at & ~3] = words.get(at & ~3, 0) & ~mask | value & mask

    async def read():
        for _ in range(6 * settings["count"]):
            kind, size, n_beats, address = draw_burst(rng, 0x800)
            identity = int(rng.integers(1 << 12))
            beats = addresses(kind, address, size, n_beats)
            await transfer(part, bus, "ar", arid=identity, araddr=address, arlen=n_beats - 1, arsize=size, arburst=kind)
            for i, at in enumerate(beats):
                found = await answer(part, bus, "r", "rid", "rdata", "rresp", "rlast")
                wanted = [identity, reads.get(at & ~3, 0), 2 * (at & ~3 in lite.failing), i == n_beats - 1]
                assert found == wanted, f"beat {i} of {n_beats} from {address:#x}, kind {kind}, size {size}: {found}, must be {wanted}"

    await gather(write(), read())
    written = {address: value for address, value in lite.words.items() if address not in reads}
    assert written == words, "other words are written"
    lite.stop()
