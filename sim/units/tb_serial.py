"""The serial line to AXI4-Lite, bit by bit: requests are answered, and what is no whole request is not."""

import cocotb
from cocotb.triggers import FallingEdge, Timer

from lifarray.golden.serial_frame import BUS_ERROR, END, ESCAPE, ESCAPED_ESCAPE, MAX_WORDS, Op, disclose, enclose, parse_answer, request
from lifarray.sim.testbench import CLOCK_NS

from .lite import LiteWords
from .part import settings, with_all_variants

DISTURBANCES = ("nothing", "crc", "short", "long", "escape", "cut", "pulse", "unstopped", "bytes")

WRAP_BYTES = 2048
"""After so many a counter that is just wide enough for the bytes of a frame begins again."""

DRIFT = 0.02
"""How much faster or slower than the core's the host's clock may be."""


@cocotb.test()
async def requests(dut):
    """Reads, writes and resets; noise, broken frames and short pulses between them."""
    await with_all_variants(dut, "serial", run)


class Line:
    def __init__(self, part, cycles_per_bit):
        self.part = part
        self.nominal_ps = 1000 * CLOCK_NS * cycles_per_bit
        self.drift()
        self.received = bytearray()
        part.rx.value = 1
        self._task = cocotb.start_soon(self._listen())

    def drift(self):
        """Draw how fast the host's clock is."""
        self.bit_ps = int(self.nominal_ps * (1 + self.part.rng.uniform(-DRIFT, DRIFT)))

    async def send(self, data, unstopped=None, pulse_before=None):
        """Bytes; of those with these indices, one has no stop bit, and a short pulse comes before the other."""
        for index, byte in enumerate(data):
            if index == pulse_before:
                await self.pulse()
            for bit in (0, *(byte >> i & 1 for i in range(8))):
                self.part.rx.value = bit
                await Timer(self.bit_ps, "ps")
            if index == unstopped:
                self.part.rx.value = 0
                await Timer(self.bit_ps, "ps")
            self.part.rx.value = 1
            # What follows a missing stop bit may be taken for a byte of ones.
            await Timer(self.bit_ps * (12 if index == unstopped else 1), "ps")

    async def pulse(self):
        """Too short for a start bit."""
        self.part.rx.value = 0
        await Timer(self.nominal_ps // 4, "ps")
        self.part.rx.value = 1
        await Timer(self.nominal_ps * 2, "ps")

    async def _listen(self):
        part = self.part
        while True:
            await FallingEdge(part.tx)
            byte = 0
            await Timer(self.nominal_ps * 3 // 2, "ps")
            for i in range(8):
                byte |= int(part.tx.value) << i
                await Timer(self.nominal_ps, "ps")
            assert part.tx.value == 1, "no stop bit"
            self.received.append(byte)

    async def frame(self, timeout_bits):
        """The body of the next frame, or None."""
        for _ in range(timeout_bits):
            begin = 0
            while begin < len(self.received) and self.received[begin] == END:
                begin += 1
            end = self.received.find(END, begin)
            if end > begin:
                body, self.received = disclose(bytes(self.received[begin:end])), self.received[end:]
                return body
            await Timer(self.nominal_ps, "ps")
        return None

    def stop(self):
        self._task.cancel()


async def run(part):
    rng = part.rng
    line = Line(part, part.config)
    lite = LiteWords(part, "lite", 0.2)
    lite.failing = set(range(0x2C0, 0x340, 0x20))
    words = {}
    resets = 0

    async def watch():
        nonlocal resets
        was = 0
        while True:
            await part.tick()
            now = part.value("reset")
            resets += now and not was
            was = now

    watching = cocotb.start_soon(watch())
    sequence = 0
    kinds = [str(kind) for kind in rng.permutation(DISTURBANCES)]
    # A frame of many words takes as long as all the rest: in some runs, once.
    large = rng.integers(3 * settings["count"]) if rng.random() < 0.2 else None
    for index in range(3 * settings["count"]):
        sequence = (sequence + 1) % 256
        op = Op(int(rng.choice(list(Op), p=[0.4, 0.5, 0.1])))
        count = 1 if op == Op.RESET else int(rng.choice([1, rng.integers(1, 12)]))
        if index == large:
            op, count = Op.WRITE, int(rng.integers(MAX_WORDS // 2 + 1, MAX_WORDS + 1))
        address = 4 * int(rng.integers(0xB0, 0xC8))
        values = [int(rng.choice([0xC0C0_DBDB, 0xDCDD_C0DB, rng.integers(1 << 32)])) for _ in range(count)]
        places = [address + 4 * i for i in range(count)]
        data = b"".join(value.to_bytes(4, "little") for value in values) if op == Op.WRITE else b""
        await disturb(line, rng, kinds[index % len(kinds)], request(sequence, op, address, count, data))
        before = resets
        line.drift()
        await line.send(request(sequence, op, address, count, data), pulse_before=rng.choice([None, 3]))
        # What comes during the answer is dropped.
        interrupting = cocotb.start_soon(noise(line, rng, 4 if rng.random() < 0.4 else 0))
        body = await line.frame(4000 + 100 * count)
        await interrupting
        answer = body and parse_answer(body, sequence, op, count)
        assert answer, f"no answer to {op.name}, but {body}"
        if op == Op.WRITE:
            words.update({place: value for place, value in zip(places, values) if place not in lite.failing})
        if op == Op.READ:
            wanted = b"".join((0 if place in lite.failing else words.get(place, 0)).to_bytes(4, "little") for place in places)
            got = answer[0]
            assert got == wanted, f"{count} words from {address:#x}: {got.hex()}, must be {wanted.hex()}"
        assert answer[1] == BUS_ERROR * (op != Op.RESET and any(place in lite.failing for place in places)), f"error {answer[1]}"
        assert resets - before == (op == Op.RESET)
        assert lite.words == words
    watching.cancel()
    line.stop()
    lite.stop()


@cocotb.test()
async def longest(dut):
    """The longest read on one line, and on the other a frame that is too long: both take as long as all the rest."""
    each = {"quick": too_long, "odd": longest_read}
    await with_all_variants(dut, "serial", lambda part: each[part.name](part))


async def longest_read(part):
    """All words that one answer can have, and not one more."""
    line, lite = Line(part, part.config), LiteWords(part, "lite", 0)
    values = part.rng.integers(1 << 32, size=MAX_WORDS, dtype="<u4")
    lite.words.update({4 * i: int(value) for i, value in enumerate(values)})
    await line.send(request(1, Op.READ, 0, MAX_WORDS))
    body = await line.frame(60 * MAX_WORDS)
    assert body and parse_answer(body, 1, Op.READ, MAX_WORDS) == (values.tobytes(), 0), f"the answer is {body}"
    line.stop()
    lite.stop()


async def too_long(part):
    """A frame whose CRC is right, and whose last bytes are a request: it is none."""
    line, lite = Line(part, part.config), LiteWords(part, "lite", 0)
    good = request(1, Op.READ, 0)
    await line.send(enclose(bytes(WRAP_BYTES) + disclose(good.strip(bytes([END])))))
    await Timer(line.nominal_ps * 60, "ps")
    assert not line.received, "a frame that is too long is answered"
    await line.send(good)
    assert await line.frame(1000), "the frame after it is not answered"
    line.stop()
    lite.stop()


async def noise(line, rng, n):
    await line.send(bytes(int(byte) for byte in rng.integers(0, 256, n) if byte != END) + bytes([END]))


async def disturb(line, rng, kind, good):
    """Something that must not be answered, and must not harm what comes after it."""
    if kind == "crc":
        at = int(rng.integers(1, len(good) - 1))
        damaged = bytearray(good)
        damaged[at] ^= 1 << int(rng.integers(8))
        await line.send(damaged)
    elif kind == "short":
        await line.send(good[: int(rng.integers(1, len(good) - 1))])
    elif kind == "long":
        # More words than it says, with a right CRC.
        await line.send(enclose(disclose(good.strip(bytes([END]))) + b"more"))
    elif kind == "escape":
        # Whole but for an escape that stands for nothing.
        whole = request(0, Op.WRITE, 0x300, 1, bytes([ESCAPE] * 4))
        await line.send(whole.replace(bytes([ESCAPE, ESCAPED_ESCAPE]), bytes([ESCAPE, 0]), 1))
    elif kind == "cut":
        # The `END` after an escape ends the frame all the same, and the next one is whole.
        await line.send(good[: int(rng.integers(1, len(good) - 1))] + bytes([ESCAPE, END]))
    elif kind == "pulse":
        await line.pulse()
    elif kind == "unstopped":
        # Neither the first byte nor the last, which other frames have too, nor one of ones.
        for _ in range(4 if len(good) < 100 else 1):
            line.drift()  # which decides whether the rest of the zero is taken for a start bit
            await line.send(good, int(rng.choice([i for i in range(1, len(good) - 1) if good[i] != 0xFF])))
    elif kind == "bytes":
        await noise(line, rng, 3)
    await Timer(line.nominal_ps * 60, "ps")
    assert not line.received.strip(bytes([END])), f"{kind} is answered"
