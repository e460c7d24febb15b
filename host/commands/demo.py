"""``lifarray demo``: ten spoken digits through the simulated core, and what came out."""

from pathlib import Path

import numpy as np

from ...golden.evaluate import front_end
from ...golden.voices import DIGIT_WORDS, HELD_OUT_VOICES
from ..contact_sheet import draw_contact_sheet
from ..networks import load_network
from ..options import add_backend, add_json, add_network, add_seed
from ..output import output_folder, print_json
from ..synthesis import synthesize_images
from ..table import print_table
from ..utterances import recorded, spoken

VOICES = HELD_OUT_VOICES[:3]

EXAMPLES = """\
  lifarray demo
  lifarray demo --backend golden --out digits
  lifarray demo --wav 7_me_0.wav 3_me_0.wav --json
"""


def add_arguments(parser):
    parser.add_argument("--wav", nargs="+", metavar="FILE", help="recordings, one digit each, instead of the synthetic voices")
    parser.add_argument("--out", default="demo-out", metavar="DIR", help="folder of contact-sheet.png (default: %(default)s)")
    add_network(parser)
    add_backend(parser, "rtl")
    add_seed(parser)
    add_json(parser)


def run(args):
    network = load_network(args.network)
    utterances = recorded(args.wav) if args.wav else spoken(VOICES)
    with output_folder(args.out) as folder:
        results, outcome = synthesize_images(network, utterances, args.backend, args.seed)
        path = folder / "contact-sheet.png"
        draw_contact_sheet(path, results, front_end(network), _title(network), f"{outcome.runner} · {_checked(outcome)}")
    if args.json:
        print_json(_report(results, outcome, path))
    else:
        _print_results(results, outcome, path)
    return 1 if outcome.mismatches else 0


def _title(network):
    return f"Say a digit, see it: {' → '.join(map(str, network.sizes))} spiking neurons, {network.n_steps} time steps"


def _checked(outcome):
    if outcome.mismatches is None:
        return "mismatches not checked"
    return f"{outcome.mismatches} mismatches with the integer model"


def _report(results, outcome, path):
    return {
        "mismatches": outcome.mismatches,
        "accuracy": _accuracy(results),
        "runner": outcome.runner,
        "contact_sheet": str(path),
        "utterances": [
            {
                "name": result.utterance.name,
                "source": result.utterance.source,
                "digit": result.utterance.digit,
                "nearest": result.nearest,
                "mse": result.mse,
                "cycles": result.cycles,
            }
            for result in results
        ],
    }


def _accuracy(results):
    """Share of the known digits that came out nearest to their own class image, None if none is known."""
    known = [result.correct for result in results if result.correct is not None]
    return float(np.mean(known)) if known else None


def _print_results(results, outcome, path):
    print_table(
        ["spoken by", "digit", "nearest", "MSE", "cycles", "mismatches"],
        [
            [
                _speaker(result.utterance),
                result.utterance.digit,
                result.nearest,
                result.mse,
                result.cycles,
                result.mismatches,
            ]
            for result in results
        ],
    )
    print(f"\nran on: {outcome.runner}")
    print(f"images: {path}")
    accuracy = _accuracy(results)
    right = "" if accuracy is None else f", {accuracy:.1%} nearest to the digit that was said"
    print(f"{_checked(outcome)}{right}")


def _speaker(utterance):
    """The voice, or the file's name: whole paths are in --json."""
    return utterance.source if utterance.name in DIGIT_WORDS else Path(utterance.name).name
