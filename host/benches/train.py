"""``lifarray bench train``: how long a training step takes."""

import time
from importlib import import_module, metadata

import numpy as np

from ...golden import losses, vmem_bptt
from ...golden.encode import poisson
from ...golden.errors import UserError, need
from ...golden.stage import one_blas_thread
from ..options import add_json, add_seed, positive
from ..output import print_json
from ..table import print_table
from .peers import DECAY, LEARNING_RATE, PEERS, SLOPE, step_of

SIZES = (784, 196, 784)
BATCH = 100
N_STEPS = 15
# As MNIST's images are: in 100 of them a third of the pixels is black throughout, in each four fifths are.
SILENT = 1 / 3
DENSITY = 0.19

# Section 3.2.3 of the paper.
PAPER_SIZES = (58500, 2048, 196)
PAPER_BATCH = 50
PAPER_STEPS = 60
PAPER_DENSITY = 0.22
"""Share of the inputs that have a rate above zero: that of a spectrogram padded to 1,500 frames."""

DISTRIBUTIONS = {"snnTorch": "snntorch", "SpikingJelly": "spikingjelly", "Norse": "norse"}

EXAMPLES = """\
  lifarray bench train                                # 784-196-784, batch 100, 15 steps, one thread
  lifarray bench train --silent 0                     # the same where every input spikes in some sample
  lifarray bench train --paper-size                   # the audiocoder 58,500-2,048-196, batch 50, 60 steps
  lifarray bench train --paper-size --backend cupy    # the same on a GPU
"""


def add_arguments(parser):
    parser.add_argument("--rounds", type=positive, default=15, metavar="N", help="steps of each that are timed (default: %(default)s)")
    parser.add_argument("--paper-size", action="store_true", help="one step of the paper's audiocoder, by its rule: time and memory")
    parser.add_argument("--batch", type=positive, metavar="N", help=f"samples (default: {BATCH}, with --paper-size {PAPER_BATCH})")
    parser.add_argument(
        "--silent", type=float, default=SILENT, metavar="SHARE",
        help="share of the inputs that are silent in the whole batch, which our step leaves out (default: a third, as in MNIST)",
    )  # fmt: skip
    parser.add_argument("--steps", type=positive, metavar="N", help=f"time steps (default: {N_STEPS}, with --paper-size {PAPER_STEPS})")
    parser.add_argument(
        "--backend", choices=("numpy", "torch", "cupy"), default="numpy", help="arrays of our own step (default: %(default)s)"
    )
    parser.add_argument("--torch-device", default="cpu", metavar="DEVICE", help="with --backend torch: cpu, cuda, … (default: %(default)s)")
    add_seed(parser)
    add_json(parser)


def run(args):
    with one_blas_thread():
        figures = _paper_size(args) if args.paper_size else _beside_peers(args)
    if args.json:
        print_json(figures)
        return
    if args.paper_size:
        print(
            f"58,500-2,048-196, separable trace, batch {figures['batch']}, {figures['n_steps']} steps, {figures['backend']}:"
            f" {figures['seconds']:.1f} s, {figures['peak_gib']:.2f} GiB at the peak"
        )
        return
    print(
        f"784-196-784, batch {figures['batch']}, {figures['n_steps']} steps, {figures['active_inputs']} inputs active in the batch,"
        " one thread; ms a training step\n"
    )
    rows = [[name, f.get("version", ""), f.get("fastest_ms"), f.get("median_ms"), f.get("hidden")] for name, f in figures["steps"].items()]
    print_table(["", "version", "fastest", "median", "hidden spikes a step"], rows)
    for name in figures["missing"]:
        print(f"{name}: not installed (pip install 'lifarray[bench]')")
    if "speedup" in figures:
        print(f"\n{figures['speedup']:.2f} times as fast as the fastest of the others")


