"""``lifarray reproduce``: the paper's table and figures, with our figures beside its own."""

import os
from pathlib import Path

from ...golden import datasets
from ...golden.experiments.report import markdown, write_report
from ...golden.experiments.schedule import run_tasks, with_needs
from ...golden.experiments.targets import TARGETS, Results
from ..options import add_data_dir, add_json, positive
from ..output import output_folder, print_json, write_text

EXAMPLES = """\
  lifarray reproduce fig3
  lifarray reproduce all --fast --out quick   # minutes: to see it work; its figures mean nothing
  lifarray reproduce table1 --jobs 4          # once stopped, the same command goes on from there
  lifarray reproduce all --list               # what would be trained, and what is done already
  lifarray reproduce all --report             # tables and plots of what is done
  lifarray reproduce all --scheduler tcp://10.0.0.1:8786 --out /shared/reproduce
"""


def add_arguments(parser):
    parser.add_argument("target", metavar="TARGET", choices=[*TARGETS, "all"], help=f"one of {', '.join(TARGETS)}, or all")
    parser.add_argument("--fast", action="store_true", help="tiny trainings of everything, to see it work")
    parser.add_argument(
        "--out", metavar="DIR", default="reproduce-out",
        help="folder for plots, tables and the results of tasks; a task whose result is there is not run again (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, metavar="N", help="trainings at a time (default: one a core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="run on the workers of a Dask scheduler, which must all see --out")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--report", action="store_true", help="train nothing: write tables and plots of the results that are there")
    what.add_argument("--list", action="store_true", help="train and write nothing: list the tasks")
    add_data_dir(parser)
    add_json(parser)


def run(args):
    names = list(TARGETS) if args.target == "all" else [args.target]
    data_dir = datasets.data_folder(args.data_dir)
    data_dir = data_dir and str(data_dir.resolve())
    tasks = with_needs([task for name in names for task in TARGETS[name].tasks(args.fast, data_dir)])
    if args.list:
        return _list(tasks, Path(args.out) / "tasks", args.json)
    with output_folder(args.out) as folder:
        store = folder.resolve() / "tasks"
        store.mkdir(exist_ok=True)
        if not args.report:
            log = (lambda text: None) if args.json else print
            run_tasks(tasks, store, data_dir, args.jobs, args.scheduler, log)
        results = Results(store, data_dir)
        written, sections, left_out = [], [], []
        for name in names:
            if args.target == "all" and not any(task.is_done(store) for task in TARGETS[name].tasks(args.fast, data_dir)):
                left_out.append(TARGETS[name].title)
                continue
            figure = TARGETS[name].show(results, args.fast)
            written += write_report(name, TARGETS[name].title, figure, folder)
            picture = f"\n![{TARGETS[name].title}]({name}.png)\n" if figure.panels else ""
            sections.append(markdown(TARGETS[name].title, figure) + picture)
        if args.target == "all":
            write_text(folder / "results.md", "\n".join([_head(left_out), *sections]))
            written.append(folder / "results.md")
    done = sum(task.is_done(store) for task in tasks)
    if args.json:
        print_json({"tasks": len(tasks), "done": done, "written": [str(path) for path in written]})
    else:
        print("\n".join(sections))
        print(f"{done} of {len(tasks)} tasks done; wrote {', '.join(str(path) for path in written)}")


def _head(left_out):
    text = "# Tables and plots\n\nWritten by `lifarray reproduce all`. The `.csv` files beside this page hold what the plots show.\n"
    return text + (f"\nLeft out, because nothing of it was run: {'; '.join(left_out)}.\n" if left_out else "")


def _list(tasks, store, as_json):
    listed = [{"task": task.key, "done": task.is_done(store), "needs": [need.key for need in task.needs]} for task in tasks]
    if as_json:
        print_json(listed)
        return
    for task in listed:
        print(("done  " if task["done"] else "      ") + task["task"])
    print(f"{sum(task['done'] for task in listed)} of {len(listed)} done")
