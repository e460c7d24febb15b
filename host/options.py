"""Options that several commands share, spelled and explained in one place."""

import argparse

from ..golden.config import CONFIGS
from .backend import BACKENDS
from .networks import DEFAULT


def add_json(parser):
    parser.add_argument("--json", action="store_true", help="print only JSON on standard output")


def add_seed(parser, of="the random spikes", default=0):
    parser.add_argument("--seed", type=_natural, default=default, metavar="N", help=f"seed of {of} (default: %(default)s)")


def add_backend(parser, default):
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=default,
        help="rtl: the simulated core, checked against the integer model; golden: the integer model alone (default: %(default)s)",
    )


def add_network(parser):
    # No default here: argparse would not notice that one was given beside an option that excludes it.
    parser.add_argument("--network", metavar="NETWORK", help=f"a network file, or the name of one that ships (default: {DEFAULT})")


DEFAULT_CONFIG = "demo"


def add_config(parser, default=DEFAULT_CONFIG, default_name=DEFAULT_CONFIG):
    parser.add_argument(
        "--config",
        choices=CONFIGS,
        default=default,
        metavar="NAME",
        help=f"configuration of the core: {', '.join(CONFIGS)} (default: {default_name})",
    )


def add_data_dir(parser):
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder with mnist/, fashion-mnist/ and fsdd/recordings/ (default: LIFARRAY_DATA_DIR, else download)",
    )


def add_simulator(parser):
    parser.add_argument("--simulator", choices=("verilator", "icarus"), help="which simulator (default: the best at hand)")


def add_dt(parser, **how):
    parser.add_argument("--dt", type=_seconds, metavar="SECONDS", **how)


def positive(text) -> int:
    """A whole number of at least 1."""
    value = _integer(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def _natural(text) -> int:
    value = _integer(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return value


def _integer(text):
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _seconds(text) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds above 0")
    return value
