"""What the benches have in common that a program commands through a socket (`lifarray.sim.simulator_process`)."""

import os
import signal
from multiprocessing.connection import Client

from cocotb.triggers import Timer

from .board_process import BUSY, DONE
from .testbench import CLOCK_NS

SLEEP_CYCLES = 10_000
"""Longest sleep without a sign of life."""


async def serve(bench):
    """Call ``bench.do_<name>(*arguments)`` for each request, until the program hangs up."""
    # Ctrl-C is for the program that uses the board.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Client(os.environ["LIFARRAY_BOARD"], family="AF_UNIX") as host:
        bench.host = host
        host.send("ready")
        while True:
            try:
                name, *arguments = host.recv()
            except EOFError:
                return
            host.send((DONE, await getattr(bench, f"do_{name}")(*arguments)))


async def sleep(bench, cycles):
    """Let clock cycles pass, and say now and then that they do."""
    for first in range(0, cycles, SLEEP_CYCLES):
        await Timer(min(SLEEP_CYCLES, cycles - first) * CLOCK_NS, "ns")
        bench.host.send(BUSY)
