"""Proofs of the sequencer: every run ends, with its first error, and no bad descriptor runs."""

from amaranth.hdl import Array, Cat, Mux, Signal

from lifarray.golden.config import DECAY_ONE, SLOTS
from lifarray.golden.descriptor import DESCRIPTOR_BYTES, DESCRIPTOR_MAGIC
from lifarray.golden.lif import ResetMode
from lifarray.golden.registers import ErrorCode
from lifarray.hw import sequencer as hw

from .bench import implies
from .reader import CONFIG

IDLE, LIST, FETCH, HALT, LOAD, MEASURE, CHECK, START, STARTED, RUN, FLUSH = range(11)
"""States, in the order in which the machine's source first names them."""

DESCRIPTOR_CYCLES = 14
"""FETCH, eight words, MEASURE to STARTED, and the RUN cycle in which the layer is done."""

HALT_CYCLES = 5
"""From an error's latching until the ports are halted, at most."""


def errors(bench):
    """The first error is kept with its address; after it nothing is asked for or started, and the ports halt."""
    m = bench.m
    dut = bench.add(hw.Sequencer(CONFIG))
    state = bench.internal("fsm_state")
    failed = dut.error != ErrorCode.NONE
    was = {}
    names = "read_failed write_failed read_outside write_outside read_error_address write_error_address abort busy began error error_address"
    for name in names.split():
        was[name] = bench.before(getattr(dut, name), name)
    had = was["error"] != ErrorCode.NONE
    events = was["read_failed"] | was["write_failed"] | was["read_outside"] | was["write_outside"] | was["abort"]
    bench.check("keeps_the_first", implies(had & ~was["began"], (dut.error == was["error"]) & (dut.error_address == was["error_address"])))
    bench.check("sees_every_error", implies(was["busy"] & events, failed))
    new = failed & ~had
    causes = {
        ErrorCode.AXI_READ: was["read_failed"] & (dut.error_address == was["read_error_address"]),
        ErrorCode.AXI_WRITE: was["write_failed"] & (dut.error_address == was["write_error_address"]),
        ErrorCode.WINDOW: (was["read_outside"] & (dut.error_address == was["read_error_address"]))
        | (was["write_outside"] & (dut.error_address == was["write_error_address"])),
        ErrorCode.DESCRIPTOR: (dut.error_address == bench.before(bench.internal("address"), "address")[:32])
        & ((bench.before(state, "state") == LIST) | (bench.before(state, "state") == START)),
        ErrorCode.ABORTED: was["abort"] & (dut.error_address == 0),
    }
    cause = Cat((dut.error == code) & reason for code, reason in causes.items()).any()
    bench.check("names_the_cause", implies(new, was["busy"] & cause))
    bench.check("asks_for_nothing_more", implies(failed & dut.busy, ~dut.requests.valid))
    bench.check("starts_nothing_more", implies(failed & dut.busy, ~dut.layer_start))
    unhalted = Signal(4)
    m.d.sync += unhalted.eq(Mux(failed & dut.busy & ~dut.halt, unhalted + 1, 0))
    bench.check("halts_in_time", unhalted <= HALT_CYCLES)
    bench.check("halts_before_the_end", implies(dut.ended, dut.halt & bench.before(dut.halt & dut.idle, "quiet")))
    # Steps on the way.
    bench.check("state", state <= FLUSH)
    on_its_way = Array([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0])[state]
    bench.check("on_its_way_to_halt", implies(unhalted > 0, failed & (unhalted <= on_its_way) | dut.halt))
    for code in causes:
        bench.cover(code.name.lower(), dut.ended & (dut.error == code) & (dut.lists_done == (0 if code == ErrorCode.DESCRIPTOR else 1)))


