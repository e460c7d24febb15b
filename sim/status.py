"""The verification status, as a Markdown table, from what the commands left in a folder of results."""

import json
from dataclasses import dataclass
from pathlib import Path

from lifarray.golden.errors import UserError
from lifarray.golden.files import whole_file

from .bench import CORES
from .coverage import BINS
from .formal import PROOFS
from .mutants import MUTANTS
from .mutate import Verdict
from .sources import core_digest
from .units.units import ALL

RESULTS = Path(__file__).with_name("results")

FILES = {
    "units.jsonl": "lifarray simulate units --simulator verilator --seeds 20 --results sim/results/units.jsonl",
    "core.jsonl": "lifarray simulate core --core all --simulator verilator --seeds 20 --results sim/results/core.jsonl",
    "proofs.json": "lifarray prove --json > sim/results/proofs.json",
    "mutants.jsonl": "lifarray mutate --results sim/results/mutants.jsonl",
    "mechanical.jsonl": "lifarray mutate --mechanical 5 --results sim/results/mechanical.jsonl",
}
"""What a folder of results holds, and how it is made."""

COUNT = 10
"""Of the benches in these commands: with a smaller one a seed has seen less."""

BEGIN, END = "<!-- written by lifarray status -->", "<!-- end of status -->"


@dataclass(frozen=True)
class Block:
    """A line of the table: files, the parts in `UNITS` whose benches are theirs, and groups of proofs."""

    files: tuple
    units: tuple = ()
    proofs: tuple = ()


def _block(files, units="", proofs=""):
    return Block(*(tuple(names.split()) for names in (files, units, proofs)))


BLOCKS = {
    "LIF step": _block("hw/lif", "lif", "lif"),
    "array": _block("hw/array hw/bits", "array", "array"),
    "window": _block("hw/window", "window", "window"),
    "rows, store": _block("hw/rows hw/store", "rows"),
    "scanner": _block("hw/fetch", "scanner"),
    "stripes": _block("hw/stripes", "stripes"),
    "fire, output": _block("hw/fire hw/output", "fire output", "fire"),
    "memory ports": _block(
        "hw/reader hw/writer hw/ram_fifo hw/late_register hw/windows hw/address hw/axi", "reader writer", "reader writer fifo ram"
    ),
    "sequencer": _block("hw/sequencer", "sequencer", "sequencer"),
    "registers": _block("hw/registers", "registers", "registers"),
    "register slices": _block("hw/register_slice hw/stream_register", "slice", "stream"),
    "bridge from AXI3": _block("hw/axi3_bridge", "bridge"),
    "local memory": _block("hw/local_memory hw/lite_decoder", "memory decoder"),
    "serial line": _block("hw/uart hw/serial_bridge hw/serial_core", "serial"),
    "whole core": _block("hw/core"),
    "boards": _block("hw/boards/zynq hw/ps7 hw/local_core"),
    "golden model": _block("golden/lif golden/network golden/encode golden/program"),
}


@dataclass(frozen=True)
class Results:
    """What the commands left.

    Members
    -------
    units, core : list of dict, the runs of the whole benches that passed, as ``lifarray simulate … --results`` writes them
    proofs : list of dict, as ``lifarray prove --json`` does
    mutants, mechanical : list of Verdict
    n_others : int, results of other versions of the core, which are not in these lists
    """

    units: list
    core: list
    proofs: list
    mutants: list
    mechanical: list
    n_others: int


