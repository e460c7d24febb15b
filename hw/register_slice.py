"""Registers between two ends of a bus, in both directions, at full rate."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

CHANNELS = ("aw", "w", "b", "ar", "r")


def channel_of(name: str) -> str:
    """The AXI channel that a member belongs to: its name begins with it."""
    return next(channel for channel in ("aw", "ar", "w", "b", "r") if name.startswith(channel))


class RegisterSlice(wiring.Component):
    """An AXI bus cut by registers: no path leads through, whatever the timing analysis sees of its ends.

    Each channel holds up to two transfers: the one that is offered, and one that came while that waited.

    Parameters
    ----------
    signature : wiring.Signature
        `Axi3Signature` or `Axi4LiteSignature`.

    Members
    -------
    manager : In(signature), to the manager
    subordinate : Out(signature), to the subordinate
    """

    def __init__(self, signature):
        super().__init__({"manager": In(signature), "subordinate": Out(signature)})

    def elaborate(self, platform):
        m = Module()
        for channel in CHANNELS:
            names = [name for name in self.subordinate.signature.members if channel_of(name) == channel]
            payload = [name for name in names if name not in (f"{channel}valid", f"{channel}ready")]
            forward = self.subordinate.signature.members[f"{channel}valid"].flow == Out
            source, sink = (self.manager, self.subordinate) if forward else (self.subordinate, self.manager)
            offered = Cat(getattr(source, name) for name in payload)
            valid, ready = getattr(source, f"{channel}valid"), getattr(source, f"{channel}ready")
            out_valid, out_ready = getattr(sink, f"{channel}valid"), getattr(sink, f"{channel}ready")
            held = Signal(len(offered), name=f"{channel}_held")
            spare = Signal(len(offered), name=f"{channel}_spare")
            full = Signal(name=f"{channel}_full")
            m.d.comb += [ready.eq(~full), Cat(getattr(sink, name) for name in payload).eq(held)]
            with m.If(~out_valid | out_ready):
                m.d.sync += [held.eq(Mux(full, spare, offered)), out_valid.eq(valid | full), full.eq(0)]
            with m.Elif(valid & ~full):
                m.d.sync += full.eq(1)
            with m.If(~full):
                m.d.sync += spare.eq(offered)
        return m
