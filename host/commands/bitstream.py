"""``lifarray bitstream``: from the core in Amaranth to a board's bitstream, with open tools."""

import hashlib
import json
import shlex
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import replace
from math import ceil
from pathlib import Path

from ...golden.boards import BOARDS, FULL, MEMORIES
from ...golden.config import CONFIGS, SLOTS, CoreConfig
from ...golden.descriptor import FIELDS
from ...golden.errors import ToolError, UserError
from ...golden.registers import PAGE_BITS
from ...golden.resources import resources
from ..board_errors import BoardError
from ..hwh import divisors, hwh
from ..lazy import load_build
from ..netlist_check import check_digest, check_netlist
from ..options import add_json, add_seed, positive
from ..output import output_folder, print_json, whole_file, write_text
from ..table import print_table

EXIT_TOOLS_MISSING = 3

RESOURCE_HEADINGS = ["resource", "used", "of", "share", "budget"]

RASTER_BANKS = 2

LARGEST = (1 << next(field.width for field in FIELDS if field.name == "fan_in")) - 1
"""Inputs or neurons of a layer, that a descriptor can tell."""

WIDTHS = {8: {"current_bits": 16, "vmem_bits": 16}, 4: {"current_bits": 12, "vmem_bits": 12}}
"""Of the shipped networks, by the bits of their weights."""

EXAMPLES = """\
  lifarray bitstream --board ulx3s-85f
  lifarray bitstream --board pynq-z2 --openxc7 /opt/openxc7
  lifarray bitstream --board pynq-z2 --memory local --out bitstreams
  lifarray bitstream --board ulx3s-85f --network-size 64-48-96 --bits 4
"""

