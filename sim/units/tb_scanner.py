"""The scanner: which inputs it finds, in which order, and which words it asks for, tile by tile."""

import cocotb
from cocotb.triggers import gather

from lifarray.golden.config import SLOTS
from lifarray.golden.descriptor import pack_descriptor
from lifarray.hw.reader import request_layout
from lifarray.hw.window import work_layout

from .part import Fields, settings, with_all_variants
from .tb_rows import words_of_port

HALF = 1 << 32


@cocotb.test()
async def layers(dut):
    """Rasters that are silent, sparse and full; several tiles, passes and biases; lists that overflow; loads."""
    await with_all_variants(dut, "scanner", run)


def model(config, layer, used_slots, raster, row_words):
    """What a layer takes, from the descriptor's description.

    Returns
    -------
    (work, row requests of each port, raster requests)
        ``work``: (word, last, row or None); requests: (address, words).
    """
    work, rows, rasters = [], [[] for _ in range(config.ports)], []
    resident = layer["resident"]
    n_rows = layer["fan_in"] + layer["bias_rows"]
    n_passes = -(-layer["n_steps"] // SLOTS)
    listed = 0
    for tile in range(config.tiles(layer["n_neurons"])):
        for p in range(n_passes):
            slots = used_slots if n_passes == 1 and layer["n_steps"] <= SLOTS else min(SLOTS, layer["n_steps"] - p * SLOTS)
            half = (used_slots + 1) // 2 if layer["n_steps"] <= SLOTS else SLOTS // 2
            used = (1 << slots) - 1
            first = (1 << half) - 1
            segments = [used & first, used & ~first] if resident and slots > half else [used]
            spikes = [word & used for word in raster[p]] + [used] * layer["bias_rows"]
            for s, mask in enumerate(segments):
                if (tile == 0 and s == 0) or listed > config.list_words:
                    rasters.append((layer["input_address"] + 8 * p * layer["fan_in"], layer["fan_in"]))
                if tile == 0 and s == 0:
                    listed += sum(word != 0 for word in spikes) + 1
                for i, word in enumerate(spikes):
                    if not word & mask:
                        continue
                    work.append((word & mask, 0, layer["store_row"] + tile * n_rows + i if resident else None))
                    if not resident:
                        ask(rows, config, layer["weight_address"] + 8 * row_words * (tile * n_rows + i), row_words)
                work.append((mask, 1, None))
    return work, rows, rasters


def ask(rows, config, address, row_words):
    """A row's requests, one for each port that has a part in it."""
    for port, mine in enumerate(rows):
        words = words_of_port(config, row_words, port)
        if words:
            mine.append((address + 8 * words[0], len(words)))


class Bench:
    def __init__(self, part):
        self.part = part
        self.config = part.config
        self.requests, self.works = Fields(request_layout), Fields(work_layout(part.config))
        self.asked = [0] * part.config.ports    # rows, by port
        self.taken = 0
        self.n_rows = 0
        self.fast = False       # rows and work are taken as they come

    async def take_rows(self):
        """Say that rows left the ring, some time after they were asked for."""
        part = self.part
        share = float(part.rng.choice([0, 0.5, 0.9]))
        while self.taken < self.n_rows:
            if part.rng.random() < 0.05:
                await part.tick(60)     # in which the ring fills up
            await part.pause(share)
            ports = [port for port in range(self.config.ports) if self.has_part[port]]
            part.row_taken.value = here = self.taken < min(self.asked[port] for port in ports)
            self.taken += here
            await part.tick()
            part.row_taken.value = 0
            assert not part.loaded.value, "the rows are loaded before they are here"

    async def answer_rows(self, port, expected):
        share = 0 if self.fast else float(self.part.rng.choice([0, 0.3, 0.8]))
        for address, words in expected:
            found = self.requests.unpack(await self.part.receive(f"row_requests{port}", share))
            assert (found.address, found.words) == (address, words), f"port {port}: row {vars(found)}, must be {address:#x}, {words}"
            self.asked[port] += 1
            assert self.asked[port] - self.taken <= self.config.ring_rows, "more rows than the ring holds"

    async def answer_rasters(self, expected, raster):
        share = float(self.part.rng.choice([0, 0.3, 0.8]))
        for address, words in expected:
            found = self.requests.unpack(await self.part.receive("raster_requests", share))
            assert (found.address, found.words) == (address, words), f"raster {vars(found)}, must be {address:#x}, {words}"
            for word in raster[address]:
                await self.part.send("raster", word, share)

    async def receive_work(self, expected):
        share = 0 if self.fast else float(self.part.rng.choice([0, 0.3, 0.8]))
        for i, (word, last, row) in enumerate(expected):
            found = self.works.unpack(await self.part.receive("work", share))
            assert (found.word, found.last) == (word, last), f"work {i} is {vars(found)}, must be {word:#x}, last {last}"
            assert row is None or found.row == row, f"work {i} is of row {found.row}, must be {row}"

    async def layer(self, one_row=False):
        """A layer at random, or the load of a single row."""
        part, rng, config = self.part, self.part.rng, self.config
        n_steps = int(rng.choice([1, rng.integers(2, 64), 64, rng.integers(65, 200)]))
        n_samples = int(rng.integers(1, SLOTS // n_steps + 1)) if n_steps <= SLOTS else 1
        four_bit = config.weight_bits == 4 or bool(rng.random() < 0.3)
        load = one_row or bool(rng.random() < 0.2)
        fan_in = 1 if one_row else int(rng.integers(1, 2 * config.list_words))
        bias_rows = int(rng.integers(0, 3))
        layer = dict(
            n_steps=n_steps,
            n_samples=n_samples,
            fan_in=fan_in,
            bias_rows=bias_rows,
            n_neurons=int(rng.integers(1, 3 * config.lanes + 1)),
            resident=int(rng.random() < 0.5),
            load=0,
            four_bit=four_bit,
            store_row=int(rng.integers(0, 8)),
            # Addresses may be anywhere, and never wrap.
            input_address=int(rng.choice([rng.integers(HALF), HALF - 64])) & ~7,
            weight_address=int(rng.choice([rng.integers(HALF), HALF - 256])) & ~7,
        )
        n_rows = config.tiles(layer["n_neurons"]) * (fan_in + bias_rows)
        if layer["resident"] and layer["store_row"] + n_rows > config.store_rows:
            layer["resident"] = 0
        if load:
            layer.update(load=1, resident=0, fan_in=min(fan_in, config.resident_rows - layer["store_row"]))
        used_slots = n_steps * n_samples if n_steps <= SLOTS else 0
        row_words = config.row_words(4 if four_bit else config.weight_bits)
        density = float(rng.choice([0, 0.1, 0.6, 1]))
        n_passes = -(-n_steps // SLOTS)
        raster = [[int(rng.integers(1 << 63)) * 2 + 1 if rng.random() < density else 0 for _ in range(layer["fan_in"])] for _ in range(n_passes)]
        if load:
            work, rasters, rows = [], [], [[] for _ in range(config.ports)]
            for i in range(layer["fan_in"]):
                ask(rows, config, layer["weight_address"] + 8 * row_words * i, row_words)
        else:
            work, rows, rasters = model(config, layer, used_slots, raster, row_words)
        rows = [[sticky(request) for request in mine] for mine in rows]
        rasters = [sticky(request) for request in rasters]
        contents = {sticky((layer["input_address"] + 8 * p * layer["fan_in"], 0))[0]: words for p, words in enumerate(raster)}
        part.layer.value = int.from_bytes(pack_descriptor(**layer), "little")
        part.used_slots.value = used_slots
        part.row_words.value = row_words
        await part.tick(2)
        part.start.value = 1
        await part.tick()
        assert part.restart.value == 1, "the store is not told where to begin"
        first_row = layer["store_row"] if load else config.store_rows - config.ring_rows
        assert part.value("first_row") == first_row
        part.start.value = 0
        # Rows are asked for only where their work can be taken; a load brings none.
        part.work__ready.value = load
        self.asked, self.taken = [0] * config.ports, 0
        self.has_part = [bool(mine) for mine in rows]
        self.n_rows = max(map(len, rows))
        self.fast = bool(rng.random() < 0.5)
        tasks = [self.answer_rows(port, mine) for port, mine in enumerate(rows)]
        await gather(self.take_rows(), self.answer_rasters(rasters, contents), self.receive_work(work), *tasks)
        for _ in range(30):
            await part.tick()
            for stream in ("work", "raster_requests", *(f"row_requests{port}" for port in range(config.ports))):
                assert not getattr(part, f"{stream}__valid").value, f"more {stream} than the layer has"
        assert part.resident.value == layer["resident"]
        if load:
            assert part.loaded.value == 1 and part.arrived.value == 0


def sticky(request):
    """An address beyond 2^32 is told by its 33rd bit, which stays."""
    address, words = request
    return (address & HALF - 1 | (HALF if address >= HALF else 0), words)


async def run(part):
    bench = Bench(part)
    for _ in range(2 * settings["count"]):
        await bench.layer()
    await bench.layer(one_row=True)
