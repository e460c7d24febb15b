"""``lifarray bitstream``: from the core in Amaranth to a board's bitstream, with open tools."""

import hashlib
import json
import shlex
import shutil
import sys
from math import ceil
from pathlib import Path

from ...golden.boards import BOARDS, FULL, MEMORIES
from ...golden.config import CONFIGS
from ...golden.errors import UserError
from ...golden.registers import PAGE_BITS
from ...golden.resources import resources
from ..hwh import divisors, hwh
from ..lazy import load_build
from ..netlist_check import check_netlist
from ..options import add_json, positive
from ..output import output_folder, print_json, whole_file, write_text
from ..table import print_table

EXIT_TOOLS_MISSING = 3

RESOURCE_HEADINGS = ["resource", "used", "of", "share", "budget"]

RASTER_BANKS = 2
EXAMPLES = """\
  lifarray bitstream --board ulx3s-85f
  lifarray bitstream --board pynq-z2 --openxc7 /opt/openxc7
  lifarray bitstream --board pynq-z2 --memory local --out bitstreams
  lifarray bitstream --board ulx3s-85f --network-size 64-48-96 --bits 4
"""

NEXT_STEPS = """\
{error}

The netlist is done, checked, and kept. For the bitstream install openXC7, at least {minimum}, which no Python package brings:

  nix develop github:openXC7/toolchain-nix          (or its snap, or its container: https://github.com/openXC7)

make the chip database once, as its README says ({chipdb}), and run again, from that shell

  {command}

or with --openxc7 DIR, the folder that holds tools and databases. What is done by now is not done again."""


def add_arguments(parser):
    add_design(parser)
    parser.add_argument("--out", metavar="DIR", default="bitstreams", help="folder for the results (default: %(default)s)")
    parser.add_argument("--openxc7", metavar="DIR", help="where openXC7 is installed (default: on PATH)")
    parser.add_argument(
        "--skip-simulation", action="store_true", help="do not run a small network on the netlist first; the manifest says so"
    )
    add_json(parser)


