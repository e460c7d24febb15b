"""The verification status, as a Markdown table, from what the commands left.

    lifarray simulate core --core all --json > coverage.json
    lifarray prove --json > proofs.json
    lifarray mutate --results mutants.jsonl
    python -m lifarray.sim.status coverage.json proofs.json mutants.jsonl
"""

import json
import sys
from pathlib import Path

from lifarray.golden.errors import UserError

from .coverage import BINS
from .formal import PROOFS
from .mutants import MUTANTS

BLOCKS = {
    # block: (its files, benches)
    "LIF step": ("hw/lif", "unit, core"),
    "array": ("hw/array hw/bits", "unit of `bits.py`, core"),
    "window": ("hw/window", "core"),
    "scanner": ("hw/fetch", "core"),
    "rows, store": ("hw/rows hw/store", "core"),
    "fire, output": ("hw/fire hw/output", "core"),
    "memory ports": ("hw/reader hw/writer hw/fifo hw/windows hw/address", "core"),
    "sequencer": ("hw/sequencer", "core"),
    "registers": ("hw/registers", "core"),
    "whole core": ("hw/core", "core"),
    "golden model": ("golden/lif golden/network golden/encode golden/program", "unit"),
}
"""A group of proofs counts for the file of its name."""


def table(coverage: dict, proofs: list, mutants: list) -> str:
    """Markdown: a line a block.

    Parameters
    ----------
    coverage : dict
        Bin to hits.
    proofs : list of dict
        As ``lifarray prove --json`` prints them.
    mutants : list of dict
        Lines of the file of ``lifarray mutate --results``.
    """
    outcomes = {proof["name"]: proof["result"] == "proved" and all(proof["covers"].values()) for proof in proofs}
    fates = {mutant["name"]: mutant["killed_by"] for mutant in mutants}
    lines = ["| block | benches | proofs | planted bugs noticed |", "|---|---|---|---|"]
    for block, (files, benches) in BLOCKS.items():
        paths = files.split()
        mine = [proof.name for proof in PROOFS if f"hw/{proof.group}" in paths]
        proved = sum(outcomes.get(name, False) for name in mine)
        planted = [mutant.name for mutant in MUTANTS if mutant.file.removesuffix(".py") in paths]
        tried = [name for name in planted if name in fates]
        noticed = sum(fates[name] is not None for name in tried)
        bugs = f"{noticed} of {len(tried)}" + (f" ({len(planted)} in the list)" if len(tried) < len(planted) else "")
        lines.append(f"| {block} | {benches} | {f'{proved} of {len(mine)}' if mine else '-'} | {bugs} |")
    hit = sum(bool(coverage.get(name)) for name in BINS)
    lines += ["", f"Coverage of the core bench: {hit} of {len(BINS)} bins."]
    return "\n".join(lines)


def main(arguments):
    if len(arguments) != 3:
        raise UserError("usage: python -m lifarray.sim.status coverage.json proofs.json mutants.jsonl")
    try:
        texts = [Path(path).read_text() for path in arguments]
        coverage, proofs = json.loads(texts[0])["coverage"], json.loads(texts[1])
        mutants = [json.loads(line) for line in texts[2].splitlines()]
        print(table(coverage, proofs, mutants))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"not what the commands print: {error}") from None


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"lifarray: {error}")
