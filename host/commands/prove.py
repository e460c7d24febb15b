"""``lifarray prove``: the formal proofs of the core's parts."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from ...golden.progress import progress
from ..lazy import load_core_digest, load_formal
from ..options import add_json
from ..output import output_folder, print_json
from ..table import print_table

EXAMPLES = """\
  lifarray prove
  lifarray prove lif sequencer-errors
  lifarray prove --list
  lifarray prove writer --work proofs          (keeps netlists, logs, traces)
"""


def add_arguments(parser):
    parser.add_argument("names", nargs="*", metavar="NAME", help="proofs, or groups of them (default: all)")
    parser.add_argument("--list", action="store_true", help="say what there is to prove, and prove nothing")
    parser.add_argument(
        "--work", metavar="DIR", help="folder of netlists, logs and traces (default: a temporary one, kept only if a proof fails)"
    )
    add_json(parser)


def run(args):
    proofs = load_formal().select(args.names)
    if args.list:
        rows = [[proof.name, proof.what, proof.parameters, proof.described_method] for proof in proofs]
        if args.json:
            print_json([dict(zip(("name", "what", "parameters", "method"), row)) for row in rows])
        else:
            print_table(["proof", "what", "parameters", "method"], rows)
        return 0
    with _work_folder(args.work) as folder:
        outcomes = [(proof, proof.run(folder)) for proof in progress(proofs, "proofs")]
        ok = all(outcome.ok for _, outcome in outcomes)
        if ok and args.work is None:
            shutil.rmtree(folder)
    if args.json:
        print_json([_report(proof, outcome) for proof, outcome in outcomes])
    else:
        print_table(
            ["proof", "what", "parameters", "method", "result", "covers", "seconds"],
            [[p.name, p.what, p.parameters, p.described_method, o.result, _covers(o), f"{o.seconds:.1f}"] for p, o in outcomes],
        )
        for proof, outcome in outcomes:
            if outcome.failed:
                print(f"\n{proof.name}: {outcome.failed!r} fails after {outcome.cycles} cycles: {outcome.trace}, for surfer or gtkwave")
            elif not outcome.ok:
                missed = [cover for cover, cycles in outcome.reached.items() if cycles is None]
                print(f"\n{proof.name}: {outcome.result}; covers not reached: {', '.join(missed) or 'none tried'}; logs in {folder}")
    return 0 if ok else 1


def _covers(outcome):
    return f"{outcome.n_reached}/{len(outcome.reached)}" if outcome.reached else "-"


def _report(proof, outcome):
    return {
        "name": proof.name,
        "group": proof.group,
        "what": proof.what,
        "parameters": proof.parameters,
        "method": proof.described_method,
        "result": outcome.result,
        "failed": outcome.failed,
        "trace": outcome.trace and str(outcome.trace),
        "covers": outcome.reached,
        "seconds": round(outcome.seconds, 1),
        "sources": load_core_digest(),
    }


@contextmanager
def _work_folder(path):
    if path is None:
        folder = Path(tempfile.mkdtemp(prefix="lifarray-prove-"))
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder)
            raise
    else:
        with output_folder(path, "--work") as folder:
            yield folder.resolve()