def add_design(parser):
    """The options that say what is built."""
    parser.add_argument("--board", required=True, choices=BOARDS, help="; ".join(f"{name}: {board.title}" for name, board in BOARDS.items()))
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--config", choices=CONFIGS, metavar="NAME", help=f"of the core: {', '.join(CONFIGS)} (default: the board's)")
    which.add_argument("--network-size", metavar="N-N-N", help="choose the configuration with which a network of these sizes runs fastest")
    parser.add_argument("--bits", type=int, choices=(4, 8), default=8, help="weights of that network (default: %(default)s)")
    parser.add_argument(
        "--memory", choices=MEMORIES, help="ddr: the board's memory, behind HP ports; local: block RAM, behind the registers (default: the board's)"
    )
    parser.add_argument("--local-pages", type=positive, metavar="N", help="local memory, 4 KB each (default: the board's, or what the network needs)")
    parser.add_argument("--clock-mhz", type=positive, metavar="MHZ", help="what the design must reach (default: the board's)")


def run(args):
    hw = load_build()
    design = make_design(args, hw)
    with output_folder(args.out) as folder:
        build = hw.Build(design, folder / f"{design.name}.build", report=_say)
        try:
            build.netlist  # noqa: B018
            simulated = None
            if not args.skip_simulation:
                _say("run a small network on the netlist")
                simulated = check_netlist(build.netlist_path, design)
            if not args.json:
                print_table(RESOURCE_HEADINGS, resource_rows(design.board, build.resources))
            timing = build.place_and_route(args.openxc7)
            manifest = _deliver(folder, build, simulated)
        except hw.MissingTools as error:
            print(NEXT_STEPS.format(error=error, minimum=hw.OPENXC7_MINIMUM, chipdb=hw.CHIPDB, command=_command(args)), file=sys.stderr)
            return EXIT_TOOLS_MISSING
    if args.json:
        print_json(manifest)
    else:
        print(f"\n{timing.fmax_hz / 1e6:.1f} MHz of {design.clock_hz / 1e6:g}; {hw.describe_path(timing)}")
        print(f"wrote {', '.join(str(folder / name) for name in manifest['sha256'])} and {folder / design.name}.json")
    return 0


def _command(args) -> str:
    """The command line of these options."""
    words = ["lifarray bitstream"]
    for name in ("board", "config", "network_size", "memory", "local_pages", "clock_mhz", "out"):
        value = getattr(args, name)
        if value is not None:
            words.append(f"--{name.replace('_', '-')} {shlex.quote(str(value))}")
    if args.network_size:
        words.append(f"--bits {args.bits}")
    if args.skip_simulation:
        words.append("--skip-simulation")
    return " ".join(words)


def _say(text):
    print(text, file=sys.stderr, flush=True)


def make_design(args, hw):
    """The design that options ask for.

    Raises
    ------
    UserError
        The board cannot have it.
    """
    board = BOARDS[args.board]
    memory = args.memory or board.memories[0]
    if memory not in board.memories:
        raise UserError(f"--memory {memory}: the {board.title} has {', '.join(board.memories)}")
    if memory != "local" and args.local_pages:
        raise UserError("--local-pages: only a local memory has pages; add --memory local")
    sizes = _sizes(args.network_size) if args.network_size else None
    config = best_config(sizes, args.bits, board) if sizes else CONFIGS[args.config or board.config]
    if memory == "local":
        pages = args.local_pages or (network_pages(sizes, args.bits, config) if sizes else board.local_pages)
        most = int(board.budget.get("block RAM", FULL) * board.capacity["block RAM"]) // board.page_rams
        if pages > most:
            whose = f"--local-pages {pages}" if args.local_pages else f"a network of {args.network_size} takes {pages} pages of local memory"
            raise UserError(f"{whose}: the {board.title} has room for {most} at most")
        config = config.with_(local_pages=pages, ports=1)
    clock_hz = args.clock_mhz * 1_000_000 if args.clock_mhz else board.clock_hz
    if board.part.startswith("xc7"):
        divisors(clock_hz)      # the PS must be able to make it
    return hw.Design(args.board, config, clock_hz)


def _sizes(text):
    try:
        sizes = [int(word) for word in text.split("-")]
    except ValueError:
        sizes = []
    if len(sizes) < 2 or min(sizes) < 1:
        raise UserError(f"--network-size {text!r}: give inputs and neurons of each layer, as in 784-196-784")
    return sizes


def best_config(sizes, bits: int, board):
    """The configuration, of those that fit the board, with the fewest cycles: each tile takes about a cycle for each input.

    Raises
    ------
    UserError
        None takes such weights.
    """
    fitting = [config for config in CONFIGS.values() if bits <= config.weight_bits and _may_fit(config, board)]
    if not fitting:
        raise UserError(f"no configuration for weights of {bits} bits fits the {board.title}: name one with --config")
    return min(fitting, key=lambda config: (sum(config.tiles(n) * fan_in for fan_in, n in zip(sizes, sizes[1:])), config.lanes))


def _may_fit(config, board) -> bool:
    """By the estimate, which there is for the 7-series; the netlist decides."""
    return not board.part.startswith("xc7") or resources(config).fits(board, FULL)


def network_pages(sizes, bits: int, config) -> int:
    """Pages of local memory that a network takes, with one pass of rasters a bank."""
    words = sum(config.tiles(n) * fan_in * config.row_words(bits) for fan_in, n in zip(sizes, sizes[1:]))
    page_words = 1 << PAGE_BITS - 3
    rasters = RASTER_BANKS * (sum(sizes) + 8 * (len(sizes) + 1))
    return ceil(words / page_words) + ceil(rasters / page_words)


def resource_rows(board, resources) -> list:
    """Rows of resource, used, of, share, budget."""
    rows = []
    for name, used in resources.items():
        shares = (used / board.capacity[name], board.budget.get(name, FULL))
        rows.append([name, used, board.capacity[name], *(f"{100 * share:.1f} %" for share in shares)])
    return rows


def _deliver(folder, build, simulated):
    """The results under their final names, the manifest last: where it is, all is."""
    design = build.design
    paths = {"bit": folder / f"{design.name}.bit"}
    with whole_file(paths["bit"]) as part:
        shutil.copyfile(build.bitstream_path, part)
    if design.is_xc7:
        paths["hwh"] = folder / f"{design.name}.hwh"
        write_text(paths["hwh"], hwh(design.name, design.clock_hz, design.config.local_pages))
    sha256 = {path.name: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths.values()}
    manifest = build.manifest(netlist_simulated_on=simulated, sha256=sha256)
    write_text(folder / f"{design.name}.json", json.dumps(manifest, indent=1) + "\n")
    return manifest
