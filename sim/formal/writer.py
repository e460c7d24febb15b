"""Proofs of the write half of the memory manager."""

from amaranth.hdl import Cat, Mux, Signal

from lifarray.hw import writer as hw

from .bench import implies
from .memory import in_a_window
from .reader import CONFIG, NARROW

RUN, CUT, FILL, ADDRESS, DATA = range(5)
"""States of the writer's machine, in the order of its source."""


def bus64(bench):
    """See `_bus`."""
    _bus(bench, CONFIG)


def bus32(bench):
    """See `_bus`."""
    _bus(bench, NARROW)


def _bus(bench, config):
    """The write channels, whatever is to be written and memory answers."""
    m = bench.m
    dut = bench.add(hw.Writer(config))
    bus, run = dut.bus, dut.runs.payload
    bytes_per_beat = config.bus_bits // 8
    per_word = 64 // config.bus_bits
    taken = dut.runs.valid & dut.runs.ready
    bench.assume(implies(taken, (run.words >= 1) & (run.address[:2] == 0) & Mux(run.half, run.words == 1, ~run.address[2])))

    address_channel = Cat(bus.awid, bus.awaddr, bus.awlen, bus.awsize, bus.awburst)
    data_channel = Cat(bus.wid, bus.wdata, bus.wstrb, bus.wlast)
    address_waited = bench.before(bus.awvalid & ~bus.awready, "aw_waited")
    data_waited = bench.before(bus.wvalid & ~bus.wready, "w_waited")
    bench.check("address_stands", implies(address_waited, bus.awvalid & (address_channel == bench.before(address_channel, "aw"))))
    bench.check("data_stands", implies(data_waited, bus.wvalid & (data_channel == bench.before(data_channel, "w"))))
    length = bus.awlen + 1
    bench.check("crosses_no_page", implies(bus.awvalid, bus.awaddr[:12] + length * bytes_per_beat <= 4096))
    bench.check("whole_words", implies(bus.awvalid, (bus.awaddr[:3] == 0) & (bus.awlen[0] if per_word == 2 else 1)))
    bench.check("incrementing", (bus.awsize == bytes_per_beat.bit_length() - 1) & (bus.awburst == 1))
    bench.check("always_ready", bus.bready)

    address, left, here, half = (bench.internal(name) for name in ("address", "left", "here", "half"))
    state, beat_in_word = bench.internal("fsm_state"), bench.internal("beat_in_word") if per_word == 2 else 0
    level, outstanding = bench.internal("buffer.level"), bench.internal("addresses.level")
    issued = bus.awvalid & ~address_waited
    was_allowed = bench.before(in_a_window(dut.windows, address) & ~address[32], "allowed")
    bench.check("inside_a_window", implies(issued, was_allowed & (bus.awaddr[3:] == bench.before(address[3:32], "wanted"))))
    bench.check("halts", implies(bench.before(dut.halt, "halt"), ~issued))

    # Beats follow their address, as many as it announced, the last one marked.
    announced, sent = bus.awvalid & bus.awready, bus.wvalid & bus.wready
    due, owed = Signal(6), Signal(5)
    m.d.sync += [due.eq(due + Mux(announced, length, 0) - sent), owed.eq(owed + (sent & bus.wlast) - bus.bvalid)]
    bench.assume(implies(bus.bvalid, owed > 0))
    bench.check("no_beat_too_many", implies(bus.wvalid, due > 0))
    bench.check("last_beat_is_marked", implies(bus.wvalid, bus.wlast == (due == 1)))
    bench.check("one_burst_at_a_time", implies(bus.awvalid, due == 0))
    bench.check("data_is_there", implies(bus.wvalid, level > 0))
    bench.check("outstanding", outstanding <= hw.OUTSTANDING_BURSTS)
    bench.check("idle_is_true", dut.idle == ((due == 0) & (owed == 0) & ~bus.awvalid))

    # Word n of a run goes to its address + 8 n, with the strobes of a whole word or of its half.
    run_address, run_words, run_half, words_sent = Signal(36), Signal(11), Signal(), Signal(11)
    word_ends = sent & (beat_in_word == per_word - 1)
    with m.If(taken):
        m.d.sync += [run_address.eq(run.address), run_words.eq(run.words), run_half.eq(run.half), words_sent.eq(0)]
    with m.Elif(word_ends):
        m.d.sync += words_sent.eq(words_sent + 1)
    burst_address = Signal(32)
    with m.If(announced):
        m.d.sync += burst_address.eq(bus.awaddr)
    with m.Elif(word_ends):
        m.d.sync += burst_address.eq(burst_address + 8)
    target = Signal(36)
    m.d.comb += target.eq(run_address + (words_sent << 3))
    busy = state != RUN
    bench.check("writes_where_asked", implies(bus.wvalid, (burst_address >> 3 == target >> 3) & (words_sent < run_words)))
    if per_word == 1:
        bench.check("strobes", implies(bus.wvalid, bus.wstrb == Mux(run_half, Mux(run_address[2], 0xF0, 0x0F), 0xFF)))
    else:
        bench.check("strobes", implies(bus.wvalid, bus.wstrb == Mux(run_half & (beat_in_word != run_address[2]), 0, 0xF)))

    # Steps on the way: what the registers hold in each state.
    in_burst = (state == ADDRESS) | (state == DATA)
    bench.check("state", (state <= DATA) & (bus.awvalid == (state == ADDRESS)) & (bus.wvalid == (state == DATA)))
    bench.check("due", due == Mux(state == DATA, here * per_word - beat_in_word, 0))
    bench.check("owed", outstanding == owed + in_burst)
    if per_word == 2:
        bench.check("beat", implies(state != DATA, beat_in_word == 0))
    bench.check("length", implies(state == ADDRESS, length == here * per_word))
    bench.check("awaddr", implies(state == ADDRESS, (bus.awaddr[3:] == address[3:32]) & ~address[32] & (bus.awaddr[:3] == 0)))
    bench.check("level", (level <= hw.BUFFER_WORDS) & implies(in_burst, level >= here))
    produce, consume = bench.internal("buffer.produce"), bench.internal("buffer.consume")
    bench.check("pointers", (produce - consume)[:6] == level[:6])
    cut = (here >= 1) & (here <= 64 // (4 * per_word)) & (here <= left) & (address[3:12] + here <= 512)
    bench.check("cut", implies(busy & (state != CUT), cut))
    bench.check("left", implies(busy, (left >= 1) & (left == run_words - words_sent) & (words_sent < run_words)))
    bench.check("half", implies(busy, (half == run_half) & (address[2] == run_address[2]) & (address[:2] == 0)))
    flag = address[32] == (target >= 1 << 32)
    bench.check("address", implies(busy, (address[:32] == target[:32]) & flag))
    bench.check("burst_address", implies(state == DATA, (burst_address == address[:32] & ~7) & ~address[32]))

    bench.cover("longest_burst", bus.wvalid & bus.wlast & (due == 1) & (run_words > words_sent + 1) & (words_sent == 16 // per_word - 1))
    bench.cover("cut_at_page", bus.awvalid & (bus.awaddr[:12] == 0) & (words_sent == 2))
    bench.cover("beyond_4_gb", dut.error_outside & address[32] & (words_sent == 1))
    bench.cover("half_word", bus.wvalid & run_half & run_address[2])
    bench.cover("all_outstanding", outstanding == hw.OUTSTANDING_BURSTS)
