"""cocotb bench of a memory's netlist: random accesses against a copy in Python; and of a multiplier's."""

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

CYCLES = 3000


async def begin(dut, *inputs):
    for name in ("rst", *inputs):
        # Yosys leaves out what a netlist does not need.
        if hasattr(dut, name):
            getattr(dut, name).value = 0
    # The clock's first edge would come before these values.
    await Timer(1, "ns")
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns", impl="gpi").start())
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)


@cocotb.test()
async def memory(dut):
    """A read sees what was there before the write of the same cycle."""
    rng = random.Random(int(os.environ["LIFARRAY_SEED"]))
    depth, width, granularity = (int(os.environ[f"LIFARRAY_{name}"]) for name in ("DEPTH", "WIDTH", "GRANULARITY"))
    words = [0] * depth
    await begin(dut, "write_address", "write_data", "write_enable", "read_address", "read_enable")
    expected = int(dut.read_data.value)
    near = 0
    for _ in range(CYCLES):
        # Many accesses to few words, so that they meet.
        near = rng.randrange(depth) if rng.random() < 0.05 else near
        write_address, read_address = ((near + rng.randrange(4)) % depth if rng.random() < 0.8 else rng.randrange(depth) for _ in range(2))
        data, enable = rng.getrandbits(width), rng.getrandbits(width // granularity)
        dut.write_address.value, dut.read_address.value = write_address, read_address
        dut.write_data.value, dut.write_enable.value = data, enable
        dut.read_enable.value = reads = rng.random() < 0.7
        if reads:
            expected = words[read_address]
        mask = sum(((1 << granularity) - 1) << granularity * i for i in range(width // granularity) if enable >> i & 1)
        words[write_address] = words[write_address] & ~mask | data & mask
        await FallingEdge(dut.clk)
        assert int(dut.read_data.value) == expected, f"word {read_address}"


@cocotb.test()
async def multiplier(dut):
    """Signed and unsigned products, with the corners."""
    rng = random.Random(int(os.environ["LIFARRAY_SEED"]))
    await begin(dut, "a", "b")
    for _ in range(500):
        a, b = (rng.choice([0, 1, -1, -(1 << 15), (1 << 15) - 1, rng.randrange(-(1 << 15), 1 << 15)]) for _ in range(2))
        dut.a.value, dut.b.value = a & 0xFFFF, b & 0xFFFF
        await FallingEdge(dut.clk)
        await FallingEdge(dut.clk)
        assert int(dut.signed_product.value) == a * b & 0xFFFF_FFFF
        assert int(dut.unsigned_product.value) == (a & 0xFFFF) * (b & 0xFFFF)
