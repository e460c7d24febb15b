"""``lifarray estimate``: cycles and size of a core for a network, without simulating it."""

import argparse

import numpy as np

from ...golden.activity import typical_input
from ...golden.boards import BOARDS
from ...golden.cases import case
from ...golden.config import CONFIGS
from ...golden.cycles import layer_inputs, network_cost
from ...golden.encode import samples_per_pass
from ...golden.errors import UserError
from ...golden.explore import Explorer, widths
from ...golden.nir.sample import read_sample
from ...golden.program import is_resident
from ...golden.progress import progress
from ...golden.resources import resources
from ...golden.timing import DdrTiming
from ..arguments import as_n_steps
from ..networks import load_network
from ..options import add_data_dir, add_json, add_seed, positive
from ..output import print_json
from ..table import print_table

CLOCK_MHZ = 100
XC7 = [name for name, board in BOARDS.items() if board.part.startswith("xc7")]
LUT_SHARE = 0.6
EXPLORED = 10

EXAMPLES = """\
  lifarray estimate mnist-ae-int4 --config fast
  lifarray estimate demo --lanes 32 56 112
  lifarray estimate my-network.lif --spikes sample.npz --json
  lifarray estimate my-network.lif --density 0.1 --explore
  lifarray estimate --case audio-paper-int4
"""


def add_arguments(parser):
    parser.add_argument("network", nargs="?", metavar="NETWORK", help="a network file, or the name of one that ships")
    parser.add_argument("--case", metavar="NAME", help="network, input and core of a case of 'lifarray bench core'")
    activity = parser.add_argument_group("activity, by default what the network's file carries").add_mutually_exclusive_group()
    activity.add_argument("--spikes", metavar="FILE", help="npz with 'spikes' [samples, steps, inputs], 0 or 1, or 'rates' [samples, inputs], 0 to 1")
    activity.add_argument("--density", type=_share, metavar="SHARE", help="random input with so many spikes an input and step")
    parser.add_argument("--samples", type=positive, metavar="N", help="so many samples (default: all that there are; with --density 1)")
    core = parser.add_argument_group("core")
    core.add_argument(
        "--config", choices=CONFIGS, metavar="NAME", help=f"a named configuration: {', '.join(CONFIGS)} (default: demo, in the widths of the network)"
    )
    core.add_argument("--lanes", type=positive, nargs="+", metavar="N", help="lanes instead of the configuration's, each a line")
    core.add_argument("--streamed", action="store_true", help="keep no weights in the core")
    core.add_argument("--explore", action="store_true", help="list configurations that fit the board, the fastest first")
    core.add_argument("--board", choices=XC7, default="pynq-z2", help="(default: %(default)s)")
    core.add_argument("--lut-share", type=_share, default=LUT_SHARE, metavar="SHARE", help="of its LUTs, with --explore (default: %(default)s)")
    parser.add_argument("--clock-mhz", type=positive, default=CLOCK_MHZ, metavar="MHZ", help="clock for times (default: %(default)s)")
    add_seed(parser)
    add_data_dir(parser)
    add_json(parser)


def _share(text) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and up to 1")
    return value


def run(args):
    if (args.network is None) == (args.case is None):
        raise UserError("name either a network or, with --case, a case")
    if args.explore and (args.config or args.lanes or args.streamed):
        raise UserError("--explore chooses the configuration itself: leave out --config, --lanes and --streamed")
    if args.lut_share != LUT_SHARE and not args.explore:
        raise UserError("--lut-share is for --explore: add that, or leave it out")
    if args.case and (args.spikes or args.density is not None or args.samples):
        raise UserError("--case brings its own input: leave out --spikes, --density and --samples")
    if args.case:
        chosen = case(args.case)
        network, spikes = chosen.load(args.data_dir)
        config = CONFIGS[args.config] if args.config else chosen.core
        stays = chosen.resident
    else:
        stays = None
        network = load_network(args.network)
        spikes = input_of(network, args)
        config = CONFIGS[args.config] if args.config else CONFIGS["demo"].with_(**widths(network))
    board = BOARDS[args.board]
    rasters = layer_inputs(network, spikes)
    rows = []
    if args.explore:
        explorer = Explorer(network, spikes)
        bar = iter(progress(iter(int, 1), "configurations"))
        for found in explorer.explore(board, args.lut_share, EXPLORED, tick=lambda: next(bar)):
            rows.append(describe(found.config, found.resident, found.resources, found.cycles, len(spikes), board, args.clock_mhz))
        if not rows:
            raise UserError(f"no configuration fits {args.lut_share:.0%} of the LUTs of the {board.title}")
        layers = None
    else:
        for lanes in args.lanes or [config.lanes]:
            core = config.with_lanes(lanes)
            costs = cost_with_progress(network, spikes, core, False if args.streamed else stays, rasters)
            cycles = sum(layer.cycles for layers in costs for layer in layers)
            resident = is_resident(network, core, False if args.streamed else stays)
            rows.append(describe(core, resident, resources(core), cycles, len(spikes), board, args.clock_mhz))
            rows[-1]["ideal_cycles"] = sum(layer.ideal_cycles for layers in costs for layer in layers)
            rows[-1]["bytes_fetched"] = sum(layer.weight_bytes for layers in costs for layer in layers)
            layers = costs
    if args.json:
        print_json(rows)
        return
    timing = DdrTiming()
    print(
        f"{' → '.join(map(str, network.sizes))}, {spikes.shape[1]} steps, {len(spikes)} samples, {spikes.mean():.1%} of the input spikes; "
        f"memory {timing.latency_cycles[0]} to {timing.latency_cycles[1]} cycles, {timing.bytes_per_cycle:g} bytes a cycle; "
        f"{args.clock_mhz} MHz; {board.title}\n"
    )
    print_rows(rows, board)
    if layers and len(rows) == 1:
        print_layers(layers)


