"""``lifarray train``: a network, from data and a seed."""

import sys

from ...golden.errors import UserError
from ...golden.recipes import RECIPES, TEST_RECIPES
from ...golden.train import DEFAULT_SEED, checkpoint_of, train
from ..options import add_data_dir, add_seed

EXAMPLES = """\
  lifarray train demo
  lifarray train demo --data-dir data --out my-network.lif --seed 1
  lifarray train demo --out my-network.lif --resume
"""


def add_arguments(parser):
    recipes = f"one of {', '.join(RECIPES)} ({' and '.join(TEST_RECIPES)} only test the training, in seconds)"
    parser.add_argument("recipe", metavar="RECIPE", help=recipes)
    parser.add_argument("--out", metavar="FILE", help="the network file (default: RECIPE.lif)")
    parser.add_argument("--resume", action="store_true", help="go on from the last whole epoch of a training that was stopped")
    add_seed(parser, "weights, shuffling and spikes", DEFAULT_SEED)
    add_data_dir(parser)


def run(args):
    out = f"{args.recipe}.lif" if args.out is None else args.out
    try:
        train(args.recipe, data_dir=args.data_dir, out=out, resume=args.resume, seed=args.seed)
    except UserError:
        raise
    except BaseException:
        if checkpoint_of(out).exists():
            print(f"lifarray: {checkpoint_of(out)} keeps the last whole epoch: the same command goes on from there with --resume", file=sys.stderr)
        raise
    print(f"wrote {out}: its figures by: lifarray evaluate {out}")
    if args.recipe in TEST_RECIPES:
        print(f"recipe {args.recipe!r} only tests the training: too few data and epochs for a network of use")
