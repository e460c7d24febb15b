"""``lifarray mutate``: plant bugs, one at a time, and see which test notices."""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed

from ...golden.errors import UserError
from ...golden.progress import progress
from ..lazy import load_core_digest, load_mutate
from ..options import add_json, add_seed, positive
from ..output import print_json
from ..results import ResultsFile
from ..table import print_table

EXAMPLES = """\
  lifarray mutate --list
  lifarray mutate lif-threshold writer-half
  lifarray mutate --sample 6 --seed 2
  lifarray mutate --results mutants.jsonl   (all: an hour; run again to go on)
  lifarray mutate --mechanical 5 scanner fire
"""


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
    if args.sample > len(mutate.MUTANTS):
        raise UserError(f"--sample {args.sample}: there are {len(mutate.MUTANTS)} bugs")
    if args.names and args.sample:
        raise UserError("--sample draws from the whole list of bugs: leave out their names")
    chosen = mutate.mechanical(args.names, args.mechanical, args.seed) if args.mechanical else mutate.select(args.names, args.sample, args.seed)
    if args.list:
        if args.json:
            print_json([mutant._asdict() for mutant in chosen])
        else:
            print_table(["bug", "in", "what"], [[mutant.name, mutant.file, mutant.what] for mutant in chosen])
        return 0
    # One whose source was changed since is another mutant.
    results = ResultsFile(args.results, mutate.Verdict.from_dict, load_core_digest())
    done = {verdict.mutant: verdict for verdict in results.lines}
    verdicts = {mutant: done[mutant] for mutant in chosen if mutant in done}
    if not args.json and (text := results.describe(len(verdicts), len(chosen))):
        print(text, flush=True)
    show(args, verdicts.values())
    with ThreadPoolExecutor(args.jobs) as pool:
        tasks = [pool.submit(mutate.judge, mutant) for mutant in chosen if mutant not in done]
        try:
            for task in progress(as_completed(tasks), "mutants", total=len(tasks)):
                verdict = task.result()
                verdicts[verdict.mutant] = verdict
                results.append(verdict.as_dict())
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
