"""What yosys made: the cells of a netlist, what they take of a device, and whether the next tool knows them."""

import json
from collections import Counter
from pathlib import Path

from lifarray.golden.boards import FULL, Board

from .tools import BuildError

# Cells that nextpnr-xilinx (openXC7, from 0.9.6) packs on the 7-series, as read in its sources.
XC7_CELLS = {
    # pack.cc: pack_luts, pack_muxfs, pack_srls; INV becomes a LUT1. pack_carry_xc7.cc.
    *(f"LUT{n}" for n in range(1, 7)), "INV", "MUXF7", "MUXF8", "SRL16E", "SRLC32E", "CARRY4",
    # pack.cc: pack_ffs
    "FDRE", "FDSE", "FDCE", "FDPE",
    # pack_dram.cc; RAM64X1S since pull request 196, RAM128X1S and RAM256X1S since 144 and 142
    "RAM32M", "RAM64M", "RAM32X1D", "RAM64X1D", "RAM128X1D", "RAM64X1S", "RAM128X1S", "RAM256X1S",
    # pack.cc: pack_bram
    "RAMB18E1", "RAMB36E1",
    # pack_io_xc7.cc, pack_clocking_xc7.cc
    "IBUF", "OBUF", "OBUFT", "IOBUF", "BUFG", "PS7",
    # pack.cc: pack_constants
    "GND", "VCC",
}  # fmt: skip

NINTH_BITS = ("DIPADIP", "DIPBDIP", "DOPADOP", "DOPBDOP")
"""Pins of the parity bits of RAMB18E1 and RAMB36E1."""

# LUT6 sites that a cell of the 7-series takes (UG474, tables 2-3 and 2-7). Two small LUTs may share one: an upper bound.
_XC7_LUTS = {
    **{f"LUT{n}": 1 for n in range(1, 7)}, "INV": 1, "SRL16E": 1, "SRLC32E": 1, "RAM32M": 4, "RAM64M": 4,
    "RAM32X1D": 2, "RAM64X1D": 2, "RAM64X1S": 1, "RAM128X1S": 2, "RAM128X1D": 4, "RAM256X1S": 4,
}  # fmt: skip

# LUT4s of an ECP5: a carry cell is two, a distributed RAM four and the write port's two.
_ECP5_LUTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}


class Netlist:
    """The flat netlist in a JSON file of yosys.

    Parameters
    ----------
    path : path
    top : str
        Its module.

    Members
    -------
    cells : dict of name to yosys' description: "type", "parameters", "connections"
    counts : Counter of cell types
    """

    def __init__(self, path, top: str):
        self.cells = json.loads(Path(path).read_text())["modules"][top]["cells"]
        self.counts = Counter(cell["type"] for cell in self.cells.values())

    def resources(self, part: str) -> dict:
        """How many of each resource of `Board.capacity` the cells take.

        On an ECP5 place and route finds how many LUTs more carry chains and RAM take.
        """
        if part.startswith("xc7"):
            return {
                "LUT": sum(n * self.counts[cell] for cell, n in _XC7_LUTS.items()),
                "FF": sum(self.counts[cell] for cell in ("FDRE", "FDSE", "FDCE", "FDPE")),
                "block RAM": self.counts["RAMB36E1"] + self.counts["RAMB18E1"] / 2,
                "DSP": self.counts["DSP48E1"],
            }
        return {
            "LUT": sum(n * self.counts[cell] for cell, n in _ECP5_LUTS.items()),
            "FF": self.counts["TRELLIS_FF"],
            "block RAM": self.counts["DP16KD"],
            "DSP": self.counts["MULT18X18D"],
        }

    def check_xc7(self):
        """Raise BuildError unless openXC7 makes of this netlist what it says."""
        unknown = sorted(set(self.counts) - XC7_CELLS)
        if unknown:
            raise BuildError(f"the netlist holds cells that openXC7 must not get: {', '.join(f'{self.counts[cell]} {cell}' for cell in unknown)}")
        for name, cell in self.cells.items():
            if cell["type"] in ("RAMB18E1", "RAMB36E1"):
                self._check_ninth_bits(name, cell)

    def _check_ninth_bits(self, name, cell):
        """Under openXC7 they read 0 (nextpnr-xilinx issue 94): none may be written or read."""
        for pin in NINTH_BITS:
            bits = cell["connections"].get(pin, [])
            if pin.startswith("DO"):
                used = [bit for bit in bits if bit in self._read_bits]
            else:
                used = [bit for bit in bits if not isinstance(bit, str)]
            if used:
                raise BuildError(f"block RAM {name} uses its ninth bits (pin {pin}), which openXC7 loses")

    @property
    def _read_bits(self):
        """Nets that some cell's input takes."""
        if not hasattr(self, "_read"):
            self._read = {
                bit
                for cell in self.cells.values()
                for pin, bits in cell["connections"].items()
                if cell.get("port_directions", {}).get(pin) != "output"
                for bit in bits
                if not isinstance(bit, str)
            }
        return self._read


def check_budget(board: Board, resources: dict):
    """Raise BuildError if a design takes more of a board than it may."""
    for name, used in resources.items():
        share = board.budget.get(name, FULL)
        if used > share * board.capacity[name]:
            raise BuildError(
                f"{used:,.10g} of {board.capacity[name]:,} {name} of the {board.title} are over the budget of {100 * share:.0f} %: "
                "choose a configuration with fewer lanes, or less local memory"
            )
