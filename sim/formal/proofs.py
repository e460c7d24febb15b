"""The list of proofs that ``lifarray prove`` runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lifarray.golden.errors import UserError

from . import array, fifo, fire, lif, ram, reader, registers, sequencer, stream, window, writer
from .engine import Engine, Outcome


@dataclass(frozen=True)
class Proof:
    """One call of `Engine.prove`, and what to say about it.

    Parameters
    ----------
    name : str
    what : str
    parameters : str
        What is smaller than in a real core.
    build, method, cycles, cover_cycles : see `Engine.prove`
    quick : bool
        Takes a few seconds; the test suite runs it.
    """

    name: str
    what: str
    parameters: str
    build: Callable
    method: str = "induction"
    cycles: int = 1
    cover_cycles: int = 40
    quick: bool = True

    @property
    def group(self) -> str:
        return self.name.partition("-")[0]

    @property
    def described_method(self) -> str:
        if self.method == "induction":
            return f"induction, k = {self.cycles}"
        return {"pdr": "reachability", "bounded": f"bounded, {self.cycles} cycles"}[self.method]

    def run(self, folder: Path, timeout_s: float = 600.0) -> Outcome:
        """Prove it with files in ``folder``."""
        return Engine(folder, timeout_s).prove(self.name, self.build, self.method, self.cycles, self.cover_cycles)


PROOFS = (
    Proof("registers-protocol", "AXI4-Lite: answers stand, one a request, in 4 cycles", "none", registers.protocol, "pdr"),
    Proof("registers-contents", "registers read as written; constants, gaps, commands", "one access at a time", registers.contents, cycles=2),
    Proof("reader-bus64", "AXI3 read: protocol, pages, windows, no overflow", "64-bit bus, FIFOs 32", reader.bus64, cover_cycles=50),
    Proof("reader-bus32", "the same", "32-bit bus, FIFOs 32", reader.bus32, cover_cycles=90, quick=False),
    Proof("reader-addresses", "bursts cover each requested word once, at its address", "64-bit bus, FIFO 32", reader.addresses, quick=False),
    Proof("reader-data", "each word of memory comes out once, in order", "one marked beat, FIFO 4", reader.data, "pdr"),
    Proof("writer-bus64", "AXI3 write: protocol, WLAST, pages, windows, words", "64-bit bus", writer.bus64, cover_cycles=70, quick=False),
    Proof("writer-bus32", "the same", "32-bit bus", writer.bus32, cover_cycles=90, quick=False),
    Proof("fifo-sync", "SyncFIFO loses, doubles, reorders nothing", "depth 4", fifo.sync, "pdr"),
    Proof("fifo-buffered", "SyncFIFOBuffered likewise", "depth 4", fifo.buffered, "pdr"),
    Proof("ram-fifo", "RamFifo likewise; stands until taken; full rate", "depth 4", ram.fifo, "pdr"),
    Proof("stream-register", "StreamRegister likewise; stands until taken; full rate", "1 bit", stream.register, "pdr"),
    Proof("lif-narrow", "LIF step = its equations, all inputs, all modes", "current 4, vmem 4 bits", lif.narrow_step, cycles=6, cover_cycles=11),
    Proof("lif-step", "the same", "current 9, vmem 6 bits", lif.step, cycles=6, cover_cycles=11, quick=False),
    Proof("window-one-way", "each spike is added once, before its slot's capture", "4 rows, 4 slots", window.one_way),
    Proof("window-two-ways", "the same", "4 rows, 4 slots", window.two_ways),
    Proof("window-four-ways", "the same", "8 rows, 8 slots", window.four_ways, quick=False),
    Proof("window-captures", "a segment's slots are captured once, in order", "4 rows, 4 slots, 1 way", window.captures),
    Proof("window-release", "a capture comes 5 cycles after its release or later", "4 rows, 4 slots, 1 way", window.release, "pdr"),
    Proof("array-two-ways", "what is captured is the sum of what was picked", "1 lane, 2 slots, 4 bits", array.two_ways, "bounded", 9),
    Proof("array-three-ways", "the same", "1 lane, 2 slots, 4 bits", array.three_ways, "bounded", 12, quick=False),
    Proof("fire-release", "currents stand until walked; each capture walked once", "10 lanes, 1 unit, 1 way", fire.release, "pdr"),
    Proof("fire-state", "a state is read once the step before was written", "the same", fire.state, "pdr", quick=False),
    Proof("sequencer-errors", "first error kept; then nothing more; halts in 5 cycles", "vmem 4 bits", sequencer.errors, cycles=2, cover_cycles=60),
    Proof("sequencer-progress", "a run ends within 14 cycles a layer + 4, waiting apart", "vmem 4 bits", sequencer.progress, cover_cycles=60),
    Proof("sequencer-descriptors", "no layer starts with a field out of range", "vmem 4 bits", sequencer.descriptors, cycles=3),
)


def select(names) -> list:
    """The proofs or groups that ``names`` name, all if there are none; UserError for an unknown one."""
    known = {proof.name for proof in PROOFS} | {proof.group for proof in PROOFS}
    for name in names:
        if name not in known:
            raise UserError(f"no proof is called {name!r}: lifarray prove --list lists them")
    return [proof for proof in PROOFS if not names or proof.name in names or proof.group in names]