def progress(bench):
    """A run is over within 14 cycles a descriptor and 4, not counting those in which it waits for an answer.

    It waits for the reader to take a request, for a descriptor's word, for the layer to be done,
    and, halted, for the ports to be idle. The list's count stands while it runs. Descriptor n is asked
    for at the list's address + 64 n, of which the reader is told if it is beyond 2^32.
    """
    m = bench.m
    dut = bench.add(hw.Sequencer(CONFIG), leave=("list_count",))
    state, word_index = bench.internal("fsm_state"), bench.internal("word_index")
    count = bench.constant(16, "count")
    m.d.comb += dut.list_count.eq(count)
    failed = dut.error != ErrorCode.NONE
    waits = Cat(
        (state == FETCH) & ~failed & ~dut.requests.ready,
        (state == LOAD) & ~failed & ~dut.words.valid,
        (state == RUN) & ~failed & ~dut.layer_done,
        (state == HALT) & ~dut.idle,
    ).any()
    cycles = Signal(24)
    with m.If(~dut.busy):
        m.d.sync += cycles.eq(0)
    with m.Elif(~waits):
        m.d.sync += cycles.eq(cycles + 1)
    limit = Signal(24)
    m.d.comb += limit.eq(count * DESCRIPTOR_CYCLES + 4)
    bench.check("ends_within_its_bound", cycles < limit)
    first, wanted = Signal(32), Signal(33)
    with m.If(dut.began):
        m.d.sync += first.eq(dut.list_address)
    m.d.comb += wanted.eq(first + dut.lists_done * DESCRIPTOR_BYTES)
    bench.check("asks_at_its_address", implies(dut.requests.valid, dut.requests.payload.address == wanted))
    # Steps on the way: how far it can be in each state.
    position = Signal(5)
    m.d.comb += position.eq(
        Array([0, 0, 1, 0, 2 + word_index, 10, 11, 12, 13, 14, 0, 0, 0, 0, 0, 0])[state]
    )
    walking = dut.busy & (state != HALT) & (state != FLUSH)
    bench.check("state", state <= FLUSH)
    bench.check("is_where_it_counts", implies(walking, cycles == dut.lists_done * DESCRIPTOR_CYCLES + position))
    bench.check("has_more_to_do", implies(walking & (state != LIST), dut.lists_done < count))
    bench.check("starts_at_zero", implies(state == LIST, (dut.lists_done == 0) & ~failed))
    bench.check("keeps_its_address", implies(walking, bench.internal("address") == wanted))
    bench.check("halts_in_time", implies(state == HALT, cycles <= count * DESCRIPTOR_CYCLES + 1))
    bench.check("flushes_in_time", implies(state == FLUSH, cycles <= count * DESCRIPTOR_CYCLES + 2))
    bench.check("knows_an_empty_list", implies(state == LIST, bench.internal("no_list") == (count == 0)))
    within = walking & (state != LIST) & (state != FETCH)
    bench.check("knows_the_last", implies(within, bench.internal("last_of_list") == (dut.lists_done + 1 == count)))
    bench.check("idle_is_idle", dut.busy == (state != IDLE))
    bench.cover("two_layers", dut.ended & ~failed & (dut.lists_done == 2))
    bench.cover("as_long_as_it_may", dut.ended & (cycles == limit - 2) & (count == 1))


def descriptors(bench):
    """Only a descriptor starts a layer whose every field is in range."""
    dut = bench.add(hw.Sequencer(CONFIG))
    layer = dut.layer
    highest = (1 << (CONFIG.vmem_bits - 1)) - 1
    one_pass = layer.n_steps <= SLOTS
    rules = {
        "magic": layer.magic == DESCRIPTOR_MAGIC,
        "reset_mode": layer.reset_mode <= max(ResetMode),
        "decay": layer.decay <= DECAY_ONE,
        "samples": (layer.n_samples >= 1) & Mux(one_pass, layer.n_samples * layer.n_steps <= SLOTS, layer.n_samples == 1),
        "sizes": (layer.n_steps >= 1) & (layer.fan_in >= 1) & (layer.n_neurons >= 1),
        "thresholds": (layer.v_threshold >= 1) & (layer.v_threshold <= highest) & (layer.v_subtract >= 0) & (layer.v_subtract <= highest),
        "initial_vmem": (layer.v_init >= -highest - 1) & (layer.v_init <= highest),
        "aligned": ~(layer.input_address[:3].any() | layer.weight_address[:3].any() | layer.output_address[:3].any()),
        "vmem_aligned": ~layer.write_vmem | ~layer.vmem_address[:3].any(),
        "resident": implies(layer.resident, ~layer.load & (layer.store_row < CONFIG.resident_rows)),
        "load": implies(layer.load, layer.store_row + layer.fan_in <= CONFIG.resident_rows),
        "used_slots": implies(one_pass, dut.used_slots == layer.n_samples * layer.n_steps),
    }
    for name, rule in rules.items():
        bench.check(name, implies(dut.layer_start, rule))
    bench.check("list_aligned", implies(dut.requests.valid, ~dut.requests.payload.address[: (DESCRIPTOR_BYTES - 1).bit_length()].any()))
    # Steps on the way.
    state = bench.internal("fsm_state")
    before_address = (state == IDLE) | (state == LIST) | (state == HALT) | (state == FLUSH)
    address = bench.internal("address")
    bench.check("address_aligned", before_address | ~address[: (DESCRIPTOR_BYTES - 1).bit_length()].any())
    bench.check("state", state <= FLUSH)
    bench.cover("starts", dut.layer_start & (layer.n_samples == 4) & (layer.n_steps == 15))
    bench.cover("starts_resident", dut.layer_start & layer.resident & (layer.store_row == CONFIG.resident_rows - 1))
    bench.cover("starts_a_full_load", dut.layer_start & layer.load & (layer.store_row == 1) & (layer.fan_in == CONFIG.resident_rows - 1))
    bench.cover("starts_many_steps", dut.layer_start & (layer.n_steps == 100))
