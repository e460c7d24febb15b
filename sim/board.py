"""A simulated board: the RTL of the core and its memory, for a program to use as it would use a real one."""

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

import numpy as np

from lifarray.golden.config import CONFIGS, CoreConfig
from lifarray.golden.errors import ToolError, UserError

from . import runner
from .board_process import BUSY, SOCKET
from .board_top import FAULTS, BoardTop
from .testbench import CLOCK_NS
from .top import verilog

STORAGE = Path(__file__).with_name("board_memory.v")

CLOCK_HZ = 1_000_000_000 // CLOCK_NS

MEMORY_BYTES = 32 << 20
"""Size of the simulated memory: one build serves all networks that fit."""

START_SECONDS = 120
"""Longest wait for the simulator to start, on a loaded machine."""

ANSWER_SECONDS = 120
"""Longest wait for a sign of life from it, which it gives every few seconds at most."""


class SimulatedBoard:
    """The core on a simulator of its own; time passes for it only while it is asked for something.

    Parameters
    ----------
    config : CoreConfig
        By default ``CONFIGS["demo"]``.
    simulator : str
        "verilator" or "icarus"; by default the best at hand.

    Members
    -------
    config : CoreConfig
    clock_hz : int
    simulator : str
    memory_bytes : int
    accesses : int, register reads and writes so far
    cycles_slept : int, clock cycles that passed in `sleep`
    """

    clock_hz = CLOCK_HZ
    memory_bytes = MEMORY_BYTES

    def __init__(self, config: "CoreConfig | None" = None, simulator: "str | None" = None):
        self.config = config or CONFIGS["demo"]
        found = runner.find_simulator(simulator)
        self.simulator = str(found)
        self.accesses = 0
        self.cycles_slept = 0
        build_dir = runner.build(verilog(BoardTop(self.config, MEMORY_BYTES)), found, sources=[STORAGE], progress=True)
        self._temporary = tempfile.TemporaryDirectory(prefix="lifarray-")
        self.folder = Path(self._temporary.name)
        # A request is never left half done: Ctrl-C interrupts who waits for it, not this thread.
        self._pool = ThreadPoolExecutor(1)
        with Listener(str(self.folder / SOCKET), family="AF_UNIX") as listener:
            command = [sys.executable, "-m", "lifarray.sim.board_process", str(build_dir), found.name, str(self.folder)]
            with open(self.folder / "process.log", "wb") as log:
                # In a session of its own Ctrl-C does not reach it.
                self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            self._finalizer = weakref.finalize(self, _end, self._process, self._pool, self._temporary)
            self._host = self._accept(listener)
        assert self._host.recv() == "ready"

    def _accept(self, listener):
        waiting = self._pool.submit(listener.accept)
        for _ in range(START_SECONDS):
            try:
                return waiting.result(timeout=1)
            except NotYet:
                if self._process.poll() is not None:
                    break
        tail = self._log_tail()
        listener.close()
        raise ToolError(f"the simulated board did not start on {self.simulator}; its log ends with\n{tail}")

    def _log_tail(self):
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(self.folder.glob("*.log")))

    def _ask(self, *request):
        if not self._finalizer.alive:
            raise UserError("the simulated board was closed: make another one")
        return self._pool.submit(self._transact, request).result()

    def _transact(self, request):
        try:
            self._host.send(request)
            while True:
                if not self._host.poll(ANSWER_SECONDS):
                    _kill(self._process)
                    why = f"the simulator hung in {request[0]}: no sign of life for {ANSWER_SECONDS} s"
                    raise ToolError(f"{why}; its log ends with\n{self._log_tail()}")
                answer = self._host.recv()
                if answer != BUSY:
                    return answer[1]
        except (EOFError, OSError):
            raise ToolError(f"the simulator ended during {request[0]}; its log ends with\n{self._log_tail()}") from None

    def read(self, offset: int) -> int:
        """The register at a byte offset."""
        self.accesses += 1
        return self._ask("read", offset)

    def write(self, offset: int, value: int):
        """Write the register at a byte offset."""
        self.accesses += 1
        self._ask("write", offset, value)

    def store(self, address: int, data: bytes):
        """Put bytes into memory. What the first and last word hold beside them stays."""
        beat_bytes = self.config.bus_bits // 8
        first, end = address - address % beat_bytes, -(-(address + len(data)) // beat_bytes) * beat_bytes
        if (first, end) != (address, address + len(data)):
            whole = bytearray(self.fetch(first, end - first))
            whole[address - first : address - first + len(data)] = data
            data = bytes(whole)
        beats = np.frombuffer(data, dtype=f"<u{beat_bytes}")
        text = f"@{first // beat_bytes:x}\n" + beats.astype(f">u{beat_bytes}").tobytes().hex("\n", beat_bytes)
        (self.folder / "load.hex").write_text(text + "\n")
        self._ask("load")

    def fetch(self, address: int, n_bytes: int) -> bytes:
        """Bytes of memory."""
        beat_bytes = self.config.bus_bits // 8
        first, last = address // beat_bytes, (address + n_bytes - 1) // beat_bytes
        self._ask("dump", first, last)
        lines = (self.folder / "dump.hex").read_text().split("\n")
        digits = "".join(line for line in lines if line[:1] not in ("@", "/"))
        data = np.frombuffer(bytes.fromhex(digits), dtype=f">u{beat_bytes}").astype(f"<u{beat_bytes}").tobytes()
        return data[address - first * beat_bytes :][:n_bytes]

    def sleep(self, cycles: int):
        """Let clock cycles pass."""
        self.cycles_slept += cycles
        self._ask("sleep", cycles)

    def reset(self):
        """Reset the core and its port, as a download of the bitstream does; memory keeps its contents."""
        self._ask("reset")

    def set_faults(self, *names):
        """Make the memory port fail as `FAULTS` says; without names it works again."""
        unknown = set(names) - set(FAULTS)
        if unknown:
            raise UserError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
        self._ask("faults", names)

    def close(self):
        """End the simulator."""
        if self._finalizer.alive:
            self._host.close()
            self._finalizer()


def _end(process, pool, temporary):
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        _kill(process)
    pool.shutdown(wait=False)
    temporary.cleanup()


def _kill(process):
    """The process that runs the simulator, and the simulator: they are a process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
