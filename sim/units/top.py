"""Parts side by side, as one design to simulate."""

from amaranth.hdl import Module, Shape, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out


def ports_of(part):
    """(name, flow, port) of each port of a component, but those of no bits.

    ``load__valid`` is the name of ``load.valid``.
    """
    for path, member, port in part.signature.flatten(part):
        if Shape.cast(member.shape).width:
            yield "__".join(map(str, path)), member.flow, Value.cast(port)


class SideBySide(wiring.Component):
    """Parts whose ports are ports of the whole: ``ways2_load__valid`` of the part ``ways2``.

    Parameters
    ----------
    parts : dict
        Name to component.
    """

    def __init__(self, parts: dict):
        self._parts = parts
        super().__init__({f"{name}_{port}": flow(len(value)) for name, part in parts.items() for port, flow, value in ports_of(part)})

    def elaborate(self, platform):
        m = Module()
        for name, part in self._parts.items():
            m.submodules[name] = part
            for port, flow, inner in ports_of(part):
                outer = getattr(self, f"{name}_{port}")
                m.d.comb += outer.eq(inner) if flow is Out else inner.eq(outer)
        return m