def to_backend(array, backend, device="cpu"):
    """A NumPy array as one of another library; UserError if that is not installed or has no such device."""
    if backend == "numpy":
        return array
    try:
        library = import_module(backend)
    except ImportError:
        raise need(backend, "bench", f"the backend {backend}") from None
    if backend == "cupy":
        return library.asarray(array)
    try:
        return library.from_numpy(array).to(device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--torch-device {device!r}: {str(error).splitlines()[0]}") from None


def problem(sizes, batch, n_steps, density, seed, silent=0.0):
    """(weights, spikes [n_steps, batch, fan_in], rates [batch, fan_in], rng): random.

    ``density`` of all rates are above zero, none of them those of the ``silent`` share of the inputs.
    """
    rng = np.random.default_rng(seed)
    shape = (batch, sizes[0])
    rates = (rng.random(shape) * (rng.random(shape) < density / (1 - silent))).astype(np.float32)
    rates[:, rng.permutation(sizes[0])[: round(silent * sizes[0])]] = 0
    spikes = np.ascontiguousarray(poisson(rates, n_steps, rng).transpose(1, 0, 2), dtype=np.float32)
    return vmem_bptt.initial_weights(sizes, rng), spikes, rates, rng


def _beside_peers(args):
    batch, n_steps = args.batch or BATCH, args.steps or N_STEPS
    if not 0 <= args.silent <= 1 - DENSITY:
        raise UserError(f"--silent {args.silent:g}: must be 0 to {1 - DENSITY:g}")
    weights, spikes, rates, _ = problem(SIZES, batch, n_steps, DENSITY, args.seed, args.silent)
    target = losses.normalise(rates)
    ours = [to_backend(w.copy(), args.backend, args.torch_device) for w in weights]
    inputs = np.flatnonzero(rates.any(axis=0))
    active = np.ascontiguousarray(spikes[:, :, inputs])
    active, wanted, inputs = (to_backend(a, args.backend, args.torch_device) for a in (active, target, inputs))
    optimizer, buffers = vmem_bptt.Adam(ours), vmem_bptt.Buffers()

    def own_step():
        found = vmem_bptt.rate_bptt_batch(
            ours, active, wanted, optimizer, LEARNING_RATE, decay=DECAY, slope=SLOPE, buffers=buffers, inputs=inputs
        )
        return found["hidden"] * batch * n_steps

    steps, missing = {f"lifarray ({args.backend})": own_step}, []
    for name in PEERS:
        try:
            steps[name] = step_of(name, weights, spikes, target)
        except ImportError:
            missing.append(name)
    if len(steps) > 1:
        import torch

        torch.set_num_threads(1)
    figures = {name: {"hidden": step() / (batch * n_steps)} for name, step in steps.items()}
    times = {name: [] for name in steps}
    # Of one thread the processor's time is the time on an idle machine. In turn, so that whatever else the machine does falls on all of them.
    for _ in range(args.rounds):
        for name, step in steps.items():
            started = time.process_time()
            step()
            times[name].append(1000 * (time.process_time() - started))
    for name, found in figures.items():
        found.update(fastest_ms=min(times[name]), median_ms=float(np.median(times[name])))
        found["version"] = metadata.version(DISTRIBUTIONS.get(name, "lifarray"))
    result = {"batch": batch, "n_steps": n_steps, "active_inputs": active.shape[-1], "rounds": args.rounds, "steps": figures, "missing": missing}
    fastest = [found["fastest_ms"] for found in figures.values()]
    if len(fastest) > 1:
        result["speedup"] = min(fastest[1:]) / fastest[0]
    return result


def _paper_size(args):
    import resource

    batch, n_steps = args.batch or PAPER_BATCH, args.steps or PAPER_STEPS
    weights, spikes, _, rng = problem(PAPER_SIZES, batch, n_steps, PAPER_DENSITY, args.seed)
    target = (rng.random((n_steps, batch, PAPER_SIZES[-1])) < 0.4).astype(np.float32)
    weights = [to_backend(w, args.backend, args.torch_device) for w in weights]
    spikes, target = (to_backend(a, args.backend, args.torch_device) for a in (spikes, target))
    optimizer = vmem_bptt.Adam(weights, weight_decay=1e-4)
    started = time.perf_counter()
    # The loss is a Python number, so a GPU has finished when it is there.
    found = vmem_bptt.vmem_batch(weights, spikes, target, optimizer, 5e-5, decay=DECAY, moments="batch")
    seconds = time.perf_counter() - started
    # Linux counts in KiB. Of a GPU this is the host's share.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "sizes": PAPER_SIZES, "batch": batch, "n_steps": n_steps, "backend": args.backend, "seconds": seconds, "peak_gib": peak,
        "loss": found["loss"],
    }  # fmt: skip
