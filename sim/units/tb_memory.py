"""A local memory and the way to it: random bursts from both sides, against a copy in Python."""

import logging

import cocotb
import numpy as np
from cocotb.triggers import gather
from cocotbext.axi import AxiBus, AxiMaster, AxiResp

from lifarray.golden.registers import LOCAL_MEMORY_BASE, PAGE_BITS

from .part import settings, with_all_variants

PAGE = 1 << PAGE_BITS
BLOCK = 1024

OWED = 16
"""Bursts of which no answer is taken: more than there is room for on the way."""


def pauses(rng):
    """Whether to pause, for each cycle; how often is drawn anew all the time, or a slow channel hides what a fast one does."""
    while True:
        share = rng.choice([0.0, 0.3, 0.8])
        for _ in range(64):
            yield bool(rng.random() < share)


def manager(part, port) -> AxiMaster:
    """A manager that holds its channels back at random and sends the bursts of AXI3."""
    result = AxiMaster(part.bus(AxiBus, port), part.clk, part.rst, max_burst_len=16)
    for channel in channels(result):
        channel.log.setLevel(logging.WARNING)
        draws = np.random.default_rng(int(part.rng.integers(1 << 32)))
        channel.set_pause_generator(pauses(draws))
    for half in (result.write_if, result.read_if):
        half.log.setLevel(logging.WARNING)
    return result


def channels(manager):
    write, read = manager.write_if, manager.read_if
    return write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel


