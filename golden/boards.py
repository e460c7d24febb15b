"""The boards that a core is built for: what host and hardware must agree on."""

from dataclasses import dataclass, field

MEMORIES = ("ddr", "local")
"""Where networks lie: in the board's DDR, behind HP ports, or in block RAM."""


@dataclass(frozen=True)
class Board:
    """A board and its FPGA.

    Parameters
    ----------
    title : str
    part : str
    clock_hz : int
        Of the core, unless told otherwise.
    memories : tuple of str
        Of `MEMORIES`, the usual one first.
    local_pages : int
        Pages of 4 KB of local memory, unless told otherwise.
    page_rams : int
        Block RAMs, as ``capacity`` counts them, that a page takes, or a RAMB36 without its ninth bits.
    lut_ratio : float
        LUTs of the device in the place of one LUT6, by which `resources.resources` counts.
    config : str
        Name of the configuration, unless told otherwise.
    capacity : dict of str to float
        What the device has: "LUT", "FF", "block RAM", "DSP".
    budget : dict of str to float
        Largest share of each that a design may take; the rest of them `FULL`.
    """

    title: str
    part: str
    clock_hz: int
    memories: tuple
    local_pages: int
    page_rams: int
    config: str
    capacity: dict
    budget: dict = field(default_factory=dict)
    lut_ratio: float = 1.0


FULL = 0.85
"""Beyond this share of any resource, place and route takes ever longer and fails."""

# XC7Z020: DS190, table 1; block RAM counted as RAMB36.
_XC7Z020 = {"LUT": 53_200, "FF": 106_400, "block RAM": 140, "DSP": 220}

# LFE5U-85F: FPGA-DS-02012, table 1.1; block RAM counted as DP16KD, DSP as MULT18X18D.
_LFE5U_85F = {"LUT": 83_640, "FF": 83_640, "block RAM": 208, "DSP": 156}

_PYNQ = {
    "part": "xc7z020clg400-1",
    "clock_hz": 100_000_000,
    "memories": ("ddr", "local"),
    # The network "demo" and two passes of its rasters; the core itself needs block RAM too.
    "local_pages": 104,
    "page_rams": 1,
    "config": "small",
    "capacity": _XC7Z020,
    # openXC7 may ignore an operand of theirs (nextpnr-xilinx issue 159).
    "budget": {"DSP": 0.0},
}

BOARDS = {
    "pynq-z2": Board("PYNQ-Z2", **_PYNQ),
    "pynq-z1": Board("PYNQ-Z1", **_PYNQ),
    "ulx3s-85f": Board(
        "ULX3S with an LFE5U-85F",
        "LFE5U-85F-6BG381C",
        80_000_000,
        memories=("local",),
        local_pages=64,
        page_rams=2,
        config="small",
        capacity=_LFE5U_85F,
        # Rough: with serial line and local memory "small" takes 2.0 times its LUT6, its like of 192 lanes 3.3 times.
        lut_ratio=2.2,
    ),
}
"""The boards, by the names that commands take."""
