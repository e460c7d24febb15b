"""What a proof is written with: the DUT, free inputs, assumptions, checks and covers."""

from amaranth.hdl import Cat, ClockDomain, Fragment, Module, Mux, Signal, Value
from amaranth.lib import wiring

from lifarray.golden.errors import UserError


class Bench:
    """Collects the statements of a proof around a DUT.

    There is no reset: a trace begins with all registers at their initial values, as after reset.

    Members
    -------
    m : Module, for the proof's own logic
    first : Signal(1), high in the first cycle of a trace
    """

    def __init__(self):
        self.m = Module()
        self.m.domains.sync = domain = ClockDomain(reset_less=True)
        self._clock = domain.clk
        self.first = Signal(init=1)
        self.m.d.sync += self.first.eq(0)
        self._inputs, self._assumptions, self._checks, self._covers = [], [], {}, {}
        self._internals = {}

    def free(self, shape, name):
        """A signal that may take any value in every cycle."""
        signal = Signal(shape, name=name)
        self._inputs.append(Value.cast(signal))
        return signal

    def constant(self, shape, name):
        """A signal that may take any value, but only one in a trace."""
        chosen = self.free(shape, f"{name}_chosen")
        held = Signal(shape, name=f"{name}_held")
        signal = Signal(shape, name=name)
        self.m.d.comb += Value.cast(signal).eq(Mux(self.first, Value.cast(chosen), Value.cast(held)))
        self.m.d.sync += Value.cast(held).eq(Value.cast(signal))
        return signal

    def before(self, value, name):
        """``value`` one cycle ago; 0 in the first cycle."""
        value = Value.cast(value)
        signal = Signal(value.shape(), name=f"{name}_before")
        self.m.d.sync += signal.eq(value)
        return signal

    def add(self, dut, name="dut", leave=()):
        """Add a component. All inputs in its signature are free, but those whose names are in ``leave``."""
        fragment = Fragment.get(dut, None)
        self.m.submodules[name] = fragment
        self._internals[name] = _signals(fragment)
        signature = getattr(dut, "signature", wiring.Signature({}))
        for path, member, port in signature.flatten(dut):
            port_name = "__".join(map(str, path))
            if member.flow == wiring.In and port_name not in leave:
                port = Value.cast(port)
                self.m.d.comb += port.eq(self.free(port.shape(), port_name))
        return dut

    def internal(self, path, name="dut"):
        """A signal inside a component: ``"left"``, or ``"stream0.left"`` inside its part.

        Checks on them strengthen a proof: what holds at the ports follows from what holds inside.
        Raises UserError unless there is one.
        """
        found = self._internals[name].get(path, [])
        if len(found) != 1:
            raise UserError(f"a proof looks at the signal {path!r}, and {len(found)} of the component are called so: it must follow the change")
        return found[0]

    def assume(self, condition):
        """Look only at traces in which ``condition`` holds, up to the cycle that is looked at."""
        self._assumptions.append(Value.cast(condition).any())

    def check(self, name, condition):
        """Claim that ``condition`` holds in every cycle of every trace."""
        assert name not in self._checks
        self._checks[name] = Value.cast(condition).any()

    def cover(self, name, condition):
        """Claim that some trace reaches ``condition``, so that the checks are not vacuous."""
        assert name not in self._covers
        self._covers[name] = Value.cast(condition).any()

    def finish(self, which):
        """Close the proof.

        Parameters
        ----------
        which : "fails" or "reaches"

        Returns
        -------
        (module, inputs, {name: Signal(1)})
            The signals say: the check fails, or the cover is reached, and no assumption was broken so far.
        """
        m = self.m
        held = Signal(init=1, name="assumptions_held")
        hold = Signal(name="assumptions_hold")
        m.d.comb += hold.eq(held & Cat(self._assumptions).all())
        m.d.sync += held.eq(hold)
        signals = {}
        claims, wanted = (self._checks, 0) if which == "fails" else (self._covers, 1)
        for name, condition in claims.items():
            signals[name] = signal = Signal(name=f"{which}_{name}")
            m.d.comb += signal.eq(hold & (condition == wanted))
        return m, [self._clock, *self._inputs], signals


def implies(premise, conclusion):
    """``conclusion`` holds wherever ``premise`` does."""
    return ~Value.cast(premise).any() | Value.cast(conclusion).any()


def _signals(fragment, prefix=""):
    """{path: [Signal]}: what is driven in a fragment and in its parts."""
    found = {}
    for statements in fragment.statements.values():
        for signal in statements._lhs_signals():
            entry = found.setdefault(prefix + signal.name, [])
            if not any(signal is other for other in entry):
                entry.append(signal)
    for part, name, _ in fragment.subfragments:
        for path, signals in _signals(part, f"{prefix}{name}.").items():
            found.setdefault(path, []).extend(signals)
    return found