def draw_span(rng, first, n_bytes, word):
    """Address and length of some whole words within ``n_bytes`` from ``first`` on."""
    length = word * int(rng.integers(1, 100))
    return first + word * int(rng.integers(0, (n_bytes - length) // word + 1)), length


def attributes(rng):
    """What a processor may say of a burst, all of which the memory takes alike."""
    return dict(cache=int(rng.integers(16)), prot=int(rng.integers(8)))


@cocotb.test()
async def both_sides(dut):
    """Host and core use blocks in turn, all at once, then read each other's; the other memory too."""
    await with_all_variants(dut, "memory", run)


async def run(part):
    rng, gp0, core = part.rng, manager(part, "gp0"), manager(part, "core")
    # The last pages, on both sides of the border between two banks.
    end = part.config * PAGE
    copy = {first: np.zeros(BLOCK, dtype=np.uint8) for first in range(end - 2 * PAGE, end, BLOCK)}
    low_copy = np.zeros(PAGE, dtype=np.uint8)
    await gp0.write(0, bytes(PAGE))
    await core.write(LOCAL_MEMORY_BASE + end - 2 * PAGE, bytes(2 * PAGE))

    async def host_part(rng, blocks):
        for _ in range(6 * settings["count"]):
            at_low = rng.random() < 0.3
            block = int(rng.choice(blocks))
            memory, base, n_bytes = (low_copy, 0, PAGE) if at_low else (copy[block], LOCAL_MEMORY_BASE + block, BLOCK)
            # Bytes at any address: the bus model drops the strobes of the others.
            first, length = draw_span(rng, 0, n_bytes, 1)
            identity, size = int(rng.integers(1 << 12)), int(rng.integers(0, 3))
            if rng.random() < 0.5:
                data = rng.integers(0, 256, length, dtype=np.uint8)
                memory[first : first + length] = data
                response = await gp0.write(base + first, data.tobytes(), awid=identity, size=size, **attributes(rng))
                assert response.resp == AxiResp.OKAY
            else:
                response = await gp0.read(base + first, length, arid=identity, size=size, **attributes(rng))
                assert response.data == memory[first : first + length].tobytes(), f"{base + first:#x}"

    async def core_part(rng, blocks):
        for _ in range(12 * settings["count"]):
            block = int(rng.choice(blocks))
            first, length = draw_span(rng, 0, BLOCK, 4)
            place = LOCAL_MEMORY_BASE + block + first
            if rng.random() < 0.5:
                data = rng.integers(0, 256, length, dtype=np.uint8)
                copy[block][first : first + length] = data
                response = await core.write(place, data.tobytes(), awid=int(rng.integers(2)))
                assert response.resp == AxiResp.OKAY
            else:
                response = await core.read(place, length, arid=int(rng.integers(2)))
                assert response.data == copy[block][first : first + length].tobytes(), f"{place:#x}"

    generators = [np.random.default_rng(int(rng.integers(1 << 32))) for _ in range(2)]
    blocks = list(copy)
    await gather(host_part(generators[0], blocks[0::2]), core_part(generators[1], blocks[1::2]))
    # Both write as fast as they can, or they seldom meet.
    for port in (gp0, core):
        for channel in channels(port):
            channel.clear_pause_generator()
            channel.pause = False
    for block in blocks:
        copy[block][:] = rng.integers(0, 256, BLOCK, dtype=np.uint8)

    async def fill(port, mine):
        for block in mine:
            await port.write(LOCAL_MEMORY_BASE + block, copy[block].tobytes())

    await gather(fill(gp0, blocks[:1]), fill(core, blocks[1:]))
    for reader, mine in ((core, blocks[0::2]), (gp0, blocks[1::2])):
        for block in mine:
            found = await reader.read(LOCAL_MEMORY_BASE + block, BLOCK, arid=int(rng.integers(2)), **attributes(rng))
            assert found.data == copy[block].tobytes(), f"block {block:#x} as the other side sees it"
    assert (await gp0.read(0, PAGE)).data == low_copy.tobytes()
    assert not part.unasked.value, "a write is answered that there was not"


@cocotb.test()
async def answers_wait(dut):
    """The core takes no answer for so long that there is no room for more: none is lost."""
    await with_all_variants(dut, "memory", run_answers)


async def run_answers(part):
    core = manager(part, "core")
    for channel in channels(core):
        channel.clear_pause_generator()
        channel.pause = False
    answer_channel = core.write_if.b_channel
    answer_channel.pause = True
    data = part.rng.integers(0, 256, (OWED, 8), dtype=np.uint8)
    writes = [cocotb.start_soon(core.write(LOCAL_MEMORY_BASE + 8 * i, word.tobytes(), awid=i % 2)) for i, word in enumerate(data)]
    await part.tick(20 * OWED)
    assert not any(write.done() for write in writes)
    answer_channel.pause = False
    await part.tick(20 * OWED)
    assert all(write.done() for write in writes), "a write is not answered"
    assert (await core.read(LOCAL_MEMORY_BASE, data.nbytes)).data == data.tobytes()


@cocotb.test()
async def beyond_the_memory(dut):
    """The core gets an error there, and the host zeros; neither harms what is in the memory."""
    await with_all_variants(dut, "memory", run_beyond)


async def run_beyond(part):
    gp0, core = manager(part, "gp0"), manager(part, "core")
    n_bytes = part.config * PAGE
    edges = (LOCAL_MEMORY_BASE, LOCAL_MEMORY_BASE + n_bytes - PAGE, LOCAL_MEMORY_BASE + n_bytes - BLOCK)
    for edge in edges:
        await core.write(edge, b"\xa5" * BLOCK)
    await host_reads(gp0, n_bytes)
    for address in (0, LOCAL_MEMORY_BASE - PAGE, LOCAL_MEMORY_BASE + n_bytes, 2 * LOCAL_MEMORY_BASE, 0xFFFF_F000):
        assert (await core.read(address, 64)).resp == AxiResp.DECERR, f"{address:#x}"
        assert (await core.write(address, bytes(64))).resp == AxiResp.DECERR, f"{address:#x}"
    await gp0.write(LOCAL_MEMORY_BASE + n_bytes, b"\xff" * 64)
    await host_reads(gp0, n_bytes)
    for edge in edges:
        assert (await core.read(edge, BLOCK)).data == b"\xa5" * BLOCK


async def host_reads(gp0, n_bytes):
    """The host reads the memory's end and beyond, whatever the core has asked for last."""
    for first, wanted in ((n_bytes - 64, b"\xa5" * 64), (n_bytes, bytes(64))):
        response = await gp0.read(LOCAL_MEMORY_BASE + first, 64)
        assert (response.resp, response.data) == (AxiResp.OKAY, wanted), f"{LOCAL_MEMORY_BASE + first:#x}"
