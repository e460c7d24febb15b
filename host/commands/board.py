"""``lifarray board``: a core on a board, or what stands in for one."""

import argparse

import numpy as np

from ...golden.config import CONFIGS
from ...golden.encode import poisson_stream
from ...golden.errors import UserError
from ...golden.evaluate import front_end
from ...golden.progress import progress
from ..devices import DEVICES
from ..driver import STAGES, LifArray
from ..networks import load_network
from ..options import add_json, add_network, add_seed, positive
from ..output import print_json
from ..table import print_table

ACTIONS = {
    "info": "what the core is, and whether the weights of --network stay in it",
    "selftest": "registers, windows, memory port, arithmetic; a failure says what to do",
    "run": "recordings, or random spikes, checked against the integer model",
    "throughput": "where the time of an utterance goes",
}

DENSITY = 0.3
"""Share of the inputs that have a rate above zero, for random spikes."""

WORD_SECONDS = 0.5

EXAMPLES = """\
  lifarray board selftest
  lifarray board info --device sim --network mnist-ae-int4 --config fast
  lifarray board run seven.wav three.wav --device golden
  lifarray board throughput --samples 32 --json
  lifarray board selftest --device serial --port /dev/ttyUSB0
"""


def add_arguments(parser):
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help="; ".join(f"{name}: {text}" for name, text in ACTIONS.items()))
    parser.add_argument("files", nargs="*", metavar="FILE.wav", help="recordings to run, one spoken digit each")
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default="pynq",
        help="; ".join(f"{name}: {what}" for name, what in DEVICES.items()) + " (default: %(default)s)",
    )
    add_network(parser)
    parser.add_argument("--samples", type=positive, default=8, metavar="N", help="utterances to make up without files (default: %(default)s)")
    parser.add_argument("--bitstream", metavar="NAME.bit", help="instead of the one that the package brought")
    # A board's core is what its bitstream holds.
    parser.add_argument("--config", choices=CONFIGS, metavar="NAME", help=f"of the core of sim and golden: {', '.join(CONFIGS)} (default: demo)")
    parser.add_argument("--port", metavar="PORT", help="serial port of --device serial (default: the only one of an FTDI chip)")
    parser.add_argument("--clock-mhz", type=_megahertz, metavar="MHZ", help="instead of what the bitstream was built for")
    add_seed(parser)
    add_json(parser)


def run(args):
    if args.files and args.action != "run":
        raise UserError(f"{args.action} takes no files: lifarray board run {args.files[0]}")
    with LifArray(
        args.device,
        bitstream=args.bitstream,
        config=CONFIGS[args.config] if args.config else None,
        clock_hz=args.clock_mhz and round(args.clock_mhz * 1e6),
        port=args.port,
    ) as array:
        return {"info": _info, "selftest": _selftest, "run": _run, "throughput": _throughput}[args.action](array, args)


def _info(array, args):
    if args.network:
        array.load(load_network(args.network))
    info = array.info()
    if args.json:
        print_json(info)
    else:
        print_table(["what", "value"], [[name, "-" if value is None else str(value)] for name, value in info.items()])


def _selftest(array, args):
    checks = array.selftest()
    if args.json:
        print_json({"runner": array.runner, "checks": [{"check": check, "found": found} for check, found in checks]})
    else:
        print_table(["check", "found"], checks)
        print(f"\nall passed on: {array.runner}")


def _run(array, args):
    network = load_network(args.network)
    array.load(network)
    if args.files:
        results = array.synthesize(args.files, seed=args.seed, progress=True)
        rows = [[result.utterance.name, result.nearest, float(result.scores[result.nearest]), result.cycles] for result in results]
        images = np.array([result.image.reshape(-1) for result in results])
        rates = _heard(network, args.files)
    else:
        rates = _random_rates(network, args.samples, args.seed)
        images = array.run_rates(progress(rates, "running"), seed=args.seed).counts
        rows = []
    expected = _by_the_model(network, rates, args.seed)
    mismatches = int((images != expected).sum())
    if args.json:
        names = ("name", "nearest", "mse", "cycles")
        utterances = [dict(zip(names, row)) for row in rows]
        print_json({"runner": array.runner, "mismatches": mismatches, "counters": array.counters, "utterances": utterances})
    else:
        if rows:
            print_table(["utterance", "nearest", "MSE", "cycles"], rows)
            print()
        print_table(["counter", "value"], [row for row in array.counters.items() if row[0] != "resident"])
        print(f"\nran on: {array.runner}, weights {array.info()['weights']}\n{mismatches} spike counts differ from the integer model's")
    return 1 if mismatches else 0


