"""Proofs of the read half of the memory manager."""

from amaranth.hdl import Cat, Mux, Signal

from lifarray.golden.config import CoreConfig
from lifarray.hw import reader as hw

from .bench import implies
from .memory import BurstCounter, asks_for_plain_bursts, in_a_window

CONFIG = CoreConfig(lanes=2, fire_units=1, current_bits=9, vmem_bits=4, weight_fifo_words=32, stream_fifo_words=32)
NARROW = CONFIG.with_(bus_bits=32)


def bus64(bench):
    """See `_bus`."""
    _bus(bench, CONFIG)


def bus32(bench):
    """See `_bus`."""
    _bus(bench, NARROW)


def _bus(bench, config):
    """The read address channel and both streams' buffers, whatever is requested and memory answers."""
    dut = bench.add(hw.Reader(config.bus_bits, (config.stream_fifo_words, config.weight_fifo_words)))
    bus = dut.bus
    bytes_per_beat = config.bus_bits // 8
    address_channel = Cat(bus.arid, bus.araddr, bus.arlen, bus.arsize, bus.arburst)
    waited = bench.before(bus.arvalid & ~bus.arready, "ar_waited")
    bench.check("address_stands", implies(waited, bus.arvalid & (address_channel == bench.before(address_channel, "ar"))))
    offset = bus.araddr[:12]
    length = bus.arlen + 1
    bench.check("crosses_no_page", implies(bus.arvalid, offset + length * bytes_per_beat <= 4096))
    bench.check("whole_words", implies(bus.arvalid, (bus.araddr[:3] == 0) & (bus.arlen[0] if config.bus_bits == 32 else 1)))
    bench.check("plain_bursts", asks_for_plain_bursts(bus, "ar", bytes_per_beat))
    issued = bus.arvalid & ~waited
    # The address is that of a stream's burst which lay in a window when it was checked.
    grants = []
    for i in range(2):
        waits, asks_for = bench.internal(f"stream{i}.waits"), bench.internal(f"stream{i}.checks_address")
        inside, checked = Signal(name=f"inside{i}"), Signal(33, name=f"checked{i}")
        with bench.m.If(~waits):
            bench.m.d.sync += [inside.eq(in_a_window(dut.windows, asks_for)), checked.eq(asks_for)]
        grants.append((bus.arid == i) & bench.before(inside, f"inside{i}") & (bus.araddr == bench.before(checked, f"checked{i}")))
        keeps = (bench.internal(f"stream{i}.allowed") == inside) & (bench.internal(f"stream{i}.waits_address") == checked)
        bench.check(f"stream{i}_keeps_its_check", implies(waits, keeps))
    bench.check("inside_a_window", implies(issued, Cat(grants).any()))
    bench.check("halts", implies(bench.before(dut.halt, "halt"), ~issued))
    bench.check("always_ready", bus.rready)

    accepted = bus.arvalid & bus.arready
    for i, requests in enumerate((dut.requests0, dut.requests1)):
        bench.assume(implies(requests.valid, (requests.payload.address[:3] == 0) & (requests.payload.words >= 1)))
        stream = f"stream{i}"
        owed = BurstCounter(bench, stream, accepted & (bus.arid == i), length, bus.rvalid & (bus.rid == i), bus.rlast)
        depth = (config.stream_fifo_words, config.weight_fifo_words)[i]
        waiting = bus.arvalid & (bus.arid == i)
        due = owed.beats + Mux(waiting, length, 0)
        room = bench.internal(f"{stream}.room")
        kept = Mux(bench.internal(f"{stream}.waits"), bench.internal(f"{stream}.waits_words"), 0)  # for the burst that waits
        level = bench.internal(f"{stream}.buffer.ram.level")
        half = bench.internal(f"{stream}.odd") if config.bus_bits == 32 else 0
        per_word = 64 // config.bus_bits
        word_ends = bus.rvalid & (bus.rid == i) & (half if per_word == 2 else 1)
        bench.check(f"{stream}_never_overflows", implies(word_ends, bench.internal(f"{stream}.buffer.ram.w_rdy")))
        bench.check(f"{stream}_keeps_room", (room + kept + level) * per_word + due + half == depth * per_word)
        cuts_well(bench, f"{stream}.", stream, config.bus_bits)
        bench.check(f"{stream}_buffer_levels", (level <= depth) & (room + kept >= 0) & (
            bench.internal(f"{stream}.buffer.ram.inner_level") + bench.internal(f"{stream}.buffer.ram.r_rdy") == level))
        outstanding = bench.internal(f"{stream}.addresses.level")
        bench.check(f"{stream}_outstanding", (outstanding <= 16) & (outstanding == owed.bursts + waiting))
        bench.cover(f"{stream}_full_buffer", level == depth)
    bench.check("idle_is_true", dut.idle == ((bench.internal("stream0.addresses.level") == 0) & (bench.internal("stream1.addresses.level") == 0)))
    bench.cover("longest_burst", bus.arvalid & (bus.arlen == 15))
    bench.cover("ends_at_page", bus.arvalid & (offset + length * bytes_per_beat == 4096) & (bus.arlen == 1))
    bench.cover("outside", dut.error_outside & ~bus.arvalid)
    waits_address = bench.internal("stream0.waits_address")
    bench.cover("beyond_4_gb", dut.error_outside & waits_address[32] & (waits_address[:12] == 0))


