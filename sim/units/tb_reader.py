"""A memory port's reads: requests become bursts that AXI3 allows, and their words come back in order."""

from collections import deque

import cocotb
from cocotb.triggers import gather

from lifarray.hw.reader import OUTSTANDING_BURSTS, request_layout

from .memory_model import PAGE, Bursts, draw_place, places_outside, set_windows, word_at
from .part import Fields, settings, with_all_variants


class Memory:
    """Answers in order within an ID, and mixes the beats of different IDs at random."""

    def __init__(self, part, bus_bits):
        self.part = part
        self.bus_bits = bus_bits
        self.bursts = Bursts(part, "ar", bus_bits)
        self.pending = [deque(), deque()]
        self.faults = set()         # addresses of beats
        self.accept, self.answer = (float(share) for share in part.rng.choice([0.1, 0.5, 1], 2))
        cocotb.start_soon(self._run())

    async def _run(self):
        part, rng = self.part, self.part.rng
        while True:
            part.bus__arready.value = bool(rng.random() < self.accept)
            waiting = [i for i, beats in enumerate(self.pending) if beats]
            answers = bool(waiting) and rng.random() < self.answer
            part.bus__rvalid.value = answers
            if answers:
                identity = int(rng.choice(waiting))
                address, last = self.pending[identity].popleft()
                part.bus__rid.value = identity
                part.bus__rdata.value = word_at(address & ~7) >> 8 * (address % 8) & (1 << self.bus_bits) - 1
                part.bus__rlast.value = last
                part.bus__rresp.value = 2 * (address in self.faults)
            await part.tick()
            assert part.bus__rready.value == 1, "the port waits for the core"
            if burst := self.bursts.see():
                identity, address, n_beats = burst
                step = self.bus_bits // 8
                self.pending[identity] += [(address + step * beat, beat == n_beats - 1) for beat in range(n_beats)]
                n_bursts = sum(last for _, last in self.pending[identity])
                assert n_bursts <= OUTSTANDING_BURSTS, f"{n_bursts} bursts under way"

    @property
    def idle(self):
        return not any(self.pending)


@cocotb.test()
async def words(dut):
    """Two streams at once, from places near the ends of pages."""
    await with_all_variants(dut, "reader", run)


async def run(part):
    rng = part.rng
    bus_bits, _ = part.config
    fields = Fields(request_layout)
    set_windows(part)
    memory = Memory(part, bus_bits)

    async def stream(i):
        requests = [(draw_place(rng, n), n) for n in (int(n) for n in rng.integers(1, 150, 3 * settings["count"]))]
        # Bursts so short that there is room for more of them than may be under way.
        requests += [(draw_place(rng, n), n) for n in (int(n) for n in rng.integers(1, 3, 3 * OUTSTANDING_BURSTS))]
        share = float(rng.choice([0, 0.3, 0.7]))

        async def ask():
            for address, n in requests:
                await part.send(f"requests{i}", fields.pack({"address": address, "words": n}))

        async def read():
            for address, n in requests:
                for k in range(n):
                    found = await part.receive(f"words{i}", share)
                    assert found == word_at(address + 8 * k), f"stream {i}: word {k} of {n} from {address:#x} is {found:#x}"

        await gather(ask(), read())

    async def stop_at_times():
        """Memory answers nothing for so long that all bursts that may be are under way."""
        while True:
            await part.tick(400)
            answer, memory.answer = memory.answer, 0
            await part.tick(400)
            memory.answer = answer

    stopping = cocotb.start_soon(stop_at_times())
    await gather(stream(0), stream(1))
    stopping.cancel()
    await part.tick(2)
    assert memory.idle and part.idle.value == 1
    assert memory.bursts.n > 10


@cocotb.test()
async def failing_beat(dut):
    """Memory's error is told with its burst; after ``halt`` nothing more is asked for."""
    await with_all_variants(dut, "reader", lambda part: run_errors(part, None))


@cocotb.test()
@cocotb.parametrize(place=list(places_outside()))
async def outside(dut, place):
    """What lies in the window is done, and no more; addresses never wrap."""
    await with_all_variants(dut, "reader", lambda part: run_errors(part, places_outside()[place]))


@cocotb.test()
async def two_errors(dut):
    """A beat fails while the other stream's burst may not be asked for: memory's error is the one that is told."""
    await with_all_variants(dut, "reader", run_two_errors)


async def run_two_errors(part):
    rng = part.rng
    bus_bits, _ = part.config
    set_windows(part)
    memory = Memory(part, bus_bits)
    memory.accept, memory.answer = 1, 0
    fields = Fields(request_layout)
    fault, fails = draw_place(rng, 1), int(rng.integers(2))
    memory.faults = {fault}
    for i, address in ((fails, fault), (1 - fails, places_outside()["elsewhere"][0])):
        await part.send(f"requests{i}", fields.pack({"address": address, "words": 1}))
    for _ in range(20):
        await part.tick()
    assert part.error_outside.value and not part.error_failed.value
    memory.answer = 1
    while not part.error_failed.value:
        await part.tick()
    assert part.value("error_address") == fault, f"error at {part.value('error_address'):#x}, must be {fault:#x}"


async def run_errors(part, place):
    """``place``: where a request begins and what of it is outside; None: a beat fails."""
    rng = part.rng
    bus_bits, _ = part.config
    set_windows(part)
    memory = Memory(part, bus_bits)
    memory.accept = memory.answer = 0.5
    fields = Fields(request_layout)
    if place is None:
        address = draw_place(rng, 100)
        fault = address + 8 * int(rng.integers(100))
        memory.faults = {fault}
    else:
        address, fault = place

    async def read():
        while True:
            await part.receive("words1", 0.2)

    reading = cocotb.start_soon(read())
    await part.send("requests1", fields.pack({"address": address, "words": 100}))
    flag = part.error_outside if place else part.error_failed
    for _ in range(4000):
        await part.tick()
        if flag.value:
            break
    assert flag.value, "no error"
    told = part.value("error_address")
    if place is None:
        # The address of the burst that the beat belongs to.
        assert told <= fault < told + 128 and told // PAGE == fault // PAGE, f"error at {told:#x}, must be the burst with {fault:#x}"
    else:
        assert told == fault, f"error at {told:#x}, must be {fault:#x}"
    part.halt.value = 1
    await part.tick(2)
    n = memory.bursts.n
    while not (memory.idle and part.idle.value):
        await part.tick()
    # The one that was offered when the error came may still be taken.
    assert memory.bursts.n <= n + 1, "bursts after the halt"
    reading.cancel()