def cost_with_progress(network, spikes, config, resident, rasters):
    """`network_cost`, with a bar over the tiles."""
    n_passes = -(-len(spikes) // samples_per_pass(spikes.shape[1]))
    tiles = n_passes * sum(config.tiles(layer.n_neurons) for layer in network.layers)
    bar = iter(progress(range(tiles), "tiles"))
    costs = network_cost(network, spikes, config, resident=resident, rasters=rasters, tick=lambda: next(bar))
    next(bar, None)     # ends it
    return costs


def input_of(network, args):
    """Spikes to estimate on: bool [n_samples, n_steps, fan_in]."""
    rng = np.random.default_rng(args.seed)
    if args.density is not None:
        return rng.random((args.samples or 1, network.n_steps, network.fan_in)) < args.density
    if args.spikes is None:
        return typical_input(network, args.samples)
    spikes = read_sample(args.spikes, network.fan_in, network.n_steps, rng, any_steps=True, max_rate=network.meta.get("max_rate", 1.0))
    as_n_steps(spikes.shape[1])
    if args.samples and args.samples > len(spikes):
        raise UserError(f"--samples {args.samples}: {args.spikes} holds {len(spikes)}")
    return spikes[: args.samples]


def describe(config, resident, size, cycles, n_samples, board, clock_mhz) -> dict:
    return {
        "lanes": config.lanes,
        "fire_units": config.fire_units,
        "ways": config.ways,
        "window_rows": config.window_rows,
        "ports": config.ports,
        "weight_bits": config.weight_bits,
        "current_bits": config.current_bits,
        "vmem_bits": config.vmem_bits,
        "store_rows": config.store_rows,
        "list_words": config.list_words,
        "resident": resident,
        "cycles": cycles,
        "cycles_per_sample": cycles / n_samples,
        "microseconds_per_sample": cycles / n_samples / clock_mhz,
        "lut": size.lut,
        "ff": size.ff,
        "bram": size.bram,
        "dsp": size.dsp,
        "fits": size.fits(board),
    }


def print_rows(rows, board):
    print_table(
        ["lanes", "fire units", "ways", "window", "ports", "weights", "cycles", "cycles/sample", "µs/sample", "LUT", "FF", "BRAM", "DSP", "fits"],
        [
            [
                row["lanes"],
                row["fire_units"],
                row["ways"],
                row["window_rows"],
                row["ports"],
                "resident" if row["resident"] else "streamed",
                row["cycles"],
                round(row["cycles_per_sample"]),
                row["microseconds_per_sample"],
                f"{row['lut']:,} ({row['lut'] / board.capacity['LUT']:.0%})",
                f"{row['ff']:,} ({row['ff'] / board.capacity['FF']:.0%})",
                f"{row['bram']:g} ({row['bram'] / board.capacity['block RAM']:.0%})",
                row["dsp"],
                "yes" if row["fits"] else "no",
            ]
            for row in rows
        ],
    )


def print_layers(passes):
    print()
    print_table(
        ["pass", "layer", "cycles", "ideal", "events", "active rows", "rows", "weight bytes", "idle: weight", "input", "fire"],
        [
            [p, c.name, c.cycles, round(c.ideal_cycles), c.events, c.active_rows, c.rows, c.weight_bytes, *c.idle.values()]
            for p, layers in enumerate(passes)
            for c in layers
        ],
    )
