"""How large a core is on an FPGA of the 7 series: formulas fitted to what yosys makes of some cores."""

import json
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path

import numpy as np

from .boards import Board
from .config import CoreConfig

MAPPED = Path(__file__).with_name("mapped.json")
"""What `lifarray.hw.mapping` measured: a list of {"config": changes of `CoreConfig`, "LUT", "FF", "block RAM", "DSP"}."""

BRAM_BITS = 1 << 15
"""Of one RAMB36, without the ninth bits."""


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
