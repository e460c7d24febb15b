"""``lifarray report``: what a design takes of a board, and how fast it is."""

import sys

from ..lazy import load_build
from ..options import add_json
from ..output import output_folder, print_json
from ..table import print_table
from .bitstream import RESOURCE_HEADINGS, add_design, make_design, resource_rows

EXAMPLES = """\
  lifarray report --board pynq-z2
  lifarray report --board ulx3s-85f --config small --json
  lifarray report --board pynq-z1 --memory local --out bitstreams
"""


def add_arguments(parser):
    add_design(parser)
    parser.add_argument("--out", metavar="DIR", default="bitstreams", help="where `lifarray bitstream` works (default: %(default)s)")
    add_json(parser)


def run(args):
    hw = load_build()
    design = make_design(args, hw)
    status, timing = 0, None
    with output_folder(args.out) as folder:
        build = hw.Build(design, folder / f"{design.name}.build", report=lambda text: print(text, file=sys.stderr, flush=True))
        try:
            build.netlist  # noqa: B018
            timing = build.timing
            hw.check_budget(design.board, build.resources)
            # A slower clock that was asked for is all that is needed.
            needed = min(design.board.minimum_hz or 0, design.clock_hz)
            if timing and timing.fmax_hz < needed:
                raise hw.BuildError(f"{timing.fmax_hz / 1e6:.1f} MHz, must be {needed / 1e6:g}: {hw.describe_path(timing)}")
        except hw.BuildError as error:
            print(f"lifarray: {error}", file=sys.stderr)
            status = 1
            if "netlist" not in vars(build):
                return status
    if args.json:
        print_json({**build.manifest(), "critical_path": timing and timing.path})
        return status
    lanes = f"{design.config.lanes} lanes, memory {design.memory}, {design.clock_hz / 1e6:g} MHz"
    print(f"{design.board.title} ({design.board.part}), {lanes}\n")
    print_table(RESOURCE_HEADINGS, resource_rows(design.board, build.resources))
    if timing is None:
        print("\nclock: unknown before place and route (lifarray bitstream)")
    else:
        print(f"\nclock: {timing.fmax_hz / 1e6:.1f} MHz after place and route; critical path:\n")
        print_table(["module", "ns"], [[module or "(top)", delay] for module, delay in timing.path])
    return status
