"""``lifarray import``: a network from snnTorch, Norse and others, by way of a NIR file."""

import argparse
import sys

import numpy as np

from ...golden.nir import import_nir
from ...golden.nir.dynamics import RESETS
from ..options import add_dt, add_json, add_seed, positive
from ..output import print_json, require_writable
from ..table import print_table

EXAMPLES = """\
  lifarray import classifier.nir --dt 1e-4 --reset subtract --sample digits.npz -o classifier.lif
  lifarray import classifier.nir --dt 0.001 --steps 25 --json -o classifier.lif

what --dt is for: NIR stores no time step
  snnTorch 1.0.0  1e-4, whatever it was trained at
  Norse 1.1.0     the dt of its neurons, 0.001 by default, if exported with to_nir(..., dt=1)

what --reset is for: NIR knows a reset to a value only, and exporters do not say
  zero          as the file says (default)
  subtract      snntorch.Leaky's default: v_threshold is subtracted one step later, after the decay
  subtract_now  v_threshold is subtracted in the step that spikes
  none          vmem stays

A sample holds spikes [n_samples, n_steps, fan_in], 0 or 1, or rates [n_samples, fan_in], 0 to 1.
"""


def add_arguments(parser):
    parser.add_argument("file", metavar="FILE.nir", help="a NIR file: a chain of Linear or Affine and LIF or IF nodes")
    add_dt(parser, required=True, help="length of a time step, see below")
    parser.add_argument("--reset", choices=RESETS, help="what a spike does to vmem, see below (default: as the file says)")
    parser.add_argument("--bits", type=int, choices=(8, 4), default=8, help="bits of a weight (default: %(default)s)")
    parser.add_argument("--sample", metavar="FILE.npz", help="input on which float and integer network are compared, see below")
    parser.add_argument("--steps", type=positive, metavar="N", help="time steps of the network (default: the sample's, else 32)")
    parser.add_argument("--limit", type=_share, default=0.05, metavar="X", help="largest mismatch, of the output spikes (default: %(default)s)")
    parser.add_argument("--allow-mismatch", action="store_true", help="write the network even beyond the limit")
    add_seed(parser, "the spikes made of rates")
    parser.add_argument("-o", "--out", required=True, metavar="NETWORK", help="the network file to write")
    add_json(parser)


def run(args):
    require_writable(args.out)
    network, report = import_nir(
        args.file,
        args.dt,
        args.reset,
        args.bits,
        args.sample,
        n_steps=args.steps,
        allow_mismatch=args.allow_mismatch,
        limit=args.limit,
        rng=np.random.default_rng(args.seed),
    )
    network.save(args.out)
    if args.json:
        print_json(report.to_dict())
        return
    for warning in report.warnings:
        print(f"lifarray: warning: {warning}", file=sys.stderr)
    print(f"{args.out}: {' → '.join(map(str, network.sizes))}, {network.n_steps} steps, {args.bits}-bit weights\n")
    print_layers(report)
    if report.n_samples:
        print()
        print_sample(report)


def print_layers(report):
    print_table(
        ["layer", "neurons", "reset", "decay", "weights", "integers", "scale", "clipped", "bias rows", "threshold", "current", "vmem"],
        [
            [
                f"{layer.name} ({layer.kind})",
                layer.n_neurons,
                layer.reset_mode,
                f"{layer.decay:.4f}: {layer.decay_256}/256",
                "{:.3g} to {:.3g}".format(*layer.weight_range),
                "{} to {}".format(*layer.integer_range),
                f"{layer.weight_scale:g}",
                layer.clipped,
                layer.bias_rows,
                layer.v_threshold if layer.kind != "LI" else None,
                f"{layer.current_bits} bits",
                f"at most {layer.vmem_bits} bits",
            ]
            for layer in report.layers
        ],
    )


def print_sample(report):
    print_table(
        ["layer", "float spikes", "too many or few", "at other steps", "vmem saturated", "float vmem"],
        [
            [
                layer.name,
                layer.float_spikes,
                layer.count_mismatches,
                layer.step_mismatches,
                layer.saturations,
                "{:.3g} to {:.3g}".format(*layer.float_vmem_range),
            ]
            for layer in report.layers
        ],
    )
    what = "potentials" if report.layers[-1].kind == "LI" else "spikes"
    samples = "1 sample" if report.n_samples == 1 else f"{report.n_samples} samples"
    same_class = "" if report.same_class is None else f"; same class in {report.same_class:.1%}"
    print(f"\nmismatch on {samples}: {report.mismatch:.2%} of the output {what}{same_class}")


def _share(text) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a share of at least 0, such as 0.05")
    return value
