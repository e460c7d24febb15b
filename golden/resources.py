"""How large a core is on an FPGA of the 7 series: formulas fitted to what yosys makes of some cores."""

import json
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path

import numpy as np

from .boards import Board
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
        """Share of each resource of a board."""
        taken = {"LUT": self.lut, "FF": self.ff, "block RAM": self.bram, "DSP": self.dsp}
        return {name: n / board.capacity[name] for name, n in taken.items()}

    def fits(self, board: Board, lut_share: float = 1.0) -> bool:
        """Whether the core fits, its LUTs into a share of the board's, and nothing beyond the board's budget."""
        shares = self.shares(board)
        return shares["LUT"] <= lut_share and all(shares[name] <= board.budget.get(name, 1.0) for name in shares)


def resources(config: CoreConfig) -> Resources:
    """The size of a core without what a board adds to it.

    LUTs and flip-flops are sums of what each part takes, in proportion to its widths; the factors
    are those that fit `MAPPED` best. Block RAMs are counted.
    """
    lut, ff = (int(_features(config) @ factors) for factors in _factors())
    return Resources(lut, ff, _block_rams(config), 0)


def _features(c: CoreConfig):
    """What LUTs and flip-flops are proportional to."""
    return np.array(
        [
            1.0,                                # registers, sequencer, scanner, writer
            c.ports,                            # readers
            c.window_rows * SLOTS,              # the window's bits
            c.fire_units * c.vmem_bits,         # LIF steps, their multipliers
            c.fire_units * SLOTS,              # raster words of the units
            c.lanes * c.current_bits,           # slot currents, their adders, captured currents
            c.lanes * c.ways * c.weight_bits,   # the window's weights, their adders
            c.lanes * c.weight_bits,            # rows on their way
        ]
    )


@lru_cache
def _factors():
    """Factors of the features for LUTs and for flip-flops, none negative, by least relative squares."""
    mapped = json.loads(MAPPED.read_text())
    features = np.array([_features(CoreConfig(**core["config"])) for core in mapped])
    return [_fit(features, np.array([core[name] for core in mapped], dtype=float)) for name in ("LUT", "FF")]


def _fit(features, measured):
    """Factors x >= 0 that minimise the relative error of ``features @ x``, by the active-set method."""
    scaled = features / measured[:, None]
    active = list(range(features.shape[1]))
    while True:
        x = np.zeros(features.shape[1])
        x[active] = np.linalg.lstsq(scaled[:, active], np.ones(len(measured)), rcond=None)[0]
        if (x[active] >= 0).all():
            return x
        active.remove(active[int(np.argmin(x[active] * np.abs(scaled[:, active]).mean(axis=0)))])


def _block_rams(c: CoreConfig) -> int:
    """Weight store, raster list, a word a unit and lane, and the readers' buffers."""
    column = ceil(64 * c.store_rows / BRAM_BITS)
    listed = ceil(LISTED_BITS * c.list_words / BRAM_BITS) if c.list_words >= LISTED_IN_BRAM else 0
    return c.row_words(c.weight_bits) * column + listed + c.fire_units + 2 * c.ports
