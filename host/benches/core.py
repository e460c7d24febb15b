"""``lifarray bench core``: cycles and bytes of the simulated core."""

import argparse
import sys

from ...golden.cases import CASES, SPIKER_PLUS, case
from ...golden.errors import UserError
from ...golden.files import require_writable
from ...golden.timing import DdrTiming
from ..lazy import load_sweep, load_throughput
from ..options import add_data_dir, add_json, add_simulator, positive
from ..output import print_json
from ..sweep_plot import draw, require_drawable
from ..table import print_table

CLOCK_MHZ = 100

EXAMPLES = """\
  lifarray bench core --list
  lifarray bench core --case ae-batch4-resident
  lifarray bench core --case audio-paper-int4 --latency 60 100 --json
  lifarray bench core --sweep --plot sweep.png
"""


def add_arguments(parser):
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--case", action="append", metavar="NAME", help="one case; may be given again (default: all)")
    what.add_argument("--list", action="store_true", help="say which cases there are, and measure nothing")
    what.add_argument("--sweep", action="store_true", help="instead of the cases: one layer, over density, inputs, outputs and steps")
    parser.add_argument("--plot", metavar="FILE", help="with --sweep: draw it")
    timing = DdrTiming()
    memory = parser.add_argument_group("memory")
    memory.add_argument(
        "--latency",
        type=positive,
        nargs=2,
        default=list(timing.latency_cycles),
        metavar=("MIN", "MAX"),
        help="cycles to a burst's first beat (default: {} to {})".format(*timing.latency_cycles),
    )
    memory.add_argument("--outstanding", type=positive, default=timing.outstanding, metavar="N", help="bursts under way (default: %(default)s)")
    memory.add_argument(
        "--bandwidth",
        type=_bytes_per_cycle,
        default=timing.bytes_per_cycle,
        metavar="BYTES",
        help="bytes a cycle over all ports (default: %(default)s, which is 75 %% of 2.1 GB/s at 100 MHz)",
    )
    parser.add_argument("--clock-mhz", type=positive, default=CLOCK_MHZ, metavar="MHZ", help="clock for times (default: %(default)s)")
    add_simulator(parser)
    add_data_dir(parser)
    add_json(parser)


def _bytes_per_cycle(text) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes from 0.1 to 1000")
    return value


def run(args):
    if args.latency[0] > args.latency[1]:
        raise UserError("--latency {} {}: the shorter one goes first".format(*args.latency))
    if args.plot and not args.sweep:
        raise UserError("--plot draws the sweep: add --sweep")
    if args.plot:
        require_writable(args.plot, "--plot")
        require_drawable(args.plot)
    if args.list:
        return list_cases(args)
    timing = DdrTiming(tuple(args.latency), args.outstanding, args.bandwidth)
    return run_sweep(args, timing) if args.sweep else run_cases(args, timing)


def list_cases(args):
    if args.json:
        print_json([{"case": c.name, "about": c.about, "config": c.config} for c in CASES.values()])
    else:
        print_table(["case", "network and input", "core"], [[c.name, c.about, c.config] for c in CASES.values()])


def run_cases(args, timing):
    cases = [case(name) for name in args.case or CASES]
    throughput = load_throughput()
    measured = []
    for c in cases:
        if not args.json:
            print(f"{c.name}: {c.about}", file=sys.stderr)
        m = throughput.measure_case(c, timing, data_dir=args.data_dir, simulator=args.simulator, progress=not args.json)
        measured.append((c, m))
        if not args.json:
            print(f"  {m.cycles:,} cycles, efficiency {m.efficiency:.3f}, {m.mismatches} mismatches", file=sys.stderr)
    if args.json:
        print_json([as_json(c, m, args.clock_mhz) for c, m in measured])
    else:
        print_measurements(measured, timing, args.clock_mhz)
    return 1 if any(m.mismatches for _, m in measured) else 0


def as_json(c, m, clock_mhz) -> dict:
    core = c.core
    return {
        "case": c.name,
        "about": c.about,
        "config": c.config,
        "lanes": core.lanes,
        "ways": core.ways,
        "weight_bits": core.weight_bits,
        "cycles": m.cycles,
        "cycles_per_sample": m.cycles_per_sample,
        "samples": m.n_samples,
        "microseconds_per_sample": m.cycles_per_sample / clock_mhz,
        "setup_cycles": m.setup_cycles,
        "operations": m.operations,
        "operations_per_cycle": m.operations / m.cycles,
        "efficiency": m.efficiency,
        "ideal_cycles": m.ideal_cycles,
        "model_cycles": m.model_cycles,
        "bytes_fetched": m.weight_bytes,
        "bytes_ideal": m.ideal_weight_bytes,
        "bytes_read_other": m.other_read_bytes,
        "bytes_written": m.written_bytes,
        "stalls": m.stalls,
        "density": m.density,
        "active_inputs": m.active_inputs,
        "mismatches": m.mismatches,
        "simulator": m.simulator,
    }


def print_measurements(measured, timing, clock_mhz):
    print_memory(timing, clock_mhz)
    print("simulator:", measured[0][1].simulator)
    print()
    print_table(
        ["case", "lanes", "ways", "bits", "samples", "cycles", "cycles/sample", "µs/sample", "efficiency", "ideal", "model", "mismatches"],
        [
            [
                c.name,
                c.core.lanes,
                c.core.ways,
                c.core.weight_bits,
                m.n_samples,
                m.cycles,
                round(m.cycles_per_sample),
                m.cycles_per_sample / clock_mhz,
                m.efficiency,
                round(m.ideal_cycles),
                m.model_cycles,
                m.mismatches,
            ]
            for c, m in measured
        ],
    )
    print()
    print_table(
        ["case", "operations", "a cycle", "weight bytes", "ideal", "other read", "written", "stalls: weight", "input", "fire", "density", "active"],
        [
            [
                c.name,
                m.operations,
                m.operations / m.cycles,
                m.weight_bytes,
                m.ideal_weight_bytes,
                m.other_read_bytes,
                m.written_bytes,
                *m.stalls.values(),
                f"{m.density:.1%}",
                f"{m.active_inputs:.1%}",
            ]
            for c, m in measured
        ],
    )
    print("\ncases:")
    for c, m in measured:
        loaded = f"; its weights were loaded once, in {m.setup_cycles:,} cycles" if m.setup_cycles else ""
        print(f"  {c.name}: {c.about}; core {c.config!r}{loaded}")
    others = [[c.name, *SPIKER_PLUS[c.name], round(m.cycles_per_sample)] for c, m in measured if c.name in SPIKER_PLUS]
    if others:
        print("\nbeside Spiker+ (cycles of its VHDL in simulation), same steps:")
        print_table(["case", "network", "Spiker+ cycles", "our cycles/sample"], others)


def print_memory(timing, clock_mhz):
    low, high = timing.latency_cycles
    print(
        f"memory: {low} to {high} cycles latency, {timing.outstanding} bursts under way a port, "
        f"{timing.bytes_per_cycle:g} bytes a cycle over all ports; clock {clock_mhz} MHz"
    )


def run_sweep(args, timing):
    sweep = load_sweep()
    points = sweep.run(timing, simulator=args.simulator, progress=not args.json)
    if args.plot:
        draw(points, args.plot)
    if args.json:
        print_json(points)
        return
    print_memory(timing, args.clock_mhz)
    print(f"core: {sweep.CORE}\n")
    names = list(points[0])
    print_table(names, [list(point.values()) for point in points])
