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
