"""A simulator in a process of its own, which does what it is asked for through a socket."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from multiprocessing.connection import Listener
from pathlib import Path

from lifarray.golden.errors import ToolError, UserError

from .board_process import BUSY, SOCKET
from .runner import Simulator

START_SECONDS = 120
"""Longest wait for the simulator to start, on a loaded machine."""

ANSWER_SECONDS = 120
"""Longest wait for a sign of life from it, which it gives every few seconds at most."""


class SimulatorProcess:
    """Runs a cocotb bench that serves requests (`lifarray.sim.served_bench`); time passes only while one is served.

    Parameters
    ----------
    build_dir : Path
        Of `lifarray.sim.runner.build`.
    simulator : Simulator
    bench : str
        Module of the bench.
    env : dict
        Environment variables for it.

    Members
    -------
    folder : Path, its working folder
    """

    def __init__(self, build_dir: Path, simulator: Simulator, bench: str, env: "dict | None" = None):
        self._name = str(simulator)
        self._temporary = tempfile.TemporaryDirectory(prefix="lifarray-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        # A request is never left half done: Ctrl-C interrupts who waits for it, not this thread.
        self._pool = ThreadPoolExecutor(1)
        with Listener(str(self.folder / SOCKET), family="AF_UNIX") as listener:
            command = [sys.executable, "-m", "lifarray.sim.board_process", str(build_dir), simulator.name, str(self.folder), bench]
            with open(self.folder / "process.log", "wb") as log:
                # In a session of its own Ctrl-C does not reach it.
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **(env or {})}
                )
            self._finalizer = weakref.finalize(self, _end, self.process, self._pool, self._temporary)
            self._host = self._accept(listener)
        assert self._host.recv() == "ready"

    def _accept(self, listener):
        waiting = self._pool.submit(listener.accept)
        for _ in range(START_SECONDS):
            try:
                return waiting.result(timeout=1)
            except NotYet:
                if self.process.poll() is not None:
                    break
        tail = self._log_tail()
        listener.close()
        raise ToolError(f"the simulated board did not start on {self._name}; its log ends with\n{tail}")

    def _log_tail(self):
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(self.folder.glob("*.log")))

    def ask(self, *request):
        """Have a request served: the bench's method ``do_<name>``, its arguments."""
        if not self._finalizer.alive:
            raise UserError("the simulated board was closed: make another one")
        return self._pool.submit(self._transact, request).result()

    def _transact(self, request):
        try:
            self._host.send(request)
            while True:
                if not self._host.poll(ANSWER_SECONDS):
                    _kill(self.process)
                    why = f"the simulator hung in {request[0]}: no sign of life for {ANSWER_SECONDS} s"
                    raise ToolError(f"{why}; its log ends with\n{self._log_tail()}")
                answer = self._host.recv()
                if answer != BUSY:
                    return answer[1]
        except (EOFError, OSError):
            raise ToolError(f"the simulator ended during {request[0]}; its log ends with\n{self._log_tail()}") from None

    def close(self):
        """End the simulator."""
        if self._finalizer.alive:
            self._host.close()
            self._finalizer()


def _end(process, pool, temporary):
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    # Even if it ended: somebody may have killed it and left the simulator.
    _kill(process)
    pool.shutdown(wait=False)
    temporary.cleanup()


def _kill(process):
    """The process that runs the simulator, and the simulator: they are a process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
