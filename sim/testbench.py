"""Driving the core from cocotb through its registers, as the board's driver does."""

import logging

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge, SimTimeoutError, Timer, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from lifarray.golden.registers import BY_NAME, N_WINDOWS, PAGE_BITS, ErrorCode, field_of

CLOCK_NS = 10
ACCESS_CYCLES = 10_000
"""A register that takes longer to be read or written never answers."""

COUNTERS = "CYCLES EVENTS SATURATIONS READ_BEATS WRITE_BEATS STALLS_WEIGHT STALLS_INPUT STALLS_FIRE".split()


class RunFailed(Exception):
    """A run ended with an error code."""

    def __init__(self, error: ErrorCode, address: int):
        super().__init__(f"the core stopped with {error.name} at {address:#010x}")
        self.error = error
        self.address = address


class Testbench:
    """Clock, reset, registers and interrupt of a core called ``dut``."""

    __test__ = False  # pytest takes the name for a test class

    def __init__(self, dut):
        self.dut = dut
        dut.rst.value = 1
        cocotb.start_soon(Clock(dut.clk, CLOCK_NS, unit="ns", impl="gpi").start())
        self.registers = None

    async def reset(self):
        """Reset the core; also what begins a test."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 2)
        if self.registers is None:
            # Not earlier: at time 0 Icarus still shows Z on the ready signals.
            self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(self.dut, "s_axil_"), self.dut.clk, self.dut.rst)
            for half in (self.registers.write_if, self.registers.read_if):
                half.log.setLevel(logging.WARNING)
        await ClockCycles(self.dut.clk, 2)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)

    async def read(self, name, field=None) -> int:
        """The value of a register, or of one of its fields."""
        value = await self._answered(name, self.registers.read_dword(BY_NAME[name].address))
        return value if field is None else field_of(name, value, field)

    async def write(self, name, value):
        await self._answered(name, self.registers.write_dword(BY_NAME[name].address, value))

    async def _answered(self, name, access):
        try:
            return await with_timeout(access, ACCESS_CYCLES * CLOCK_NS, "ns")
        except SimTimeoutError:
            raise TimeoutError(f"register {name} does not answer within {ACCESS_CYCLES} cycles") from None

    async def open_window(self, i, first_address, end_address):
        """Let the core touch the pages from ``first_address`` to just below ``end_address``."""
        page = 1 << PAGE_BITS
        await self.write(f"WINDOW{i}_FIRST", first_address & -page)
        await self.write(f"WINDOW{i}_LAST", (end_address - 1) & -page)

    async def close_windows(self):
        for i in range(N_WINDOWS):
            await self.write(f"WINDOW{i}_FIRST", 0xFFFF_F000)
            await self.write(f"WINDOW{i}_LAST", 0)

    async def start(self, list_address, list_count):
        await self.write("LIST_ADDRESS", list_address)
        await self.write("LIST_COUNT", list_count)
        await self.write("IRQ_ENABLE", 1)
        await self.write("CONTROL", 1)

    async def finish(self, timeout_cycles):
        """Wait for the interrupt, clear it, and raise RunFailed unless the run went well."""
        if not self.dut.irq.value:
            timeout = Timer(timeout_cycles * CLOCK_NS, "ns")
            if await First(RisingEdge(self.dut.irq), timeout) is timeout:
                status = await self.read("STATUS")
                raise TimeoutError(f"no interrupt after {timeout_cycles} cycles; STATUS = {status:#010x}")
        await self.write("IRQ_STATUS", 1)
        error = ErrorCode(await self.read("STATUS", "error"))
        if error != ErrorCode.NONE:
            raise RunFailed(error, await self.read("ERROR_ADDRESS"))

    async def run(self, list_address, list_count, timeout_cycles=100_000_000):
        """Run a descriptor list; returns the counters, names in lower case."""
        await self.start(list_address, list_count)
        await self.finish(timeout_cycles)
        return await self.counters()

    async def counters(self):
        return {name.lower(): await self.read(name) for name in COUNTERS}
