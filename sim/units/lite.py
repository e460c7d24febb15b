"""AXI4-Lite as the benches of parts speak it: a subordinate with words behind it, and single accesses."""

import cocotb
from cocotb.queue import Queue
from cocotb.triggers import gather


class LiteWords:
    """A subordinate: 32-bit words, zero at first, which fail at some addresses; it pauses at random.

    Members
    -------
    words : dict, word address to value
    failing : set of word addresses, which are answered with SLVERR
    accesses : list of (kind, address), kind "r" or "w", in the order of their answers
    last_read : (value, response) of the read that was answered last
    """

    def __init__(self, part, prefix, share):
        self._part, self._prefix, self._share = part, prefix, share
        self.words, self.failing, self.accesses, self.last_read = {}, set(), [], None
        # What is asked is taken as it comes, one access ahead.
        channels = {"aw": ("awaddr",), "w": ("wdata", "wstrb"), "ar": ("araddr",)}
        self._asked = {channel: Queue(maxsize=1) for channel in channels}
        work = [self._collect(channel, *names) for channel, names in channels.items()]
        self._tasks = [cocotb.start_soon(task) for task in (*work, self._writes(), self._reads())]

    def _port(self, name):
        return getattr(self._part, f"{self._prefix}__{name}")

    async def _take(self, channel, *names):
        """Values of a channel's ports at its handshake."""
        part = self._part
        await part.pause(self._share)
        self._port(f"{channel}ready").value = 1
        await part.tick()
        while not self._port(f"{channel}valid").value:
            await part.tick()
        values = [int(self._port(name).value) for name in names]
        self._port(f"{channel}ready").value = 0
        return values

    async def _give(self, channel, **values):
        part = self._part
        await part.pause(self._share)
        for name, value in values.items():
            self._port(name).value = value
        self._port(f"{channel}valid").value = 1
        await part.tick()
        while not self._port(f"{channel}ready").value:
            await part.tick()
        self._port(f"{channel}valid").value = 0

    async def _collect(self, channel, *names):
        while True:
            await self._asked[channel].put(await self._take(channel, *names))

    async def _writes(self):
        while True:
            (address,), (data, strobe) = await self._asked["aw"].get(), await self._asked["w"].get()
            assert address % 4 == 0, f"a write to {address:#x}"
            mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
            if address not in self.failing:
                self.words[address] = self.words.get(address, 0) & ~mask | data & mask
            self.accesses.append(("w", address))
            await self._give("b", bresp=2 * (address in self.failing))

    async def _reads(self):
        while True:
            (address,) = await self._asked["ar"].get()
            assert address % 4 == 0, f"a read of {address:#x}"
            self.accesses.append(("r", address))
            self.last_read = self.words.get(address, 0), 2 * (address in self.failing)
            await self._give("r", rdata=self.last_read[0], rresp=self.last_read[1])

    def stop(self):
        for task in self._tasks:
            task.cancel()


async def transfer(part, prefix, channel, **values):
    """Offer one transfer of a channel after a random pause, until it is taken."""
    await part.pause(0.3)
    for name, value in values.items():
        getattr(part, f"{prefix}__{name}").value = value
    valid, ready = (getattr(part, f"{prefix}__{channel}{end}") for end in ("valid", "ready"))
    valid.value = 1
    await part.tick()
    while not ready.value:
        await part.tick()
    valid.value = 0


async def answer(part, prefix, channel, *names):
    """Take one transfer of a channel after a random pause; the values of its ports, and of none, are returned."""
    await part.pause(0.3)
    valid, ready = (getattr(part, f"{prefix}__{channel}{end}") for end in ("valid", "ready"))
    if part.rng.random() < 0.3:
        # It comes before it may be taken, and must wait.
        while not valid.value:
            await part.tick()
        await part.pause(0.7)
    ready.value = 1
    await part.tick()
    while not valid.value:
        await part.tick()
    values = [int(getattr(part, f"{prefix}__{name}").value) for name in names]
    ready.value = 0
    return values


async def write_word(part, prefix, address, value, strobe=0xF) -> int:
    """One write; its response."""
    await gather(
        transfer(part, prefix, "aw", awaddr=address),
        transfer(part, prefix, "w", wdata=value, wstrb=strobe),
    )
    (response,) = await answer(part, prefix, "b", "bresp")
    return response


async def read_word(part, prefix, address):
    """One read; data and response."""
    await transfer(part, prefix, "ar", araddr=address)
    return await answer(part, prefix, "r", "rdata", "rresp")
