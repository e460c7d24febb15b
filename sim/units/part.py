"""What the benches of parts are written with: ports by name, fields of payloads, streams with pauses."""

import json
import os
from types import SimpleNamespace
from zlib import crc32

import cocotb
import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data
from amaranth.lib.wiring import In
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, SimTimeoutError, gather, with_timeout

from lifarray.sim.testbench import CLOCK_NS

from .top import ports_of
from .units import UNITS

settings = json.loads(os.environ.get("LIFARRAY_UNIT", '{"seed": 0, "count": 10}'))

TIMEOUT_CYCLES = 300_000 + 20_000 * settings["count"]


class Fields:
    """Integers to fields and back, by a layout of Amaranth; arrays are lists."""

    def __init__(self, shape):
        self._fields = None
        if isinstance(shape, data.Layout):
            self._is_list = isinstance(shape, data.ArrayLayout)
            self._fields = [(key, field.offset, Fields(field.shape)) for key, field in shape]
            self.width = shape.size
        else:
            shape = Shape.cast(shape)
            self.width, self._signed = shape.width, shape.signed

    def pack(self, value) -> int:
        if self._fields is None:
            return int(value) & (1 << self.width) - 1
        return sum(fields.pack(value[key]) << offset for key, offset, fields in self._fields)

    def unpack(self, value: int):
        value &= (1 << self.width) - 1
        if self._fields is None:
            return value - (1 << self.width) if self._signed and value >> self.width - 1 else value
        found = {key: fields.unpack(value >> offset) for key, offset, fields in self._fields}
        return list(found.values()) if self._is_list else SimpleNamespace(**found)


class Part:
    """One part of a design of several: ``part.load__valid`` is its port ``load.valid``.

    Members
    -------
    name : str
    config : what the variant is made from
    rng : numpy.random.Generator, its own
    ports : dict, name of each port to its flow
    """

    def __init__(self, dut, unit, name):
        self._dut = dut
        self._prefix = f"{unit}_{name}"
        self.name = name
        self.config = UNITS[unit].variants[name]
        self.rng = np.random.default_rng([settings["seed"], crc32(name.encode())])
        self._component = UNITS[unit].component(self.config)
        self.ports = {port: flow for port, flow, _ in ports_of(self._component)}
        for port, flow in self.ports.items():
            if flow is In:
                getattr(self, port).value = 0

    def __getattr__(self, port):
        return getattr(self._dut, f"{self._prefix}_{port}")

    def has(self, port) -> bool:
        """Whether there is such a port: those of no bits are left out."""
        return port in self.ports

    def shape(self, port):
        """Shape of a port that is no stream."""
        return self._component.signature.members[port].shape

    def value(self, port) -> int:
        """What stands at a port; 0 where it has no bits."""
        return int(getattr(self, port).value) if port in self.ports else 0

    @property
    def clk(self):
        return self._dut.clk

    @property
    def rst(self):
        return self._dut.rst

    def bus(self, kind, port):
        """A port as a bus of cocotbext-axi, of whose classes ``kind`` is one."""
        return kind.from_prefix(self._dut, f"{self._prefix}_{port}_")

    async def tick(self, n=1):
        """Wait for the n-th rising edge; what is read then stood at the ports before it."""
        await ClockCycles(self.clk, n)

    async def pause(self, share):
        """Let cycles pass at random, each time with the probability ``share``."""
        while self.rng.random() < share:
            await RisingEdge(self.clk)

    async def send(self, stream, payload, share=0.3):
        """Offer a payload after a random pause, until it is taken."""
        await self.pause(share)
        valid, ready = getattr(self, f"{stream}__valid"), getattr(self, f"{stream}__ready")
        getattr(self, f"{stream}__payload").value = int(payload)
        valid.value = 1
        await RisingEdge(self.clk)
        while not ready.value:
            await RisingEdge(self.clk)
        valid.value = 0

    async def receive(self, stream, share=0.3) -> int:
        """Take the next payload, after a random pause."""
        await self.pause(share)
        valid, ready = getattr(self, f"{stream}__valid"), getattr(self, f"{stream}__ready")
        ready.value = 1
        await RisingEdge(self.clk)
        while not valid.value:
            await RisingEdge(self.clk)
        ready.value = 0
        return self.value(f"{stream}__payload")


async def with_all_variants(dut, unit, test):
    """Reset the design and call ``test(part)`` for each variant of a unit, all at once."""
    dut.rst.value = 1
    for name, value in settings.get("inputs", {}).items():
        getattr(dut, name).value = value
    parts = [Part(dut, unit, name) for name in UNITS[unit].variants]
    cocotb.start_soon(Clock(dut.clk, CLOCK_NS, unit="ns", impl="gpi").start())
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    await RisingEdge(dut.clk)

    async def run(part):
        try:
            await with_timeout(cocotb.start_soon(test(part)), TIMEOUT_CYCLES * CLOCK_NS, "ns")
        except SimTimeoutError:
            raise AssertionError(f"{unit} {part.name}: not done after {TIMEOUT_CYCLES} cycles (seed {settings['seed']})") from None
        except AssertionError as error:
            raise AssertionError(f"{unit} {part.name}: {error} (seed {settings['seed']})") from error

    await gather(*(run(part) for part in parts))
