"""cocotb test that is a serial line with a core at its end: it does what `lifarray.sim.serial_port` asks for.

Bits go to the pin ``rx`` and come from ``tx`` one by one.
"""

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Event, FallingEdge, First, Timer

from .served_bench import serve
from .testbench import CLOCK_NS


class Line:
    """The requests, one method each.

    The line's noise draws from a generator of its own, so that a run repeats.
    """

    def __init__(self, rx, tx, bit_ns):
        self._rx, self._tx, self._bit_ns = rx, tx, bit_ns
        self._received = bytearray()
        self._noise = random.Random(0)
        self._flip_share = 0.0
        self._cut = False
        self._arrival = Event()
        rx.value = 1
        cocotb.start_soon(self._listen())

    async def _listen(self):
        while True:
            await FallingEdge(self._tx)
            byte = 0
            await Timer(self._bit_ns * 3 // 2, "ns")
            for i in range(8):
                byte |= int(self._tx.value) << i
                await Timer(self._bit_ns, "ns")
            if int(self._tx.value) == 1 and not self._cut:
                self._received.append(self._disturbed(byte))
                self._arrival.set()

    def _disturbed(self, byte):
        """The byte, one of its bits flipped as often as `do_noise` said."""
        return byte ^ 1 << self._noise.randrange(8) if self._noise.random() < self._flip_share else byte

    async def do_send(self, data):
        """Send bytes."""
        if self._cut:
            data = b""
        for byte in data:
            byte = self._disturbed(byte)
            for bit in (0, *(byte >> i & 1 for i in range(8)), 1):
                self._rx.value = bit
                await Timer(self._bit_ns, "ns")

    async def do_receive(self, n_bytes, timeout_bits):
        """Up to ``n_bytes`` that came, waiting for them for so many bit times."""
        expired = cocotb.start_soon(_wait(Timer(timeout_bits * self._bit_ns, "ns")))
        while len(self._received) < n_bytes and not expired.done():
            self._arrival.clear()
            await First(self._arrival.wait(), expired)
        if not expired.done():
            expired.cancel()
        data, self._received = bytes(self._received[:n_bytes]), self._received[n_bytes:]
        return data

    async def do_discard(self):
        """Forget what came and was not read."""
        self._received.clear()

    async def do_sleep(self, cycles):
        await Timer(cycles * CLOCK_NS, "ns")

    async def do_noise(self, flip_share):
        """Flip a bit in that share of the bytes, both ways."""
        self._flip_share = flip_share

    async def do_glitch(self, ns):
        """Pull the idle line down."""
        self._rx.value = 0
        await Timer(ns, "ns")
        self._rx.value = 1
        await Timer(self._bit_ns, "ns")

    async def do_cut(self, cut):
        """Cut the line, or mend it."""
        self._cut = cut


async def _wait(trigger):
    await trigger


@cocotb.test()
async def serve_line(dut):
    bit_ns = int(os.environ["LIFARRAY_BIT_NS"])
    dut.rst.value = 1
    cocotb.start_soon(Clock(dut.clk, CLOCK_NS, unit="ns", impl="gpi").start())
    line = Line(dut.rx, dut.tx, bit_ns)
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 4)
    await serve(line)
