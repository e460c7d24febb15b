"""The core: registers, sequencer, memory ports and the data path between them."""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, DomainRenamer, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig
from lifarray.golden.registers import BY_NAME, CAPABILITIES, MAP_SIZE, N_WINDOWS

from .array import LaneArray
from .axi import Axi3Signature, Axi4LiteSignature
from .descriptor import descriptor_layout
from .fetch import Scanner
from .fire import Fire, trace_layout
from .ram_fifo import RamFifo
from .reader import Reader, request_layout
from .registers import RegisterFile
from .rows import RowFetch
from .sequencer import Sequencer
from .stripes import Stripes
from .window import Window, work_layout
from .windows import windows_layout
from .writer import Writer

COUNTER_MAX = (1 << 32) - 1


def capabilities(config: CoreConfig) -> dict:
    """What the capability registers of a core read."""
    values = {}
    for name in CAPABILITIES:
        values[name] = sum(getattr(config, field.name) << field.offset for field in BY_NAME[name].fields)
    return values


class DataPath(wiring.Component):
    """Everything that a run sets in motion; reset between runs.

    memory -> raster words -> `Scanner` -> work -> `RowFetch` -> `Window` -> `LaneArray` -> `Fire` -> memory

    Members
    -------
    memory{p} : Out(Axi3Signature), of which only the first writes
    windows : In(windows_layout)
    layer : In(descriptor_layout)
    used_slots : In(7)
    start : In(1), run ``layer``
    done : Out(1), its output is in memory
    loading : In(1), ``requests`` and ``words`` use the raster stream instead
    requests, words : the sequencer's descriptors
    halt : In(1), issue nothing more
    idle : Out(1), the memory ports have nothing under way
    waiting_read, waiting_write : Out(1)
    read_outside, read_failed, write_outside, write_failed, read_error_address, write_error_address
    events, read_beats, write_beats, wait_weight, wait_input, wait_fire, saturations : for the counters
    trace : of `Fire`
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        flags = "waiting_read waiting_write read_outside read_failed write_outside write_failed wait_weight wait_input wait_fire"
        super().__init__(
            {
                **{f"memory{p}": Out(Axi3Signature(config.bus_bits, 1)) for p in range(config.ports)},
                "windows": In(windows_layout),
                "layer": In(descriptor_layout),
                "used_slots": In(range(SLOTS + 1)),
                "start": In(1),
                "done": Out(1),
                "loading": In(1),
                "requests": In(stream.Signature(request_layout)),
                "words": Out(stream.Signature(64)),
                "halt": In(1),
                "idle": Out(1),
                **{name: Out(1) for name in flags.split()},
                "read_error_address": Out(32),
                "write_error_address": Out(32),
                "events": Out(range(config.ways + 1)),
                "read_beats": Out(range(config.ports + 1)),
                "write_beats": Out(1),
                "saturations": Out(range(config.fire_units + 1)),
                "trace": Out(trace_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        layer = self.layer
        m.submodules.writer = writer = Writer(config)
        m.submodules.scanner = scanner = Scanner(config)
        m.submodules.rows = rows = RowFetch(config)
        m.submodules.window = window = Window(config)
        m.submodules.array = array = LaneArray(config)
        m.submodules.fire = fire = Fire(config)
        m.submodules.work = work = RamFifo(work_layout(config), config.ring_rows)
        work_room = Signal(init=1)  # late by a cycle, in which one more may have come
        m.d.sync += work_room.eq(work.level <= config.ring_rows - 2)

        def join(source, sink):
            m.d.comb += [sink.payload.eq(source.payload), sink.valid.eq(source.valid), source.ready.eq(sink.ready)]

        # Each port has a stream of rasters, the first one's also of descriptors, and one of weights.
        # Rasters go first: their few words decide which rows are needed.
        readers = []
        for p in range(config.ports):
            depths = (config.stream_fifo_words, config.weight_fifo_words)
            m.submodules[f"reader{p}"] = reader = Reader(config.bus_bits, depths)
            readers.append(reader)
            memory = getattr(self, f"memory{p}")
            for name, member in memory.signature.members.items():
                if name.startswith("ar") or name.startswith("r"):
                    half = reader.bus
                elif p == 0:
                    half = writer.bus
                else:
                    continue  # this port never writes
                port, inner = getattr(memory, name), getattr(half, name)
                m.d.comb += port.eq(inner) if member.flow == Out else inner.eq(port)
            join(getattr(scanner, f"row_requests{p}"), reader.requests1)
            join(reader.words1, getattr(rows, f"words{p}"))
        raster_requests, raster = scanner.raster_requests, scanner.raster
        if config.ports == 2:
            m.submodules.stripes = stripes = Stripes()
            join(scanner.raster_requests, stripes.requests)
            join(stripes.words, scanner.raster)
            join(stripes.port_requests1, readers[1].requests0)
            join(readers[1].words0, stripes.port_words1)
            raster_requests, raster = stripes.port_requests0, stripes.port_words0
        # The words themselves go both ways: what is done with them is long enough.
        words = readers[0].words0
        m.d.comb += [self.words.payload.eq(words.payload), raster.payload.eq(words.payload)]
        with m.If(self.loading):
            join(self.requests, readers[0].requests0)
            m.d.comb += [self.words.valid.eq(words.valid), words.ready.eq(self.words.ready)]
        with m.Else():
            join(raster_requests, readers[0].requests0)
            m.d.comb += [raster.valid.eq(words.valid), words.ready.eq(raster.ready)]

        row_words = Signal.like(scanner.row_words)
        m.d.sync += row_words.eq(Mux(layer.four_bit, config.row_words(4), config.row_words(config.weight_bits)))
        for part in (scanner, fire):
            m.d.comb += part.layer.eq(layer)
        for part in (*readers, writer):
            m.d.comb += [part.windows.eq(self.windows), part.halt.eq(self.halt)]
        wiring.connect(m, fire.runs, writer.runs)
        wiring.connect(m, fire.words, writer.words)
        wiring.connect(m, work.sink, rows.work)
        wiring.connect(m, rows.load, window.load)
        m.d.comb += [
            scanner.start.eq(self.start),
            scanner.used_slots.eq(self.used_slots),
            scanner.row_words.eq(row_words),
            scanner.row_taken.eq(rows.row_taken),
            work.source.payload.eq(scanner.work.payload),
            work.source.valid.eq(scanner.work.valid & work_room),
            scanner.work.ready.eq(work_room),
            rows.restart.eq(scanner.restart),
            rows.first_row.eq(scanner.first_row),
            rows.row_words.eq(row_words),
            rows.resident.eq(scanner.resident),
            rows.four_bit.eq(layer.four_bit),
            rows.arrived.eq(scanner.arrived),
            array.pick.eq(window.pick),
            array.write.eq(rows.load.valid & rows.load.ready & ~rows.load.payload.last),
            array.entry.eq(window.entry),
            array.row.eq(rows.weights),
            window.release.eq(fire.release),
            fire.start.eq(self.start & ~layer.load),
            fire.captured.eq(array.captured),
            fire.capture.eq(array.capture),
            self.idle.eq(Cat(reader.idle for reader in readers).all() & writer.idle),
            self.trace.eq(fire.trace),
        ]
        # A cycle late, so that what follows from them has a whole one.
        m.d.sync += [
            self.done.eq(Mux(layer.load, scanner.loaded, fire.finished & writer.drained)),
            self.waiting_read.eq(~Cat(reader.idle for reader in readers).all()),
            self.waiting_write.eq(~writer.idle),
            self.read_outside.eq(Cat(reader.error_outside for reader in readers).any()),
            self.read_failed.eq(Cat(reader.error_failed for reader in readers).any()),
            self.read_error_address.eq(readers[-1].error_address),
            self.write_outside.eq(writer.error_outside),
            self.write_failed.eq(writer.error_failed),
            self.write_error_address.eq(writer.error_address),
            self.wait_fire.eq(window.idle & window.waiting),
            self.wait_weight.eq(window.idle & ~window.waiting & rows.wait_weight),
            self.wait_input.eq(window.idle & ~window.waiting & ~rows.wait_weight & ~fire.finished),
            self.events.eq(sum(window.pick.valid)),
            self.read_beats.eq(sum(reader.beat for reader in readers)),
            self.write_beats.eq(writer.beat),
            self.saturations.eq(fire.saturations),
        ]
        if config.ports == 2:
            # Memory's errors go before addresses that were not allowed, as within a reader.
            first, second = readers
            with m.If(first.error_failed | (first.error_outside & ~second.error_failed)):
                m.d.sync += self.read_error_address.eq(first.error_address)
        return m


class LifCore(wiring.Component):
    """A LIF array that runs networks from memory.

    Parameters
    ----------
    config : CoreConfig
    trace : bool
        Lay `Fire`'s trace open, for a scoreboard.

    Members
    -------
    s_axil : In(Axi4LiteSignature), the registers of ``golden/registers.py``
    m_axi : Out(Axi3Signature), the memory that descriptors, weights and rasters lie in
    m_axi1 : Out(Axi3Signature), the same memory, with two ports; it only reads
    irq : Out(1), level: a run ended and its interrupt is enabled
    trace : Out(trace_layout), if asked for
    """

    def __init__(self, config: CoreConfig, trace=False):
        self.config = config
        members = {
            "s_axil": In(Axi4LiteSignature((MAP_SIZE - 1).bit_length())),
            "m_axi": Out(Axi3Signature(config.bus_bits, 1)),
            "irq": Out(1),
        }
        if config.ports == 2:
            members["m_axi1"] = Out(Axi3Signature(config.bus_bits, 1))
        if trace:
            members["trace"] = Out(trace_layout(config))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.registers = registers = RegisterFile(capabilities(config))
        m.submodules.sequencer = sequencer = Sequencer(config)
        path = DataPath(config)
        # A cycle late, in which the sequencer starts nothing. The data path has no other reset: this register
        # reaches all of it in a cycle, and what resets the core sets it.
        flush = Signal(init=1)
        m.d.sync += flush.eq(sequencer.flush)
        m.domains.path = domain = ClockDomain(local=True)
        m.d.comb += [domain.clk.eq(ClockSignal()), domain.rst.eq(flush)]
        m.submodules.path = DomainRenamer("path")(path)
        wiring.connect(m, wiring.flipped(self.s_axil), registers.bus)
        wiring.connect(m, wiring.flipped(self.m_axi), path.memory0)
        if config.ports == 2:
            wiring.connect(m, wiring.flipped(self.m_axi1), path.memory1)
        wiring.connect(m, sequencer.requests, path.requests)
        wiring.connect(m, path.words, sequencer.words)

        # A cycle late, since much follows from each: only then are the ports known to be idle for good.
        halt = Signal()
        m.d.sync += [
            sequencer.start.eq(registers.control_start),
            sequencer.abort.eq(registers.control_abort),
            halt.eq(sequencer.halt),
        ]
        m.d.comb += [
            sequencer.list_address.eq(registers.list_address),
            sequencer.list_count.eq(registers.list_count_count),
            sequencer.layer_done.eq(path.done),
            sequencer.idle.eq(path.idle & halt),
            path.layer.eq(sequencer.layer),
            path.used_slots.eq(sequencer.used_slots),
            path.start.eq(sequencer.layer_start),
            path.loading.eq(sequencer.loading),
            path.halt.eq(halt),
            registers.status_busy.eq(sequencer.busy),
            registers.status_error.eq(sequencer.error),
            registers.status_waiting_read.eq(path.waiting_read),
            registers.status_waiting_write.eq(path.waiting_write),
            registers.error_address.eq(sequencer.error_address),
            registers.lists_done_count.eq(sequencer.lists_done),
            registers.irq_status_done_set.eq(sequencer.ended),
            self.irq.eq(registers.irq_status_done & registers.irq_enable_done),
        ]
        if "trace" in self.signature.members:
            m.d.comb += self.trace.eq(path.trace)
        for name in "read_outside read_failed read_error_address write_outside write_failed write_error_address".split():
            m.d.comb += getattr(sequencer, name).eq(getattr(path, name))
        for i in range(N_WINDOWS):
            m.d.comb += [
                path.windows[i].first.eq(getattr(registers, f"window{i}_first_page")),
                path.windows[i].last.eq(getattr(registers, f"window{i}_last_page")),
            ]

        done = Signal()
        m.d.comb += registers.status_done.eq(done)
        with m.If(sequencer.began):
            m.d.sync += done.eq(0)
        with m.Elif(sequencer.ended):
            m.d.sync += done.eq(1)

        increments = {
            "cycles": 1,
            "events": path.events,
            "saturations": path.saturations,
            "read_beats": path.read_beats,
            "write_beats": path.write_beats,
            "stalls_weight": path.wait_weight,
            "stalls_input": path.wait_input,
            "stalls_fire": path.wait_fire,
        }
        for name, increment in increments.items():
            counter = Signal(32, name=name)
            total = Signal(33, name=f"{name}_next")
            m.d.comb += [getattr(registers, name).eq(counter), total.eq(counter + increment)]
            with m.If(sequencer.began):
                m.d.sync += counter.eq(0)
            with m.Elif(sequencer.busy):
                m.d.sync += counter.eq(Mux(total[32], COUNTER_MAX, total))
        return m
