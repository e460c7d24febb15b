"""A memory port's writes: runs of words become bursts that AXI3 allows, and memory holds what it should."""

from collections import deque

import cocotb
from cocotb.triggers import gather

from lifarray.hw.writer import OUTSTANDING_BURSTS, run_layout

from .memory_model import Bursts, draw_place, places_outside, set_windows, word_at
from .part import Fields, settings, with_all_variants


class Memory:
    """Bytes, and answers in order."""

    def __init__(self, part):
        self.part = part
        self.bursts = Bursts(part, "aw", part.config.bus_bits)
        self.bytes = {}
        self.announced = []         # bursts: address of the next beat, beats left, address of the first
        self.answers = deque()
        self.faults = set()         # addresses of bursts
        self.shares = [float(share) for share in part.rng.choice([0.1, 0.5, 1], 3)]
        cocotb.start_soon(self._run())

    async def _run(self):
        part, rng = self.part, self.part.rng
        step = part.config.bus_bits // 8
        offered = None
        while True:
            accept, take, answer = (bool(rng.random() < share) for share in self.shares)
            part.bus__awready.value, part.bus__wready.value = accept, take
            answer = answer and bool(self.answers)
            failed = answer and self.answers.popleft() in self.faults
            part.bus__bvalid.value, part.bus__bresp.value = answer, 2 * failed
            await part.tick()
            assert part.error_failed.value == failed, "memory's errors are told, and nothing else"
            now = tuple(part.value(f"bus__w{name}") for name in ("data", "strb", "last")) if part.bus__wvalid.value else None
            assert offered is None or now == offered, "data change while they wait"
            offered = now if now and not take else None
            if now and take:
                assert self.announced, "data without an address"
                address, left, first = self.announced.pop(0)
                data, strobe, last = now
                assert last == (left == 1), f"WLAST is {last} with {left} beats to come"
                for byte in range(step):
                    if strobe >> byte & 1:
                        self.bytes[address + byte] = data >> 8 * byte & 0xFF
                if left > 1:
                    self.announced.insert(0, (address + step, left - 1, first))
                else:
                    self.answers.append(first)
                    assert len(self.answers) <= OUTSTANDING_BURSTS
            if burst := self.bursts.see():
                assert len(self.announced) <= 1, "an address before the data of the one before the last"
                _, address, n_beats = burst
                self.announced.append((address, n_beats, address))


@cocotb.test()
async def runs(dut):
    """Words and halves of words, near the ends of pages; nothing but them is written."""
    await with_all_variants(dut, "writer", run)


async def send_run(part, fields, address, words, half):
    share = float(part.rng.choice([0, 0.3, 0.8]))

    async def data():
        for word in words:
            await part.send("words", word, share)

    await gather(part.send("runs", fields.pack({"address": address, "words": len(words), "half": half})), data())


async def run(part):
    rng = part.rng
    fields = Fields(run_layout)
    set_windows(part)
    memory = Memory(part)
    expected = {}

    async def stop_at_times():
        """Memory answers nothing for so long that all bursts that may be are under way."""
        while True:
            await part.tick(300)
            shares, memory.shares = memory.shares, [1, 1, 0]
            await part.tick(300)
            memory.shares = shares

    stopping = cocotb.start_soon(stop_at_times())
    for i in range(6 * settings["count"]):
        # Some bursts of a word one after the other, so many that they must wait.
        half = bool(rng.random() < 0.4) or i % 30 < 12
        n = 1 if half else int(rng.integers(1, 100))
        address = draw_place(rng, n) + (4 * int(rng.integers(2)) if half else 0)
        words = [word_at(int(rng.integers(1 << 40)) * 8) for _ in range(n)]
        if half:
            words = [(words[0] & 0xFFFF_FFFF) * 0x1_0000_0001]
            expected.update({address + byte: words[0] >> 8 * byte & 0xFF for byte in range(4)})
        else:
            expected.update({address + byte: words[byte // 8] >> 8 * (byte % 8) & 0xFF for byte in range(8 * n)})
        await send_run(part, fields, address, words, half)
    stopping.cancel()
    memory.shares = [0.5] * 3
    while not part.drained.value:
        await part.tick()
    assert part.idle.value and not memory.announced and not memory.answers, "drained while something is under way"
    await part.tick(10)
    assert memory.bytes == expected, "memory holds something else"


@cocotb.test()
@cocotb.parametrize(late=[False, True])
async def failing_burst(dut, late):
    """Memory's error is told with its burst, whatever was announced since; after ``halt`` nothing more is announced."""
    await with_all_variants(dut, "writer", lambda part: run_errors(part, None, late))


@cocotb.test()
@cocotb.parametrize(place=list(places_outside()))
async def outside(dut, place):
    """What lies in the window is done, and no more; addresses never wrap."""
    await with_all_variants(dut, "writer", lambda part: run_errors(part, places_outside()[place]))


async def run_errors(part, place, late=False):
    """``place``: where a request begins and what of it is outside; None: a burst fails, the first or, ``late``, the third of many."""
    rng = part.rng
    fields = Fields(run_layout)
    set_windows(part)
    memory = Memory(part)
    if place is None:
        address = fault = draw_place(rng, 60)
        if late:
            longest = 16 * part.config.bus_bits // 8
            fault = (address // longest + 2) * longest
            memory.shares = [1, 1, 0]
        memory.faults = {fault}
    else:
        address, fault = place
    sending = cocotb.start_soon(send_run(part, fields, address, [word_at(8 * i) for i in range(60)], False))
    if late:
        await part.tick(500)
        memory.shares = [1, 1, 0.5]
    flag = part.error_outside if place else part.error_failed
    for _ in range(4000):
        await part.tick()
        if flag.value:
            break
    assert flag.value, "no error"
    assert part.value("error_address") == fault, f"error at {part.value('error_address'):#x}, must be {fault:#x}"
    part.halt.value = 1
    await part.tick(2)
    n = memory.bursts.n
    for _ in range(3000):
        await part.tick()
        if part.idle.value:
            break
    await part.tick(50)
    assert memory.bursts.n <= n + 1 and part.idle.value and not memory.answers, "not idle after the halt"
    sending.cancel()
