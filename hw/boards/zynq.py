"""The core beside the processor of a Zynq-7000."""

from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import io, wiring

from lifarray.golden.config import CoreConfig

from ..axi3_bridge import Axi3Bridge
from ..core import LifCore
from ..local_core import LocalCore
from ..ps7 import GP_ID_BITS, HP_PORTS, ProcessingSystem
from ..register_slice import RegisterSlice

HEARTBEAT_BITS = 27
"""LED 0 blinks about once a second: the clock runs, whatever else does not."""


class ZynqTop(wiring.Component):
    """GP0 to the registers, the memory ports to HP0 and HP2, or to local memory; the interrupt; two LEDs.

    Every port of the PS7 ends in registers, since nextpnr-xilinx knows nothing of its timing.

    Parameters
    ----------
    config : CoreConfig
        With ``local_pages`` above 0, the core's memory is block RAM behind GP0 and no HP port is used.
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        if self._config.local_pages:
            m.submodules.core = core = LocalCore(self._config)
            ports = []
        else:
            m.submodules.core = core = LifCore(self._config)
            ports = memory_ports(core)

        m.submodules.ps = ps = ProcessingSystem(len(ports))
        m.d.comb += ps.irq.eq(core.irq)
        m.submodules.bridge = bridge = Axi3Bridge(GP_ID_BITS, len(core.s_axil.awaddr))
        m.submodules.gp0_slice = gp0_slice = RegisterSlice(ps.gp0.signature)
        wiring.connect(m, ps.gp0, gp0_slice.manager)
        wiring.connect(m, gp0_slice.subordinate, bridge.axi3)
        wiring.connect(m, bridge.lite, core.s_axil)
        for n, port in zip(HP_PORTS, ports):
            m.submodules[f"hp{n}_slice"] = hp_slice = RegisterSlice(port.signature)
            wiring.connect(m, port, hp_slice.manager)
            wiring.connect(m, hp_slice.subordinate, getattr(ps, f"hp{n}"))

        beat = Signal(HEARTBEAT_BITS)
        m.d.sync += beat.eq(beat + 1)
        for i, value in enumerate((beat[-1], core.irq)):
            m.submodules[f"led{i}"] = led = io.Buffer("o", platform.request("led", i, dir="-"))
            m.d.comb += led.o.eq(value)
        return m


def memory_ports(core) -> list:
    """The manager ports of a core: ``m_axi`` and, where it has a second one, ``m_axi1``."""
    return [getattr(core, name) for name in ("m_axi", "m_axi1") if name in core.signature.members]
