"""The core: registers, sequencer, memory ports and the data path between them."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig
from lifarray.golden.registers import BY_NAME, CAPABILITIES, MAP_SIZE, N_WINDOWS

from .array import Integrator, word_layout
from .axi import Axi3Signature, Axi4LiteSignature
from .descriptor import descriptor_layout
from .fetch import RasterRequests, Scanner
from .fire import Fire, trace_layout
from .reader import Reader, request_layout
from .registers import RegisterFile
from .sequencer import Sequencer
from .windows import windows_layout
from .writer import Writer

WORK_FIFO_WORDS = 64
"""Active inputs that the scanner may be ahead of the array."""

COUNTER_MAX = (1 << 32) - 1


def capabilities(config: CoreConfig) -> dict:
    """What the capability registers of a core read."""
    values = {}
    for name in CAPABILITIES:
        values[name] = sum(getattr(config, field.name) << field.offset for field in BY_NAME[name].fields)
    return values


class DataPath(wiring.Component):
    """Everything that a run sets in motion; reset between runs.

    ``memory`` -> raster words -> `Scanner` -> work, weight rows -> `Integrator` -> `Fire` -> ``memory``

    Members
    -------
    memory : Out(Axi3Signature)
    windows : In(windows_layout)
    layer : In(descriptor_layout)
    used_slots : In(7)
    start : In(1), run ``layer``
    done : Out(1), its output is in memory
    loading : In(1), ``requests`` and ``words`` use the raster stream instead
    requests, words : the sequencer's descriptors
    halt : In(1), issue nothing more
    idle : Out(1), the memory port has nothing under way
    waiting_read, waiting_write : Out(1)
    read_outside, read_failed, write_outside, write_failed, read_error_address, write_error_address
    event, read_beat, write_beat, wait_weight, wait_input, wait_fire, saturations : for the counters
    trace : of `Fire`
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        flags = (
            "waiting_read waiting_write read_outside read_failed write_outside write_failed "
            "event read_beat write_beat wait_weight wait_input wait_fire"
        )
        super().__init__(
            {
                "memory": Out(Axi3Signature(config.bus_bits, 1)),
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
                "saturations": Out(range(config.fire_units + 1)),
                "trace": Out(trace_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        layer = self.layer
        m.submodules.reader = reader = Reader(config)
        m.submodules.writer = writer = Writer(config)
        m.submodules.raster_requests = raster_requests = RasterRequests(config)
        m.submodules.scanner = scanner = Scanner(config)
        m.submodules.integrator = integrator = Integrator(config)
        m.submodules.fire = fire = Fire(config)
        m.submodules.work = work = SyncFIFOBuffered(width=word_layout.size, depth=WORK_FIFO_WORDS)

        for name, member in self.memory.signature.members.items():
            half = reader if name.startswith("ar") or name.startswith("r") else writer
            port, inner = getattr(self.memory, name), getattr(half.bus, name)
            m.d.comb += port.eq(inner) if member.flow == Out else inner.eq(port)

        row_words = Signal.like(scanner.row_words)
        m.d.sync += row_words.eq(Mux(layer.four_bit, config.row_words(4), config.row_words(config.weight_bits)))
        for part in (raster_requests, scanner, fire):
            m.d.comb += [part.start.eq(self.start), part.layer.eq(layer)]
        for part in (reader, writer):
            m.d.comb += [part.windows.eq(self.windows), part.halt.eq(self.halt)]

        def join(source, sink):
            m.d.comb += [sink.payload.eq(source.payload), sink.valid.eq(source.valid), source.ready.eq(sink.ready)]

        with m.If(self.loading):
            join(self.requests, reader.requests0)
            join(reader.words0, self.words)
        with m.Else():
            join(raster_requests.requests, reader.requests0)
            join(reader.words0, scanner.raster)
        wiring.connect(m, scanner.requests, reader.requests1)
        wiring.connect(m, reader.words1, integrator.weights)
        wiring.connect(m, fire.runs, writer.runs)
        wiring.connect(m, fire.words, writer.words)
        m.d.comb += [
            work.w_data.eq(scanner.work.payload),
            work.w_en.eq(scanner.work.valid),
            scanner.work.ready.eq(work.w_rdy),
            integrator.work.payload.eq(work.r_data),
            integrator.work.valid.eq(work.r_rdy),
            work.r_en.eq(integrator.work.ready),
            scanner.used_slots.eq(self.used_slots),
            scanner.row_words.eq(row_words),
            integrator.row_words.eq(row_words),
            integrator.four_bit.eq(layer.four_bit),
            integrator.read_slot.eq(fire.read_slot),
            integrator.pass_taken.eq(fire.pass_taken),
            fire.pass_done.eq(integrator.pass_done),
            fire.touched.eq(integrator.touched),
            fire.currents.eq(integrator.currents),
            self.done.eq(fire.finished & writer.drained),
            self.idle.eq(reader.idle & ~self.memory.arvalid & writer.idle),
            self.waiting_read.eq(~reader.idle),
            self.waiting_write.eq(~writer.idle),
            self.read_outside.eq(reader.error_outside),
            self.read_failed.eq(reader.error_failed),
            self.read_error_address.eq(reader.error_address),
            self.write_outside.eq(writer.error_outside),
            self.write_failed.eq(writer.error_failed),
            self.write_error_address.eq(writer.error_address),
            self.event.eq(integrator.event),
            self.read_beat.eq(reader.beat),
            self.write_beat.eq(writer.beat),
            self.wait_weight.eq(integrator.wait_weight),
            self.wait_input.eq(~fire.finished & ~fire.busy & integrator.wait_input),
            self.wait_fire.eq(fire.busy),
            self.saturations.eq(fire.saturations),
            self.trace.eq(fire.trace),
        ]
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
        if trace:
            members["trace"] = Out(trace_layout(config))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.registers = registers = RegisterFile(capabilities(config))
        m.submodules.sequencer = sequencer = Sequencer(config)
        path = DataPath(config)
        m.submodules.path = ResetInserter(sequencer.flush)(path)
        wiring.connect(m, wiring.flipped(self.s_axil), registers.bus)
        wiring.connect(m, wiring.flipped(self.m_axi), path.memory)
        wiring.connect(m, sequencer.requests, path.requests)
        wiring.connect(m, path.words, sequencer.words)

        m.d.comb += [
            sequencer.start.eq(registers.control_start),
            sequencer.abort.eq(registers.control_abort),
            sequencer.list_address.eq(registers.list_address),
            sequencer.list_count.eq(registers.list_count_count),
            sequencer.layer_done.eq(path.done),
            sequencer.idle.eq(path.idle),
            path.layer.eq(sequencer.layer),
            path.used_slots.eq(sequencer.used_slots),
            path.start.eq(sequencer.layer_start),
            path.loading.eq(sequencer.loading),
            path.halt.eq(sequencer.halt),
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
            "events": path.event,
            "saturations": path.saturations,
            "read_beats": path.read_beat,
            "write_beats": path.write_beat,
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
