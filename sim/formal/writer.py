"""Proofs of the write half of the memory manager."""

from amaranth.hdl import Cat, Mux, Signal

from lifarray.hw import writer as hw

from .bench import implies
from .memory import asks_for_plain_bursts, in_a_window
from .reader import CONFIG, NARROW

RUN, CUT, FILL = range(3)
"""States of the writer's machine, in the order of its source."""


def bus64(bench):
    """See `_bus`."""
    _bus(bench, CONFIG)


def bus32(bench):
    """See `_bus`."""
    _bus(bench, NARROW)


def _bus(bench, config):
    """The write channels, whatever is to be written and memory answers.

    One word of one run stands for all. Counts of words are modulo 2^12, more than can be on the way.
    """
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
    bench.check("plain_bursts", asks_for_plain_bursts(bus, "aw", bytes_per_beat))
    bench.check("always_ready", bus.bready)

    state, address, left, run_half, here, allowed, enough, unannounced = (
        bench.internal(name) for name in "fsm_state address left run_half here allowed enough unannounced".split()
    )
    pending, pending_words, pending_half, pending_upper, to_send, half, upper = (
        bench.internal(name) for name in "pending pending_words pending_half pending_upper to_send half upper".split()
    )
    beat_in_word = bench.internal("beat_in_word") if per_word == 2 else 0
    level, outstanding = bench.internal("buffer.level"), bench.internal("addresses.level")
    # The address is that of a burst which lay in a window when it was cut.
    inside, checked = Signal(), Signal(33)
    with m.If(state == CUT):
        m.d.sync += [inside.eq(in_a_window(dut.windows, address)), checked.eq(address)]
    issued = bus.awvalid & ~address_waited
    was_asked_for = bus.awaddr[3:] == bench.before(checked[3:], "wanted")
    bench.check("inside_a_window", implies(issued, bench.before(inside, "allowed") & was_asked_for))
    bench.check("halts", implies(bench.before(dut.halt, "halt"), ~issued))

    # Beats follow their addresses, in order, as many as each announced, the last one marked. `due` are
    # still to come of the oldest burst whose address was accepted, `due_next` of the one after it.
    announced, sent = bus.awvalid & bus.awready, bus.wvalid & bus.wready
    due, due_next, owed = Signal(6), Signal(6), Signal(5)
    burst_address, next_address = Signal(32), Signal(32)  # of the next word of either
    word_ends = sent & (beat_in_word == per_word - 1)
    accepted, rest = Signal(6), Signal(6)
    m.d.comb += [accepted.eq(Mux(announced, length, 0)), rest.eq(due - sent)]
    with m.If(rest != 0):
        m.d.sync += [due.eq(rest), due_next.eq(due_next + accepted), burst_address.eq(burst_address + Mux(word_ends, 8, 0))]
    with m.Elif(due_next != 0):
        m.d.sync += [due.eq(due_next), due_next.eq(accepted), burst_address.eq(next_address)]
    with m.Else():
        m.d.sync += [due.eq(accepted), burst_address.eq(bus.awaddr)]
    with m.If(announced):
        m.d.sync += next_address.eq(bus.awaddr)
    m.d.sync += owed.eq(owed + (sent & bus.wlast) - bus.bvalid)
    bench.assume(implies(bus.bvalid, owed > 0))
    bench.check("no_beat_too_many", implies(bus.wvalid, due > 0))
    bench.check("last_beat_is_marked", implies(bus.wvalid, bus.wlast == (due == 1)))
    bench.check("one_burst_ahead", implies(bus.awvalid, due_next == 0))
    bench.check("data_is_there", level * per_word >= due + due_next + beat_in_word + Mux(bus.awvalid, length, 0))
    bench.check("outstanding", outstanding <= hw.OUTSTANDING_BURSTS)
    quiet = (due == 0) & (due_next == 0) & (owed == 0) & ~bus.awvalid
    bench.check("idle_is_true", dut.idle == quiet)

    # Word n of a run goes to its address + 8 n, with the strobes of a whole word or of its half.
    words_taken, words_sent, on_the_way, ahead = Signal(12), Signal(12), Signal(12), Signal(12)
    m.d.sync += [
        words_taken.eq(words_taken + Mux(taken, run.words, 0)),
        words_sent.eq(words_sent + word_ends),
    ]
    chosen, nth = bench.free(1, "chosen"), bench.free(11, "nth")
    still, index, target, target_half = Signal(), Signal(12), Signal(36), Signal()
    m.d.comb += [on_the_way.eq(words_taken - words_sent), ahead.eq(index - words_sent)]
    now = still & (ahead == 0)
    with m.If(taken & chosen & ~still & (nth < run.words)):
        m.d.sync += [still.eq(1), index.eq(words_taken + nth), target.eq(run.address + (nth << 3)), target_half.eq(run.half)]
    with m.Elif(now & word_ends):
        m.d.sync += still.eq(0)
    bench.check("writes_where_asked", implies(now & bus.wvalid, burst_address >> 3 == target >> 3))
    if per_word == 1:
        strobes = Mux(target_half, Mux(target[2], 0xF0, 0x0F), 0xFF)
    else:
        strobes = Mux(target_half & (beat_in_word != target[2]), 0, 0xF)
    bench.check("strobes", implies(now & bus.wvalid, bus.wstrb == strobes))
    bench.check("not_forgotten", implies(still, ahead < on_the_way))
    bench.check("drained_is_true", implies(dut.drained, quiet & (on_the_way == 0) & ~still))

    # Steps on the way: what is announced, waits to be sent and is sent.
    longest = hw.burst_words(config.bus_bits)
    bits = (longest - 1).bit_length()
    busy, fills, waits, sends = state != RUN, state == FILL, pending & ~bus.awvalid, to_send != 0
    n_left, n_pending = Mux(busy, left, 0), Mux(pending, pending_words, 0)
    bench.check("state", state <= FILL)
    bench.check("left", implies(busy, left >= 1))
    last_cut, ends = bench.internal("last_cut"), address[3 : 3 + bits] + here
    cut = (here >= 1) & (last_cut == (here == left)) & Mux(last_cut, ends <= longest, (here < left) & (ends == longest))
    bench.check("cut", implies(fills, cut))
    bench.check("keeps_its_check", implies(fills, (allowed == inside) & (address == checked) & ~(allowed & address[32])))
    bench.check("enough", implies(fills & enough, unannounced >= here))
    late = bench.internal("just_announced")
    bench.check("level", (level <= hw.BUFFER_WORDS) & (level + late == unannounced + bench.internal("arrived") + n_pending + to_send))
    bench.check("announces_late", implies(late != 0, ~fills & (late <= unannounced)))
    produce, consume = bench.internal("buffer.produce"), bench.internal("buffer.consume")
    bench.check("pointers", (produce - consume)[:6] == level[:6])
    bench.check("announces_what_is_pending", implies(bus.awvalid, pending))
    in_page = bus.awaddr[3 : 3 + bits] + pending_words <= longest
    bench.check("pending", implies(pending, (pending_words >= 1) & in_page & (length == pending_words * per_word) & (bus.awaddr[:3] == 0)))
    bench.check("to_send", burst_address[3 : 3 + bits] + to_send <= longest)
    if per_word == 2:
        bench.check("beat", implies(~sends, beat_in_word == 0))
    waiting_beats = Mux(waits, pending_words * per_word, 0)
    bench.check("due", due == Mux(sends, to_send * per_word - beat_in_word, waiting_beats))
    bench.check("due_next", due_next == Mux(sends, waiting_beats, 0))
    bench.check("waits_at_its_address", implies(waits, bus.awaddr == Mux(sends, next_address, burst_address)))
    bench.check("owed", outstanding == owed + sends + pending)

    # Where the word is: in the burst that is sent, in the one that waits, or not yet announced.
    bench.check("counts_words", on_the_way == n_left + n_pending + to_send)
    behind_sent, behind_pending = Signal(12), Signal(12)
    m.d.comb += [behind_sent.eq(ahead - to_send), behind_pending.eq(behind_sent - n_pending)]
    in_sent = still & (ahead < to_send)
    in_pending = still & ~in_sent & (behind_sent < n_pending)
    in_left = still & ~in_sent & ~in_pending

    def is_target(base, words, is_half, is_upper):
        total = Signal(34)
        m.d.comb += total.eq(base[:32] + (words << 3))
        beyond = base[32] if len(base) > 32 else 0
        same = (total[3:32] == target[3:32]) & ((beyond | total[32:].any()) == target[32:].any())
        return same & (is_half == target_half) & (is_upper == target[2])

    bench.check("sends_the_word", implies(in_sent, is_target(burst_address, ahead[:5], half, upper)))
    bench.check("keeps_the_word", implies(in_pending, is_target(bus.awaddr, behind_sent[:5], pending_half, pending_upper)))
    bench.check("cuts_the_run", implies(in_left, is_target(address, behind_pending[:11], run_half, address[2])))
    bench.check("whole_run", implies(busy, Mux(run_half, left == 1, ~address[2])))

    marked_sent = in_sent & bus.wvalid
    bench.cover("longest_burst", now & bus.wvalid & bus.wlast & (length == 16) & (target[:12] == 0xFF8))
    bench.cover("cut_at_page", marked_sent & bus.awvalid & (bus.awaddr[:12] == 0) & (target[:12] == 0xFF8))
    bench.cover("beyond_4_gb", marked_sent & dut.error_outside & address[32] & (target[:32] == 0xFFFFFFF8))
    bench.cover("half_word", now & bus.wvalid & target_half & target[2])
    bench.cover("sends_without_a_gap", bus.wvalid & bench.before(sent & bus.wlast, "ended") & (to_send == longest))
    bench.cover("two_runs_ahead", in_sent & (target_half == 0) & bus.awvalid & pending_half & busy & run_half)
    bench.cover("all_outstanding", outstanding == hw.OUTSTANDING_BURSTS)
