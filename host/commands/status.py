"""``lifarray status``: what is verified, from what the other commands left."""

from ..lazy import load_status
from ..options import add_json
from ..output import print_json

EXAMPLES = """\
  lifarray status
  lifarray status --write README.md
  lifarray status --commands                (what makes the results, some hours)
"""


def add_arguments(parser):
    parser.add_argument("--results", metavar="DIR", help="folder of results (default: sim/results, those of this version)")
    parser.add_argument("--write", metavar="PAGE", help="put the table into a Markdown page, between its marks")
    parser.add_argument("--commands", action="store_true", help="say which commands make the results")
    add_json(parser)


def run(args):
    status = load_status()
    if args.commands:
        if args.json:
            print_json(status.FILES)
        else:
            print("\n".join(status.FILES.values()))
        return
    results = status.load(args.results or status.RESULTS)
    text = status.table(results)
    if args.write:
        status.write(args.write, text)
    if args.json:
        mutants = [verdict.as_dict() for verdict in results.mutants + results.mechanical]
        print_json({"units": results.units, "core": results.core, "proofs": results.proofs, "mutants": mutants})
    else:
        print(text)
