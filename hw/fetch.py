"""Fetch: reads a layer's input raster, and asks for the weight rows of the inputs that spiked."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig

from .address import ADDRESS_BITS, advance
from .descriptor import descriptor_layout
from .late_register import LateRegister
from .reader import request_layout
from .store import part_words, words_of_part
from .stream_register import StreamRegister
from .window import work_layout

OFFSET_BITS = 28
"""Weight rows are numbered in 64-bit words from the first row of a tile; resident ones in rows."""

found_layout = data.StructLayout({"word": SLOTS, "offset": OFFSET_BITS})
"""An active input; or, with no spike in ``word``, the end of a pass."""


class RasterList(wiring.Component):
    """The active inputs of a layer, so that only its first tile reads the raster.

    Members
    -------
    clear : In(1), forget all
    record : In(1), add ``found`` to the list
    found : In(found_layout)
    full : Out(1), something was recorded for which there was no room
    level : Out, entries
    seek : In(1), read from entry ``first`` on
    first : In
    entries : Out(stream of found_layout)
    """

    def __init__(self, config: CoreConfig):
        self._depth = config.list_words
        super().__init__(
            {
                "clear": In(1),
                "record": In(1),
                "found": In(found_layout),
                "full": Out(1),
                "level": Out(range(self._depth + 1)),
                "seek": In(1),
                "first": In(range(self._depth + 1)),
                "entries": Out(stream.Signature(found_layout)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self._depth
        # Whole bytes, so that no data falls into a block RAM's ninth bits.
        width = -(-found_layout.size // 8) * 8
        m.submodules.memory = memory = Memory(shape=width, depth=depth, init=[])
        write = memory.write_port(granularity=8)
        read = memory.read_port(domain="sync")

        room = self.level != depth
        m.d.comb += [
            write.addr.eq(self.level),
            write.data.eq(self.found),
            write.en.eq((self.record & room).replicate(width // 8)),
        ]
        with m.If(self.clear):
            m.d.sync += [self.level.eq(0), self.full.eq(0)]
        with m.Elif(self.record):
            m.d.sync += [self.level.eq(self.level + room), self.full.eq(self.full | ~room)]

        register = LateRegister(found_layout)
        m.submodules.register = ResetInserter(self.seek)(register)
        wiring.connect(m, register.sink, wiring.flipped(self.entries))
        at = Signal(range(depth + 1))
        goes = Signal()
        m.d.comb += [
            goes.eq((~register.source.valid | register.source.ready) & (at != self.level)),
            read.addr.eq(at),
            read.en.eq(~register.source.valid | register.source.ready),
            register.source.payload.eq(read.data),
        ]
        with m.If(goes):
            m.d.sync += [at.eq(at + 1), register.source.valid.eq(1)]
        with m.Elif(register.source.ready):
            m.d.sync += register.source.valid.eq(0)
        with m.If(self.seek):
            m.d.sync += [at.eq(self.first), register.source.valid.eq(0)]
        return m


class Scanner(wiring.Component):
    """Finds the active inputs of each tile's passes, segment after segment.

    The first tile reads the raster, a word a cycle; a silent word costs that cycle and nothing
    else. What it finds goes into the list, from which the next segments and tiles take it, unless
    the list overflowed: then they read the raster again. Bias rows follow the inputs, as words that
    spike in every slot in use. A segment is half of a pass's slots where the weights are resident,
    so that the other half is fired meanwhile; else all of them, since its rows are fetched anew.

    Members
    -------
    start : In(1), a layer begins
    layer : In(descriptor_layout), constant while it runs
    used_slots : In(7), slots in use when all steps fit into one pass
    row_words : In, 64-bit words of a weight row
    raster_requests : Out(stream of request_layout)
    raster : In(stream of 64 bits)
    row_requests{p} : Out(stream of request_layout), of memory port p's part of a row
    row_taken : In(1), a row left the ring
    work : Out(stream of work_layout)
    restart : Out(1), a layer begins: the store writes from ``first_row`` on
    first_row : Out
    resident : Out(1), the layer's weights are in the store
    arrived : Out(1), rows are loaded to stay
    loaded : Out(1), they all are
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "start": In(1),
                "layer": In(descriptor_layout),
                "used_slots": In(range(SLOTS + 1)),
                "row_words": In(range(config.row_words(config.weight_bits) + 1)),
                "raster_requests": Out(stream.Signature(request_layout)),
                "raster": In(stream.Signature(64)),
                **{f"row_requests{p}": Out(stream.Signature(request_layout)) for p in range(config.ports)},
                "row_taken": In(1),
                "work": Out(stream.Signature(work_layout(config))),
                "restart": Out(1),
                "first_row": Out(range(config.store_rows)),
                "resident": Out(1),
                "arrived": Out(1),
                "loaded": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        layer = self.layer
        lanes = config.lanes
        m.submodules.list = found_list = RasterList(config)

        # Where we are: tile > pass > segment > input.
        neurons_left = Signal(20)
        first_tile = Signal()
        steps_left = Signal(16)
        pass_address = Signal(ADDRESS_BITS)
        pass_entry = Signal(range(config.list_words + 1))
        list_at = Signal(range(config.list_words + 1))
        last_segment = Signal()
        inputs_left = Signal(signed(21))  # two less: below zero the last, or none
        last_input = Signal()
        no_input = Signal()
        biases_left = Signal(8)
        tile_address = Signal(ADDRESS_BITS)
        tile_row = Signal(range(config.store_rows))
        tile_size = Signal(OFFSET_BITS)
        offset = Signal(OFFSET_BITS)
        last_pass = Signal()
        m.d.comb += [
            last_pass.eq(steps_left <= SLOTS),
            last_input.eq(inputs_left < 0),
            no_input.eq(last_input & ~inputs_left[0]),
        ]

        slots = Signal(range(SLOTS + 1))
        half = Signal(range(SLOTS // 2 + 1))
        used = Signal(SLOTS)  # slots of the pass
        mask = Signal(SLOTS)  # slots of the segment
        second = Signal()  # it is the pass's second segment
        reads_raster = Signal()
        m.d.comb += reads_raster.eq((first_tile & ~second) | found_list.full)

        # What was found.
        found = Signal(found_layout)
        row_address = Signal(ADDRESS_BITS)
        valid = Signal()
        end = Signal()  # of the segment
        silent = Signal()  # in the segment's slots
        spiked = Signal()  # in the pass's
        ready = Signal()
        # It waits here until it is asked for.
        m.submodules.waiting = waiting = StreamRegister(
            data.StructLayout({"work": work_layout(config), "address": ADDRESS_BITS})
        )
        offered, asked_for = waiting.source, waiting.sink
        m.d.comb += [
            offered.payload.work.word.eq(Mux(end, mask, found.word & mask)),
            offered.payload.work.last.eq(end),
            offered.payload.work.row.eq(tile_row + found.offset),
            offered.payload.address.eq(row_address),
            offered.valid.eq(valid & (end | ~silent)),
            ready.eq(~valid | (~end & silent) | offered.ready),
        ]
        # Its registers are loaded whenever there is room, found or not: little decides on so many of them.
        next_found = Signal(found_layout)
        next_silent = Signal()
        finds = Signal()
        with m.If(ready):
            m.d.sync += [
                valid.eq(finds),
                end.eq(0),
                silent.eq(next_silent),
                spiked.eq(next_found.word.any()),
                found.eq(next_found),
                row_address.eq(advance(tile_address, next_found.offset << 3)),
            ]

        # Rows under way, or in the ring.
        requested = Signal(range(config.ring_rows + 1))
        wants_row = Signal()
        room = Signal()  # late by a cycle, in which one more may have gone
        asked = Signal(config.ports)
        asking = []
        last = asked_for.payload.work.last
        m.d.comb += wants_row.eq(asked_for.valid & ~last & ~self.resident & room & self.work.ready)
        m.d.sync += room.eq(requested <= config.ring_rows - 2)
        before = 0
        for p, part in enumerate(part_words(config)):
            n_words = Signal(range(part + 1), name=f"request_words{p}")
            needed = Signal(name=f"needed{p}")
            m.d.sync += [n_words.eq(words_of_part(self.row_words, before, part)), needed.eq(self.row_words > before)]
            m.submodules[f"request{p}"] = register = StreamRegister(request_layout)
            wiring.connect(m, register.sink, wiring.flipped(getattr(self, f"row_requests{p}")))
            request = register.source
            done = Signal(name=f"asked_now{p}")
            m.d.comb += [
                request.payload.address.eq(advance(asked_for.payload.address, before * 8)),
                request.payload.words.eq(n_words),
                request.valid.eq(wants_row & ~asked[p] & needed),
                done.eq(asked[p] | request.ready | ~needed),
            ]
            asking.append(done)
            before += part
        sent = Signal()  # a row's last request goes out
        m.d.comb += sent.eq(wants_row & Cat(asking).all())
        with m.If(sent):
            m.d.sync += asked.eq(0)
        with m.Elif(wants_row):
            m.d.sync += asked.eq(Cat(asking))
        m.d.sync += requested.eq(requested + sent - self.row_taken)
        m.d.comb += [
            self.work.payload.eq(asked_for.payload.work),
            self.work.valid.eq(asked_for.valid & (last | self.resident | sent) & ~self.arrived),
            asked_for.ready.eq(Mux(last | self.resident, self.work.ready, sent)),
        ]

        def find(here, spikes, at, is_silent=0):
            """Put an input, if one is ``here``, where it is asked for, once there is room."""
            m.d.comb += [finds.eq(here & ready), next_found.word.eq(spikes), next_found.offset.eq(at), next_silent.eq(is_silent)]

        # What is found goes into the list in the cycle after.
        recorded = Signal()
        m.d.comb += [
            found_list.found.eq(found),
            found_list.record.eq(recorded & (spiked | end)),
        ]
        m.d.sync += recorded.eq(0)
        next_row = offset.eq(offset + Mux(self.resident, 1, self.row_words))
        records = first_tile & ~second
        m.d.comb += self.first_row.eq(Mux(layer.load, layer.store_row, config.store_rows - config.ring_rows))

        with m.FSM():
            with m.State("LAYER"):
                m.d.sync += [
                    self.resident.eq(layer.resident & ~layer.load),
                    neurons_left.eq(layer.n_neurons),
                    first_tile.eq(1),
                    steps_left.eq(layer.n_steps),
                    tile_address.eq(layer.weight_address),
                    tile_row.eq(layer.store_row),
                    pass_address.eq(layer.input_address),
                    pass_entry.eq(0),
                    inputs_left.eq(layer.fan_in - 2),
                    biases_left.eq(0),
                    offset.eq(0),
                    mask.eq(1),
                ]
                with m.If(self.start):
                    m.d.comb += [self.restart.eq(1), found_list.clear.eq(1)]
                    m.d.sync += self.loaded.eq(0)
                    m.next = "PASS"
                    with m.If(layer.load):
                        m.d.sync += self.arrived.eq(1)
                        m.next = "LOAD"
            with m.State("LOAD"):
                # Every row as if it were active, without work.
                find(~no_input, 1, offset)
                with m.If(finds):
                    m.d.sync += [next_row, inputs_left.eq(inputs_left - 1)]
                with m.If(no_input & ~valid & ~asked_for.valid & (requested == 0)):
                    m.d.sync += [self.loaded.eq(1), self.arrived.eq(0)]
                    m.next = "LAYER"
            with m.State("PASS"):
                # The halves lie alike in all passes of a layer: a pass must not be held up by slots
                # that are still to be fired for the one before.
                with m.If(layer.n_steps <= SLOTS):
                    m.d.sync += [slots.eq(self.used_slots), half.eq((self.used_slots + 1) >> 1)]
                with m.Else():
                    m.d.sync += [slots.eq(Mux(last_pass, steps_left, SLOTS)), half.eq(SLOTS // 2)]
                m.next = "USED"
            with m.State("USED"):
                m.d.sync += [
                    used.eq((1 << slots) - 1),
                    second.eq(0),
                    last_segment.eq(1),
                ]
                m.next = "WHOLE"
                with m.If(self.resident & (slots > half)):
                    m.next = "FIRST_HALF"
            with m.State("WHOLE"):
                m.d.sync += mask.eq(used)
                m.next = "SEGMENT"
            with m.State("FIRST_HALF"):
                m.d.sync += [mask.eq((1 << half) - 1), last_segment.eq(0)]
                m.next = "SEGMENT"
            with m.State("SECOND_HALF"):
                m.d.sync += [mask.eq(used & ~mask), second.eq(1), last_segment.eq(1)]
                m.next = "SEGMENT"
            with m.State("SEGMENT"):
                m.d.comb += [
                    found_list.seek.eq(1),
                    found_list.first.eq(pass_entry),
                    self.raster_requests.payload.address.eq(pass_address),
                    self.raster_requests.payload.words.eq(layer.fan_in),
                    self.raster_requests.valid.eq(reads_raster),
                ]
                m.d.sync += [offset.eq(0), inputs_left.eq(layer.fan_in - 2), biases_left.eq(layer.bias_rows), list_at.eq(pass_entry)]
                with m.If(~reads_raster):
                    m.next = "LIST"
                with m.Elif(self.raster_requests.ready):
                    m.next = "RASTER"
            with m.State("RASTER"):
                m.d.comb += self.raster.ready.eq(ready)
                find(self.raster.valid, self.raster.payload & used, offset, (self.raster.payload & mask) == 0)
                with m.If(finds):
                    m.d.sync += [next_row, recorded.eq(records), inputs_left.eq(inputs_left - 1)]
                    with m.If(last_input):
                        m.next = "BIASES"
            with m.State("BIASES"):
                find(1, used, offset)
                with m.If(finds):
                    m.d.sync += [next_row, recorded.eq(records), biases_left.eq(biases_left - 1)]
                    with m.If(biases_left == 0):
                        m.d.sync += [found.word.eq(0), spiked.eq(0), end.eq(1), tile_size.eq(offset)]
                        m.next = "SEGMENT_DONE"
            with m.State("LIST"):
                entry = found_list.entries.payload
                m.d.comb += found_list.entries.ready.eq(ready)
                find(found_list.entries.valid, entry.word, entry.offset, (entry.word & mask) == 0)
                with m.If(finds):
                    m.d.sync += list_at.eq(list_at + 1)
                    with m.If(entry.word == 0):
                        m.d.sync += end.eq(1)
                        m.next = "SEGMENT_DONE"
            with m.State("SEGMENT_DONE"):
                # The end of the segment goes out before its slots change.
                with m.If(ready):
                    m.next = "SECOND_HALF"
                    with m.If(last_segment):
                        m.next = "PASS_DONE"
            with m.State("PASS_DONE"):
                m.next = "PASS"
                m.d.sync += [
                    steps_left.eq(steps_left - SLOTS),
                    pass_address.eq(advance(pass_address, layer.fan_in << 3)),
                    pass_entry.eq(Mux(first_tile, found_list.level, list_at)),
                ]
                with m.If(last_pass):
                    m.next = "TILE_DONE"
            with m.State("TILE_DONE"):
                m.d.sync += [
                    first_tile.eq(0),
                    tile_address.eq(advance(tile_address, tile_size << 3)),
                    tile_row.eq(tile_row + tile_size),
                    neurons_left.eq(neurons_left - lanes),
                    steps_left.eq(layer.n_steps),
                    pass_address.eq(layer.input_address),
                    pass_entry.eq(0),
                ]
                m.next = "PASS"
                with m.If(neurons_left <= lanes):
                    m.next = "LAYER"
        return m
