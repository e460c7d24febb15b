"""cocotb bench of the core alone: random networks, every error, and recovery.

The settings come as JSON in ``LIFARRAY_BENCH``: the config's fields, ``seed`` and ``count``.
"""

import contextlib
import json
import os
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from cocotb.utils import get_sim_time

from lifarray.golden.config import SLOTS, CoreConfig
from lifarray.golden.descriptor import DESCRIPTOR_BYTES, pack_descriptor
from lifarray.golden.encode import pack
from lifarray.golden.lif import reset_mode
from lifarray.golden.network import Layer, Network
from lifarray.golden.program import Program, load_descriptor, weight_rows
from lifarray.golden.registers import BY_NAME, CAPABILITIES, MAP_HASH, REGISTERS, ErrorCode
from lifarray.hw.store import part_words

from . import bus_memory
from .coverage import Coverage
from .random_networks import random_network
from .scoreboard import Scoreboard
from .testbench import CLOCK_NS, COUNTERS, RunFailed, Testbench

PAGE = 4096
BASE = 0x1000_0000
MEMORY_BYTES = 1 << 22

settings = json.loads(os.environ.get("LIFARRAY_BENCH", "{}"))
config = CoreConfig(**settings.get("config", {}))
seed = settings.get("seed", 0)
TIMEOUT_CYCLES = 5_000_000 if settings.get("max_size") else 150_000
PREFIXES = ("m_axi_", "m_axi1_")[: config.ports]
HIGHEST = (1 << (config.vmem_bits - 1)) - 1
"""The highest vmem of the core."""
HIGHEST_COUNT = (1 << 32) - 1
"""The highest value of a counter."""
coverage = Coverage()  # of all tests of this run


def save_coverage():
    """What was hit so far, for the process that started this one."""
    Path("coverage.json").write_text(json.dumps(coverage.hits))


