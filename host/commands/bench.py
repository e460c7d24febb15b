"""``lifarray bench``: measurements, one module a bench in ``benches/``, each like a command's."""

from importlib import import_module

BENCHES = {
    "core": "cycles and bytes of the simulated core, against the integer model and the cost model",
    "train": "time of a training step, beside snnTorch, SpikingJelly and Norse",
}

EXAMPLES = """\
  lifarray bench core --case ae-batch4-resident
  lifarray bench train
  lifarray bench core --help
"""


def add_arguments(parser):
    subparsers = parser.add_subparsers(dest="bench", metavar="BENCH", required=True)
    for name, about in BENCHES.items():
        bench = import_module(f"..benches.{name}", __package__)
        subparser = subparsers.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"examples:\n{bench.EXAMPLES}",
            formatter_class=parser.formatter_class,
        )
        bench.add_arguments(subparser)
        subparser.set_defaults(run_bench=bench.run)


def run(args):
    return args.run_bench(args)
