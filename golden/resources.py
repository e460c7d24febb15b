"""How large a core is on an FPGA of the 7 series: formulas fitted to what yosys makes of some cores."""

import json
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path

import numpy as np

from .boards import FULL, Board
from .config import SLOTS, CoreConfig

MAPPED = Path(__file__).with_name("mapped.json")
"""What `lifarray.hw.mapping` measured: a list of {"config": changes of `CoreConfig`, "LUT", "FF", "block RAM", "DSP"}."""

BRAM_BITS = 1 << 15
"""Of one RAMB36, without the ninth bits."""

LISTED_BITS = 88
"""Of an entry of the raster list, in whole bytes that are used."""

LISTED_IN_BRAM = 64
"""A shorter list is distributed RAM."""


@dataclass(frozen=True)
class Resources:
    """What a core takes of an FPGA.

    Members
    -------
    lut, ff, dsp : int
    bram : float
        Block RAMs of 36 Kb; a half is one of 18 Kb.
    """

    lut: int
    ff: int
    bram: float
    dsp: int

    def shares(self, board: Board) -> dict:
        """Share of each resource of a board; rough where it is not of the 7 series."""
        taken = {"LUT": self.lut * board.lut_ratio, "FF": self.ff, "block RAM": self.bram * board.page_rams, "DSP": self.dsp}
        return {name: n / board.capacity[name] for name, n in taken.items()}

    def fits(self, board: Board, lut_share: float = FULL) -> bool:
        """Whether the core fits, its LUTs into a share of the board's, and nothing beyond what a build may take of the board."""
        shares = self.shares(board)
        return shares["LUT"] <= lut_share and all(shares[name] <= board.budget.get(name, FULL) for name in shares)


PARTS = {
    # What grows with                 LUTs and flip-flops a unit of it, of the parts mapped alone
    "core": (lambda c: 1, 3400, 2000),                              # registers, sequencer, scanner, writer
    "ports": (lambda c: c.ports, 800, 450),                         # readers
    "window": (lambda c: c.window_rows * SLOTS, 3.0, 1.25),         # spikes that wait
    "units": (lambda c: c.fire_units, 250, 80),                     # LIF units
    "vmem": (lambda c: c.fire_units * c.vmem_bits, 14, 10),         # their adders
    "currents": (lambda c: c.lanes * c.current_bits, 2.3, 1.1),     # slots, their adder, captured currents
    "ways": (lambda c: c.lanes * c.ways * c.weight_bits, 1.7, 1.3),     # the window's weights, their adders
    "rows": (lambda c: c.lanes * c.weight_bits, 1.0, 3.5),          # rows on their way to the window
}
"""The parts of a core whose widths decide its size."""

TRUST = 0.05
"""How far off, as a share of it, a part mapped alone may be for the price of a core that is off by as much."""


def resources(config: CoreConfig) -> Resources:
    """The size of a core without what a board adds to it.

    LUTs and flip-flops are sums over `PARTS`; their factors are those that fit `MAPPED` best.
    Block RAMs are counted.
    """
    lut, ff = (int(_sizes(config) @ factors) for factors in _factors())
    return Resources(lut, ff, _block_rams(config), 0)


def _sizes(config):
    return np.array([size(config) for size, _, _ in PARTS.values()], dtype=float)


@lru_cache
def _factors():
    """Factors for LUTs and for flip-flops, by least squares of the relative errors of cores and of `PARTS`."""
    mapped = json.loads(MAPPED.read_text())
    sizes = np.array([_sizes(CoreConfig(**core["config"])) for core in mapped])
    found = []
    for name, alone in zip(("LUT", "FF"), zip(*[(lut, ff) for _, lut, ff in PARTS.values()])):
        measured = np.array([core[name] for core in mapped], dtype=float)
        matrix = np.vstack([sizes / measured[:, None], TRUST * np.diag(1 / np.array(alone))])
        found.append(np.linalg.lstsq(matrix, np.repeat([1, TRUST], [len(measured), len(alone)]), rcond=None)[0])
    return found


def _block_rams(c: CoreConfig) -> int:
    """Weight store, raster list, a word a unit and lane, and the readers' buffers."""
    column = ceil(64 * c.store_rows / BRAM_BITS)
    listed = ceil(LISTED_BITS * c.list_words / BRAM_BITS) if c.list_words >= LISTED_IN_BRAM else 0
    return c.row_words(c.weight_bits) * column + listed + c.fire_units + 2 * c.ports
