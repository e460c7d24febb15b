"""``lifarray report``: what a design takes of a board, and how fast it is."""

import sys
from pathlib import Path

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
    which = "where `lifarray bitstream` works; a netlist that is not there is made, in minutes (default: %(default)s)"
    parser.add_argument("--out", metavar="DIR", default="bitstreams", help=which)
    add_json(parser)


def run(args):
    hw = load_build()
    design = make_design(args, hw)
    build = hw.Build(design, Path(args.out) / f"{design.name}.build", report=lambda text: print(text, file=sys.stderr, flush=True))
    with output_folder(args.out), build.held():
        status, timing = 0, None
        try:
            build.netlist  # noqa: B018
            timing = build.timing
            if timing:
                build.check_timing()
        except hw.BuildError as error:
            print(f"lifarray: {error}", file=sys.stderr)
            status = 1
            if "netlist" not in vars(build):
                return status
        if args.json:
            print_json({**build.manifest(), "critical_path": timing and timing.path})
        else:
            _print(design, build.resources, timing)
        return status


def _print(design, resources, timing):
    clock = f"{design.clock_hz / 1e6:g} MHz"
    print(f"{design.board.title} ({design.board.part}), {design.config.lanes} lanes, memory {design.memory}, {clock}\n")
    print_table(RESOURCE_HEADINGS, resource_rows(design.board, resources))
    if timing is None:
        print(f"\nclock: unknown before place and route of this netlist for {clock} with --seed {design.seed} (lifarray bitstream)")
    else:
        print(f"\nclock: {timing.fmax_hz / 1e6:.1f} MHz after place and route; critical path:\n")
        print_table(["module", "ns"], [[module or "(top)", delay] for module, delay in timing.path])
