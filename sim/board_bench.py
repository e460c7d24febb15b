"""cocotb test that is a board: it does what `lifarray.sim.board` asks for through a socket.

Simulated time passes only while a request is served, so what a program sees does not depend on
how fast its computer is.
"""

import os
import signal
from multiprocessing.connection import Client

import cocotb
from cocotb.triggers import ClockCycles, Timer

from .board_process import BUSY, DONE
from .board_top import FAULTS
from .testbench import CLOCK_NS, Testbench

SLEEP_CYCLES = 10_000
"""Longest sleep without a sign of life."""


class Board(Testbench):
    """The requests, one method each."""

    async def do_read(self, offset):
        return await self.registers.read_dword(offset)

    async def do_write(self, offset, value):
        await self.registers.write_dword(offset, value)

    async def do_load(self):
        """Take load.hex into memory."""
        await self._pulse("load")

    async def do_dump(self, first, last):
        """Write beats ``first`` to ``last`` of memory to dump.hex."""
        self.dut.ddr.memory.first.value = first
        self.dut.ddr.memory.last.value = last
        await self._pulse("dump")

    async def _pulse(self, name):
        request = getattr(self.dut.ddr.memory, name)
        request.value = 1
        await ClockCycles(self.dut.clk, 2)
        request.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def do_sleep(self, cycles):
        for first in range(0, cycles, SLEEP_CYCLES):
            await Timer(min(SLEEP_CYCLES, cycles - first) * CLOCK_NS, "ns")
            self.host.send(BUSY)

    async def do_reset(self):
        await self.reset()

    async def do_faults(self, names):
        for name in FAULTS:
            getattr(self.dut, name).value = name in names


@cocotb.test()
async def serve(dut):
    # Ctrl-C is for the program that uses the board.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    board = Board(dut)
    await board.do_faults(())
    await board.reset()
    with Client(os.environ["LIFARRAY_BOARD"], family="AF_UNIX") as host:
        board.host = host
        host.send("ready")
        while True:
            try:
                name, *arguments = host.recv()
            except EOFError:
                return
            host.send((DONE, await getattr(board, f"do_{name}")(*arguments)))
