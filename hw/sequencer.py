"""The sequencer: walks the descriptor list, one layer after the other, and ends every run."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import DECAY_ONE, SLOTS, CoreConfig
from lifarray.golden.descriptor import DESCRIPTOR_BYTES, DESCRIPTOR_MAGIC, reserved_mask
from lifarray.golden.lif import ResetMode
from lifarray.golden.registers import ErrorCode

from .address import ADDRESS_BITS, advance
from .descriptor import DESCRIPTOR_WORDS, descriptor_layout
from .reader import request_layout


class Sequencer(wiring.Component):
    """Loads, checks and runs the descriptors of a list.

    A run ends well, or with the first error's code and address. After an error or an abort nothing
    more is issued, what is outstanding is waited for, and the data path is reset; the next run
    starts afresh.

    Members
    -------
    start, abort : In(1)
    list_address : In(32)
    list_count : In(16)
    busy : Out(1), a run is under way
    began, ended : Out(1), high for one cycle
    error : Out(8), ErrorCode of the last run
    error_address : Out(32)
    lists_done : Out(16), descriptors completed
    requests : Out(stream of request_layout), for descriptors
    words : In(stream of 64 bits), the descriptors
    loading : Out(1), the stream of descriptors and rasters is the sequencer's
    layer : Out(descriptor_layout)
    used_slots : Out(7), slots in use when all steps fit into one pass
    layer_start : Out(1), high for one cycle
    layer_done : In(1), the layer's output is in memory
    read_outside, read_failed, write_outside, write_failed : In(1)
    read_error_address, write_error_address : In(32)
    halt : Out(1), the memory ports must issue nothing more
    idle : In(1), the memory ports have nothing under way
    flush : Out(1), reset the data path
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "start": In(1),
                "abort": In(1),
                "list_address": In(32),
                "list_count": In(16),
                "busy": Out(1),
                "began": Out(1),
                "ended": Out(1),
                "error": Out(8),
                "error_address": Out(32),
                "lists_done": Out(16),
                "requests": Out(stream.Signature(request_layout)),
                "words": In(stream.Signature(64)),
                "loading": Out(1),
                "layer": Out(descriptor_layout),
                "used_slots": Out(range(SLOTS + 1)),
                "layer_start": Out(1),
                "layer_done": In(1),
                "read_outside": In(1),
                "read_failed": In(1),
                "write_outside": In(1),
                "write_failed": In(1),
                "read_error_address": In(32),
                "write_error_address": In(32),
                "halt": Out(1),
                "idle": In(1),
                "flush": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layer = self.layer
        address = Signal(ADDRESS_BITS)
        failed = Signal()
        m.d.comb += [
            failed.eq(self.error != ErrorCode.NONE),
            self.requests.payload.address.eq(address),
            self.requests.payload.words.eq(DESCRIPTOR_WORDS),
        ]
        word_index = Signal(range(DESCRIPTOR_WORDS))
        problems, used_slots = self._problems(m)

        bad_descriptor, is_bad = Signal(), Signal()
        # A cycle late: the list's count stands, and layers take more.
        no_list = Signal()
        last_of_list = Signal()
        m.d.sync += [no_list.eq(self.list_count == 0), last_of_list.eq(self.lists_done + 1 == self.list_count)]

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                with m.If(self.start):
                    m.d.comb += self.began.eq(1)
                    m.d.sync += [
                        self.error.eq(ErrorCode.NONE),
                        self.error_address.eq(0),
                        self.lists_done.eq(0),
                        address.eq(self.list_address),
                    ]
                    m.next = "LIST"
            with m.State("LIST"):
                m.next = "FETCH"
                with m.If(no_list | (address[: (DESCRIPTOR_BYTES - 1).bit_length()] != 0)):
                    m.d.comb += bad_descriptor.eq(1)
                    m.next = "HALT"
            with m.State("FETCH"):
                m.d.comb += [self.loading.eq(1), self.requests.valid.eq(~failed)]
                m.d.sync += word_index.eq(0)
                with m.If(failed):
                    m.next = "HALT"
                with m.Elif(self.requests.ready):
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += [self.loading.eq(1), self.words.ready.eq(1)]
                with m.If(self.words.valid):
                    m.d.sync += [
                        layer.as_value().word_select(word_index, 64).eq(self.words.payload),
                        word_index.eq(word_index + 1),
                    ]
                with m.If(failed):
                    m.next = "HALT"
                with m.Elif(self.words.valid & (word_index == DESCRIPTOR_WORDS - 1)):
                    m.next = "MEASURE"
            with m.State("MEASURE"):
                # One cycle for the product and the comparisons, one for all of them together.
                m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += [self.used_slots.eq(used_slots), is_bad.eq(problems)]
                m.next = "START"
            with m.State("START"):
                with m.If(is_bad):
                    m.d.comb += bad_descriptor.eq(1)
                    m.next = "HALT"
                with m.Else():
                    m.d.comb += self.layer_start.eq(~failed)
                    m.next = "STARTED"
            with m.State("STARTED"):
                m.next = "RUN"
            with m.State("RUN"):
                with m.If(failed):
                    m.next = "HALT"
                with m.Elif(self.layer_done):
                    m.d.sync += [
                        self.lists_done.eq(self.lists_done + 1),
                        address.eq(advance(address, DESCRIPTOR_BYTES)),
                    ]
                    m.next = "FETCH"
                    with m.If(last_of_list):
                        m.next = "HALT"
            with m.State("HALT"):
                m.d.comb += self.halt.eq(1)
                with m.If(self.idle):
                    m.next = "FLUSH"
            with m.State("FLUSH"):
                m.d.comb += [self.halt.eq(1), self.flush.eq(1), self.ended.eq(1)]
                m.next = "IDLE"

        # The first error of a run; later ones follow from it. Which one does not depend on whether there is one.
        causes = [
            (self.read_failed, ErrorCode.AXI_READ, self.read_error_address),
            (self.write_failed, ErrorCode.AXI_WRITE, self.write_error_address),
            (self.read_outside, ErrorCode.WINDOW, self.read_error_address),
            (self.write_outside, ErrorCode.WINDOW, self.write_error_address),
            (self.abort, ErrorCode.ABORTED, 0),
        ]
        code, at = ErrorCode.DESCRIPTOR, address
        for happened, its_code, its_address in reversed(causes):
            code, at = Mux(happened, its_code, code), Mux(happened, its_address, at)
        fails = bad_descriptor | (self.busy & Cat(happened for happened, _, _ in causes).any())
        with m.If(fails & ~failed):
            m.d.sync += [self.error.eq(code), self.error_address.eq(at)]
        return m

    def _problems(self, m):
        """Registers that say what is wrong with the loaded descriptor, and its slots in use."""
        layer = self.layer
        config = self._config
        highest = (1 << (config.vmem_bits - 1)) - 1
        raw = layer.as_value()
        one_pass = layer.n_steps <= SLOTS
        one_pass_late = Signal()
        used_slots = Signal(14)
        m.d.sync += [used_slots.eq(layer.n_samples[:7] * layer.n_steps[:7]), one_pass_late.eq(one_pass)]
        conditions = [
            layer.magic != DESCRIPTOR_MAGIC,
            Cat(raw.word_select(i, 64) & reserved_mask(i) for i in range(DESCRIPTOR_WORDS)).any(),
            layer.reset_mode > max(ResetMode),
            layer.decay > DECAY_ONE,
            (layer.n_samples == 0) | (layer.n_samples > Mux(one_pass, SLOTS, 1)),
            layer.n_steps == 0,
            layer.fan_in == 0,
            layer.n_neurons == 0,
            ~layer.four_bit & (config.weight_bits == 4),
            (layer.v_threshold < 1) | (layer.v_threshold > highest),
            (layer.v_subtract < 0) | (layer.v_subtract > highest),
            (layer.v_init < -highest - 1) | (layer.v_init > highest),
            (layer.input_address | layer.weight_address | layer.output_address)[:3].any(),
            layer.write_vmem & layer.vmem_address[:3].any(),
            layer.resident & (layer.load | (layer.store_row >= config.resident_rows)),
            layer.load & (layer.store_row + layer.fan_in > config.resident_rows),
        ]
        wrong = Signal(len(conditions))
        m.d.sync += wrong.eq(Cat(conditions))
        return wrong.any() | (one_pass_late & (used_slots > SLOTS)), used_slots
