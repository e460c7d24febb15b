"""Rows and store: each active input comes out with its own row of weights, loaded to stay or just arrived."""

import cocotb
from cocotb.triggers import gather

from lifarray.hw.window import work_layout

from .part import Fields, settings, with_all_variants


@cocotb.test()
async def rows_of_inputs(dut):
    """Loads, layers whose weights stay, layers whose weights pass, in any order."""
    await with_all_variants(dut, "rows", run)


def words_of_port(config, row_words, port):
    """Which words of a row a port brings: the first half of a full row, and what lies beyond."""
    half = -(-config.row_words(config.weight_bits) // config.ports)
    return list(range(row_words))[port * half : (port + 1) * half]


class Bench:
    def __init__(self, part):
        self.part = part
        self.config = part.config
        self.works = Fields(work_layout(part.config))
        self.store = {}             # row to (its lanes, whether of 4 bits)
        self.expected = []          # (word, last, weights or None)
        self.sent_rows = 0
        self.taken_rows = 0
        cocotb.start_soon(self._count_taken())

    async def _count_taken(self):
        while True:
            await self.part.tick()
            self.taken_rows += int(self.part.row_taken.value)
            assert self.taken_rows <= self.sent_rows, "a row is taken that was not sent"

    def draw_row(self, bits):
        reach = 1 << bits - 1
        return [int(weight) for weight in self.part.rng.integers(-reach, reach, self.config.lanes)]

    def pack(self, row, bits):
        return sum((weight & (1 << bits) - 1) << lane * bits for lane, weight in enumerate(row))

    async def begin(self, first_row, four_bit):
        part = self.part
        bits = 4 if four_bit else self.config.weight_bits
        part.row_words.value = self.config.row_words(bits)
        if part.has("four_bit"):
            part.four_bit.value = four_bit
        part.first_row.value = first_row
        part.restart.value = 1
        await part.tick()
        part.restart.value = 0
        self.sent_rows = self.taken_rows = 0
        await part.tick(3)
        return bits

    async def bring(self, port, rows, bits, share):
        """Send a port's words of all rows, as far as the ring has room."""
        part, config = self.part, self.config
        mine = words_of_port(config, config.row_words(bits), port)
        for i, row in enumerate(rows):
            while i - self.taken_rows >= config.ring_rows:
                await part.tick()
            if port == 0:
                self.sent_rows = i + 1
            for word in mine:
                await part.send(f"words{port}", self.pack(row, bits) >> 64 * word & (1 << 64) - 1, share)

    async def load(self):
        rng, config = self.part.rng, self.config
        four_bit = config.weight_bits == 4 or bool(rng.random() < 0.4)
        n_rows = int(rng.integers(1, config.resident_rows + 1))
        first = int(rng.integers(0, config.resident_rows - n_rows + 1))
        bits = await self.begin(first, four_bit)
        rows = [self.draw_row(bits) for _ in range(n_rows)]
        self.part.arrived.value = 1
        await gather(*(self.bring(port, rows, bits, 0.2) for port in range(config.ports)))
        while self.taken_rows < n_rows:
            await self.part.tick()
        self.part.arrived.value = 0
        self.store.update({first + i: (row, bits) for i, row in enumerate(rows)})
        await self.part.tick(2)

    async def layer(self, resident, n_inputs=None):
        part, rng, config = self.part, self.part.rng, self.config
        bits = int(rng.choice([4, config.weight_bits]))
        usable = [row for row, (_, stored) in self.store.items() if stored == bits]
        if resident and not usable:
            return
        await self.begin(config.store_rows - config.ring_rows, bits == 4)
        part.resident.value = resident
        n_inputs = n_inputs or int(rng.integers(1, 3 * config.ring_rows))
        rows, works = [], []
        for _ in range(n_inputs):
            word = int(rng.integers(1, 1 << 63))
            if rng.random() < 0.1:
                works.append({"word": word, "last": 1, "row": 0})
                self.expected.append((word, 1, None))
                continue
            place = int(rng.choice(usable)) if resident else 0
            row = self.store[place][0] if resident else self.draw_row(bits)
            rows.append(row)
            works.append({"word": word, "last": 0, "row": place})
            self.expected.append((word, 0, row))

        async def send_works():
            share = float(rng.choice([0, 0.3, 0.8]))
            for work in works:
                await part.send("work", self.works.pack(work), share)

        share = float(rng.choice([0, 0.3, 0.8]))
        tasks = [] if resident else [self.bring(port, rows, bits, share) for port in range(config.ports)]
        await gather(send_works(), self.receive(len(works)), *tasks)
        assert not self.expected
        part.resident.value = 0

    async def receive(self, n):
        part, config = self.part, self.config
        share = float(part.rng.choice([0, 0.3, 0.8]))
        for _ in range(n):
            found = self.works.unpack(await part.receive("load", share))
            weights = self.at_load
            word, last, row = self.expected.pop(0)
            assert (found.word, found.last) == (word, last), f"work {found.word:#x}, last {found.last}, must be {word:#x}, {last}"
            if row is not None:
                wanted = self.pack(row, config.weight_bits)
                assert weights == wanted, f"weights {weights:#x}, must be {wanted:#x}"

    @property
    def at_load(self):
        return self.part.value("weights")


async def run(part):
    bench = Bench(part)
    await bench.load()
    # Whatever is drawn: once around the ring, and rows that stay.
    await bench.layer(False, 3 * part.config.ring_rows)
    await bench.layer(True)
    for _ in range(settings["count"]):
        kind = part.rng.choice(["load", "resident", "streamed"], p=[0.2, 0.4, 0.4])
        await (bench.load() if kind == "load" else bench.layer(kind == "resident"))
