"""Proofs of the register file: the AXI4-Lite subordinate answers each request once, and rightly."""

from amaranth.hdl import Cat, Mux, Signal

from lifarray.golden.registers import REGISTERS
from lifarray.hw import registers as hw

from .bench import implies

ANSWER_CYCLES = 4
"""From the cycle that offers a whole request, or is ready for the answer before, to its answer."""


def protocol(bench):
    """Answers stand until they are taken, one for each request; none waits longer than `ANSWER_CYCLES`."""
    m = bench.m
    dut = bench.add(hw.RegisterFile({}))
    bus = dut.bus
    for channel, payload in (("b", bus.bresp), ("r", Cat(bus.rdata, bus.rresp))):
        valid, ready = getattr(bus, f"{channel}valid"), getattr(bus, f"{channel}ready")
        waited = bench.before(valid & ~ready, f"{channel}_waited")
        bench.check(f"{channel}_stands", implies(waited, valid & (payload == bench.before(payload, channel))))
        bench.cover(f"{channel}_waits", waited & bench.before(waited, f"{channel}_waited_twice") & ready)
    bench.check("no_error_response", (bus.bresp == 0) & (bus.rresp == 0))

    taken = {c: getattr(bus, f"{c}valid") & getattr(bus, f"{c}ready") for c in ("aw", "w", "b", "ar", "r")}
    pending = {}
    for request, answer in (("aw", "b"), ("w", "b"), ("ar", "r")):
        pending[request] = count = Signal(2, name=f"pending_{request}")
        m.d.sync += count.eq(count + taken[request] - taken[answer])
        bench.check(f"{answer}_only_after_{request}", implies(getattr(bus, f"{answer}valid"), count > 0))
        bench.check(f"{request}_not_lost", count <= 2)
    for answer, requests in (("b", ("aw", "w")), ("r", ("ar",))):
        waiting = Signal(4, name=f"waiting_{answer}")
        here = Cat(getattr(bus, f"{request}valid") | (pending[request] > 0) for request in requests).all()
        goes_on = here & getattr(bus, f"{answer}ready") & ~taken[answer]
        m.d.sync += waiting.eq(Mux(goes_on, Mux(waiting == 15, 15, waiting + 1), 0))
        bench.check(f"{answer}_in_time", waiting <= ANSWER_CYCLES)
    bench.cover("two_writes_under_way", (pending["aw"] == 2) & (pending["w"] == 2))
    bench.cover("data_before_address", (pending["w"] == 1) & (pending["aw"] == 0))


def contents(bench):
    """A register reads as it was last written, byte by byte; constants, gaps and commands as the table says.

    One access at a time, at one address that stands for all.
    """
    m = bench.m
    dut = bench.add(hw.RegisterFile({}))
    bus = dut.bus
    index = bench.constant(len(bus.araddr) - 2, "register")
    writes_left, reads_left = Signal(), Signal()
    accepted_aw, accepted_w = Signal(), Signal()
    data, strobe = Signal(32), Signal(4)
    hit = Signal()
    b_taken = bus.bvalid & bus.bready
    m.d.comb += [
        writes_left.eq(bus.awvalid | bus.wvalid | accepted_aw | accepted_w),
    ]
    with m.If(bus.awvalid & bus.awready):
        m.d.sync += [accepted_aw.eq(1), hit.eq(bus.awaddr[2:] == index)]
    with m.If(bus.wvalid & bus.wready):
        m.d.sync += [accepted_w.eq(1), data.eq(bus.wdata), strobe.eq(bus.wstrb)]
    with m.If(b_taken):
        m.d.sync += [accepted_aw.eq(0), accepted_w.eq(0)]
    m.d.sync += reads_left.eq((reads_left | bus.arvalid) & ~(bus.rvalid & bus.rready))
    bench.assume(~(accepted_aw & bus.awvalid) & ~(accepted_w & bus.wvalid) & ~(reads_left & bus.arvalid))
    bench.assume(~(writes_left & (reads_left | bus.arvalid)))

    # The model of one register, from the table alone.
    mask, reset, known = Signal(32), Signal(32), Signal()
    stored = Signal(32)
    with m.Switch(index):
        for register in REGISTERS:
            with m.Case(register.address >> 2):
                if register.access == "rw":
                    m.d.comb += [mask.eq(register.mask), reset.eq(register.reset), known.eq(1)]
                    m.d.comb += stored.eq(_stored(dut, register))
                elif register.name in hw.CONSTANTS:
                    m.d.comb += [reset.eq(hw.CONSTANTS[register.name]), known.eq(1)]
                elif register.access == "w1s":
                    m.d.comb += known.eq(1)
        with m.Default():
            m.d.comb += known.eq(1)
    written, value = Signal(), Signal(32)
    expected = Signal(32)
    m.d.comb += expected.eq(Mux(written, value, reset))
    byte_mask = Cat(bit.replicate(8) for bit in strobe)
    updated = Signal(32)
    m.d.comb += updated.eq(expected & ~(byte_mask & mask) | data & byte_mask & mask)
    with m.If(b_taken & hit & mask.any()):
        m.d.sync += [written.eq(1), value.eq(updated)]
    # A step on the way to the next check: what the register holds.
    bench.check("holds_as_written", implies(mask.any(), stored == Mux(bus.bvalid & hit, updated, expected)))
    read_hit = Signal()
    with m.If(bus.arvalid & bus.arready):
        m.d.sync += read_hit.eq(bus.araddr[2:] == index)
    waiting = {name: bench.internal(name) for name in ("have_address", "have_data", "write", "reading", "choosing")}
    bench.check("waits_for_its_answer", waiting["have_address"] == accepted_aw & ~waiting["write"] & ~bus.bvalid)
    bench.check("waits_for_its_data", waiting["have_data"] == accepted_w & ~waiting["write"] & ~bus.bvalid)
    bench.check("constants_stay", implies(written, mask.any()))
    bench.check("answers_both", implies(bus.bvalid, accepted_aw & accepted_w))
    bench.check("writes_before_it_answers", implies(waiting["write"], accepted_aw & accepted_w & ~bus.bvalid))
    bench.check("reads_one", (waiting["reading"] + waiting["choosing"] + bus.rvalid) == reads_left)
    bench.check("keeps_address", implies(waiting["have_address"] | waiting["write"], hit == (bench.internal("write_address")[2:] == index)))
    same_data = (data == bench.internal("data")) & (strobe == bench.internal("strobe"))
    bench.check("keeps_data", implies(waiting["have_data"] | waiting["write"], same_data))
    bench.check("keeps_read_address", implies(waiting["reading"] | waiting["choosing"], read_hit == (bench.internal("read_address")[2:] == index)))
    bench.check("reads_as_written", implies(bus.rvalid & read_hit & known, bus.rdata == expected))
    bench.cover("reads_a_written_value", bus.rvalid & read_hit & written & (bus.rdata == 0x1234_0078))
    bench.cover("reads_a_constant", bus.rvalid & read_hit & (bus.rdata == hw.CONSTANTS["ID"]))


def _stored(dut, register):
    """The value of an "rw" register, from its ports."""
    return sum(getattr(dut, hw.member(register, field)) << field.offset for field in register.all_fields)
