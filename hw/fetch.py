"""Fetch: reads the input raster of each pass, and the weight rows of the inputs that spiked."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig

from .address import ADDRESS_BITS, advance
from .array import word_layout
from .descriptor import descriptor_layout
from .reader import request_layout


class RasterRequests(wiring.Component):
    """Asks for the raster words of each tile's passes, ahead of those who use them.

    Members
    -------
    start : In(1), a layer begins
    layer : In(descriptor_layout), constant while it runs
    requests : Out(stream of request_layout)
    """

    def __init__(self, config: CoreConfig):
        self._lanes = config.lanes
        super().__init__(
            {
                "start": In(1),
                "layer": In(descriptor_layout),
                "requests": Out(stream.Signature(request_layout)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layer = self.layer
        neurons_left = Signal(20)
        steps_left = Signal(16)
        address = Signal(ADDRESS_BITS)
        running = Signal()
        m.d.comb += [
            self.requests.payload.address.eq(address),
            self.requests.payload.words.eq(layer.fan_in),
            self.requests.valid.eq(running),
        ]
        with m.If(self.start):
            m.d.sync += [
                running.eq(1),
                neurons_left.eq(layer.n_neurons),
                steps_left.eq(layer.n_steps),
                address.eq(layer.input_address),
            ]
        with m.Elif(running & self.requests.ready):
            with m.If(steps_left > SLOTS):
                m.d.sync += [steps_left.eq(steps_left - SLOTS), address.eq(advance(address, layer.fan_in << 3))]
            with m.Else():
                m.d.sync += [
                    steps_left.eq(layer.n_steps),
                    address.eq(layer.input_address),
                    neurons_left.eq(neurons_left - self._lanes),
                ]
                with m.If(neurons_left <= self._lanes):
                    m.d.sync += running.eq(0)
        return m


class Scanner(wiring.Component):
    """Looks at one raster word a cycle; a word with a spike becomes work and a weight request.

    Silent inputs cost their raster word and nothing else. Bias rows follow the inputs, as words
    that spike in every slot in use.

    Members
    -------
    start : In(1), a layer begins
    layer : In(descriptor_layout), constant while it runs
    used_slots : In(7), slots in use when all steps fit into one pass
    row_words : In, 64-bit words of a weight row
    raster : In(stream of 64 bits)
    requests : Out(stream of request_layout), of weight rows
    work : Out(stream of word_layout)
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "start": In(1),
                "layer": In(descriptor_layout),
                "used_slots": In(range(SLOTS + 1)),
                "row_words": In(range(config.row_words(config.weight_bits) + 1)),
                "raster": In(stream.Signature(64)),
                "requests": Out(stream.Signature(request_layout)),
                "work": Out(stream.Signature(word_layout)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layer = self.layer
        lanes = self._config.lanes
        neurons_left = Signal(20)
        steps_left = Signal(16)
        last_pass = Signal()
        inputs_left = Signal(20)
        biases_left = Signal(8)
        tile_address = Signal(ADDRESS_BITS)
        row_address = Signal(ADDRESS_BITS)
        slots = Signal(range(SLOTS + 1))
        mask = Signal(SLOTS)
        m.d.comb += last_pass.eq(steps_left <= SLOTS)

        word = Signal(SLOTS)
        active = Signal()  # a row with spikes stands here: it goes to both outputs at once
        m.d.comb += [
            self.work.payload.word.eq(word),
            self.requests.payload.address.eq(row_address),
            self.requests.payload.words.eq(self.row_words),
            self.requests.valid.eq(active & self.work.ready),
        ]
        sent = Signal()
        m.d.comb += sent.eq(self.requests.valid & self.requests.ready)
        next_row = row_address.eq(advance(row_address, self.row_words << 3))

        with m.FSM():
            with m.State("LAYER"):
                m.d.sync += [
                    neurons_left.eq(layer.n_neurons),
                    steps_left.eq(layer.n_steps),
                    tile_address.eq(layer.weight_address),
                ]
                with m.If(self.start):
                    m.next = "PASS"
            with m.State("PASS"):
                m.d.sync += [
                    slots.eq(Mux(layer.n_steps <= SLOTS, self.used_slots, Mux(last_pass, steps_left, SLOTS))),
                    row_address.eq(tile_address),
                    inputs_left.eq(layer.fan_in),
                    biases_left.eq(layer.bias_rows),
                ]
                m.next = "MASK"
            with m.State("MASK"):
                m.d.sync += mask.eq((1 << slots) - 1)
                m.next = "INPUTS"
            with m.State("INPUTS"):
                silent = Signal()
                m.d.comb += [
                    word.eq(self.raster.payload & mask),
                    silent.eq(word == 0),
                    active.eq(self.raster.valid & ~silent),
                    self.work.valid.eq(sent),
                    self.raster.ready.eq(silent | sent),
                ]
                with m.If(self.raster.valid & self.raster.ready):
                    m.d.sync += [next_row, inputs_left.eq(inputs_left - 1)]
                    with m.If(inputs_left == 1):
                        m.next = "BIASES"
            with m.State("BIASES"):
                m.d.comb += [
                    word.eq(mask),
                    active.eq(biases_left != 0),
                    self.work.valid.eq(sent),
                ]
                with m.If(biases_left == 0):
                    m.next = "LAST"
                with m.Elif(sent):
                    m.d.sync += [next_row, biases_left.eq(biases_left - 1)]
            with m.State("LAST"):
                m.d.comb += [self.work.payload.last.eq(1), self.work.valid.eq(1)]
                with m.If(self.work.ready):
                    m.next = "PASS"
                    with m.If(~last_pass):
                        m.d.sync += steps_left.eq(steps_left - SLOTS)
                    with m.Else():
                        m.d.sync += [
                            steps_left.eq(layer.n_steps),
                            tile_address.eq(row_address),
                            neurons_left.eq(neurons_left - lanes),
                        ]
                        with m.If(neurons_left <= lanes):
                            m.next = "LAYER"
        return m
