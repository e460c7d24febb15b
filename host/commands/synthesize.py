"""``lifarray synthesize``: recordings of spoken digits become images."""

from pathlib import Path

from ...golden.errors import need
from ..networks import load_network
from ..options import add_backend, add_json, add_network, add_seed
from ..output import output_folder, print_json, whole_file
from ..synthesis import synthesize_images
from ..table import print_table
from ..utterances import recorded

ZOOM = 10
"""Screen pixels a pixel of the image."""

EXAMPLES = """\
  lifarray synthesize seven.wav
  lifarray synthesize recordings/*.wav --out images --json
  lifarray synthesize seven.wav --backend rtl
"""


def add_arguments(parser):
    parser.add_argument("files", nargs="+", metavar="FILE.wav", help="recordings, one spoken digit each")
    parser.add_argument("--out", default="synthesize-out", metavar="DIR", help="folder of the images (default: %(default)s)")
    add_network(parser)
    add_backend(parser, "golden")
    add_seed(parser)
    add_json(parser)


def run(args):
    network = load_network(args.network)
    utterances = recorded(args.files)
    with output_folder(args.out) as folder:
        results, outcome = synthesize_images(network, utterances, args.backend, args.seed)
        paths = [folder / name for name in image_names(args.files)]
        for path, result in zip(paths, results):
            write_image(path, result.image)
    if args.json:
        print_json({"mismatches": outcome.mismatches, "runner": outcome.runner, "utterances": [_report(r, p) for r, p in zip(results, paths)]})
    else:
        print_table(
            ["file", "nearest", "MSE", "image"],
            [[result.utterance.name, result.nearest, float(result.scores[result.nearest]), str(path)] for result, path in zip(results, paths)],
        )
        compared = "" if outcome.mismatches is None else f", {outcome.mismatches} mismatches with the integer model"
        print(f"\nran on: {outcome.runner}{compared}")
    return 1 if outcome.mismatches else 0


def _report(result, path):
    return {"file": result.utterance.name, "nearest": result.nearest, "scores": result.scores.tolist(), "image": str(path)}


def image_names(files) -> list:
    """A PNG name for each file; numbered where files of several folders have the same name."""
    names, seen = [], {}
    for file in files:
        stem = Path(file).stem
        seen[stem] = count = seen.get(stem, 0) + 1
        names.append(f"{stem}.png" if count == 1 else f"{stem}-{count}.png")
    return names


def write_image(path, image):
    """Write spike counts (int [28, 28]) as a grey PNG, brightest where spikes are most."""
    try:
        from matplotlib.image import imsave
    except ImportError:
        raise need("matplotlib", "demo", "writing an image") from None
    with whole_file(path) as part:
        imsave(part, image.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1), cmap="gray", vmin=0, format="png")