NEXT_STEPS = """\
{error}

The netlist is done, checked, and kept: {netlist}. For the bitstream install openXC7, at least {minimum}, which no Python package brings:

  nix build github:openXC7/toolchain-nix#nextpnr-xilinx-chipdb.zynq7 --out-link chipdb   (once: {chipdb})
  export CHIPDB_DIR=$PWD/chipdb
  nix develop github:openXC7/toolchain-nix          (or its snap, or its container: https://github.com/openXC7)

and run again, from that shell

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
    parser.add_argument(
        "--bits", type=int, choices=(4, 8), help="weights of that network: 8, with vmem of 16 bits, or 4, with 12 (default: 8)"
    )
    parser.add_argument("--lanes", type=positive, metavar="N", help="lanes instead of the configuration's")
    parser.add_argument(
        "--memory", choices=MEMORIES, help="ddr: the board's memory, behind HP ports; local: block RAM, behind the registers (default: the board's)"
    )
    parser.add_argument("--local-pages", type=positive, metavar="N", help="local memory, 4 KB each (default: the board's, or what the network needs)")
    parser.add_argument("--clock-mhz", type=positive, metavar="MHZ", help="what the design must reach (default: the board's)")
    add_seed(parser, "place and route: with another, the design is faster or slower", default=1)


def run(args):
    hw = load_build()
    design = make_design(args, hw)
    if args.openxc7 is not None:
        if not design.is_xc7:
            raise UserError(f"--openxc7: the {design.board.title} is built without it")
        with suppress(hw.MissingTools):     # told when they are needed
            hw.find_openxc7(args.openxc7)
    folder = Path(args.out)
    build = hw.Build(design, folder / f"{design.name}.build", report=_say)
    with output_folder(args.out), build.held():
        try:
            build.netlist  # noqa: B018
            simulated = None
            if not args.skip_simulation:
                simulated = _simulate(build)
            if not args.json:
                print_table(RESOURCE_HEADINGS, resource_rows(design.board, build.resources))
            timing = build.place_and_route(args.openxc7)
            manifest = _deliver(folder, build, simulated)
        except hw.MissingTools as error:
            facts = {"netlist": build.netlist_path, "minimum": hw.OPENXC7_MINIMUM, "chipdb": hw.CHIPDB, "command": _command(args)}
            print(NEXT_STEPS.format(error=error, **facts), file=sys.stderr)
            if args.json:
                print_json(build.manifest(netlist_simulated_on=simulated, sha256={}, missing=str(error)))
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
    for name in ("board", "config", "network_size", "bits", "lanes", "memory", "local_pages", "clock_mhz", "out"):
        value = getattr(args, name)
        if value is not None:
            words.append(f"--{name.replace('_', '-')} {shlex.quote(str(value))}")
    if args.seed != 1:
        words.append(f"--seed {args.seed}")
    if args.skip_simulation:
        words.append("--skip-simulation")
    return " ".join(words)


def _simulate(build):
    """Run the selftest on the netlist, unless just that has passed before, and return what ran it."""
    stamp = build.folder / "simulation.stamp"
    digest = check_digest(build.netlist_path, build.design)
    passed = stamp.read_text().split("\n") if stamp.exists() else []
    if passed[:1] == [digest]:
        _say("run a small network on the netlist: it has passed")
        return passed[1]
    _say("run a small network on the netlist")
    begin = time.monotonic()
    try:
        simulated = check_netlist(build.netlist_path, build.design)
    except BoardError as error:
        raise ToolError(f"{build.netlist_path}: a small network does not run on the netlist: {error}") from None
    _say(f"a small network runs bit for bit on the netlist ({simulated}): {time.monotonic() - begin:.0f} s")
    write_text(stamp, f"{digest}\n{simulated}")
    return simulated


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
    local = memory == "local"
    if args.local_pages:
        if not local:
            raise UserError("--local-pages: only a local memory has pages; add --memory local")
        most = int(board.budget.get("block RAM", FULL) * board.capacity["block RAM"]) // board.page_rams
        if args.local_pages > most:
            raise UserError(f"--local-pages {args.local_pages}: the {board.title} has room for {most} at most")
    if args.network_size:
        if args.lanes:
            raise UserError("--network-size chooses the lanes itself: leave out --lanes")
        config = best_config(_sizes(args.network_size), args.bits or 8, board, local, args.local_pages)
    elif args.bits:
        raise UserError("--bits is of a network: add --network-size, or choose a configuration with such weights by --config")
    else:
        config = CONFIGS[args.config or board.config]
        if args.lanes:
            config = config.with_lanes(args.lanes)
        if local:
            config = config.with_(local_pages=args.local_pages or board.local_pages, ports=1)
    clock_hz = args.clock_mhz * 1_000_000 if args.clock_mhz else board.clock_hz
    if board.part.startswith("xc7"):
        divisors(clock_hz)      # the PS must be able to make it
    return hw.Design(args.board, config, clock_hz, args.seed)


def _sizes(text):
    try:
        sizes = [int(word) for word in text.split("-")]
    except ValueError:
        sizes = []
    if len(sizes) < 2 or min(sizes) < 1:
        raise UserError(f"--network-size {text!r}: give inputs and neurons of each layer, as in 784-196-784")
    if max(sizes) > LARGEST:
        raise UserError(f"--network-size {text!r}: a layer has {LARGEST:,} inputs or neurons at most")
    return sizes


def best_config(sizes, bits: int, board, local=False, pages=None) -> CoreConfig:
    """The fastest for a network, of the named configurations with the network's widths, as far as they fit the board.

    Parameters
    ----------
    sizes : list of int
        Inputs, and neurons of each layer.
    bits : int
        Of its weights, 4 or 8; that decides the other widths too.
    board : Board
    local : bool
        With local memory: as many ``pages`` of it, or what the network takes.

    Raises
    ------
    UserError
        None fits.
    """
    fitting = []
    for config in CONFIGS.values():
        config = config.with_(weight_bits=bits, **WIDTHS[bits])
        if local:
            config = config.with_(local_pages=pages or network_pages(sizes, bits, config), ports=1)
        size = resources(config)
        if replace(size, bram=size.bram + config.local_pages).fits(board, FULL):
            fitting.append(config)
    if not fitting:
        where = f" with {pages or 'its'} pages of local memory" if local else ""
        what = f"a network of {'-'.join(map(str, sizes))}"
        raise UserError(f"no configuration{where} for {what} fits the {board.title}: fewer neurons, or --bits 4, take less")
    return min(fitting, key=lambda config: (_cycles(sizes, bits, config), config.lanes))


def _cycles(sizes, bits, config) -> float:
    """About what a network takes, with a spike in a tenth of all slots: of each tile the longest of reading, adding, firing."""
    rows = sum(config.tiles(n) * fan_in for fan_in, n in zip(sizes, sizes[1:]))
    beats = 0 if rows <= config.resident_rows else config.row_words(bits) / config.ports
    row_cycles = max(beats, SLOTS / 10 / config.ways)
    return sum(config.tiles(n) * max(fan_in * row_cycles, config.groups * SLOTS) for fan_in, n in zip(sizes, sizes[1:]))


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
    (folder / f"{design.name}.json").unlink(missing_ok=True)     # of an earlier build
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
