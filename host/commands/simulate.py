"""``lifarray simulate``: a network on the simulated core, or the benches of the core and of its parts, every spike checked."""

from collections import Counter

import numpy as np

from ...golden.config import CONFIGS
from ...golden.encode import poisson
from ...golden.errors import UserError
from ...golden.progress import progress
from ..lazy import load_bench, load_core_digest, load_random_networks, load_sim, load_units
from ..networks import load_network
from ..options import DEFAULT_CONFIG, add_config, add_json, add_network, add_seed, add_simulator, positive
from ..output import print_json, require_writable
from ..results import ResultsFile
from ..table import print_table

DENSITY = 0.3
"""Share of the inputs that have a rate above zero."""

EXAMPLES = """\
  lifarray simulate
  lifarray simulate --random --seed 7 --simulator icarus
  lifarray simulate --network my-network.lif --samples 4 --config small --json
  lifarray simulate core --core narrow-bus --seed 3
  lifarray simulate core --core all --seeds 20 --results core.jsonl   (an hour; run again to go on)
  lifarray simulate core --core wide --test random_networks --max-size 800 --max-steps 200
  lifarray simulate core --simulator icarus --test random_networks --waves run.fst
  lifarray simulate window --seed 3 --waves window.fst
  lifarray simulate units --seeds 20 --simulator verilator
  lifarray simulate --list
"""

BENCHES = {
    "network": {"network": None, "random": False, "samples": 1, "config": DEFAULT_CONFIG, "lanes": None, "waves": None},
    "core": {"core": "plain", "test": None, "count": 10, "seeds": 1, "max_size": None, "max_steps": None, "results": None, "waves": None},
    "part": {"count": 10, "seeds": 1, "results": None, "waves": None},
}
"""The options that one kind of bench has and another has not, with their defaults: none is ignored in silence."""


def add_arguments(parser):
    parser.add_argument(
        "bench",
        nargs="?",
        default="network",
        metavar="BENCH",
        help="network: one network on random input (default); core: random networks, every register, every error, recovery; "
        "units: all parts of the core; or one part by its name",
    )
    parser.add_argument("--list", action="store_true", help="say which benches and cores there are, and run none")
    which = parser.add_mutually_exclusive_group()
    add_network(which)
    which.add_argument("--random", action="store_true", help="a small random network, drawn from the seed")
    parser.add_argument("--samples", type=positive, metavar="N", help="samples of random input (default: 1)")
    add_config(parser, default=None)
    parser.add_argument("--lanes", type=positive, metavar="N", help="lanes instead of the configuration's")
    add_simulator(parser)
    add_seed(parser, "input and random network")
    parser.add_argument(
        "--waves",
        metavar="FILE",
        help="write waves, for GTKWave or Surfer: FST, or VCD from Verilator where the headers of zlib and lz4 are missing",
    )
    add_json(parser)
    both = parser.add_argument_group("of the benches of the core and of its parts")
    both.add_argument("--count", type=positive, metavar="N", help="random networks to run, or how much else to try (default: 10)")
    both.add_argument("--seeds", type=positive, metavar="N", help="run so many seeds, from --seed on (default: 1)")
    both.add_argument("--results", metavar="FILE", help="append each run that passed to this file, and do not run again what stands there")
    core = parser.add_argument_group("of the bench 'core'")
    core.add_argument("--core", metavar="NAME", help="which core to build, or all (default: plain)")
    core.add_argument("--test", metavar="NAME", help="one test only (default: all)")
    core.add_argument("--max-size", type=positive, metavar="N", help="neurons of the largest random layer, up to 800 (default: 8 tiles, at most 40)")
    core.add_argument("--max-steps", type=positive, metavar="T", help="steps of the longest random run, up to 200 (default: drawn, up to 140)")


def run(args):
    if args.list:
        return list_benches(args)
    kind = args.bench if args.bench in BENCHES else "part"
    mine = BENCHES[kind]
    for bench, options in BENCHES.items():
        for name in options:
            if name not in mine and getattr(args, name) not in (None, False):
                option = f"--{name.replace('_', '-')}"
                owners = f"the bench {bench!r}" + (" and of those of parts" if kind != "part" and name in BENCHES["part"] else "")
                raise UserError(f"{option} is of {owners} and does nothing in {args.bench!r}: lifarray simulate {bench} {option} …")
    for name, default in mine.items():
        if getattr(args, name) in (None, False):
            setattr(args, name, default)
    return {"network": run_one_network, "core": run_core, "part": run_part}[kind](args)


def list_benches(args):
    units, cores = load_units().UNITS, load_bench().CORES
    if args.json:
        print_json({"parts": {name: unit.what for name, unit in units.items()}, "cores": list(cores)})
        return
    rows = [["network", "one network on random input"], ["core", f"the whole core; --core: {', '.join(cores)}"], ["units", "all parts"]]
    print_table(["bench", "what"], rows + [[name, unit.what] for name, unit in units.items()])


