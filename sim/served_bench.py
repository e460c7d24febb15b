"""What the benches have in common that a program commands through a socket (`lifarray.sim.simulator_process`)."""

import os
import signal
from multiprocessing.connection import Client

import cocotb
from cocotb.triggers import Timer

from .board_process import BUSY, DONE
from .testbench import CLOCK_NS

ALIVE_CYCLES = 10_000
"""Cycles between two signs of life."""


async def serve(bench):
    """Call ``bench.do_<name>(*arguments)`` for each request, until the program hangs up."""
    # Ctrl-C is for the program that uses the board.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Client(os.environ["LIFARRAY_BOARD"], family="AF_UNIX") as host:
        host.send("ready")
        cocotb.start_soon(_show_life(host))
        while True:
            try:
                name, *arguments = host.recv()
            except EOFError:
                return
            host.send((DONE, await getattr(bench, f"do_{name}")(*arguments)))


async def _show_life(host):
    """Time passes only while a request is served, so this is sent only then."""
    while True:
        await Timer(ALIVE_CYCLES * CLOCK_NS, "ns")
        host.send(BUSY)
