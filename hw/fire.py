"""Fire: the LIF steps of a tile, and the words and potentials that they leave in memory.

Lane ``g * fire_units + u`` belongs to unit u. A unit takes `LIF_STAGES` of its lanes at once, a
block, and interleaves them, so that each lane's step leaves the pipeline just as its next one
enters. Blocks follow each other; after each, the block's raster words go to the writer.
"""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig
from lifarray.golden.lif import ResetMode

from .address import ADDRESS_BITS, advance
from .array import SLOT_BITS
from .descriptor import descriptor_layout
from .lif import LIF_STAGES, LifPipeline, neuron_layout, parameters_layout
from .writer import run_layout


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
    """One LIF pipeline with the state of its lanes.

    Members
    -------
    parameters : In, of `LifPipeline`
    current : In(signed)
    lane : In, group whose step enters the pipeline in this cycle
    begin : In(1), it is the first step since vmem was ``initial`` or was kept
    resume : In(1), with ``begin``: go on from the kept vmem, of the pass before
    initial : In(neuron_layout)
    after : Out(neuron_layout), state after the step that entered `LIF_STAGES` cycles ago
    spike, saturated : Out(1), of that step
    write : In(1), that step counts: put its spike into the raster word
    write_lane : In, the group of that step
    slot : In(6), the slot of that step; slot 0 clears the word first
    read_lane : In, group that ``word`` and ``vmem`` show
    word : Out(64)
    vmem : Out(signed), as last kept
    keep : In(1), keep the vmem of the step that leaves the pipeline
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        group = range(config.groups)
        super().__init__(
            {
                "parameters": In(parameters_layout(config.vmem_bits)),
                "current": In(signed(config.current_bits)),
                "lane": In(group),
                "begin": In(1),
                "resume": In(1),
                "initial": In(neuron_layout(config.vmem_bits)),
                "after": Out(neuron_layout(config.vmem_bits)),
                "spike": Out(1),
                "saturated": Out(1),
                "write": In(1),
                "write_lane": In(group),
                "slot": In(SLOT_BITS),
                "read_lane": In(group),
                "word": Out(SLOTS),
                "vmem": Out(signed(config.vmem_bits)),
                "keep": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.lif = lif = LifPipeline(config.current_bits, config.vmem_bits)

        neuron = neuron_layout(config.vmem_bits)
        m.submodules.kept = kept = Memory(shape=neuron, depth=config.groups, init=[])
        kept_write = kept.write_port()
        kept_read = kept.read_port(domain="comb")
        kept_show = kept.read_port(domain="comb")
        m.d.comb += [
            kept_write.addr.eq(self.write_lane),
            kept_write.data.eq(lif.after),
            kept_write.en.eq(self.keep),
            kept_read.addr.eq(self.lane),
            kept_show.addr.eq(self.read_lane),
            self.vmem.eq(kept_show.data.vmem),
            lif.parameters.eq(self.parameters),
            lif.current.eq(self.current),
            lif.before.eq(Mux(self.begin, Mux(self.resume, kept_read.data, self.initial), lif.after)),
            self.after.eq(lif.after),
            self.spike.eq(lif.spike),
            self.saturated.eq(lif.saturated),
        ]

        m.submodules.words = words = Memory(shape=SLOTS, depth=config.groups, init=[])
        words_write = words.write_port()
        words_read = words.read_port(domain="comb")
        words_show = words.read_port(domain="comb")
        m.d.comb += [
            words_read.addr.eq(self.write_lane),
            words_write.addr.eq(self.write_lane),
            words_write.data.eq(Mux(self.slot == 0, 0, words_read.data) | (self.spike << self.slot)),
            words_write.en.eq(self.write),
            words_show.addr.eq(self.read_lane),
            self.word.eq(words_show.data),
        ]
        return m


class Fire(wiring.Component):
    """Runs the LIF steps of each tile's passes and sends what they leave to the writer.

    Members
    -------
    start : In(1), a layer begins
    layer : In(descriptor_layout), constant while it runs
    pass_done : In(1), the integrator's currents of the next pass stand
    pass_taken : Out(1), they were used
    touched, read_slot, currents : to the integrator
    runs : Out(stream of run_layout), what is written next
    words : Out(stream of 64 bits), the words of the runs
    finished : Out(1), all tiles and passes of the layer were fired
    saturations : Out, lanes that saturated in this cycle
    busy : Out(1), for the counters
    trace : Out(trace_layout), for a scoreboard; costs nothing where it is not used
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "start": In(1),
                "layer": In(descriptor_layout),
                "pass_done": In(1),
                "pass_taken": Out(1),
                "touched": In(SLOTS),
                "read_slot": Out(SLOT_BITS),
                "currents": In(data.ArrayLayout(signed(config.current_bits), config.lanes)),
                "runs": Out(stream.Signature(run_layout)),
                "words": Out(stream.Signature(64)),
                "finished": Out(1, init=1),
                "saturations": Out(range(config.fire_units + 1)),
                "busy": Out(1),
                "trace": Out(trace_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        layer = self.layer
        units = [FireUnit(config) for _ in range(config.fire_units)]
        for u, unit in enumerate(units):
            m.submodules[f"unit{u}"] = unit
        block_lanes = LIF_STAGES * config.fire_units
        n_blocks = -(-config.groups // LIF_STAGES)

        # Where we are: tile > pass > block > sample > step > lane of the block.
        neurons_left = Signal(20)  # from this tile's first neuron on
        steps_left = Signal(16)  # from this pass's first step on
        first_pass = Signal()
        block = Signal(range(n_blocks))
        block_left = Signal(20)  # neurons from this block's first on
        sample = Signal(8)
        step = Signal(SLOT_BITS)
        slot = Signal(SLOT_BITS)
        turn = Signal(range(LIF_STAGES))
        tile_address = Signal(ADDRESS_BITS)
        pass_address = Signal(ADDRESS_BITS)
        block_address = Signal(ADDRESS_BITS)
        tile_vmem = Signal(ADDRESS_BITS)
        block_vmem = Signal(ADDRESS_BITS)
        sample_vmem = Signal(ADDRESS_BITS)
        lane_vmem = Signal(ADDRESS_BITS)

        last_pass = Signal()
        steps = Signal(range(SLOTS + 1))
        last_step = Signal()
        last_sample = Signal()
        m.d.comb += [
            last_pass.eq(steps_left <= SLOTS),
            steps.eq(Mux(last_pass, steps_left, SLOTS)),
            last_step.eq(step + 1 == steps),
            last_sample.eq(sample + 1 == layer.n_samples),
        ]

        # Into the pipelines: one cycle after a lane's turn its current stands in a register.
        issue = Signal()
        group = Signal(range(n_blocks * LIF_STAGES))
        m.d.comb += [group.eq(block * LIF_STAGES + turn), self.read_slot.eq(slot)]
        stages = data.StructLayout(
            {
                "valid": 1,
                "group": range(config.groups),
                "slot": SLOT_BITS,
                "begin": 1,
                "resume": 1,
                "keep": 1,
                "real": config.fire_units,
            }
        )
        pipe = [Signal(stages, name=f"stage{i}") for i in range(LIF_STAGES + 1)]
        m.d.sync += [
            pipe[0].valid.eq(issue & (group < config.groups)),
            pipe[0].group.eq(group),
            pipe[0].slot.eq(slot),
            pipe[0].begin.eq(step == 0),
            pipe[0].resume.eq(~first_pass),
            pipe[0].keep.eq(last_step),
            pipe[0].real.eq(Cat(block_left > turn * config.fire_units + u for u in range(config.fire_units))),
        ]
        m.d.sync += [after.eq(before) for before, after in zip(pipe, pipe[1:])]

        mode = layer.reset_mode
        initial = Signal(neuron_layout(config.vmem_bits))
        m.d.sync += [initial.vmem.eq(layer.v_init), initial.fired.eq(layer.v_init >= layer.v_threshold)]
        enter, leave = pipe[0], pipe[LIF_STAGES]
        read_turn = Signal(range(LIF_STAGES))
        read_unit = Signal(range(config.fire_units))
        read_group = Signal(range(n_blocks * LIF_STAGES))
        m.d.comb += read_group.eq(block * LIF_STAGES + read_turn)
        for u, unit in enumerate(units):
            lanes = Array(self.currents[g * config.fire_units + u] for g in range(config.groups))
            current = Signal(signed(config.current_bits), name=f"current{u}")
            m.d.sync += current.eq(Mux(self.touched.bit_select(slot, 1), lanes[group], 0))
            m.d.comb += [
                unit.parameters.v_threshold.eq(layer.v_threshold),
                unit.parameters.v_subtract.eq(layer.v_subtract),
                unit.parameters.decay.eq(layer.decay),
                unit.parameters.frac_bits.eq(layer.frac_bits),
                unit.parameters.zero.eq(mode == ResetMode.ZERO),
                unit.parameters.subtract.eq(mode == ResetMode.SUBTRACT),
                unit.parameters.zero_delayed.eq(mode == ResetMode.ZERO_DELAYED),
                unit.parameters.subtract_delayed.eq(mode == ResetMode.SUBTRACT_DELAYED),
                unit.current.eq(current),
                unit.lane.eq(enter.group),
                unit.begin.eq(enter.begin),
                unit.resume.eq(enter.resume),
                unit.initial.eq(initial),
                unit.write.eq(leave.valid),
                unit.write_lane.eq(leave.group),
                unit.slot.eq(leave.slot),
                unit.keep.eq(leave.valid & leave.keep),
                unit.read_lane.eq(read_group),
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

        shown_word = Signal(SLOTS)
        shown_vmem = Signal(signed(32))
        m.d.comb += [
            shown_word.eq(Array(unit.word for unit in units)[read_unit]),
            shown_vmem.eq(Array(unit.vmem for unit in units)[read_unit]),
        ]

        read_left = Signal(range(block_lanes + 1))
        in_flight = Signal()
        m.d.comb += in_flight.eq(Cat(stage.valid for stage in pipe).any())

        def next_shown():
            """Move on to the next lane of the block, and notice the last."""
            with m.If(read_unit == config.fire_units - 1):
                m.d.sync += [read_unit.eq(0), read_turn.eq(read_turn + 1)]
            with m.Else():
                m.d.sync += read_unit.eq(read_unit + 1)
            m.d.sync += read_left.eq(read_left - 1)

        def show_from_first():
            m.d.sync += [read_unit.eq(0), read_turn.eq(0), read_left.eq(Mux(block_left < in_block, block_left, in_block))]

        # The last block of a tile may be short of groups.
        in_block = Signal(range(block_lanes + 1))
        m.d.comb += in_block.eq(
            Mux(block == n_blocks - 1, config.lanes - (n_blocks - 1) * block_lanes, block_lanes)
        )

        m.d.comb += self.busy.eq(self.pass_done)
        with m.FSM():
            with m.State("LAYER"):
                with m.If(self.start):
                    m.d.sync += [
                        self.finished.eq(0),
                        neurons_left.eq(layer.n_neurons),
                        steps_left.eq(layer.n_steps),
                        first_pass.eq(1),
                        tile_address.eq(layer.output_address),
                        pass_address.eq(layer.output_address),
                        tile_vmem.eq(layer.vmem_address),
                    ]
                    m.next = "PASS"
            with m.State("PASS"):
                with m.If(self.pass_done):
                    m.d.sync += [
                        block.eq(0),
                        block_left.eq(neurons_left),
                        block_address.eq(pass_address),
                        block_vmem.eq(tile_vmem),
                        sample_vmem.eq(tile_vmem),
                        sample.eq(0),
                        step.eq(0),
                        slot.eq(0),
                        turn.eq(0),
                    ]
                    m.next = "STEP"
            with m.State("STEP"):
                m.d.comb += issue.eq(1)
                m.d.sync += turn.eq(turn + 1)
                with m.If(turn == LIF_STAGES - 1):
                    m.d.sync += [step.eq(step + 1), slot.eq(slot + 1)]
                    with m.If(last_step):
                        m.d.sync += step.eq(0)
                        with m.If(last_sample | (layer.write_vmem & last_pass)):
                            m.next = "EMPTY"
                        with m.Else():
                            m.d.sync += sample.eq(sample + 1)
            with m.State("EMPTY"):
                with m.If(~in_flight & ~issue):
                    show_from_first()
                    m.d.sync += lane_vmem.eq(sample_vmem)
                    with m.If(layer.write_vmem & last_pass):
                        m.next = "VMEM_RUN"
                    with m.Else():
                        m.next = "WORD_RUN"
            with m.State("VMEM_RUN"):
                m.d.comb += [
                    self.runs.payload.address.eq(lane_vmem),
                    self.runs.payload.words.eq(1),
                    self.runs.payload.half.eq(1),
                    self.runs.valid.eq(1),
                ]
                with m.If(self.runs.ready):
                    m.next = "VMEM_WORD"
            with m.State("VMEM_WORD"):
                m.d.comb += [
                    self.words.payload.eq(shown_vmem.as_unsigned().replicate(2)),
                    self.words.valid.eq(1),
                ]
                with m.If(self.words.ready):
                    next_shown()
                    m.d.sync += lane_vmem.eq(advance(lane_vmem, 4))
                    m.next = "VMEM_RUN"
                    with m.If(read_left == 1):
                        m.d.sync += sample_vmem.eq(advance(sample_vmem, layer.n_neurons << 2))
                        with m.If(last_sample):
                            show_from_first()
                            m.next = "WORD_RUN"
                        with m.Else():
                            m.d.sync += sample.eq(sample + 1)
                            m.next = "STEP"
            with m.State("WORD_RUN"):
                m.d.comb += [
                    self.runs.payload.address.eq(block_address),
                    self.runs.payload.words.eq(read_left),
                    self.runs.valid.eq(1),
                ]
                with m.If(self.runs.ready):
                    m.next = "WORDS"
            with m.State("WORDS"):
                m.d.comb += [self.words.payload.eq(shown_word), self.words.valid.eq(1)]
                with m.If(self.words.ready):
                    next_shown()
                    with m.If(read_left == 1):
                        m.next = "BLOCK_DONE"
            with m.State("BLOCK_DONE"):
                m.d.sync += [
                    block.eq(block + 1),
                    block_left.eq(block_left - block_lanes),
                    block_address.eq(advance(block_address, block_lanes * 8)),
                    block_vmem.eq(advance(block_vmem, block_lanes * 4)),
                    sample_vmem.eq(advance(block_vmem, block_lanes * 4)),
                    sample.eq(0),
                    step.eq(0),
                    slot.eq(0),
                ]
                m.next = "STEP"
                with m.If((block == n_blocks - 1) | (block_left <= block_lanes)):
                    m.d.comb += self.pass_taken.eq(1)
                    m.next = "PASS_DONE"
            with m.State("PASS_DONE"):
                m.next = "PASS"
                with m.If(~last_pass):
                    m.d.sync += [
                        steps_left.eq(steps_left - SLOTS),
                        first_pass.eq(0),
                        pass_address.eq(advance(pass_address, layer.n_neurons << 3)),
                    ]
                with m.Else():
                    m.d.sync += [
                        steps_left.eq(layer.n_steps),
                        first_pass.eq(1),
                        neurons_left.eq(neurons_left - config.lanes),
                        tile_address.eq(advance(tile_address, config.lanes * 8)),
                        pass_address.eq(advance(tile_address, config.lanes * 8)),
                        tile_vmem.eq(advance(tile_vmem, config.lanes * 4)),
                    ]
                    with m.If(neurons_left <= config.lanes):
                        m.d.sync += self.finished.eq(1)
                        m.next = "LAYER"
        return m
