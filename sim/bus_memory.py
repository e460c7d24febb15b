"""A memory for cocotbext-axi's subordinate model: bytes, faults on purpose, and a record of writes."""

import logging

import numpy as np
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiSlave


class BusMemory:
    """``size`` bytes from address ``base``; all else is answered with an error.

    Members
    -------
    data : uint8 array
    faults : list of (first, end)
        Addresses that are answered with an error too.
    written : bool array, bytes that were written since `forget_writes`
    late : dict of int to int
        Addresses at which a beat takes cycles more.
    outside : list of int, addresses of accesses beyond the memory
    n_reads : int, beats that were read
    """

    def __init__(self, base, size, rng, clk):
        self.base = base
        self._clk = clk
        self.data = rng.integers(0, 256, size, dtype=np.uint8)
        self.faults = []
        self.late = {}
        self.outside = []
        self.n_reads = 0
        self.forget_writes()

    def forget_writes(self):
        self.written = np.zeros(self.data.size, dtype=bool)

    def _span(self, address, n_bytes):
        if not self.base <= address <= self.base + self.data.size - n_bytes:
            self.outside.append(address)
            raise ValueError(f"{address:#x} is beyond the memory")
        if any(first < address + n_bytes and address < end for first, end in self.faults):
            raise ValueError(f"{address:#x} fails on purpose")
        return slice(address - self.base, address - self.base + n_bytes)

    async def _wait(self, address):
        if address in self.late:
            await ClockCycles(self._clk, self.late[address])

    async def read(self, address, n_bytes):
        self.n_reads += 1
        await self._wait(address)
        return self.data[self._span(address, n_bytes)].tobytes()

    async def write(self, address, data):
        await self._wait(address)
        span = self._span(address, len(data))
        self.data[span] = np.frombuffer(data, dtype=np.uint8)
        self.written[span] = True

    def load(self, image):
        """Place address to uint64 array."""
        for address, words in image.items():
            raw = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
            self.data[address - self.base : address - self.base + raw.size] = raw

    def words(self, address, n_words):
        """64-bit words at an address, little-endian uint64 [n_words]."""
        return self.data[address - self.base :][: n_words * 8].view("<u8").copy()


def connect(memory: BusMemory, dut, prefix) -> AxiSlave:
    """Answer the AXI port of ``dut`` whose signals begin with ``prefix`` from ``memory``."""
    subordinate = AxiSlave(AxiBus.from_prefix(dut, prefix), dut.clk, dut.rst, target=memory)
    for half in (subordinate.write_if, subordinate.read_if):
        half.log.setLevel(logging.ERROR)
    return subordinate


def pause_randomly(port, rng):
    """Hold each of the five channels of a bus model back at random, each with a share of its own; 0 is none."""
    write, read = port.write_if, port.read_if
    for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
        share = float(rng.choice([0.0, 0.0, 0.2, 0.5, 0.9]))
        # The generator of the pauses must not depend on how often other channels draw.
        draws = np.random.default_rng(int(rng.integers(1 << 32)))
        channel.set_pause_generator(_pauses(draws, share) if share else None)
        if not share:
            channel.pause = False


def _pauses(rng, share):
    while True:
        yield bool(rng.random() < share)
