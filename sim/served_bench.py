"""What the benches have in common that a program commands through a socket (`lifarray.sim.simulator_process`)."""

import os
import signal
from multiprocessing.connection import Client


async def serve(bench):
    """Call ``bench.do_<name>(*arguments)`` for each request, until the program hangs up."""
    # Ctrl-C is for the program that uses the board.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Client(os.environ["LIFARRAY_BOARD"], family="AF_UNIX") as host:
        host.send("ready")
        while True:
            try:
                name, *arguments = host.recv()
            except EOFError:
                return
            host.send(await getattr(bench, f"do_{name}")(*arguments))