def _by_the_model(network, rates, seed):
    """Spike counts of the last layer, sample by sample as the driver draws them."""
    spikes = poisson_stream(rates, network.n_steps, seed, network.meta.get("max_rate", 1.0))
    return network.run(spikes)[-1].spikes.sum(axis=1)


def _heard(network, files):
    from ..recording import as_utterances
    from ..synthesis import listen

    return listen(network, as_utterances(list(files)))[1]


def _random_rates(network, n_samples, seed):
    rng = np.random.default_rng(seed)
    return rng.random((n_samples, network.fan_in)) * (rng.random((n_samples, network.fan_in)) < DENSITY)


def _throughput(array, args):
    from ..cost import encoder_operations, front_end_operations

    network = load_network(args.network)
    array.load(network)
    ears = front_end(network)
    words = [_word(ears.sample_rate_hz, i) for i in range(args.samples)]
    array.synthesize(words[:1], ears.sample_rate_hz, args.seed)     # makes room, and warms caches
    accesses = array.device.accesses
    array.synthesize(words, ears.sample_rate_hz, args.seed, progress=True)
    accesses = (array.device.accesses - accesses) / array.counters["batches"]
    n = len(words)
    milliseconds = {stage: array.seconds[stage] * 1000 / n for stage in STAGES}
    # The core works while the next batch is encoded; what the program still waits is in "wait".
    total = sum(milliseconds[stage] for stage in STAGES if stage != "core")
    simulated = args.device in ("sim", "golden")
    # How long a simulator takes says nothing of a board: there, the core's own time stands beside NumPy's.
    of_the_whole = [stage for stage in STAGES if stage not in (("copy", "wait") if simulated else ("core",))]
    whole = sum(milliseconds[stage] for stage in of_the_whole)
    shares = {stage: 100 * milliseconds[stage] / whole if stage in of_the_whole else None for stage in STAGES}
    encoder = encoder_operations(ears.rates(words[0], ears.sample_rate_hz), network.n_steps, network.meta.get("max_rate", 1.0))
    operations = {"front_end": front_end_operations(ears, len(words[0])), "encode": encoder["operations"]}
    report = {
        "runner": array.runner,
        "utterances": n,
        "milliseconds": milliseconds,
        "percent": shares,
        "utterances_per_second": 1000 / total,
        "cycles": array.counters["cycles"] // n if array.clock_hz else None,
        "clock_hz": array.clock_hz,
        "register_accesses_a_batch": accesses,
        "operations": operations,
        "random_bytes": encoder["random_bytes"],
    }
    if args.json:
        print_json(report)
        return
    rows = [[stage.replace("_", " "), milliseconds[stage], _percent(shares[stage]), operations.get(stage)] for stage in STAGES]
    print_table(["stage", "ms an utterance", "share", "operations"], rows)
    core = "no clock" if array.clock_hz is None else f"{report['cycles']:,} cycles at {array.clock_hz / 1e6:g} MHz"
    print(f"\ncore: {core}, beside the other stages; wait is what the program still waited for it")
    if simulated:
        print("copy and wait are this computer's, doing what is not a board, and left out of the whole;")
        print("front end, encode and decode run the board's code on this computer, core is at the board's clock")
    print(f"{report['utterances_per_second']:.1f} utterances/s, {accesses:.1f} register accesses a batch")
    print(f"ran on: {array.runner}, weights {array.info()['weights']}")


def _percent(share):
    return None if share is None else f"{share:.0f} %"


def _word(sample_rate_hz, i):
    """A chord that swells and dies, as long as a spoken digit: float [n]."""
    t = np.arange(round(WORD_SECONDS * sample_rate_hz)) / sample_rate_hz
    tones = [220 * (1 + i % 7 / 7), 700 + 50 * (i % 5), 1800 + 100 * (i % 3)]
    return 0.3 * np.sin(np.pi * t / WORD_SECONDS) ** 2 * sum(np.sin(2 * np.pi * f * t) / len(tones) for f in tones)


def _megahertz(text) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a clock in MHz")
    return value
