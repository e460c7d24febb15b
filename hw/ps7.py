"""The processor of a Zynq-7000, as far as a core needs it: a clock, a reset, a manager port, two memory ports, an interrupt."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from .axi import Axi3Signature

GP_ID_BITS = 12
HP_ID_BITS = 6
HP_PORTS = (0, 2)
"""The HP ports that the stock PYNQ image boots with 64 bits; each pair of ports shares its way to the DDR controller."""

INTERRUPTS = 20
"""IRQF2P: 16 shared interrupts, then FIQ and IRQ of each core (UG585, section 7.2.3)."""


class ProcessingSystem(wiring.Component):
    """Instantiates the PS7, bare, and drives clock and reset of the domain "sync", which is the top level's, from its FCLK0.

    Inputs of the PS7 that are not named here stay open: nextpnr-xilinx and Vivado tie them off.

    Parameters
    ----------
    n_memory_ports : int
        How many of `HP_PORTS` are used.

    Members
    -------
    gp0 : Out(Axi3Signature(32, GP_ID_BITS)), the processor's accesses
    hp<n> : In(Axi3Signature(64, 1)), into DDR
    irq : In(1), level
    """

    def __init__(self, n_memory_ports):
        self._hp = HP_PORTS[:n_memory_ports]
        members = {f"hp{n}": In(Axi3Signature(64, 1)) for n in self._hp}
        super().__init__({"gp0": Out(Axi3Signature(32, GP_ID_BITS)), "irq": In(1), **members})

    def elaborate(self, platform):
        m = Module()
        fclk = Signal(4)
        reset_n = Signal(4)
        clock = Signal(attrs={"keep": 1})
        m.submodules.clock_buffer = Instance("BUFG", i_I=fclk[0], o_O=clock)
        m.d.comb += ClockSignal().eq(clock)
        m.submodules.reset = ResetSynchronizer(~reset_n[0], domain="sync")

        pins = {"o_FCLKCLK": fclk, "o_FCLKRESETN": reset_n, "i_IRQF2P": Cat(self.irq, Const(0, INTERRUPTS - 1))}
        pins.update(self._port(m, "MAXIGP0", self.gp0, ps_is_manager=True))
        for n in self._hp:
            pins.update(self._port(m, f"SAXIHP{n}", getattr(self, f"hp{n}"), ps_is_manager=False))
            pins.update({f"i_SAXIHP{n}RDISSUECAP1EN": Const(0), f"i_SAXIHP{n}WRISSUECAP1EN": Const(0)})
        m.submodules.ps7 = Instance("PS7", **pins)
        return m

    @staticmethod
    def _port(m, prefix, bus, ps_is_manager):
        """The pins of an AXI port, named as in AXI, without underscores (UG585, tables 5-7 and 5-8)."""
        pins = {f"i_{prefix}ACLK": ClockSignal()}
        for name, member in Axi3Signature(32, 1).members.items():
            width = len(getattr(bus, name))
            if name.endswith("id"):
                width = GP_ID_BITS if ps_is_manager else HP_ID_BITS
            elif name.endswith("size"):
                width = 2       # of AXI's 3 bits: no beat is wider than 8 bytes
            pin = Signal(width, name=f"{prefix}{name}".lower())
            if (member.flow == Out) == ps_is_manager:
                m.d.comb += getattr(bus, name).eq(pin)
                pins[f"o_{prefix}{name.upper()}"] = pin
            else:
                m.d.comb += pin.eq(getattr(bus, name))
                pins[f"i_{prefix}{name.upper()}"] = pin
        return pins
