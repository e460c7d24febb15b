"""How large a core is, estimated."""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Board:
    """An FPGA on a board: what it has."""

    name: str
    lut: int
    ff: int
    bram: float
    dsp: int

    def fits(self, size: Resources, lut_share: float = 1.0) -> bool:
        """Whether a core fits, its LUTs into a share of the board's."""
        return size.lut <= lut_share * self.lut and size.ff <= self.ff and size.bram <= self.bram and size.dsp <= self.dsp


BOARDS = {name: Board(name, 53_200, 106_400, 140, 220) for name in ("pynq-z2", "pynq-z1")}
"""Both carry a Zynq XC7Z020."""
