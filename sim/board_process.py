"""``python -m lifarray.sim.board_process BUILD_DIR SIMULATOR FOLDER BENCH``: the simulator of a board, in a process of its own."""

import sys
from pathlib import Path

from . import runner

SOCKET = "socket"

BUSY, DONE = "busy", "done"
"""What the simulator sends: that it is still at it, any number of times, and (DONE, result)."""


def main(build_dir, simulator, folder, bench):
    folder = Path(folder)
    runner.run(
        Path(build_dir),
        runner.find_simulator(simulator),
        bench,
        folder,
        env={"LIFARRAY_BOARD": str(folder / SOCKET)},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
