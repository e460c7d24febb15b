"""``lifarray mutate``: plant bugs, one at a time, and see which test notices."""

import json
from pathlib import Path

from ...golden.errors import UserError
from ...golden.progress import progress
from ..lazy import load_mutate
from ..options import add_json, add_seed, positive
from ..output import print_json

EXAMPLES = """\
  lifarray mutate --list
  lifarray mutate lif-threshold writer-half
  lifarray mutate --sample 6 --seed 2
  lifarray mutate --results mutants.jsonl   (all: hours; run again to go on)
"""


def add_arguments(parser):
    parser.add_argument("names", nargs="*", metavar="NAME", help="bugs to plant (default: all)")
    parser.add_argument("--list", action="store_true", help="say what there is to plant, and plant nothing")
    parser.add_argument("--sample", type=positive, default=0, metavar="N", help="so many, drawn at random")
    parser.add_argument("--results", metavar="FILE", help="append each verdict to this file, and do not judge again what stands there")
    add_seed(parser, "the sample")
    add_json(parser)


def run(args):
    mutate = load_mutate()
    chosen = mutate.select(args.names, args.sample, args.seed)
    if args.list:
        for mutant in chosen:
            print(f"{mutant.name:<24}{mutant.file:<20}{mutant.what}")
        return 0
    done = read_results(args.results) if args.results else {}
    verdicts = []
    for mutant in progress(chosen, "mutants"):
        verdict = done.get(mutant)
        if verdict is None:
            verdict = mutate.judge(mutant)
            if args.results:
                with open(args.results, "a") as file:
                    file.write(json.dumps({**mutant._asdict(), "killed_by": verdict.killed_by, "seconds": round(verdict.seconds, 1)}) + "\n")
        verdicts.append(verdict)
        if not args.json:
            fate = f"killed by {verdict.killed_by}" if verdict.killed_by else "SURVIVED"
            print(f"{mutant.name:<24}{verdict.seconds:6.1f} s  {fate}", flush=True)
    survivors = [verdict.mutant.name for verdict in verdicts if not verdict.killed_by]
    if args.json:
        print_json(
            {
                "planted": len(verdicts),
                "survivors": survivors,
                "mutants": [
                    {"name": v.mutant.name, "file": v.mutant.file, "what": v.mutant.what, "killed_by": v.killed_by, "seconds": round(v.seconds, 1)}
                    for v in verdicts
                ],
            }
        )
    else:
        print(f"\n{len(verdicts) - len(survivors)} of {len(verdicts)} planted bugs were noticed")
    return 1 if survivors else 0


def read_results(path):
    """{mutant: verdict} of an earlier run; one whose source was changed since is another mutant."""
    mutate = load_mutate()
    results = {}
    path = Path(path)
    try:
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            fields = json.loads(line)
            killed_by, seconds = fields.pop("killed_by"), fields.pop("seconds")
            mutant = mutate.Mutant(**fields)
            results[mutant] = mutate.Verdict(mutant, killed_by, seconds)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--results {path}: not a file of verdicts ({error})") from None
    return results
