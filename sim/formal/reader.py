"""Proofs of the read half of the memory manager."""

from amaranth.hdl import Cat, Mux

from lifarray.golden.config import CoreConfig
from lifarray.hw import reader as hw

from .bench import implies
from .memory import BurstCounter, in_a_window

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
    m = bench.m
    dut = bench.add(hw.Reader(config))
    bus = dut.bus
    bytes_per_beat = config.bus_bits // 8
    address_channel = Cat(bus.arid, bus.araddr, bus.arlen, bus.arsize, bus.arburst)
    waited = bench.before(bus.arvalid & ~bus.arready, "ar_waited")
    bench.check("address_stands", implies(waited, bus.arvalid & (address_channel == bench.before(address_channel, "ar"))))
    offset = bus.araddr[:12]
    length = bus.arlen + 1
    bench.check("crosses_no_page", implies(bus.arvalid, offset + length * bytes_per_beat <= 4096))
    bench.check("whole_words", implies(bus.arvalid, (bus.araddr[:3] == 0) & (bus.arlen[0] if config.bus_bits == 32 else 1)))
    bench.check("incrementing", (bus.arsize == bytes_per_beat.bit_length() - 1) & (bus.arburst == 1))
    issued = bus.arvalid & ~waited
    # The address was a stream's next burst in the cycle before, and that lay in a window.
    grants = []
    for i in range(2):
        wanted = bench.internal(f"stream{i}.burst_address")
        was_allowed = bench.before(in_a_window(dut.windows, wanted), f"allowed{i}")
        grants.append((bus.arid == i) & was_allowed & (bus.araddr == bench.before(wanted, f"wanted{i}")))
    bench.check("inside_a_window", implies(issued, Cat(grants).any()))
    bench.check("halts", implies(bench.before(dut.halt, "halt"), ~issued))
    bench.check("always_ready", bus.rready)

    accepted = bus.arvalid & bus.arready
    for i, requests in enumerate((dut.requests0, dut.requests1)):
        bench.assume(implies(requests.valid, requests.payload.address[:3] == 0))
        stream = f"stream{i}"
        owed = BurstCounter(bench, stream, accepted & (bus.arid == i), length, bus.rvalid & (bus.rid == i), bus.rlast)
        depth = (config.stream_fifo_words, config.weight_fifo_words)[i]
        waiting = bus.arvalid & (bus.arid == i)
        due = owed.beats + Mux(waiting, length, 0)
        room = bench.internal(f"{stream}.room")
        level = bench.internal(f"{stream}.buffer.level")
        half = bench.internal(f"{stream}.odd") if config.bus_bits == 32 else 0
        per_word = 64 // config.bus_bits
        word_ends = bus.rvalid & (bus.rid == i) & (half if per_word == 2 else 1)
        bench.check(f"{stream}_never_overflows", implies(word_ends, bench.internal(f"{stream}.buffer.w_rdy")))
        bench.check(f"{stream}_keeps_room", (room + level) * per_word + due + half == depth * per_word)
        cuts_well(bench, f"{stream}.", stream, config.bus_bits)
        bench.check(f"{stream}_buffer_levels", (level <= depth) & (room <= depth) & (
            bench.internal(f"{stream}.buffer.inner_level") + bench.internal(f"{stream}.buffer.r_rdy") == level))
        outstanding = bench.internal(f"{stream}.addresses.level")
        bench.check(f"{stream}_outstanding", (outstanding <= 16) & (outstanding == owed.bursts + waiting))
        bench.cover(f"{stream}_full_buffer", level == depth)
    bench.check("idle_is_true", dut.idle == ((bench.internal("stream0.addresses.level") == 0) & (bench.internal("stream1.addresses.level") == 0)))
    bench.cover("longest_burst", bus.arvalid & (bus.arlen == 15))
    bench.cover("ends_at_page", bus.arvalid & (offset + length * bytes_per_beat == 4096) & (bus.arlen == 1))
    bench.cover("outside", dut.error_outside & ~bus.arvalid)
    bench.cover("beyond_4_gb", dut.error_outside & bench.internal("stream0.burst_address")[32] & (bench.internal("stream0.burst_address")[:12] == 0))


def cuts_well(bench, prefix, name, bus_bits):
    """A burst is never empty, never too long, and ends in its page."""
    address, burst_address, burst = (bench.internal(prefix + part) for part in ("address", "burst_address", "burst"))
    waits = bench.internal(f"{prefix}burst_valid")
    bench.check(f"{name}_address_is_whole", address[:3] == 0)
    bench.check(
        f"{name}_cuts_well",
        implies(
            waits,
            (burst_address[:3] == 0) & (burst >= 1) & (burst <= hw.burst_words(bus_bits)) & ((burst_address[3:12] + burst) <= 512),
        ),
    )
