"""Registers between two ends of a bus, in both directions, at full rate."""

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .stream_register import StreamRegister

CHANNELS = ("aw", "w", "b", "ar", "r")


def channel_of(name: str) -> str:
    """The AXI channel that a member belongs to: its name begins with it."""
    return next(channel for channel in ("aw", "ar", "w", "b", "r") if name.startswith(channel))


class RegisterSlice(wiring.Component):
    """An AXI bus cut by registers: no path leads through, whatever the timing analysis sees of its ends.

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
            m.submodules[channel] = register = StreamRegister(len(offered))
            m.d.comb += [
                register.source.payload.eq(offered),
                register.source.valid.eq(getattr(source, f"{channel}valid")),
                getattr(source, f"{channel}ready").eq(register.source.ready),
                Cat(getattr(sink, name) for name in payload).eq(register.sink.payload),
                getattr(sink, f"{channel}valid").eq(register.sink.valid),
                register.sink.ready.eq(getattr(sink, f"{channel}ready")),
            ]
        return m
