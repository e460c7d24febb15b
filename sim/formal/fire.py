"""Proofs of fire: it walks each slot's currents once, and before the next slot's replace them."""

from amaranth.hdl import Mux, Signal

from lifarray.golden.config import CoreConfig
from lifarray.hw import fire as hw
from lifarray.hw.array import PICK_TO_ADD, add_stages

from .bench import implies
from .window import RELEASE_TO_CAPTURE

CONFIG = CoreConfig(lanes=10, fire_units=1, current_bits=9, vmem_bits=4)
"""One way, the quickest array; more groups than `hw.RELEASE_AHEAD`."""


def release(bench):
    """Whatever layer it fires: every group's currents are those of its slot, each capture is walked once."""
    m = bench.m
    dut, capture = _fire(bench)
    issue, last_group, ahead = (bench.internal(name) for name in ("issue", "last_group", "ahead"))
    captured, walked, released = Signal(2), Signal(2), Signal(2)
    m.d.sync += [
        captured.eq(captured + capture),
        walked.eq(walked + (issue & last_group)),
        released.eq(released + dut.release),
    ]
    unwalked, unreleased = Signal(2), Signal(2)  # modulo 4
    m.d.comb += [unwalked.eq(captured - walked), unreleased.eq(walked + 1 - released)]
    bench.check("walks_what_was_captured", implies(issue, unwalked == 1))
    bench.check("loses_no_capture", implies(capture, (unwalked == 0) | (issue & last_group)))
    bench.check("releases_once_a_slot", implies(issue & last_group, unreleased == dut.release))
    bench.check("releases_a_walked_slot", implies(dut.release, issue & ~ahead))
    bench.cover("captured_with_the_last_group", capture & issue & last_group)
    bench.cover("long_tile", dut.release & ~last_group & bench.before(issue, "issue"))


def state(bench):
    """A group's state is read, for its next step or for memory, once the step before has left the pipeline."""
    m = bench.m
    dut, _ = _fire(bench)
    issue, last_group = bench.internal("issue"), bench.internal("last_group")
    group, mine, under_way = Signal(range(CONFIG.groups)), bench.constant(range(CONFIG.groups), "mine"), Signal()
    with m.If(issue):
        m.d.sync += group.eq(Mux(last_group, 0, group + 1))
    enters, leaves = issue & (group == mine), dut.trace.valid & (dut.trace.group == mine)
    m.d.sync += under_way.eq((under_way | enters) & ~leaves)
    dumping = bench.internal("dumping")
    bench.check("steps_one_by_one", implies(enters | dumping, ~under_way))
    bench.check("leaves_once", implies(leaves, under_way))
    left = bench.before(bench.before(leaves, "leaves"), "left")
    bench.cover("steps_soon", enters & left)
    bench.cover("dumps_soon", dumping & bench.before(left, "long_left"))


def _fire(bench):
    """Fire, and the array's captures: once for each release and once before the first.

    They come `RELEASE_TO_CAPTURE` cycles (proved of the window) and the array's own after it, or later.

    Returns
    -------
    (dut, capture)
    """
    m = bench.m
    dut = bench.add(hw.Fire(CONFIG), leave=("layer", "capture"))
    for name, bits in {"n_neurons": 20, "n_steps": 16, "n_samples": 8, "write_vmem": 1}.items():
        m.d.comb += dut.layer[name].eq(bench.constant(bits, name))
    capture = bench.free(1, "captures")
    m.d.comb += dut.capture.eq(capture)

    delay = RELEASE_TO_CAPTURE + PICK_TO_ADD + add_stages(CONFIG.ways)
    may_capture, age = Signal(init=1), Signal(range(delay + 1), init=delay)
    with m.If(dut.release):
        m.d.sync += [may_capture.eq(1), age.eq(1)]
    with m.Else():
        m.d.sync += age.eq(age + (age != delay))
        with m.If(capture):
            m.d.sync += may_capture.eq(0)
    bench.assume(implies(capture, may_capture & (age == delay)))
    return dut, capture
