"""cocotb test that is a board: it does what `lifarray.sim.board` asks for through a socket.

Simulated time passes only while a request is served, so what a program sees does not depend on
how fast its computer is.
"""

import cocotb
from cocotb.triggers import ClockCycles, Timer

from .board_top import FAULTS
from .served_bench import serve
from .testbench import CLOCK_NS, Testbench


class Board(Testbench):
    """The requests, one method each."""

    async def do_read(self, offset):
        return await self.registers.read_dword(offset)

    async def do_write(self, offset, value):
        await self.registers.write_dword(offset, value)

    async def do_read_bytes(self, offset, n_bytes):
        return (await self.registers.read(offset, n_bytes)).data

    async def do_write_bytes(self, offset, data):
        await self.registers.write(offset, data)

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

    async def do_irq(self):
        return int(self.dut.irq.value)

    async def do_sleep(self, cycles):
        await Timer(cycles * CLOCK_NS, "ns")

    async def do_reset(self):
        await self.reset()

    async def do_faults(self, names):
        for name in FAULTS:
            # With local memory there is no port to fail.
            if hasattr(self.dut, name):
                getattr(self.dut, name).value = name in names


@cocotb.test()
async def serve_registers(dut):
    board = Board(dut)
    await board.do_faults(())
    await board.reset()
    await serve(board)
