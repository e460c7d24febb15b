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
LEAST_PHASE_DETECTOR_HZ = 10_000_000
VCO_HZ = (400_000_000, 800_000_000)
OUTPUT_HZ = (3_125_000, 400_000_000)
"""Limits of an EHXPLLL, as LiteX's ECP5PLL has them."""


def pll_parameters(input_hz: int, clock_hz: int) -> dict:
    """Parameters of an EHXPLLL whose output CLKOS is ``clock_hz``.

    The feedback comes from CLKOP, which is as fast as the phase detector: so the oscillator, and with it the output, may be
    more than whole multiples of the input. nextpnr-ecp5 works out the clock's constraint from these parameters.

    Raises
    ------
    UserError
        It cannot make exactly that clock.
    """
    divisors = _divisors(input_hz, clock_hz)
    if divisors is None:
        near = sorted(range(4, 401), key=lambda mhz: abs(mhz * 1_000_000 - clock_hz))
        choice = " or ".join(str(mhz) for mhz in [mhz for mhz in near if _divisors(input_hz, mhz * 1_000_000)][:2])
        raise UserError(f"the board's PLL makes no {clock_hz / 1e6:g} MHz of {input_hz / 1e6:g} MHz: choose {choice} MHz")
    input_divide, feedback_divide, output_divide = divisors
    return {
        "p_CLKI_DIV": input_divide,
        "p_CLKFB_DIV": 1,
        "p_CLKOP_DIV": feedback_divide,
        "p_CLKOS_DIV": output_divide,
        # Their edges in step with the input's.
        "p_CLKOP_CPHASE": feedback_divide - 1,
        "p_CLKOS_CPHASE": output_divide - 1,
    }


def _divisors(input_hz, clock_hz):
    """Of the input, the feedback and the output, with the oscillator as near as can be to the middle of what it may do; or None."""
    found = []
    if OUTPUT_HZ[0] <= clock_hz <= OUTPUT_HZ[1]:
        for input_divide in range(1, input_hz // LEAST_PHASE_DETECTOR_HZ + 1):
            for feedback_divide in range(1, 129):
                vco_hz = input_hz * feedback_divide / input_divide
                output_divide = vco_hz / clock_hz
                if VCO_HZ[0] <= vco_hz <= VCO_HZ[1] and output_divide.is_integer() and output_divide <= 128:
                    found.append((abs(vco_hz - sum(VCO_HZ) / 2), input_divide, feedback_divide, int(output_divide)))
    return min(found)[1:] if found else None


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
        # Low would tell the ESP32 to start its boot loader, or firmware on it to reload the FPGA.
        wifi = platform.request("esp32", dir={"en": "-", "tx": "-", "rx": "-", "gpio0": "-", "gpio5": "-", "gpio16": "-", "gpio17": "-"})
        m.submodules.gpio0 = gpio0 = io.Buffer("o", wifi.gpio0)
        m.d.comb += gpio0.o.eq(1)
        return m

    def _clock(self, m, platform):
        """The domain "sync" from the board's oscillator; reset until the PLL has locked."""
        m.submodules.oscillator = oscillator = io.Buffer("i", platform.request(platform.default_clk, dir="-"))
        clock = Signal()
        feedback = Signal()
        locked = Signal()
        m.submodules.pll = Instance(
            "EHXPLLL",
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_CLKOS_FPHASE=0,
            p_FEEDBK_PATH="CLKOP",
            **platform.pll_parameters,
            i_CLKI=oscillator.i,
            i_CLKFB=feedback,
            i_RST=0,
            i_STDBY=0,
            i_ENCLKOP=0,
            i_ENCLKOS=0,
            o_CLKOP=feedback,
            o_CLKOS=clock,
            o_LOCK=locked,
        )
        m.domains.sync = ClockDomain()
        m.d.comb += ClockSignal().eq(clock)
        m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
