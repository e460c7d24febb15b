"""``lifarray evaluate``: the figures of a network."""

from ...golden.evaluate import evaluate
from ..networks import load_network
from ..options import add_data_dir, add_json
from ..output import print_json
from ..table import print_figures

EXAMPLES = """\
  lifarray evaluate demo
  lifarray evaluate my-network.lif --data-dir data --json
"""


def add_arguments(parser):
    parser.add_argument("network", metavar="NETWORK", help="a network file, or the name of one that ships")
    add_data_dir(parser)
    add_json(parser)


def run(args):
    figures = evaluate(load_network(args.network), args.data_dir)
    if args.json:
        print_json(figures)
    else:
        print_figures(figures)
