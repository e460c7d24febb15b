"""A core with local memory at the end of a serial line."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig

from .local_core import LocalCore
from .serial_bridge import SerialBridge


class SerialCore(wiring.Component):
    """`LocalCore` behind a `SerialBridge`, which can reset it.

    Parameters
    ----------
    config : CoreConfig
        With ``local_pages`` above 0.
    cycles_per_bit : int

    Members
    -------
    rx : In(1), tx : Out(1), the line
    irq : Out(1)
    """

    def __init__(self, config: CoreConfig, cycles_per_bit: int):
        self._config = config
        self._cycles_per_bit = cycles_per_bit
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "irq": Out(1)})

    def elaborate(self, platform):
        m = Module()
        core = LocalCore(self._config)
        m.submodules.bridge = bridge = SerialBridge(self._cycles_per_bit, len(core.s_axil.awaddr))
        # A cycle longer: the data path begins and ends its own a cycle late, and the memory must outlast it.
        before = Signal()
        reset = Signal()
        m.d.sync += [before.eq(bridge.reset), reset.eq(bridge.reset | before)]
        m.submodules.core = ResetInserter(reset)(core)
        wiring.connect(m, bridge.lite, core.s_axil)
        m.d.comb += [bridge.rx.eq(self.rx), self.tx.eq(bridge.tx), self.irq.eq(core.irq)]
        return m
