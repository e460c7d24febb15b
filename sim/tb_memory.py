"""cocotb bench of a local memory and the way to it: random bursts from both sides, against a copy in Python."""

import logging
import os

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Combine
from cocotbext.axi import AxiBus, AxiMaster, AxiResp

from lifarray.golden.registers import LOCAL_MEMORY_BASE, PAGE_BITS

from .testbench import CLOCK_NS

PAGE = 1 << PAGE_BITS


def pauses(rng, share):
    while True:
        yield bool(rng.random() < share)


def master(dut, prefix, rng):
    """A manager that holds its channels back at random and sends the bursts of AXI3."""
    result = AxiMaster(AxiBus.from_prefix(dut, prefix), dut.clk, dut.rst, max_burst_len=16)
    write, read = result.write_if, result.read_if
    for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
        channel.log.setLevel(logging.WARNING)
        channel.set_pause_generator(pauses(np.random.default_rng(int(rng.integers(1 << 32))), float(rng.choice([0.0, 0.3, 0.8]))))
    for half in (write, read):
        half.log.setLevel(logging.WARNING)
    return result


async def begin(dut):
    rng = np.random.default_rng(int(os.environ["LIFARRAY_SEED"]))
    dut.rst.value = 1
    cocotb.start_soon(Clock(dut.clk, CLOCK_NS, unit="ns", impl="gpi").start())
    await ClockCycles(dut.clk, 2)
    gp0, core = master(dut, "gp0_", rng), master(dut, "core_", rng)
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 2)
    return rng, gp0, core


def draw_span(rng, n_bytes, word):
    """A whole number of words somewhere in a memory."""
    length = word * int(rng.integers(1, 100))
    first = word * int(rng.integers(0, (n_bytes - length) // word + 1))
    return first, length


@cocotb.test()
async def both_sides(dut):
    """Host and core each use one half of the memory at once, then read all of it; the other memory too."""
    rng, gp0, core = await begin(dut)
    n_bytes = int(os.environ["LIFARRAY_PAGES"]) * PAGE
    half = n_bytes // 2
    copy = np.zeros(n_bytes, dtype=np.uint8)
    low_copy = np.zeros(PAGE, dtype=np.uint8)
    await gp0.write(0, bytes(PAGE))
    await gp0.write(LOCAL_MEMORY_BASE, bytes(half))
    await core.write(LOCAL_MEMORY_BASE + half, bytes(half))

    async def host_part(rng):
        for _ in range(30):
            at_low = rng.random() < 0.3
            memory, base, size = (low_copy, 0, PAGE) if at_low else (copy, LOCAL_MEMORY_BASE, half)
            # Bytes at any address: the bus model drops the strobes of the others.
            first, length = draw_span(rng, size, 1)
            if rng.random() < 0.5:
                data = rng.integers(0, 256, length, dtype=np.uint8)
                memory[first : first + length] = data
                response = await gp0.write(base + first, data.tobytes(), awid=int(rng.integers(1 << 12)), size=int(rng.integers(0, 3)))
                assert response.resp == AxiResp.OKAY
            else:
                response = await gp0.read(base + first, length, arid=int(rng.integers(1 << 12)), size=int(rng.integers(0, 3)))
                assert response.data == memory[first : first + length].tobytes(), f"{base + first:#x}"

    async def core_part(rng):
        for _ in range(60):
            first, length = draw_span(rng, half, 4)
            first += half
            if rng.random() < 0.5:
                data = rng.integers(0, 256, length, dtype=np.uint8)
                copy[first : first + length] = data
                response = await core.write(LOCAL_MEMORY_BASE + first, data.tobytes(), awid=int(rng.integers(2)))
                assert response.resp == AxiResp.OKAY
            else:
                response = await core.read(LOCAL_MEMORY_BASE + first, length, arid=int(rng.integers(2)))
                assert response.data == copy[first : first + length].tobytes(), f"{first:#x}"

    generators = [np.random.default_rng(int(rng.integers(1 << 32))) for _ in range(2)]
    await Combine(cocotb.start_soon(host_part(generators[0])), cocotb.start_soon(core_part(generators[1])))
    # Each side sees what the other one wrote.
    assert (await core.read(LOCAL_MEMORY_BASE, half)).data == copy[:half].tobytes()
    assert (await gp0.read(LOCAL_MEMORY_BASE + half, half)).data == copy[half:].tobytes()
    assert (await gp0.read(0, PAGE)).data == low_copy.tobytes()


@cocotb.test()
async def beyond_the_memory(dut):
    """The core gets an error there, and the host zeros; neither harms what is in the memory."""
    rng, gp0, core = await begin(dut)
    n_bytes = int(os.environ["LIFARRAY_PAGES"]) * PAGE
    await core.write(LOCAL_MEMORY_BASE, b"\xa5" * n_bytes)
    for address in (0, LOCAL_MEMORY_BASE - PAGE, LOCAL_MEMORY_BASE + n_bytes, 2 * LOCAL_MEMORY_BASE, 0xFFFF_F000):
        assert (await core.read(address, 64)).resp == AxiResp.DECERR, f"{address:#x}"
        assert (await core.write(address, bytes(64))).resp == AxiResp.DECERR, f"{address:#x}"
    await gp0.write(LOCAL_MEMORY_BASE + n_bytes, b"\xff" * 64)
    response = await gp0.read(LOCAL_MEMORY_BASE + n_bytes, 64)
    assert (response.resp, response.data) == (AxiResp.OKAY, bytes(64))
    assert (await core.read(LOCAL_MEMORY_BASE, n_bytes)).data == b"\xa5" * n_bytes
