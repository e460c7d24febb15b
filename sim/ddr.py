"""A DDR memory with cycle-exact timing, for simulation: an AXI3 subordinate in Amaranth.

It is part of the simulated design so that a network runs at the simulator's speed; the unit
benches use cocotbext-axi's memory instead, whose pauses they steer.
"""

from dataclasses import dataclass

from amaranth.hdl import ClockSignal, Instance, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In

from lifarray.hw.axi import Axi3Signature

DECODE_ERROR = 3


@dataclass(frozen=True)
class DdrTiming:
    """How a memory answers.

    Parameters
    ----------
    latency_cycles : (int, int)
        Shortest and longest time from a burst's address to its first beat, drawn for each burst.
    outstanding : int
        Bursts that it accepts before it has answered the first, each way.
    bandwidth_percent : int
        Beats per 100 cycles, reads and writes together, at most.
    """

    latency_cycles: tuple = (30, 60)
    outstanding: int = 16
    bandwidth_percent: int = 100


class Ddr(wiring.Component):
    """Memory of ``depth`` beats from address 0; beyond it, accesses are answered with DECERR.

    Members
    -------
    bus : In(Axi3Signature)
    """

    def __init__(self, bus_bits, depth, timing=DdrTiming()):
        self._bus_bits = bus_bits
        self._depth = depth
        self._timing = timing
        super().__init__({"bus": In(Axi3Signature(bus_bits, 1))})

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        timing = self._timing
        shift = (self._bus_bits // 8).bit_length() - 1
        read_data = Signal(self._bus_bits)
        write_enable = Signal(self._bus_bits // 8)
        word = Signal(32)
        write_word = Signal(32)
        m.submodules.memory = Instance(
            "lifarray_sim_memory",
            p_WIDTH=self._bus_bits,
            p_DEPTH=self._depth,
            i_clk=ClockSignal(),
            i_read_address=word,
            o_read_data=read_data,
            i_write_address=write_word,
            i_write_data=bus.wdata,
            i_write_enable=write_enable,
        )

        now = Signal(32)
        m.d.sync += now.eq(now + 1)
        # A 16-bit maximal LFSR draws the latencies.
        noise = Signal(16, init=0xACE1)
        m.d.sync += noise.eq(Mux(noise[0], (noise >> 1) ^ 0xB400, noise >> 1))
        low, high = timing.latency_cycles
        latency = Signal(16)
        m.d.comb += latency.eq(low + noise % (high - low + 1))

        # Each beat costs 100 tokens, and each cycle brings bandwidth_percent.
        tokens = Signal(range(1601), init=1600)
        read_beat = Signal()
        write_beat = Signal()
        spent = Signal(range(201))
        total = Signal(16)
        m.d.comb += [
            spent.eq(100 * (read_beat + write_beat)),
            total.eq(tokens + timing.bandwidth_percent - spent),
        ]
        m.d.sync += tokens.eq(Mux(total > 1600, 1600, total))
        may_read = tokens >= 200  # leaves a beat for the write of the same cycle
        may_write = tokens >= 100

        burst_layout = data.StructLayout({"id": 1, "address": 32, "beats": 4, "due": 32})

        def queue(name, prefix):
            m.submodules[name] = fifo = SyncFIFO(width=burst_layout.size, depth=timing.outstanding)
            entry = data.View(burst_layout, fifo.w_data)
            m.d.comb += [
                entry.id.eq(getattr(bus, f"{prefix}id")),
                entry.address.eq(getattr(bus, f"{prefix}addr")),
                entry.beats.eq(getattr(bus, f"{prefix}len")),
                entry.due.eq(now + latency),
                fifo.w_en.eq(getattr(bus, f"{prefix}valid")),
                getattr(bus, f"{prefix}ready").eq(fifo.w_rdy),
            ]
            return fifo, data.View(burst_layout, fifo.r_data)

        # Reads: the oldest burst first, from when it is due.
        reads, burst = queue("reads", "ar")
        beat = Signal(4)
        m.d.comb += word.eq((burst.address >> shift) + beat)
        due = reads.r_rdy & ((now - burst.due)[31] == 0)
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        m.d.comb += read_beat.eq(due & may_read & (~bus.rvalid | bus.rready))
        with m.If(read_beat):
            m.d.sync += [
                bus.rvalid.eq(1),
                bus.rid.eq(burst.id),
                bus.rdata.eq(read_data),
                bus.rresp.eq(Mux(word < self._depth, 0, DECODE_ERROR)),
                bus.rlast.eq(beat == burst.beats),
                beat.eq(beat + 1),
            ]
            with m.If(beat == burst.beats):
                m.d.sync += beat.eq(0)
                m.d.comb += reads.r_en.eq(1)

        # Writes: data at once, the answer when it is due.
        writes, accepted = queue("writes", "aw")
        answer_layout = data.StructLayout({"id": 1, "error": 1, "due": 32})
        m.submodules.answers = answers = SyncFIFO(width=answer_layout.size, depth=timing.outstanding)
        answer_in = data.View(answer_layout, answers.w_data)
        answer = data.View(answer_layout, answers.r_data)
        write_index = Signal(4)
        bad = Signal()
        m.d.comb += [
            write_word.eq((accepted.address >> shift) + write_index),
            bad.eq(write_word >= self._depth),
            bus.wready.eq(writes.r_rdy & answers.w_rdy & may_write),
            write_beat.eq(bus.wvalid & bus.wready),
            write_enable.eq(Mux(write_beat & ~bad, bus.wstrb, 0)),
            answer_in.id.eq(accepted.id),
            answer_in.error.eq(bad),
            answer_in.due.eq(accepted.due),
            bus.bvalid.eq(answers.r_rdy & ((now - answer.due)[31] == 0)),
            bus.bid.eq(answer.id),
            bus.bresp.eq(Mux(answer.error, DECODE_ERROR, 0)),
            answers.r_en.eq(bus.bvalid & bus.bready),
        ]
        with m.If(write_beat):
            m.d.sync += write_index.eq(write_index + 1)
            with m.If(bus.wlast):
                m.d.sync += write_index.eq(0)
                m.d.comb += [writes.r_en.eq(1), answers.w_en.eq(1)]
        return m
