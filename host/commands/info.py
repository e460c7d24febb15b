"""``lifarray info``: what a network file holds."""

import numpy as np

from ...golden.config import CONFIGS
from ...golden.errors import UserError
from ...golden.program import weight_bytes
from ..networks import load_network
from ..options import add_json
from ..output import print_json
from ..table import print_figures, print_table

EXAMPLES = """\
  lifarray info demo
  lifarray info my-network.lif --json
"""


def add_arguments(parser):
    parser.add_argument("network", metavar="NETWORK", help="a network file, or the name of one that ships")
    add_json(parser)


def run(args):
    network = load_network(args.network)
    info = describe(network)
    if args.json:
        print_json(info)
        return
    print(f"{args.network}: {' → '.join(map(str, network.sizes))}, {network.n_steps} steps, vmem of {network.vmem_bits} bits\n")
    print_table(
        ["layer", "fan-in", "neurons", "bits", "v_threshold", "decay", "reset", "bias rows", "current", "takes"],
        [
            [
                layer["name"],
                layer["fan_in"],
                layer["n_neurons"],
                layer["weight_bits"],
                layer["v_threshold"],
                f"{layer['decay']}/256",
                layer["reset_mode"],
                layer["bias_rows"],
                "{} to {}".format(*layer["current_range"]),
                f"{layer['current_bits']} bits",
            ]
            for layer in info["layers"]
        ],
    )
    print()
    print_table(
        ["core", "lanes", "weight bytes", "runs it"],
        [[name, CONFIGS[name].lanes, core["weight_bytes"], core["refusal"] or "yes"] for name, core in info["cores"].items()],
    )
    print()
    # The recipe's parameters and the front end's are long: they are in --json.
    shown = {key: value for key, value in network.meta.items() if key in ("validation", "trained_on") or not isinstance(value, dict)}
    print_figures({key: value for key, value in shown.items() if value not in ("", None)})


def describe(network) -> dict:
    """A network as JSON: layers, ranges of current, size on each named core, ``meta``."""
    return {
        "sizes": list(network.sizes),
        "n_steps": network.n_steps,
        "vmem_bits": network.vmem_bits,
        "layers": [_describe_layer(layer) for layer in network.layers],
        "cores": {name: _describe_core(network, config) for name, config in CONFIGS.items()},
        "arrays": {name: list(array.shape) for name, array in network.arrays.items()},
        "meta": network.meta,
    }


def _describe_layer(layer):
    names = ("name", "fan_in", "n_neurons", "weight_bits", "weight_scale", "v_threshold", "v_subtract", "v_init", "decay", "frac_bits")
    weight = layer.weight.astype(np.int64)
    low, high = int(np.minimum(weight, 0).sum(axis=0).min()), int(np.maximum(weight, 0).sum(axis=0).max())
    return {
        **{name: getattr(layer, name) for name in names},
        "reset_mode": layer.reset_mode,
        "bias_rows": layer.bias_rows,
        "current_range": [low, high],
        "current_bits": max(high.bit_length(), (-low - 1).bit_length()) + 1,
    }


def _describe_core(network, config):
    """Weight bytes padded to tiles, and why such a core refuses the network (None: it does not)."""
    try:
        network.check_fits(config)
    except UserError as error:
        return {"weight_bytes": None, "refusal": str(error)}
    return {"weight_bytes": weight_bytes(network, config), "refusal": None}