def cuts_well(bench, prefix, name, bus_bits):
    """A burst is never empty, and ends where the longest bursts divide its page."""
    longest = hw.burst_words(bus_bits)
    bits = (longest - 1).bit_length()
    bench.check(f"{name}_address_is_whole", bench.internal(f"{prefix}address")[:3] == 0)
    bench.check(f"{name}_cuts_some_words", implies(bench.internal(f"{prefix}cutting"), bench.internal(f"{prefix}left") >= 1))
    for stage in ("checks", "waits"):
        valid, address, words = (bench.internal(prefix + part) for part in (stage, f"{stage}_address", f"{stage}_words"))
        well = (address[:3] == 0) & (words >= 1) & (address[3 : 3 + bits] + words <= longest)
        bench.check(f"{name}_{stage}_what_is_cut_well", implies(valid, well))
    allowed = bench.internal(f"{prefix}waits") & bench.internal(f"{prefix}allowed")
    bench.check(f"{name}_allows_none_beyond_4_gb", implies(allowed, ~bench.internal(f"{prefix}waits_address")[32]))


def addresses(bench):
    """Bursts ask for the words of the requests, each once, in order, at its address.

    One word of one request stands for all. Counts are modulo 2^24, more than can be on the way.
    """
    m = bench.m
    dut = bench.add(hw.ReadStream(64, 32))
    request, burst = dut.requests.payload, dut.burst.payload
    taken = dut.requests.valid & dut.requests.ready
    issued = dut.burst.valid & dut.burst.ready
    bench.assume(implies(dut.requests.valid, (request.address[:3] == 0) & (request.words >= 1)))
    words_taken, words_issued = Signal(24), Signal(24)
    m.d.sync += [
        words_taken.eq(words_taken + Mux(taken, request.words, 0)),
        words_issued.eq(words_issued + Mux(issued, burst.words, 0)),
    ]
    chosen, nth = bench.free(1, "chosen"), bench.free(21, "nth")
    still, index, target = Signal(), Signal(24), Signal(36)

    address, left = bench.internal("address"), Mux(bench.internal("cutting"), bench.internal("left"), 0)
    checks, checks_address, checks_words = (bench.internal(name) for name in ("checks", "checks_address", "checks_words"))
    waits, waits_address, waits_words = (bench.internal(name) for name in ("waits", "waits_address", "waits_words"))
    checked, waiting = Signal(5), Signal(5)  # words in stages 2 and 3
    on_the_way = Signal(24)
    ahead = Signal(24)
    m.d.comb += [
        on_the_way.eq(words_taken - words_issued),
        ahead.eq(index - words_issued),
        checked.eq(Mux(checks, checks_words, 0)),
        waiting.eq(Mux(waits, waits_words, 0)),
    ]
    bench.check("counts_words", on_the_way == left + checked + waiting)
    in_burst = ahead < waiting
    with m.If(taken & chosen & ~still & (nth < request.words)):
        m.d.sync += [still.eq(1), index.eq(words_taken + nth), target.eq(request.address + (nth << 3))]
    with m.Elif(in_burst & issued):
        m.d.sync += still.eq(0)
    bench.check("not_forgotten", implies(still, ahead < on_the_way))
    behind, behind_burst = Signal(24), Signal(24)
    m.d.comb += [behind.eq(ahead - waiting - checked), behind_burst.eq(ahead - waiting)]
    in_check = ~in_burst & (behind_burst < checked)

    def is_target(base, words):
        total = Signal(34)
        m.d.comb += total.eq(base[:32] + (words << 3))
        return (total[:32] == target[:32]) & ((base[32] | total[32:].any()) == target[32:].any())

    bench.check("cuts_the_request", implies(still & ~in_burst & ~in_check, is_target(address, behind[:21])))
    bench.check("checks_the_burst", implies(still & in_check, is_target(checks_address, behind_burst[:5])))
    bench.check("keeps_the_burst", implies(still & in_burst, is_target(waits_address, ahead[:5])))
    bench.check("asks_for_the_word", implies(still & in_burst & issued, (burst.address + (ahead[:5] << 3) == target) & (target < 1 << 32)))
    cuts_well(bench, "", "stream", 64)
    bench.cover("issues_it_in_a_second_burst", still & in_burst & issued & (words_issued > 0) & (ahead > 2))
    bench.cover("finds_it_beyond_4_gb", still & in_burst & dut.outside & (target == 1 << 32) & (words_issued > 0))


