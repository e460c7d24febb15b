"""``lifarray mutate``: plant bugs, one at a time, and see which test notices."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ...golden.errors import UserError
from ...golden.progress import progress
from ..lazy import load_mutate
from ..options import add_json, add_seed, positive
from ..output import print_json, require_writable, write_text

EXAMPLES = """\
  lifarray mutate --list
  lifarray mutate lif-threshold writer-half
  lifarray mutate --sample 6 --seed 2
  lifarray mutate --results mutants.jsonl   (all: an hour; run again to go on)
  lifarray mutate --mechanical 5 scanner fire
"""

FIRST_FIELD = '{"name": '
"""Of a line of results."""


def add_arguments(parser):
    parser.add_argument("names", nargs="*", metavar="NAME", help="bugs to plant, or, with --mechanical, parts of the core (default: all)")
    parser.add_argument("--list", action="store_true", help="say what there is to plant, and plant nothing")
    parser.add_argument("--sample", type=positive, default=0, metavar="N", help="so many, drawn at random")
    parser.add_argument(
        "--mechanical", type=positive, default=0, metavar="N", help="instead of the bugs in the list, N that yosys makes in the netlist of each part"
    )
    parser.add_argument("--results", metavar="FILE", help="append each verdict to this file, and do not judge again what stands there")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, metavar="N", help="bugs at a time (default: one a core)")
    add_seed(parser, "the sample, and what yosys changes")
    add_json(parser)


def run(args):
    mutate = load_mutate()
    if args.mechanical and args.sample:
        raise UserError("--sample draws from the list of bugs: with --mechanical, N is their number")
    if args.names and args.sample:
        raise UserError("--sample draws from the whole list of bugs: leave out their names")
    chosen = mutate.mechanical(args.names, args.mechanical, args.seed) if args.mechanical else mutate.select(args.names, args.sample, args.seed)
    if args.list:
        if args.json:
            print_json([mutant._asdict() for mutant in chosen])
            return 0
        for mutant in chosen:
            print(f"{mutant.name:<24}{mutant.file:<20}{mutant.what}")
        return 0
    done = {}
    if args.results is not None:
        require_writable(args.results, "--results")
        done = read_results(args.results)
    verdicts = {mutant: done[mutant] for mutant in chosen if mutant in done}
    show(args, verdicts.values())
    with ThreadPoolExecutor(args.jobs) as pool:
        tasks = [pool.submit(mutate.judge, mutant) for mutant in chosen if mutant not in done]
        try:
            for task in progress(as_completed(tasks), "mutants", total=len(tasks)):
                verdict = task.result()
                verdicts[verdict.mutant] = verdict
                if args.results is not None:
                    with open(args.results, "a") as file:
                        file.write(json.dumps(verdict.as_dict()) + "\n")
                show(args, [verdict])
        except BaseException:
            # What is under way need not go on.
            pool.shutdown(wait=False, cancel_futures=True)
            mutate.stop()
            raise
    ordered = [verdicts[mutant] for mutant in chosen]
    survivors = [verdict.mutant.name for verdict in ordered if not verdict.noticed]
    if args.json:
        print_json({"planted": len(ordered), "survivors": survivors, "mutants": [verdict.as_dict() for verdict in ordered]})
    else:
        print(f"\n{len(ordered) - len(survivors)} of {len(ordered)} planted bugs were noticed")
    return 1 if survivors else 0


def show(args, verdicts):
    if args.json:
        return
    for verdict in verdicts:
        print(f"{verdict.mutant.name:<24}{verdict.seconds:6.1f} s  {verdict.fate}", flush=True)


def read_results(path):
    """{mutant: verdict} of an earlier run; one whose source was changed since is another mutant."""
    mutate = load_mutate()
    results = {}
    path = Path(path)
    try:
        text = path.read_text() if path.exists() else ""
        whole, _, rest = text.rpartition("\n")
        if rest.startswith(FIRST_FIELD):
            # The disk was full, or the power went, as it was written.
            print(f"{path}: its last line is not whole; what it was about is judged again", file=sys.stderr)
            text = f"{whole}\n" if whole else ""
            write_text(path, text)
        for line in text.splitlines():
            verdict = mutate.Verdict.from_dict(json.loads(line))
            results[verdict.mutant] = verdict
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--results {path}: not a file of verdicts ({error})") from None
    return results