def run_part(args):
    units = load_units()
    if args.bench not in (*units.UNITS, units.ALL):
        raise UserError(f"unknown bench {args.bench!r}: lifarray simulate --list lists them")
    simulator = units.find_simulator(args.simulator)
    args.simulator = simulator.name
    settings = ("simulator", "count")

    def run_one(run):
        units.run_unit_bench(run["bench"], run["seed"], **{name: getattr(args, name) for name in (*settings, "waves")})
        return {}

    run_all(args, [{"bench": args.bench}], settings, run_one, simulator)
    if args.json:
        print_json({"bench": args.bench, "seed": args.seed, "seeds": args.seeds, "simulator": str(simulator), "passed": True})
    return 0


def run_core(args):
    bench = load_bench()
    simulator = bench.runner.find_simulator(args.simulator)
    args.simulator = simulator.name
    settings = ("simulator", "test", "count", "max_size", "max_steps")

    def run_one(run):
        options = {name: getattr(args, name) for name in (*settings, "waves")}
        return {"coverage": bench.run_core_bench(run["core"], run["seed"], **options)}

    cores = list(bench.CORES) if args.core == "all" else [args.core]
    passed = run_all(args, [{"bench": "core", "core": core} for core in cores], settings, run_one, simulator)
    hits = Counter()
    for run in passed:
        hits.update(run["coverage"])
    missed = [name for name in bench.BINS if not hits[name]]
    if args.json:
        ran = {"core": args.core, "seed": args.seed, "seeds": args.seeds, "simulator": str(simulator)}
        print_json({**ran, "passed": True, "coverage": hits, "missed": missed})
    else:
        print(f"{len(bench.BINS) - len(missed)} of the {len(bench.BINS)} bins of sim/COVERAGE.md were hit")
    return 0


def run_all(args, benches, settings, run_one, simulator):
    """Run ``run_one`` for each bench and seed that does not stand in the results; returns what stands there then of all of them."""
    runs = [{**bench, "seed": seed} for seed in range(args.seed, args.seed + args.seeds) for bench in benches]
    runs = [run | {name: getattr(args, name) for name in settings} for run in runs]
    if args.waves is not None:
        require_writable(args.waves, "--waves")
        if len(runs) > 1:
            raise UserError("--waves holds one run: give one core and one seed")
        if args.results is not None:
            raise UserError("--waves is of a run that is made, and --results leaves out what was: give one of them")
    results = ResultsFile(args.results, checked_run, load_core_digest())
    done, left = [], []
    for run in runs:
        line = next((line for line in results.lines if run.items() <= line.items()), None)
        (done if line else left).append(line or run)
    if not args.json and (text := results.describe(len(done), len(runs))):
        print(text, flush=True)
    for run in progress(left, "runs") if len(left) > 1 else left:
        line = run | run_one(run)
        results.append(line)
        done.append(line)
        if not args.json:
            what = ", ".join(f"{name} {run[name]}" for name in ("bench", "core", "seed") if name in run)
            print(f"{what}, on {simulator}: all tests passed", flush=True)
    return done


def checked_run(fields):
    """A line of a file of results, if it is of a run of a bench."""
    _ = fields["bench"], fields["seed"]
    if fields["bench"] == "core":
        _ = fields["core"], fields["coverage"].items()
    return fields


def run_one_network(args):
    rng = np.random.default_rng(args.seed)
    config = CONFIGS[args.config]
    if args.lanes:
        config = config.with_lanes(args.lanes)
    network = random_network(rng, config) if args.random else load_network(args.network)
    rates = rng.random((args.samples, network.fan_in)) * (rng.random((args.samples, network.fan_in)) < DENSITY)
    spikes = poisson(rates, network.n_steps, rng)
    if args.waves is not None:
        require_writable(args.waves, "--waves")
    sim = load_sim()
    simulation = sim.simulate(network, spikes, config, simulator=args.simulator, progress=True, waves=args.waves)
    mismatches = sim.count_mismatches(network, spikes, simulation)
    if args.json:
        print_json(
            {
                "mismatches": mismatches,
                "simulator": simulation.simulator,
                "seed": args.seed,
                "sizes": network.sizes,
                "n_steps": network.n_steps,
                "lanes": config.lanes,
                "counters": simulation.counters,
            }
        )
    else:
        samples = "1 sample" if args.samples == 1 else f"{args.samples} samples"
        print(f"{' → '.join(map(str, network.sizes))}, {network.n_steps} steps, {samples}, {config.lanes} lanes, seed {args.seed}\n")
        names = list(simulation.counters[0])
        print_table(["pass", *names], [[i, *counters.values()] for i, counters in enumerate(simulation.counters)])
        print(f"\nran on: RTL in {simulation.simulator}")
        print(f"{mismatches} mismatches with the integer model")
        if mismatches and args.waves is None:
            print("with --waves run.fst the same command writes waves")
    return 1 if mismatches else 0


def random_network(rng, config):
    """A random network that the core runs: small enough that no current overflows."""
    max_size = min(2 * config.lanes, 200)
    network, _ = load_random_networks().random_network(rng, config.vmem_bits, max_size, widest=config.weight_bits)
    return network
