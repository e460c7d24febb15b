"""The board ULX3S: a core at the end of its USB serial line."""

from amaranth.hdl import ClockDomain, ClockSignal, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth_boards.ulx3s import ULX3S_85F_Platform

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import UserError
from lifarray.golden.serial_frame import BAUD

from ..serial_core import SerialCore

HEARTBEAT_BITS = 27
VCO_HZ = 600_000_000
"""Middle of what the PLL's oscillator can do, 400 to 800 MHz (FPGA-TN-02200)."""

MAX_HZ = 400_000_000
"""Of the PLL's output (the same)."""


def pll_parameters(input_hz: int, clock_hz: int) -> dict:
    """Parameters of an EHXPLLL that makes ``clock_hz``, with feedback from its output.

    nextpnr-ecp5 works out the clock's constraint from them.

    Raises
    ------
    UserError
        It cannot make exactly that clock.
    """
    for divide in range(1, 11) if clock_hz <= MAX_HZ else ():
        if clock_hz * divide % input_hz == 0:
            output_divide = max(1, round(VCO_HZ / clock_hz))
            return {
                "p_CLKI_DIV": divide,
                "p_CLKFB_DIV": clock_hz * divide // input_hz,
                "p_CLKOP_DIV": output_divide,
                # Its edges in step with the oscillator's.
                "p_CLKOP_CPHASE": output_divide // 2 - 1,
            }
    raise UserError(f"clock_hz = {clock_hz}: the board's PLL makes no such clock of {input_hz} Hz; choose a multiple of 2500000 up to {MAX_HZ}")


class Ulx3sPlatform(ULX3S_85F_Platform):
    """amaranth-boards' ULX3S with the clock that our top level makes.

    Parameters
    ----------
    clock_hz : int
    """

    def __init__(self, clock_hz):
        self.clock_hz = clock_hz
        super().__init__()
        self.pll_parameters = pll_parameters(round(self.default_clk_frequency), clock_hz)


class Ulx3sTop(wiring.Component):
    """`SerialCore` on the FTDI's serial line, its clock from the PLL, two LEDs.

    Parameters
    ----------
    config : CoreConfig
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        clock_hz = platform.clock_hz
        self._clock(m, platform)
        m.submodules.core = core = SerialCore(self._config, round(clock_hz / BAUD))
        uart = platform.request("uart", dir={"rx": "-", "tx": "-", "rts": "-", "dtr": "-"})
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [core.rx.eq(rx.i), tx.o.eq(core.tx)]
        beat = Signal(HEARTBEAT_BITS)
        m.d.sync += beat.eq(beat + 1)
        for i, value in enumerate((beat[-1], core.irq)):
            m.submodules[f"led{i}"] = led = io.Buffer("o", platform.request("led", i, dir="-"))
            m.d.comb += led.o.eq(value)
        return m

    def _clock(self, m, platform):
        """The domain "sync" from the board's oscillator; reset until the PLL has locked."""
        m.submodules.oscillator = oscillator = io.Buffer("i", platform.request(platform.default_clk, dir="-"))
        clock = Signal()
        locked = Signal()
        m.submodules.pll = Instance(
            "EHXPLLL",
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_FPHASE=0,
            p_FEEDBK_PATH="CLKOP",
            **platform.pll_parameters,
            i_CLKI=oscillator.i,
            i_CLKFB=clock,
            i_RST=0,
            i_STDBY=0,
            i_ENCLKOP=0,
            o_CLKOP=clock,
            o_LOCK=locked,
        )
        m.domains.sync = ClockDomain()
        m.d.comb += ClockSignal().eq(clock)
        m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
