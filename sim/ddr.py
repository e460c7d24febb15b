"""A DDR memory with cycle-exact timing, for simulation: an AXI3 subordinate in Amaranth.

It is part of the simulated design so that a network runs at the simulator's speed; the unit
benches use cocotbext-axi's memory instead, whose pauses they steer.
"""

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from lifarray.golden.timing import DdrTiming
from lifarray.hw.axi import MAX_BURST_BEATS, Axi3Signature

DECODE_ERROR = 3

TOKENS_PER_BYTE = 100
"""Bandwidth is counted in hundredths of a byte a cycle."""


class Ddr(wiring.Component):
    """Memory of ``depth`` beats from address 0; beyond it, accesses are answered with DECERR.

    Parameters
    ----------
    bus_bits : int
    depth : int
    timing : DdrTiming
    ports : int
        1, or 2: they see the same memory and share its bandwidth. Only the first takes writes.

    Members
    -------
    bus : In(Axi3Signature)
    bus1 : In(Axi3Signature), with two ports
    watch_first, watch_end : In(32), a range of addresses
    watched : Out(32), beats that were read from it
    """

    def __init__(self, bus_bits, depth, timing=DdrTiming(), ports=1):
        self._bus_bits = bus_bits
        self._depth = depth
        self._timing = timing
        self._names = ("bus", "bus1")[:ports]
        super().__init__(
            {
                **{name: In(Axi3Signature(bus_bits, 1)) for name in self._names},
                "watch_first": In(32),
                "watch_end": In(32),
                "watched": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        timing = self._timing
        buses = [getattr(self, name) for name in self._names]
        ports = len(buses)
        bus = buses[0]
        shift = (self._bus_bits // 8).bit_length() - 1
        read_data = [Signal(self._bus_bits, name=f"read_data{i}") for i in range(ports)]
        read_word = [Signal(32, name=f"read_word{i}") for i in range(ports)]
        write_enable = Signal(self._bus_bits // 8)
        write_word = Signal(32)
        m.submodules.memory = Instance(
            "lifarray_sim_memory",
            p_WIDTH=self._bus_bits,
            p_DEPTH=self._depth,
            p_PORTS=ports,
            i_clk=ClockSignal(),
            i_read_address=Cat(read_word),
            o_read_data=Cat(read_data),
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

        # Each cycle brings tokens and each beat costs some. What may pass, the write first, then the
        # ports in turn, depends on the tokens that those before it leave even if they all pass.
        beat_cost = TOKENS_PER_BYTE * self._bus_bits // 8
        income = round(TOKENS_PER_BYTE * timing.bytes_per_cycle)
        most = max(ports + 1, MAX_BURST_BEATS) * beat_cost
        tokens = Signal(range(most + income + 1), init=most)
        turn = Signal(range(ports))
        write_beat = Signal()
        read_beat = Signal(ports)
        left = Signal.like(tokens)
        m.d.comb += left.eq(tokens + income - beat_cost * (write_beat + sum(read_beat)))
        m.d.sync += tokens.eq(Mux(left > most, most, left))
        may_write = tokens >= beat_cost
        may_read = [tokens >= beat_cost * (2 + (turn != i)) for i in range(ports)]
        if ports > 1:
            m.d.sync += turn.eq(~turn)

        burst_layout = data.StructLayout({"id": 1, "address": 32, "beats": 4, "due": 32})

        def queue(port, prefix, latency):
            m.submodules[f"{prefix}{port}"] = fifo = SyncFIFO(width=burst_layout.size, depth=timing.outstanding)
            entry = data.View(burst_layout, fifo.w_data)
            m.d.comb += [
                entry.id.eq(getattr(buses[port], f"{prefix}id")),
                entry.address.eq(getattr(buses[port], f"{prefix}addr")),
                entry.beats.eq(getattr(buses[port], f"{prefix}len")),
                entry.due.eq(now + latency),
                fifo.w_en.eq(getattr(buses[port], f"{prefix}valid")),
                getattr(buses[port], f"{prefix}ready").eq(fifo.w_rdy),
            ]
            return fifo, data.View(burst_layout, fifo.r_data)

        # Reads: each port's oldest burst first, from when it is due.
        for i, port in enumerate(buses):
            latency = Signal(16, name=f"latency{i}")
            m.d.comb += latency.eq(low + noise.rotate_left(8 * i) % (high - low + 1))
            reads, burst = queue(i, "ar", latency)
            word = read_word[i]
            beat = Signal(4, name=f"beat{i}")
            due = reads.r_rdy & ((now - burst.due)[31] == 0)
            m.d.comb += [
                word.eq((burst.address >> shift) + beat),
                read_beat[i].eq(due & may_read[i] & (~port.rvalid | port.rready)),
            ]
            with m.If(port.rready):
                m.d.sync += port.rvalid.eq(0)
            with m.If(read_beat[i]):
                m.d.sync += [
                    port.rvalid.eq(1),
                    port.rid.eq(burst.id),
                    port.rdata.eq(read_data[i]),
                    port.rresp.eq(Mux(word < self._depth, 0, DECODE_ERROR)),
                    port.rlast.eq(beat == burst.beats),
                    beat.eq(beat + 1),
                ]
                with m.If(beat == burst.beats):
                    m.d.sync += beat.eq(0)
                    m.d.comb += reads.r_en.eq(1)

        seen = [beat & (word >= self.watch_first >> shift) & (word < self.watch_end >> shift) for beat, word in zip(read_beat, read_word)]
        m.d.sync += self.watched.eq(self.watched + sum(seen))

        # Writes: data at once, the answer when it is due.
        write_latency = Signal(16)
        m.d.comb += write_latency.eq(low + noise.rotate_left(4) % (high - low + 1))
        writes, accepted = queue(0, "aw", write_latency)
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
