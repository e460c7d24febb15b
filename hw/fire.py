"""Fire: the LIF steps of a tile, slot after slot, as the array completes them.

Lane ``g * fire_units + u`` is unit u's of group g. Once a slot's currents are captured, the units
walk the groups, one a cycle.
"""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig
from lifarray.golden.lif import ResetMode

from .address import ADDRESS_BITS, advance
from .descriptor import descriptor_layout
from .lif import LIF_STAGES, LifPipeline, neuron_layout, parameters_layout
from .output import Output
from .window import SLOT_BITS
from .writer import run_layout

RELEASE_AHEAD = 7
"""Cycles before the last group of a slot when the array may begin to complete the next: fewer than
pass from then until it is captured."""


def trace_layout(config: CoreConfig):
    """What leaves the pipelines in a cycle: one step of one lane of each unit, for a scoreboard."""
    return data.StructLayout(
        {
            "valid": 1,
            "group": range(config.groups),
            "slot": SLOT_BITS,
            "vmem": data.ArrayLayout(signed(config.vmem_bits), config.fire_units),
            "spike": config.fire_units,
            "saturated": config.fire_units,
        }
    )


class FireUnit(wiring.Component):
    """One LIF pipeline with the state and the spikes of its lanes, a lane a group.

    The raster words are kept twice, so that one tile's are written to memory while the next one's
    are made.

    Members
    -------
    parameters : In, of `LifPipeline`
    current : In(signed)
    group : In, whose step enters the pipeline in the next cycle
    begin : In(1), with ``group``: go on from ``initial``, not from the state after the step before
    initial : In(neuron_layout)
    before : Out(neuron_layout), state before the step that enters the pipeline
    after : Out(neuron_layout), state after the step that entered `LIF_STAGES` cycles ago
    spike, saturated : Out(1), of that step
    write : In(1), that step counts: keep its state and its spike
    write_group, slot : In, of that step; slot 0 clears the word first
    side : In(1), which copy of the words it goes to
    read_group, read_side : In, of the word that is read
    next_word : In(1), ``word`` becomes what was read
    word : Out(64)
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        group = range(config.groups)
        super().__init__(
            {
                "parameters": In(parameters_layout(config.vmem_bits)),
                "current": In(signed(config.current_bits)),
                "group": In(group),
                "begin": In(1),
                "initial": In(neuron_layout(config.vmem_bits)),
                "before": Out(neuron_layout(config.vmem_bits)),
                "after": Out(neuron_layout(config.vmem_bits)),
                "spike": Out(1),
                "saturated": Out(1),
                "write": In(1),
                "write_group": In(group),
                "slot": In(SLOT_BITS),
                "side": In(1),
                "read_group": In(group),
                "read_side": In(1),
                "next_word": In(1),
                "word": Out(SLOTS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.lif = lif = LifPipeline(config.current_bits, config.vmem_bits)

        # A copy for each unit: one register that drives all of them would be slow.
        parameters = Signal.like(self.parameters, attrs={"keep": 1})
        m.d.sync += parameters.eq(self.parameters)

        neuron = neuron_layout(config.vmem_bits)
        m.submodules.state = state = Memory(shape=neuron, depth=config.groups, init=[])
        state_write = state.write_port()
        state_read = state.read_port(domain="comb")
        m.d.comb += [
            state_write.addr.eq(self.write_group),
            state_write.data.eq(lif.after),
            state_write.en.eq(self.write),
            state_read.addr.eq(self.group),
            lif.parameters.eq(parameters),
            lif.current.eq(self.current),
            lif.before.eq(self.before),
            self.after.eq(lif.after),
            self.spike.eq(lif.spike),
            self.saturated.eq(lif.saturated),
        ]

        m.d.sync += self.before.eq(Mux(self.begin, self.initial, state_read.data))

        # The spikes of the slot's byte so far, and the bytes of the words. One cycle behind.
        m.submodules.byte = byte = Memory(shape=8, depth=config.groups, init=[])
        byte_write = byte.write_port()
        byte_read = byte.read_port(domain="comb")
        new_byte = Signal(8)
        bit = self.slot[:3]
        m.d.comb += [
            byte_read.addr.eq(self.write_group),
            new_byte.eq(Mux(bit == 0, 0, byte_read.data) | (self.spike << bit)),
            byte_write.addr.eq(self.write_group),
            byte_write.data.eq(new_byte),
            byte_write.en.eq(self.write),
        ]
        # Byte by byte into the words, the whole word with the first.
        m.submodules.words = words = Memory(shape=SLOTS, depth=2 * config.groups, init=[], attrs={"ram_style": "block"})
        words_write = words.write_port(granularity=8)
        words_read = words.read_port(domain="sync")
        written = Signal(8)
        enable = Signal(SLOTS // 8)
        here = Signal(SLOTS // 8)
        at_group = Signal(range(2 * config.groups))
        m.d.sync += [
            written.eq(new_byte),
            here.eq(1 << self.slot[3:]),
            enable.eq(Mux(self.slot == 0, -1, 1 << self.slot[3:]) & self.write.replicate(SLOTS // 8)),
            at_group.eq(self._word_address(self.write_group, self.side)),
        ]
        m.d.comb += [
            words_write.addr.eq(at_group),
            words_write.data.eq(Cat(Mux(here[b], written, 0) for b in range(SLOTS // 8))),
            words_write.en.eq(enable),
            words_read.addr.eq(self._word_address(self.read_group, self.read_side)),
        ]
        # A register after the block RAM, whose output comes late in the cycle.
        with m.If(self.next_word):
            m.d.sync += self.word.eq(words_read.data)
        return m

    def _word_address(self, group, side):
        return Mux(side, group + self._config.groups, group)


class Fire(wiring.Component):
    """Runs the LIF steps of each tile's passes and sends what they leave to the writer.

    Members
    -------
    start : In(1), a layer begins
    layer : In(descriptor_layout), constant while it runs
    captured : In(array of signed), the currents of a slot, one a lane
    capture : In(1), they are new in the next cycle
    release : Out(1), the next slot may be captured
    runs : Out(stream of run_layout), what is written next
    words : Out(stream of 64 bits), the words of the runs
    finished : Out(1), all tiles and passes of the layer were fired and handed to the writer
    saturations : Out, lanes that saturated in this cycle
    trace : Out(trace_layout), for a scoreboard; costs nothing where it is not used
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "start": In(1),
                "layer": In(descriptor_layout),
                "captured": In(data.ArrayLayout(signed(config.current_bits), config.lanes)),
                "capture": In(1),
                "release": Out(1),
                "runs": Out(stream.Signature(run_layout)),
                "words": Out(stream.Signature(64)),
                "finished": Out(1, init=1),
                "saturations": Out(range(config.fire_units + 1)),
                "trace": Out(trace_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        layer = self.layer
        n_units = config.fire_units
        units = [FireUnit(config) for _ in range(n_units)]
        for u, unit in enumerate(units):
            m.submodules[f"unit{u}"] = unit
        m.submodules.output = output = Output(config)
        wiring.connect(m, output.runs, wiring.flipped(self.runs))
        wiring.connect(m, output.words, wiring.flipped(self.words))

        # Where we are: tile > pass > sample > step > group.
        neurons_left = Signal(20)  # from this tile's first neuron on
        in_tile = Signal(range(config.lanes + 1))
        steps_left = Signal(16)  # from this pass's first step on
        first_pass = Signal()
        sample = Signal(8)
        step = Signal(SLOT_BITS)
        slot = Signal(SLOT_BITS)
        group = Signal(range(config.groups))
        lanes_left = Signal(range(config.lanes + 1))  # from this group's first lane on
        side = Signal()
        tile_address = Signal(ADDRESS_BITS)
        pass_address = Signal(ADDRESS_BITS)
        tile_vmem = Signal(ADDRESS_BITS)
        sample_vmem = Signal(ADDRESS_BITS)
        last_tile = Signal()
        last_pass = Signal()
        final_step = Signal(SLOT_BITS)  # the pass's last
        last_step = Signal()
        last_sample = Signal()
        last_group = Signal()
        # A cycle late: tile and pass are a cycle old before the walk begins.
        m.d.sync += [
            last_tile.eq(neurons_left <= config.lanes),
            last_pass.eq(steps_left <= SLOTS),
            final_step.eq(Mux(steps_left <= SLOTS, steps_left, SLOTS) - 1),
        ]
        m.d.comb += [
            last_step.eq(step == final_step),
            last_sample.eq(sample + 1 == layer.n_samples),
            last_group.eq(lanes_left <= n_units),
        ]

        # Into the pipelines: one cycle after a group's turn its currents and its state stand in registers.
        have = Signal()  # captured currents that were not walked yet
        issue = Signal()
        stages = data.StructLayout(
            {"valid": 1, "group": range(config.groups), "slot": SLOT_BITS, "side": 1, "real": n_units}
        )
        pipe = [Signal(stages, name=f"stage{i}") for i in range(LIF_STAGES + 1)]
        m.d.sync += [
            pipe[0].valid.eq(issue),
            pipe[0].group.eq(group),
            pipe[0].slot.eq(slot),
            pipe[0].side.eq(side),
            pipe[0].real.eq(Cat(lanes_left > u for u in range(n_units))),
        ]
        m.d.sync += [after.eq(before) for before, after in zip(pipe, pipe[1:])]

        mode = layer.reset_mode
        initial = Signal(neuron_layout(config.vmem_bits))
        parameters = Signal(parameters_layout(config.vmem_bits))
        m.d.sync += [
            initial.vmem.eq(layer.v_init),
            initial.fired.eq(layer.v_init >= layer.v_threshold),
        ]
        m.d.comb += [
            parameters.v_threshold.eq(layer.v_threshold),
            parameters.v_subtract.eq(layer.v_subtract),
            parameters.decay.eq(layer.decay),
            parameters.frac_bits.eq(layer.frac_bits),
            parameters.zero.eq(mode == ResetMode.ZERO),
            parameters.subtract.eq(mode == ResetMode.SUBTRACT),
            parameters.zero_delayed.eq(mode == ResetMode.ZERO_DELAYED),
            parameters.subtract_delayed.eq(mode == ResetMode.SUBTRACT_DELAYED),
        ]
        leave = pipe[LIF_STAGES]
        dumping = Signal()  # the pipelines stand still, and the output reads their state
        for u, unit in enumerate(units):
            lanes = Array(self.captured[g * n_units + u] for g in range(config.groups))
            current = Signal(signed(config.current_bits), name=f"current{u}")
            m.d.sync += current.eq(lanes[group])
            m.d.comb += [
                unit.parameters.eq(parameters),
                unit.current.eq(current),
                unit.group.eq(Mux(dumping, output.vmem_group, group)),
                unit.begin.eq((step == 0) & first_pass & ~dumping),
                unit.initial.eq(initial),
                unit.write.eq(leave.valid),
                unit.write_group.eq(leave.group),
                unit.slot.eq(leave.slot),
                unit.side.eq(leave.side),
                unit.read_group.eq(output.word_group),
                unit.read_side.eq(output.side),
                unit.next_word.eq(output.next_words),
                output.shown_words[u].eq(unit.word),
                output.shown_vmem[u].eq(unit.before.vmem),
                self.trace.vmem[u].eq(unit.after.vmem),
                self.trace.spike[u].eq(unit.spike),
                self.trace.saturated[u].eq(unit.saturated),
            ]
        m.d.comb += [
            self.trace.valid.eq(leave.valid),
            self.trace.group.eq(leave.group),
            self.trace.slot.eq(leave.slot),
        ]
        saturated = Cat(unit.saturated & leave.valid & leave.real[u] for u, unit in enumerate(units))
        m.d.sync += self.saturations.eq(sum(saturated))

        in_flight = Signal()
        m.d.sync += in_flight.eq(Cat(issue, *(stage.valid for stage in pipe)).any())
        m.d.comb += [output.n_lanes.eq(in_tile), output.for_side.eq(side)]

        walk = Signal()
        ahead = Signal()  # this slot's release was given
        m.d.comb += [
            issue.eq(walk & have),
            self.release.eq(issue & ~ahead & (lanes_left <= (RELEASE_AHEAD + 1) * n_units)),
        ]
        with m.If(issue):
            m.d.sync += [
                ahead.eq((ahead | self.release) & ~last_group),
                group.eq(Mux(last_group, 0, group + 1)),
                lanes_left.eq(Mux(last_group, in_tile, lanes_left - n_units)),
            ]
            with m.If(last_group):
                m.d.sync += have.eq(0)
        with m.If(self.capture):
            m.d.sync += have.eq(1)

        with m.FSM():
            with m.State("LAYER"):
                m.d.sync += [
                    neurons_left.eq(layer.n_neurons),
                    steps_left.eq(layer.n_steps),
                    first_pass.eq(1),
                    tile_address.eq(layer.output_address),
                    pass_address.eq(layer.output_address),
                    tile_vmem.eq(layer.vmem_address),
                ]
                with m.If(self.start):
                    m.d.sync += self.finished.eq(0)
                    m.next = "TILE"
            with m.State("TILE"):
                m.d.sync += in_tile.eq(Mux(neurons_left < config.lanes, neurons_left, config.lanes))
                m.next = "PASS"
            with m.State("PASS"):
                m.d.sync += [
                    lanes_left.eq(in_tile),
                    sample_vmem.eq(tile_vmem),
                    sample.eq(0),
                    step.eq(0),
                    slot.eq(0),
                ]
                m.next = "WALK"
            with m.State("WALK"):
                m.d.comb += walk.eq(1)
                with m.If(issue & last_group):
                    m.d.sync += [step.eq(step + 1), slot.eq(slot + 1)]
                    with m.If(last_step):
                        m.d.sync += [step.eq(0), sample.eq(sample + 1)]
                        with m.If(layer.write_vmem & last_pass):
                            m.next = "VMEM"
                        with m.Elif(last_sample):
                            m.next = "WORDS"
            with m.State("VMEM"):
                m.d.comb += [
                    output.start_vmem.eq(~in_flight & ~issue),
                    output.address.eq(sample_vmem),
                ]
                with m.If(~in_flight & output.ready):
                    m.d.sync += dumping.eq(1)
                    m.next = "VMEM_DUMP"
            with m.State("VMEM_DUMP"):
                with m.If(output.ready):
                    m.d.sync += [dumping.eq(0), sample_vmem.eq(advance(sample_vmem, layer.n_neurons << 2))]
                    m.next = "WALK"
                    with m.If(sample == layer.n_samples):
                        m.next = "WORDS"
            with m.State("WORDS"):
                m.d.comb += [
                    output.start_words.eq(~in_flight),
                    output.address.eq(pass_address),
                ]
                with m.If(~in_flight & output.ready):
                    m.d.sync += side.eq(~side)
                    m.next = "PASS_DONE"
            with m.State("PASS_DONE"):
                m.d.sync += [
                    steps_left.eq(steps_left - SLOTS),
                    first_pass.eq(0),
                    pass_address.eq(advance(pass_address, layer.n_neurons << 3)),
                ]
                m.next = "PASS"
                with m.If(last_pass):
                    m.d.sync += [
                        steps_left.eq(layer.n_steps),
                        first_pass.eq(1),
                        neurons_left.eq(neurons_left - config.lanes),
                        tile_address.eq(advance(tile_address, config.lanes * 8)),
                        pass_address.eq(advance(tile_address, config.lanes * 8)),
                        tile_vmem.eq(advance(tile_vmem, config.lanes * 4)),
                    ]
                    m.next = "TILE"
                    with m.If(last_tile):
                        m.next = "END"
            with m.State("END"):
                with m.If(output.ready):
                    m.d.sync += self.finished.eq(1)
                    m.next = "LAYER"
        return m