def load(folder: Path) -> Results:
    """The results in a folder; UserError if one is missing or is something else.

    Of several verdicts on bugs of one name the last counts: those before are of sources that have changed since.
    """
    texts = {}
    for name, command in FILES.items():
        try:
            texts[name] = (Path(folder) / name).read_text(errors="replace")
        except OSError:
            raise UserError(f"{Path(folder) / name} is missing: {command}") from None
    try:
        lines = {name: [json.loads(line) for line in texts[name].splitlines()] for name in FILES if name.endswith(".jsonl")}
        lines["proofs.json"] = json.loads(texts["proofs.json"])
        n_all = sum(map(len, lines.values()))
        for name, some in lines.items():
            lines[name] = [line for line in some if line.pop("sources", None) == core_digest()]
        n_others = n_all - sum(map(len, lines.values()))
        units, core, proofs = lines["units.jsonl"], lines["core.jsonl"], lines["proofs.json"]
        _ = {(run["bench"], run["seed"]) for run in units}, {(run["core"], run["seed"], *run["coverage"].items()) for run in core}
        _ = {(proof["name"], proof["result"], *proof["covers"].values()) for proof in proofs}
        verdicts = [[Verdict.from_dict(line) for line in lines[name]] for name in ("mutants.jsonl", "mechanical.jsonl")]
        whole = [run for run in units if run["bench"] == ALL and _is_whole(run)], [run for run in core if _is_whole(run)]
        last = [list({verdict.mutant.name: verdict for verdict in some}.values()) for some in verdicts]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder}: not what the commands print ({error!r})") from None
    return Results(*whole, proofs, *last, n_others)


def _is_whole(run) -> bool:
    """Whether a run was of all tests, with as much tried as in `FILES`."""
    return all(run.get(name) is None for name in ("test", "max_size", "max_steps")) and run.get("count", COUNT) >= COUNT


def table(results: Results) -> str:
    """Markdown: a line a block."""
    proved = {proof["name"]: proof["result"] == "proved" and all(proof["covers"].values()) for proof in results.proofs}
    fates = {verdict.mutant: verdict for verdict in results.mutants}
    lines = [
        "| block | benches | proofs | planted bugs noticed | netlist bugs noticed |",
        "|---|---|---|---|---|",
    ]
    totals = [0] * 6
    for title, block in BLOCKS.items():
        mine = [proof.name for proof in PROOFS if proof.group in block.proofs]
        planted = [mutant for mutant in MUTANTS if mutant.file.removesuffix(".py") in block.files]
        tried = [fates[mutant] for mutant in planted if mutant in fates]
        made = [verdict for verdict in results.mechanical if verdict.mutant.file.removeprefix("netlist of ") in block.units]
        telling = [verdict for verdict in made if not verdict.changes_nothing]
        counts = [
            (sum(proved.get(name, False) for name in mine), len(mine)),
            (sum(verdict.noticed for verdict in tried), len(planted)),
            (sum(verdict.noticed for verdict in telling), len(telling)),
        ]
        totals = [total + n for total, n in zip(totals, sum(counts, ()))]
        benches = ", ".join(f"`{unit}`" for unit in block.units) or ("`core`" if title == "whole core" else "pytest")
        lines.append(f"| {title} | {benches} | {' | '.join(_of(*count) for count in counts)} |")
    lines.append(f"| all | | {' | '.join(_of(*totals[i : i + 2]) for i in (0, 2, 4))} |")
    hit = sum(any(run["coverage"].get(name) for run in results.core) for name in BINS)
    silent = sum(verdict.changes_nothing for verdict in results.mechanical)
    lines += [
        "",
        f"Coverage of the core's bench: {hit} of {len(BINS)} bins. Seeds run without a mismatch: {core_seeds(results.core)} of the whole core, on "
        f"each of {len(CORES)} configurations; {len({run['seed'] for run in results.units})} of its parts.",
    ]
    if silent:
        lines[-1] += f" {silent} more netlist bugs change nothing, as was proved."
    if results.n_others:
        lines[-1] += f" {results.n_others} results of another version of the core are not counted."
    return "\n".join(lines)


def _of(n, total):
    return f"{n} of {total}" if total else "-"


def core_seeds(runs) -> int:
    """How many seeds passed on every core."""
    return len(set.intersection(*({run["seed"] for run in runs if run["core"] == core} for core in CORES)))


def write(page: Path, text: str):
    """Put the table between its marks in a page; UserError if they are not there."""
    try:
        old = Path(page).read_text()
    except OSError as error:
        raise UserError(f"cannot read {str(page)!r}: {error.strerror}") from None
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(END) < old.index(BEGIN):
        raise UserError(f"{page}: no place for the table, which is between the lines {BEGIN} and {END}")
    before, rest = old.split(BEGIN)
    with whole_file(page) as part:
        part.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
