"""What a proof is written with: the DUT, free inputs, assumptions, checks and covers."""

from amaranth.hdl import Assume, ClockDomain, Const, Fragment, Module, Mux, Signal, Value
from amaranth.lib import data, wiring


class Bench:
    """Collects the statements of a proof around a DUT.

    There is no reset: a trace begins with all registers at their initial values, as after
    configuration or reset.

    Members
    -------
    m : Module, for statements of the proof's own
    first : Signal(1), high in the first cycle of a trace
    checks, covers : {name: Signal(1)}
    inputs : list of Signal, what the solver chooses anew in each cycle
    """

    def __init__(self):
        self.m = Module()
        self.m.domains.sync = ClockDomain(reset_less=True)
        self.first = Signal(init=1)
        self.m.d.sync += self.first.eq(0)
        self.checks, self.covers, self.inputs = {}, {}, []
        self._internals = {}

    def free(self, shape, name):
        """A signal that may take any value in every cycle."""
        signal = Signal(shape, name=name)
        self.inputs.append(Value.cast(signal))
        return signal

    def constant(self, shape, name):
        """A signal that may take any value, but only one in a trace."""
        chosen = self.free(shape, f"{name}_chosen")
        held = Signal(shape, name=f"{name}_held")
        value = Signal(shape, name=name)
        self.m.d.comb += Value.cast(value).eq(Mux(self.first, Value.cast(chosen), Value.cast(held)))
        self.m.d.sync += Value.cast(held).eq(Value.cast(value))
        return value

    def before(self, value, name):
        """``value`` one cycle ago; 0 in the first cycle."""
        value = Value.cast(value)
        signal = Signal(value.shape(), name=f"{name}_before")
        self.m.d.sync += signal.eq(value)
        return signal

    def add(self, dut, name="dut"):
        """Add a component; its inputs are left for `drive`. `internal` finds its signals."""
        fragment = Fragment.get(dut, None)
        self.m.submodules[name] = fragment
        self._internals[name] = _signals(fragment)
        return dut

    def internal(self, path, name="dut"):
        """A signal inside a component: ``"left"``, or ``"stream0.left"`` in a submodule.

        Proofs by induction need them: what holds at the ports follows from what holds inside.
        """
        found = self._internals[name].get(path, [])
        if len(found) != 1:
            raise LookupError(f"{len(found)} signals are called {path!r} in {name!r}")
        return found[0]

    def drive(self, interface, prefix, leave=()):
        """Let the solver choose all inputs of a component, but those whose paths are in ``leave``."""
        for path, member, port in interface.signature.flatten(interface):
            name = "__".join(map(str, path))
            if member.flow == wiring.In and name not in leave:
                self.m.d.comb += Value.cast(port).eq(self.free(len(Value.cast(port)), f"{prefix}{name}"))

    def assume(self, condition):
        """Look only at traces in which ``condition`` holds in every cycle."""
        self.m.d.comb += Assume(condition)

    def check(self, name, condition):
        """Claim that ``condition`` holds in every cycle of every trace."""
        self.checks[name] = self._named(f"check_{name}", condition)

    def cover(self, name, condition):
        """Claim that some trace reaches ``condition``, so that the checks are not vacuous."""
        self.covers[name] = self._named(f"cover_{name}", condition)

    def _named(self, name, condition):
        signal = Signal(name=name)
        self.m.d.comb += signal.eq(Value.cast(condition).any())
        return signal


def implies(premise, conclusion):
    """``conclusion`` holds wherever ``premise`` does."""
    return ~Value.cast(premise).any() | Value.cast(conclusion).any()


def _signals(fragment, prefix=""):
    """{path: [Signal]} of what is driven in a fragment and its submodules."""
    found = {}
    for statements in fragment.statements.values():
        for signal in statements._lhs_signals():
            entry = found.setdefault(prefix + signal.name, [])
            if not any(signal is other for other in entry):
                entry.append(signal)
    for subfragment, name, _ in fragment.subfragments:
        if isinstance(subfragment, Fragment):
            for path, signals in _signals(subfragment, f"{prefix}{name}.").items():
                found.setdefault(path, []).extend(signals)
    return found
