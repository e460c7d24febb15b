"""Boards as Amaranth platforms, and the top levels that fit them.

An Amaranth user builds one with ``make_platform("pynq-z2", clock_hz).build(make_top("pynq-z2", config))``.
"""

from lifarray.golden.boards import BOARDS
from lifarray.golden.config import CoreConfig

from .pynq import PynqZ1Platform, PynqZ2Platform
from .ulx3s import Ulx3sPlatform, Ulx3sTop
from .zynq import ZynqTop

PLATFORMS = {
    "pynq-z1": (PynqZ1Platform, ZynqTop),
    "pynq-z2": (PynqZ2Platform, ZynqTop),
    "ulx3s-85f": (Ulx3sPlatform, Ulx3sTop),
}
"""The platform of each of `BOARDS`, and what is built on it."""


def make_platform(board: str, clock_hz: "int | None" = None, **options):
    """The platform of a board of `BOARDS`.

    Parameters
    ----------
    board : str
    clock_hz : int
        By default the board's.
    **options
        For the platform, as ``toolchain="Vivado"`` on the PYNQ boards.
    """
    return PLATFORMS[board][0](clock_hz or BOARDS[board].clock_hz, **options)


def make_top(board: str, config: CoreConfig):
    """The top level of a board, with a core of ``config``; its memory is what ``local_pages`` says."""
    return PLATFORMS[board][1](config)