def data(bench):
    """Every word that memory gives comes out, once and in order. One marked beat stands for all.

    The requests are all for page 0, since `addresses` and `bus64` see to the addresses.
    """
    m = bench.m
    dut = bench.add(hw.ReadStream(64, 4), leave=("beat_data", "requests__payload", "windows"))
    m.d.comb += [dut.requests.payload.words.eq(bench.free(3, "words")), dut.windows[0].last.eq(1)]
    bench.assume(dut.requests.payload.words >= 1)
    burst = dut.burst.payload
    issued = dut.burst.valid & dut.burst.ready
    owed = BurstCounter(bench, "stream", issued, burst.words, dut.beat_valid, dut.beat_last)
    value = bench.free(1, "value")
    m.d.comb += dut.beat_data.eq(value)
    out = dut.words.valid & dut.words.ready
    inside, ahead = Signal(4), Signal(4)
    marked, waiting, marked_value = Signal(), Signal(), Signal()
    mark = bench.free(1, "mark") & dut.beat_valid & ~marked
    m.d.sync += inside.eq(inside + dut.beat_valid - out)
    with m.If(mark):
        m.d.sync += [marked.eq(1), waiting.eq(1), marked_value.eq(value), ahead.eq(inside - out)]
    with m.Elif(waiting & out):
        m.d.sync += [ahead.eq(ahead - 1), waiting.eq(ahead != 0)]
    # Steps on the way: nothing comes that has no room, and how much is inside.
    kept = Mux(bench.internal("waits"), bench.internal("waits_words"), 0)
    bench.check("room", bench.internal("room") + kept + bench.internal("buffer.ram.level") + owed.beats == 4)
    bench.check("room_for_the_rest", bench.internal("room") + kept >= 0)
    held = (bench.internal(f"buffer.{name}") for name in ("ram.level", "register.late__valid", "register.register.full"))
    bench.check("level", inside == sum(held) + dut.words.valid)
    bench.check("spare", implies(bench.internal("buffer.register.register.full"), dut.words.valid))
    bench.check("keeps_what_came", implies(waiting, ahead < inside))
    bench.check("gives_only_what_came", implies(dut.words.valid, inside > 0))
    bench.check("comes_out_in_its_turn", implies(waiting & (ahead == 0) & dut.words.valid, dut.words.payload == marked_value))
    bench.cover("comes_out", waiting & (ahead == 0) & out & marked_value & (inside == 3))