class CoreBench(Testbench):
    """The core with cocotbext-axi's memory behind it."""

    def __init__(self, dut, rng, test):
        super().__init__(dut)
        self.rng = rng
        self.memory = bus_memory.BusMemory(BASE, MEMORY_BYTES, rng, dut.clk)
        self.subordinates = []
        self.paused = False
        replay = settings.get("replay", "")
        self.scoreboard = Scoreboard(dut, config, seed, replay if " --test " in replay else f"{replay} --test {test}")
        self.started = self.ended = None
        self.is_over = False
        cocotb.start_soon(self._see_the_end())

    async def _see_the_end(self):
        """Note when a run ends; then no port may have anything under way."""
        answers = [getattr(self.dut, f"{prefix}_{valid}") for prefix in PREFIXES for valid in ("rvalid", "bvalid")]
        while True:
            await RisingEdge(self.dut.irq)
            self.ended = get_sim_time("ns") / CLOCK_NS
            self.is_over = True
            for _ in range(40):
                await RisingEdge(self.dut.clk)
                if not self.is_over:
                    break
                assert not any(valid.value for valid in answers), "memory answers a core whose run has ended"

    async def write(self, name, value):
        begin = get_sim_time("ns") / CLOCK_NS
        if name == "CONTROL":
            self.memory.n_reads, self.is_over = 0, False
        await super().write(name, value)
        if name == "CONTROL":
            self.started = begin, get_sim_time("ns") / CLOCK_NS

    async def reset(self):
        await super().reset()
        if not self.subordinates:
            self.subordinates = [bus_memory.connect(self.memory, self.dut, prefix) for prefix in PREFIXES]
            await ClockCycles(self.dut.clk, 2)

    def pause_randomly(self):
        """Hold every channel of every port back at random from now on."""
        self.paused = True
        for port in (*self.subordinates, self.registers):
            bus_memory.pause_randomly(port, self.rng)

    async def finish(self, timeout_cycles):
        try:
            await super().finish(timeout_cycles)
        except RunFailed as failure:
            coverage.hit(f"error {failure.error.name.lower()}")
            raise
        finally:
            save_coverage()

    def place(self, network, spikes, resident=False):
        """Put a network and its input into memory; returns its Program."""
        n_samples, n_steps, _ = spikes.shape
        program = Program(network, config, n_samples, n_steps, BASE, read_vmem=True, resident=resident)
        assert program.end <= BASE + MEMORY_BYTES
        self.memory.load(program.weight_image() | program.list_image() | program.input_image(spikes))
        self.memory.forget_writes()
        return program

    async def run_and_check(self, network, spikes, resident=False, loaded=False):
        """Run a network and compare all that it leaves with the golden model.

        With ``resident`` its weights are loaded into the core first, unless they are ``loaded``.
        """
        program = self.place(network, spikes, resident)
        await self.close_windows()
        await self.open_window(0, program.base, program.end)
        if program.resident and not loaded:
            await self.run(program.setup_address, program.setup_count, TIMEOUT_CYCLES)
        return await self.run_placed(program, network, spikes)

    async def run_placed(self, program, network, spikes, place=None):
        """The same of what lies in memory; its list lies at ``place``, (address, count), or where the program has it."""
        self.scoreboard.expect(network, spikes)
        counters = await self.run(*(place or (program.list_address, program.list_count)), TIMEOUT_CYCLES)
        self.scoreboard.finished()
        self.scoreboard.ignore()
        self.check_cycles(program, counters)
        self.check(network, spikes, program, counters)
        return counters

    def check_cycles(self, program, counters):
        """The counters of time and of beats, against what was seen at the ports."""
        begun, answered = self.started
        least, most = self.ended - answered - 3, self.ended - begun
        assert least <= counters["cycles"] <= most, f"{counters['cycles']} cycles are counted, must be {least:.0f} to {most:.0f}"
        assert counters["read_beats"] == self.memory.n_reads, f"{counters['read_beats']} beats are counted, of {self.memory.n_reads}"
        stalls = [counters[f"stalls_{cause}"] for cause in ("weight", "input", "fire")]
        adding = -(-counters["events"] // config.ways)
        assert sum(stalls) + adding <= counters["cycles"], f"the core waits {stalls} of {counters['cycles']} cycles, and adds in {adding}"
        if program.resident:
            assert counters["stalls_weight"] == 0, "resident weights are waited for"

    def check(self, network, spikes, program, counters):
        regions = program.output_regions()
        found = program.decode({key: self.memory.words(*region) for key, region in regions.items()})
        results = network.run(spikes)
        coverage.network(len(results), program.n_samples, program.n_steps, spikes, config, self.paused, counters)
        inputs = spikes
        for i, (layer, (found_spikes, found_vmem), result) in enumerate(zip(network.layers, found, results)):
            coverage.layer(layer, inputs, result, config, program.resident)
            compare(layer.name, "spike", found_spikes, result.spikes)
            compare(layer.name, "vmem", found_vmem, result.vmem)
            inputs = result.spikes
            for g, group in enumerate(program.groups):
                words = self.memory.words(*regions["spikes", g, i])
                assert (words == pack(result.spikes[group.start : group.stop]).reshape(-1)).all(), "bits of unused slots are set"
        tiles = [config.tiles(layer.n_neurons) for layer in network.layers]
        assert counters["saturations"] == sum(result.saturations for result in results)
        assert counters["events"] == sum(n * result.events for n, result in zip(tiles, results))
        allowed = np.zeros_like(self.memory.written)
        for (kind, g, i), (address, n_words) in regions.items():
            n_bytes = n_words * 8
            if kind == "vmem":
                n_bytes = len(program.groups[g]) * network.layers[i].n_neurons * 4
            allowed[address - BASE :][:n_bytes] = True
        assert (self.memory.written == allowed).all(), "bytes written that are not output, or output not written"
        assert not self.memory.outside
        # A raster word is written whole, each vmem as half a word.
        words = sum(n_words for (kind, _, _), (_, n_words) in regions.items() if kind == "spikes")
        words += program.n_samples * sum(layer.n_neurons for layer in network.layers)
        assert counters["write_beats"] == words * 64 // config.bus_bits


def compare(layer, what, found, expected):
    """Fail at the first difference, with its place and both values."""
    if (found == expected).all():
        return
    where = np.argwhere(found != expected)[0]
    names = ("sample", "step", "neuron") if what == "spike" else ("sample", "neuron")
    place = ", ".join(f"{name} {index}" for name, index in zip(names, where))
    index = tuple(where)
    raise AssertionError(f"layer {layer}, {place}: {what} is {found[index]}, must be {expected[index]} (seed {seed})")


async def begin(dut, test):
    """A bench after reset, on a generator of its own, for the test of that name."""
    dut._log.info("seed %d, %s", seed, config)
    save_coverage()
    tb = CoreBench(dut, np.random.default_rng(seed), test)
    await tb.reset()
    return tb


@cocotb.test()
async def random_networks(dut):
    """Back to back without reset, with and without pauses."""
    tb = await begin(dut, "random_networks")
    for i in range(settings.get("count", 10)):
        if i:
            tb.pause_randomly()
        network, spikes = random_network(
            tb.rng,
            vmem_bits=config.vmem_bits,
            # A core of one lane takes a cycle for each synapse.
            max_size=settings.get("max_size") or min(40, 8 * config.lanes),
            max_steps=settings.get("max_steps") or int(tb.rng.choice([5, 20, 64, 140])),
            widest=config.weight_bits,
            lanes=config.lanes,
            current_bits=config.current_bits,
        )
        rows = sum(weight_rows(layer, config) for layer in network.layers)
        resident = rows <= config.resident_rows and tb.rng.random() < 0.5
        dut._log.info("network %s, spikes %s, resident %s", network.sizes, spikes.shape, resident)
        await tb.run_and_check(network, spikes, resident)
    assert tb.scoreboard.compared >= settings.get("count", 10), "each network has a neuron"


class WindowProbe:
    """Looks into the window and counts what it sees; ``core_public.vlt`` lets Verilator show it."""

    NAMES = ("load__valid", "load__ready", "load__payload", "emitting", "visiting", "visit_emission", "rows", "young", "pick")

    def __init__(self, dut):
        window = dut.core.path.window
        self._signals = {name: getattr(window, name) for name in self.NAMES}
        cocotb.start_soon(self._watch(dut))

    async def _watch(self, dut):
        signals = self._signals
        while True:
            await RisingEdge(dut.clk)
            if not signals["visiting"].value and not signals["load__valid"].value:
                continue
            values = {name: int(signal.value) for name, signal in signals.items()}
            last = values["load__payload"] >> SLOTS & 1
            if values["load__valid"] and not last and not values["load__ready"]:
                coverage.hit("window full")
            if values["visiting"] and values["emitting"] and not values["visit_emission"] and values["rows"] & values["young"]:
                coverage.hit("a young row added while slots are emitted")
            if values["pick"] & (1 << config.ways) - 1 == (1 << config.ways) - 1:
                coverage.hit("all ways in one cycle")


def layer_of(rng, fan_in, n_neurons, **changes):
    """A layer of random weights whose currents the core can hold."""
    limit = 1 << (config.current_bits - 1)
    bits = changes.pop("weight_bits", config.weight_bits)
    rows = fan_in + changes.get("bias_rows", 0)
    reach = min(1 << (bits - 1), limit // rows)
    weight = rng.integers(-reach, reach, size=(rows, n_neurons))
    return small_layer(rng, weight=weight, weight_bits=bits, **changes)


@cocotb.test()
async def currents_at_their_limit(dut):
    """Sums of the largest weights, which just fit: neither the lanes' adders nor fire may lose a bit."""
    tb = await begin(dut, "currents_at_their_limit")
    for bits in sorted({4, config.weight_bits}):
        lowest = -(1 << (bits - 1))
        highest = -lowest - 1
        fan_in = (1 << (config.current_bits - bits)) if bits == config.weight_bits else 40
        columns = [[lowest] * fan_in, [highest] * fan_in, [lowest, highest] * (fan_in // 2)]
        weight = np.array(columns[: max(1, min(3, config.lanes))]).T
        for at in range(len(columns)):
            weight[:, 0] = columns[at]
            layer = small_layer(
                tb.rng, weight=weight, weight_bits=bits, decay=0, reset_mode="none", v_threshold=1 + at, frac_bits=0
            )
            network = Network([layer], 3, vmem_bits=config.vmem_bits)
            spikes = np.ones((1, 3, fan_in), dtype=bool)
            spikes[0, 1] = tb.rng.random(fan_in) < 0.5
            await tb.run_and_check(network, spikes)
    coverage.hit("currents at their limit")


@cocotb.test()
async def corners(dut):
    """Every reset mode at an edge of the parameters, so that no bin depends on what is drawn."""
    tb = await begin(dut, "corners")
    ones = np.ones((3, 2), dtype=int)
    cases = [
        # Every neuron at every step, from the first.
        (2 * SLOTS, 1.0, dict(weight=ones, reset_mode="none", decay=256, v_threshold=1, v_init=HIGHEST)),
        (SLOTS, 0.5, dict(reset_mode="subtract", decay=128, frac_bits=0, v_init=0)),
        (SLOTS, 0.0, dict(reset_mode="zero", decay=256, frac_bits=7, v_init=-HIGHEST - 1)),
        (1, 1.0, dict(reset_mode="zero_delayed", decay=0, frac_bits=7, v_init=HIGHEST)),
        (2, 0.5, dict(reset_mode="subtract_delayed", decay=255, frac_bits=3)),
        # To either end of vmem and on, which only the last vmem tells.
        (SLOTS, 1.0, dict(weight=7 * ones, reset_mode="none", decay=256, frac_bits=7, v_init=HIGHEST - 1)),
        (SLOTS, 1.0, dict(weight=-7 * ones, reset_mode="none", decay=256, frac_bits=7, v_init=-HIGHEST)),
    ]
    for n_steps, density, changes in cases:
        weight = tb.rng.integers(-7, 8, size=(3, 2))
        layer = small_layer(tb.rng, **{"weight": weight, **changes})
        spikes = tb.rng.random((1, n_steps, 3)) < density
        # One input is silent, if the others are not.
        spikes[:, :, 1] &= density == 1
        spikes[0, 0, 0] |= density > 0
        await tb.run_and_check(Network([layer], n_steps, vmem_bits=config.vmem_bits), spikes)
    # One input, one neuron, and samples that do not fit into one pass.
    layers = [small_layer(tb.rng, weight=np.array([[3]]), name=name) for name in ("first", "second")]
    await tb.run_and_check(Network(layers, 40, vmem_bits=config.vmem_bits), tb.rng.random((3, 40, 1)) < 0.5)


@cocotb.test()
async def resident_and_streamed(dut):
    """Weights that stay, weights that pass, and both in turn; long streams; lists that overflow."""
    tb = await begin(dut, "resident_and_streamed")
    WindowProbe(dut)
    rng = tb.rng
    lanes = config.lanes

    def job(fan_in, n_neurons, n_samples, n_steps, density, **changes):
        layers = [layer_of(rng, fan_in, n_neurons, **changes)]
        return Network(layers, n_steps, vmem_bits=config.vmem_bits), rng.random((n_samples, n_steps, fan_in)) < density

    # Few neurons, or the bus models take their time.
    first = job(12, lanes + 1, 3, 20, 0.4, bias_rows=1)
    second = job(7, 2 * lanes, 2, 32, 0.8)
    long_run = job(9, lanes + 2, 1, 100, 0.3)
    await tb.run_and_check(*first)
    await tb.run_and_check(*first, resident=True)
    coverage.hit("resident after streamed")
    await tb.run_and_check(*first, resident=True, loaded=True)
    coverage.hit("resident weights run twice")
    await tb.run_and_check(*second, resident=True)
    await tb.run_and_check(*first)
    coverage.hit("streamed after resident")
    await tb.run_and_check(*second, resident=True, loaded=True)
    await tb.run_and_check(*first, resident=True)
    coverage.hit("resident weights loaded anew")
    await tb.run_and_check(*long_run, resident=True)
    await tb.run_and_check(*job(5, lanes, 6, 10, 0.9, weight_bits=4), resident=True)
    await tb.run_and_check(*job(5, lanes, 6, 10, 0.9, weight_bits=4))
    await tb.run_and_check(*job(1, lanes, 2, 30, 0.5), resident=True)
    # More rows than the ring holds.
    await tb.run_and_check(*job(config.ring_rows * 2 + 5, lanes, 1, 4, 0.9, weight_bits=4))
    # More active inputs than the list holds, if that is few; once for each half, if they may stay.
    fan_in = config.list_words + 3
    if fan_in <= 80:
        case = job(fan_in, lanes + 1, 1, 9, 0.9)
        await tb.run_and_check(*case)
        await tb.run_and_check(*case, resident=2 * fan_in <= config.resident_rows)
    # The store's last rows.
    network, spikes = job(6, lanes, 2, 15, 0.5)
    program = tb.place(network, spikes)
    both_address = program.end
    await tb.open_window(0, program.base, program.end + 2 * DESCRIPTOR_BYTES)
    store_row = config.resident_rows - 6
    address = program._layout["weight", 0]
    load = load_descriptor(network.layers[0], config, address, store_row)
    layer = pack_descriptor(**{**good_fields(program), "resident": 1, "store_row": store_row, "weight_address": 0})
    tb.memory.load({program.setup_address: np.frombuffer(load, dtype="<u8"), program.list_address: np.frombuffer(layer, dtype="<u8")})
    await tb.run(program.setup_address, 1, TIMEOUT_CYCLES)
    counters = await tb.run_placed(program, network, spikes)
    assert counters["read_beats"] == (DESCRIPTOR_BYTES + 8 * 6) * 8 // config.bus_bits, "resident weights are not read again"
    coverage.hit("weights in the last rows of the store")
    # A layer after a load that names other sizes.
    tb.memory.load({both_address: np.frombuffer(load + layer, dtype="<u8")})
    await tb.run_placed(program, network, spikes, (both_address, 2))
    coverage.hit("a load and a layer in one list")


@cocotb.test()
async def abort_in_a_load(dut):
    tb = await begin(dut, "abort_in_a_load")
    tb.pause_randomly()
    network = Network([layer_of(tb.rng, 20, config.lanes)], 8, vmem_bits=config.vmem_bits)
    spikes = tb.rng.random((2, 8, 20)) < 0.5
    program = tb.place(network, spikes, resident=True)
    await tb.open_window(0, program.base, program.end)
    length = (await tb.run(program.setup_address, program.setup_count, TIMEOUT_CYCLES))["cycles"]
    aborted = 0
    for _ in range(6):
        await tb.start(program.setup_address, program.setup_count)
        await ClockCycles(dut.clk, int(tb.rng.integers(1, length)))
        await tb.write("CONTROL", 2)
        try:
            await tb.finish(TIMEOUT_CYCLES)
        except RunFailed as failure:
            assert failure.error == ErrorCode.ABORTED
            aborted += 1
        await tb.run_and_check(network, spikes, resident=bool(aborted % 2))
    assert aborted >= 2
    coverage.hit("abort in a load")
    await tb.run_and_check(network, spikes, resident=True)


@cocotb.test()
async def register_fields(dut):
    """Every register reads what the map says; rw fields keep what was written, byte by byte."""
    tb = await begin(dut, "register_fields")
    assert await tb.read("MAP_HASH") == MAP_HASH
    for name in CAPABILITIES:
        for field in BY_NAME[name].fields:
            assert await tb.read(name, field.name) == getattr(config, field.name), field.name
    for register in REGISTERS:
        value = await tb.read(register.name)
        if register.name not in ("MAP_HASH", *CAPABILITIES):
            assert value == register.reset, register.name
        assert value & ~register.mask == 0
        if register.access == "ro":
            await tb.write(register.name, ~value & 0xFFFF_FFFF)
            assert await tb.read(register.name) == value, f"{register.name} is read-only"
        elif register.access == "rw":
            for pattern in (0xFFFF_FFFF, 0, 0x1234_5678, 0xEDCB_A987):
                await tb.write(register.name, pattern)
                assert await tb.read(register.name) == pattern & register.mask, register.name
            await tb.write(register.name, 0)
            await tb.registers.write(register.address + 2, b"\xff")
            assert await tb.read(register.name) == 0xFF0000 & register.mask, register.name
    hole = max(register.address for register in REGISTERS) + 4
    await tb.registers.write_dword(hole, 0xFFFF_FFFF)
    assert await tb.registers.read_dword(hole) == 0
    assert hole not in [register.address for register in BY_NAME.values()]


def small_layer(rng, n_neurons=3, **changes):
    reach = 2 ** (config.weight_bits - 1)
    values = dict(
        name="good",
        weight=rng.integers(-reach, reach, size=(5, n_neurons)),
        weight_bits=config.weight_bits,
        v_threshold=min(reach, HIGHEST),
        v_subtract=1,
        decay=230,
    )
    return Layer(**{**values, **changes})


def good_fields(program):
    """The fields of the first descriptor of a program with one layer."""
    layout = program._layout
    layer = program.network.layers[0]
    return dict(
        reset_mode=reset_mode(layer.reset_mode),
        frac_bits=layer.frac_bits,
        bias_rows=layer.bias_rows,
        four_bit=layer.weight_bits == 4,
        decay=layer.decay,
        n_samples=program.n_samples,
        n_steps=program.n_steps,
        fan_in=layer.fan_in,
        n_neurons=layer.n_neurons,
        v_threshold=layer.v_threshold,
        v_subtract=layer.v_subtract,
        input_address=layout["raster", 0, 0],
        weight_address=layout["weight", 0],
        output_address=layout["raster", 0, 1],
        vmem_address=layout["vmem", 0, 0],
        write_vmem=1,
    )


async def small_job(tb):
    network = Network([small_layer(tb.rng)], 10, vmem_bits=config.vmem_bits)
    spikes = tb.rng.random((2, 10, 5)) < 0.5
    return network, spikes


async def must_fail(tb, program, error, address, **changes):
    """Run the descriptor of a program with fields changed, or as it is; expect an error."""
    if changes:
        raw = pack_descriptor(**{**good_fields(program), **changes})
        tb.memory.load({program.list_address: np.frombuffer(raw, dtype="<u8")})
    try:
        await tb.run(program.list_address, 1, TIMEOUT_CYCLES)
    except RunFailed as failure:
        assert (failure.error, failure.address) == (error, address), f"{failure}, expected {error.name} at {address:#x} for {changes}"
    else:
        raise AssertionError(f"no error, expected {error.name} for {changes}")
    assert not tb.memory.outside


async def recover(tb):
    """After an error the next run must be right, without a reset."""
    tb.memory.faults.clear()
    await tb.run_and_check(*await small_job(tb))
    coverage.hit("run after an error, without reset")


@cocotb.test()
async def bad_descriptors(dut):
    tb = await begin(dut, "bad_descriptors")
    network, spikes = await small_job(tb)
    bad = [
        dict(magic=0),
        dict(reset_mode=5),
        dict(reset_mode=15),
        dict(decay=257),
        dict(n_samples=0),
        dict(n_samples=7),
        dict(n_samples=255),
        dict(n_steps=65),
        dict(n_steps=0),
        dict(n_steps=33),
        dict(fan_in=0),
        dict(n_neurons=0),
        dict(v_threshold=0),
        dict(v_threshold=-5),
        dict(v_subtract=-1),
        dict(input_address=BASE + 4),
        dict(weight_address=BASE + 1),
        dict(output_address=BASE + 2),
        dict(vmem_address=BASE + 4),
        dict(resident=1, store_row=config.resident_rows),
        dict(resident=1, store_row=0xFFFF),
        dict(resident=1, load=1),
        dict(load=1, store_row=config.resident_rows - 4),
        dict(load=1, store_row=0xFFFF),
        dict(load=1, fan_in=config.resident_rows + 1),
        dict(load=1, fan_in=(1 << 20) - 1),
    ]
    if config.vmem_bits < 32:
        bad += [dict(v_threshold=HIGHEST + 1), dict(v_subtract=HIGHEST + 1), dict(v_init=HIGHEST + 1), dict(v_init=-HIGHEST - 2)]
    if config.weight_bits == 4:
        bad += [dict(four_bit=0)]
    for changes in bad:
        program = tb.place(network, spikes)
        await tb.open_window(0, program.base, program.end)
        await must_fail(tb, program, ErrorCode.DESCRIPTOR, program.list_address, **changes)
        assert not tb.memory.written.any()
    await recover(tb)
    # Reserved bits, one word after the other.
    for bit in (28, 31, 64 + 20, 64 + 52, 3 * 64 + 48, 6 * 64, 7 * 64 + 63):
        program = tb.place(network, spikes)
        word = tb.memory.data[program.list_address - BASE :][:64].view("<u8")
        word[bit // 64] ^= np.uint64(1 << bit % 64)
        await must_fail(tb, program, ErrorCode.DESCRIPTOR, program.list_address)
    await recover(tb)


@cocotb.test()
async def bad_lists(dut):
    tb = await begin(dut, "bad_lists")
    network, spikes = await small_job(tb)
    program = tb.place(network, spikes)
    await tb.open_window(0, program.base, program.end)
    for address, count in ((program.list_address, 0), (program.list_address + 8, 1), (program.list_address + 1, 1)):
        try:
            await tb.run(address, count, TIMEOUT_CYCLES)
        except RunFailed as failure:
            assert (failure.error, failure.address) == (ErrorCode.DESCRIPTOR, address)
        else:
            raise AssertionError(f"list at {address:#x} with {count} descriptors was run")
    # A list that runs on into what is no descriptor stops there, with the first one done.
    tb.memory.data[program.list_address - BASE + DESCRIPTOR_BYTES :][:64] = 0
    try:
        await tb.run(program.list_address, 2, TIMEOUT_CYCLES)
    except RunFailed as failure:
        assert (failure.error, failure.address) == (ErrorCode.DESCRIPTOR, program.list_address + DESCRIPTOR_BYTES)
    else:
        raise AssertionError("zeros were run as a descriptor")
    assert await tb.read("LISTS_DONE") == 1
    # A list that writes over itself is stopped by what it wrote.
    program = tb.place(network, spikes)
    raw = pack_descriptor(**{**good_fields(program), "output_address": program.list_address + DESCRIPTOR_BYTES})
    tb.memory.load({program.list_address: np.frombuffer(raw * 2, dtype="<u8")})
    try:
        await tb.run(program.list_address, 2, TIMEOUT_CYCLES)
    except RunFailed as failure:
        assert failure.error == ErrorCode.DESCRIPTOR
    else:
        raise AssertionError("a list ran after it was overwritten")
    await recover(tb)


@cocotb.test()
async def windows(dut):
    """Nothing outside the windows is ever read or written, whatever a descriptor says."""
    tb = await begin(dut, "windows")
    network, spikes = await small_job(tb)
    beyond = BASE + MEMORY_BYTES

    program = tb.place(network, spikes)
    fields = good_fields(program)
    await tb.close_windows()
    await must_fail(tb, program, ErrorCode.WINDOW, program.list_address)
    for name in ("input", "weight", "output", "vmem"):
        for where in (beyond, 0, 0xFFFF_FFF8):
            program = tb.place(network, spikes)
            await tb.open_window(0, program.base, program.end)
            await must_fail(tb, program, ErrorCode.WINDOW, where, **{f"{name}_address": where})
        # One page missing, in the middle of what two windows allow.
        page = fields[f"{name}_address"]
        program = tb.place(network, spikes)
        await tb.close_windows()
        await tb.open_window(1, program.base, page)
        if page + PAGE < program.end:
            await tb.open_window(3, page + PAGE, program.end)
        await must_fail(tb, program, ErrorCode.WINDOW, page)
        assert not tb.memory.written[page - BASE : page - BASE + PAGE].any()
        await tb.close_windows()
    await recover(tb)
    if config.ports == 2:
        # A row that runs over the end of a window: only what the second port reads of it lies outside.
        one_row = Network([small_layer(tb.rng, weight=np.ones((1, 3), dtype=int))], 10, vmem_bits=config.vmem_bits)
        program = tb.place(one_row, np.ones((2, 10, 1), dtype=bool))
        await tb.open_window(0, program.base, program.end)
        end = -(-program.end // PAGE) * PAGE
        await must_fail(tb, program, ErrorCode.WINDOW, end, weight_address=end - 8 * part_words(config)[0])
        await recover(tb)
    # Running over the end of the address space does not come round to its beginning.
    program = tb.place(network, spikes)
    await tb.open_window(0, 0, 1 << 32)
    tb.memory.outside.clear()
    raw = pack_descriptor(**{**fields, "input_address": 0xFFFF_FFF8})
    tb.memory.load({program.list_address: np.frombuffer(raw, dtype="<u8")})
    try:
        await tb.run(program.list_address, 1, TIMEOUT_CYCLES)
    except RunFailed as failure:
        assert failure.error in (ErrorCode.WINDOW, ErrorCode.AXI_READ)
    assert min(tb.memory.outside) >= 0xFFFF_F000
    tb.memory.outside.clear()
    await recover(tb)


async def errors_of_both_ports(tb):
    """The first is told; of two in the same cycle that of memory, and else that of the first port."""
    network = Network([small_layer(tb.rng, weight=np.ones((12, 3), dtype=int))], 4, vmem_bits=config.vmem_bits)
    program = tb.place(network, np.ones((2, 4, 12), dtype=bool))
    await tb.open_window(0, program.base, program.end)
    # Four rows, and then the end of the window.
    end = -(-program.end // PAGE) * PAGE
    first = end - 4 * 8 * config.row_words(config.weight_bits)
    second = first + 8 * part_words(config)[0]
    raw = pack_descriptor(**{**good_fields(program), "weight_address": first})
    tb.memory.load({program.list_address: np.frombuffer(raw, dtype="<u8")})

    async def error():
        try:
            await tb.run(program.list_address, 1, TIMEOUT_CYCLES)
        except RunFailed as failure:
            return failure.error, failure.address

    # The later the second port's row comes, the more likely does an address outside go before it, of either port.
    tb.memory.faults = [(second, second + 8)]
    soon, late = 1, 1000
    found = {}
    while late - soon > 1:
        tb.memory.late[second] = middle = (soon + late) // 2
        found[middle] = await error()
        soon, late = (soon, middle) if found[middle][0] == ErrorCode.WINDOW else (middle, late)
    for tb.memory.late[second] in (1, late + 1, 1000):
        found[tb.memory.late[second]] = await error()
    outside = [(ErrorCode.WINDOW, end + 8 * words) for words in (0, part_words(config)[0])]
    assert all(told in ([(ErrorCode.AXI_READ, second)] if cycles <= soon else outside) for cycles, told in found.items()), found
    # Both halves of a row fail.
    tb.memory.faults.append((first, first + 8))
    tb.memory.late[first] = 5
    for tb.memory.late[second] in (4, 5, 6):
        told = second if tb.memory.late[second] < 5 else first
        assert await error() == (ErrorCode.AXI_READ, told), f"{tb.memory.late}"
    tb.memory.late.clear()
    await recover(tb)


@cocotb.test()
async def memory_errors(dut):
    tb = await begin(dut, "memory_errors")
    if config.ports == 2:
        await errors_of_both_ports(tb)
    for paused in (False, True):
        if paused:
            tb.pause_randomly()
        network, spikes = await small_job(tb)
        spikes[:] = True
        program = tb.place(network, spikes)
        await tb.open_window(0, program.base, program.end)
        fields = good_fields(program)
        places = {
            program.list_address: ErrorCode.AXI_READ,
            fields["input_address"]: ErrorCode.AXI_READ,
            fields["weight_address"]: ErrorCode.AXI_READ,
            fields["output_address"]: ErrorCode.AXI_WRITE,
            fields["vmem_address"]: ErrorCode.AXI_WRITE,
        }
        if config.ports == 2:
            # What the second port reads of the first row.
            places[fields["weight_address"] + 8 * part_words(config)[0]] = ErrorCode.AXI_READ
        for address, error in places.items():
            program = tb.place(network, spikes)
            tb.memory.faults = [(address, address + 8)]
            await must_fail(tb, program, error, address)
            await recover(tb)
        program = tb.place(network, spikes)
        tb.memory.faults = [(fields["weight_address"], fields["weight_address"] + 8)]
        await must_fail(tb, program, ErrorCode.AXI_READ, fields["weight_address"], load=1)
        await recover(tb)


@cocotb.test()
async def abort_and_reset(dut):
    """Stopping at any time leaves nothing under way, and a core that works."""
    tb = await begin(dut, "abort_and_reset")
    tb.pause_randomly()
    layer = small_layer(tb.rng, n_neurons=config.lanes + 3)
    network = Network([layer, small_layer(tb.rng, weight=tb.rng.integers(-8, 8, size=(config.lanes + 3, 4)))], 20, vmem_bits=config.vmem_bits)
    spikes = tb.rng.random((3, 20, 5)) < 0.7
    program = tb.place(network, spikes)
    await tb.close_windows()
    await tb.open_window(0, program.base, program.end)
    length = (await tb.run(program.list_address, program.list_count, TIMEOUT_CYCLES))["cycles"]
    aborted = 0
    for _ in range(12):
        await tb.start(program.list_address, program.list_count)
        await ClockCycles(dut.clk, int(tb.rng.integers(1, length)))
        await tb.write("CONTROL", 2)
        try:
            await tb.finish(TIMEOUT_CYCLES)
        except RunFailed as failure:
            assert failure.error == ErrorCode.ABORTED
            aborted += 1
        status = await tb.read("STATUS")
        assert status & 1 == 0 and status >> 16 & 3 == 0
    assert aborted >= 6
    await tb.run_and_check(network, spikes)
    coverage.hit("run after an abort, without reset")
    # An abort while idle does nothing, and a start while busy neither.
    await tb.write("CONTROL", 2)
    assert await tb.read("STATUS", "error") == 0
    program = tb.place(network, spikes)
    await tb.start(program.list_address, program.list_count)
    await tb.write("CONTROL", 1)
    await tb.finish(TIMEOUT_CYCLES)
    tb.check(network, spikes, program, await tb.counters())
    # A reset in the middle of a run.
    for _ in range(3):
        await tb.start(program.list_address, program.list_count)
        await ClockCycles(dut.clk, int(tb.rng.integers(1, length)))
        await tb.reset()
        coverage.hit("reset in a run")
        assert await tb.read("STATUS") == 0
        await tb.run_and_check(network, spikes)


@cocotb.test()
async def aborts_at_each_cycle(dut):
    """Also at that in which a burst goes out."""
    tb = await begin(dut, "aborts_at_each_cycle")
    network, spikes = await small_job(tb)
    program = tb.place(network, spikes)
    await tb.open_window(0, program.base, program.end)
    for delay in range(1, 80):
        await tb.start(program.list_address, program.list_count)
        await ClockCycles(dut.clk, delay)
        await tb.write("CONTROL", 2)
        with contextlib.suppress(RunFailed):
            await tb.finish(TIMEOUT_CYCLES)
        await ClockCycles(dut.clk, 12)
    await tb.run_and_check(network, spikes)


@cocotb.test()
async def interrupts(dut):
    tb = await begin(dut, "interrupts")
    network, spikes = await small_job(tb)
    program = tb.place(network, spikes)
    await tb.open_window(0, program.base, program.end)
    await tb.write("LIST_ADDRESS", program.list_address)
    await tb.write("LIST_COUNT", program.list_count)
    assert await tb.read("STATUS") == 0
    await tb.write("CONTROL", 1)
    for _ in range(20_000):
        if (status := await tb.read("STATUS")) & 0b11 != 0b01:
            break
    assert status & 0b11 == 0b10, "busy until done, and not for ever"
    assert dut.irq.value == 0, "an interrupt that is not enabled"
    assert await tb.read("IRQ_STATUS") == 1
    await tb.write("IRQ_ENABLE", 1)
    assert dut.irq.value == 1
    await tb.write("IRQ_STATUS", 0)
    assert await tb.read("IRQ_STATUS") == 1, "zeros clear nothing"
    await tb.write("IRQ_STATUS", 1)
    assert dut.irq.value == 0
    assert await tb.read("STATUS", "done") == 1


@cocotb.test()
async def status_of_a_run(dut):
    """What STATUS says while memory does not answer: the run before is not this one, and which channel it is."""
    tb = await begin(dut, "status_of_a_run")
    network, spikes = await small_job(tb)
    await tb.run_and_check(network, spikes)
    program = tb.place(network, spikes)
    # Each port alone: the first writes, and both read.
    silent = [(f"{prefix}r", port.read_if.r_channel, 0b01) for prefix, port in zip(PREFIXES, tb.subordinates)]
    silent.append(("m_axi_b", tb.subordinates[0].write_if.b_channel, 0b10))
    for name, channel, waits in silent:
        channel.pause = True
        await tb.start(program.list_address, program.list_count)
        await ClockCycles(dut.clk, 2000)
        status = await tb.read("STATUS")
        assert (status & 0b11, status >> 16 & 0b11) == (0b01, waits), f"STATUS is {status:#x} while memory is silent on {name}"
        channel.pause = False
        await tb.finish(TIMEOUT_CYCLES)
        tb.check(network, spikes, program, await tb.counters())


@cocotb.test()
async def causes_of_stalls(dut):
    """What is some cycles late holds the run up for as long, and only the counter that speaks of it tells them."""
    tb = await begin(dut, "causes_of_stalls")
    layer = layer_of(tb.rng, 2, config.lanes + 64)
    network = Network([layer], 2, vmem_bits=config.vmem_bits)
    spikes = np.ones((1, 2, 2), dtype=bool)
    program = tb.place(network, spikes)
    await tb.open_window(0, program.base, program.end)
    fields = good_fields(program)
    cases = [
        (program.list_address, None),
        (fields["input_address"], "stalls_input"),
        (fields["weight_address"], "stalls_weight"),
        (fields["vmem_address"], "stalls_fire"),
        # The last word, when all was fired.
        (fields["output_address"] + 8 * (layer.n_neurons - 1), None),
    ]
    if config.ports == 2:
        cases.append((fields["weight_address"] + 8 * part_words(config)[0], "stalls_weight"))
    # All of them late, and the output so late that the writer is full: nothing else goes on while one is waited for.
    late = {address: 20 for address, _ in cases} | {fields["vmem_address"]: 200}
    tb.memory.late = late
    before = await tb.run_placed(program, network, spikes)
    for address, stall in cases:
        tb.memory.late = late | {address: late[address] + 37}
        counters = await tb.run_placed(program, network, spikes)
        longer = {name: counters[name] - before[name] for name in counters if counters[name] != before[name]}
        assert longer == dict.fromkeys(filter(None, ("cycles", stall)), 37), f"{address:#x} is 37 cycles later, and the counters differ by {longer}"


@cocotb.test()
async def counters_stop(dut):
    """At the highest value, until the next run begins."""
    tb = await begin(dut, "counters_stop")
    weight = np.ones((3, config.lanes), dtype=int)
    layer = small_layer(tb.rng, weight=weight, reset_mode="none", decay=256, v_threshold=1, v_init=HIGHEST)
    network = Network([layer], 4, vmem_bits=config.vmem_bits)
    spikes = np.ones((2, 4, 3), dtype=bool)
    counted = await tb.run_and_check(network, spikes)
    assert min(counted.values()) >= 2, f"one of the counters counts nothing: {counted}"
    program = tb.place(network, spikes)
    await tb.start(program.list_address, program.list_count)
    await ClockCycles(dut.clk, 4)
    for name in COUNTERS:
        getattr(dut.core, name.lower()).value = HIGHEST_COUNT - 1
    await tb.finish(TIMEOUT_CYCLES)
    found = await tb.counters()
    assert found == dict.fromkeys(found, HIGHEST_COUNT), f"after {HIGHEST_COUNT - 1} comes {found}"
    assert await tb.run_and_check(network, spikes) == counted
