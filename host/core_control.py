"""Starting the core, waiting for it, and finding out what went wrong: registers only, no memory."""

from math import ceil

from ..golden.config import CoreConfig
from ..golden.registers import BY_NAME, CAPABILITIES, CORE_ID, CORE_VERSION, MAP_HASH, N_WINDOWS, PAGE_BITS, ErrorCode, field_of
from .board_errors import AbortedError, AxiError, BitstreamError, CoreTimeoutError, DescriptorError, MapMismatchError, WindowError

COUNTERS = ("CYCLES", "EVENTS", "SATURATIONS", "READ_BEATS", "WRITE_BEATS", "STALLS_WEIGHT", "STALLS_INPUT", "STALLS_FIRE")

CLOCKLESS_COUNTERS = ("EVENTS", "SATURATIONS")
"""What the integer model counts."""

ABORT_SECONDS = 1e-3
"""Longest wait for a core to stop: it finishes its outstanding bursts, some microseconds each."""

FIRST_POLL_SECONDS = 20e-6
"""Shortest wait between two looks at STATUS: less than a look itself takes on a board."""

LOCAL_REMEDY = "if the board's HP port is dead, use the bitstream of the local configuration (--memory local), which needs none"

_PAGE = 1 << PAGE_BITS
_START, _ABORT = (1 << field.offset for field in BY_NAME["CONTROL"].fields)


class CoreControl:
    """One core, by its registers.

    Parameters
    ----------
    device : what `open_device` opens
    timeout_seconds : float
        Longest run.

    Members
    -------
    stored : whose weights lie in the core's store; None: nobody's, as after a reset
    lost : bool, the core was reset since a program set this to False: what lay in its block RAM is gone

    Raises
    ------
    BitstreamError
        What answers is no lifarray core.
    MapMismatchError
        It is one of another version or register map.
    """

    def __init__(self, device, timeout_seconds: float):
        self.device = device
        self.timeout_seconds = timeout_seconds
        self.running = False
        self.stored = None
        self.lost = False
        self._windows = None
        self._expected_seconds = FIRST_POLL_SECONDS
        self._check_identity()
        self.config = self._read_config()

    def _check_identity(self):
        found = self.device.read("ID")
        if found != CORE_ID:
            raise BitstreamError(
                f"register ID reads {found:#010x}, must be {CORE_ID:#010x}: "
                "this bitstream holds no lifarray core, or the core has no clock"
            )
        version = self.device.read("VERSION")
        if version >> 16 != CORE_VERSION >> 16:
            raise MapMismatchError(
                f"the core has version {version >> 16}.{version & 0xFFFF}, this driver is for {CORE_VERSION >> 16}.x: "
                "install bitstream and package of one release"
            )
        found = self.device.read("MAP_HASH")
        if found != MAP_HASH:
            raise MapMismatchError(
                f"the core's register map is {found:#010x}, the driver's {MAP_HASH:#010x}: "
                "install bitstream and package of one release"
            )

    def _read_config(self) -> CoreConfig:
        values = {}
        for name in CAPABILITIES:
            value = self.device.read(name)
            values.update({field.name: field_of(name, value, field.name) for field in BY_NAME[name].fields})
        return CoreConfig(**values)

    def open_windows(self, buffers):
        """Let the core touch these buffers and nothing else; each has an address and an end."""
        wanted = [(buffer.address // _PAGE * _PAGE, (buffer.end - 1) // _PAGE * _PAGE) for buffer in buffers]
        if wanted != self._windows:
            self._write_windows(wanted)

    def _write_windows(self, windows):
        # Whoever interrupts this leaves them as nobody wants them.
        self._windows = None
        for i in range(N_WINDOWS):
            first, last = windows[i] if i < len(windows) else (BY_NAME[f"WINDOW{i}_FIRST"].reset, BY_NAME[f"WINDOW{i}_LAST"].reset)
            self.device.write(f"WINDOW{i}_FIRST", first)
            self.device.write(f"WINDOW{i}_LAST", last)
        self._windows = windows

    def start(self, list_address: int, list_count: int):
        """Ring the doorbell."""
        # A second Ctrl-C can interrupt the stop that the first one asked for.
        self.stop()
        self.device.write("LIST_ADDRESS", list_address)
        self.device.write("LIST_COUNT", list_count)
        self.running = True
        self.device.write("CONTROL", _START)

    def finish(self) -> dict:
        """Wait for the end of the run and return the counters, names in lower case.

        Whatever happens, the core is idle afterwards and can be started again.

        Raises
        ------
        CoreTimeoutError, AxiError, WindowError, DescriptorError, AbortedError
        """
        try:
            status = self._wait()
            self.running = False
            error = field_of("STATUS", status, "error")
            if error:
                raise self._failure(ErrorCode(error), self.device.read("ERROR_ADDRESS"))
            names = COUNTERS if self.device.clock_hz else CLOCKLESS_COUNTERS
            counters = {name.lower(): self.device.read(name) for name in names}
        except BaseException:
            self.stop()
            # Whatever was wrong with them, the next run finds them as they should be.
            self._write_windows(self._windows or [])
            raise
        if self.device.clock_hz:
            self._expected_seconds = counters["cycles"] / self.device.clock_hz
        return counters

    def _wait(self) -> int:
        """Sleep for what the last run took, then look ever less often: few looks, however wrong the guess."""
        begin = self.device.now()
        pause = max(FIRST_POLL_SECONDS, self._expected_seconds)
        next_pause = max(FIRST_POLL_SECONDS, self._expected_seconds / 8)
        while True:
            self.device.sleep(pause)
            status = self.device.read("STATUS")
            if field_of("STATUS", status, "done"):
                return status
            waited = self.device.now() - begin
            if waited >= self.timeout_seconds:
                raise self._timeout(status)
            # Never so short that it is lost in the rounding of the time.
            pause = max(FIRST_POLL_SECONDS, min(next_pause, self.timeout_seconds - waited))
            next_pause *= 2

    def store(self, weights):
        """Have the core load weights that are to stay in it, unless they are there.

        Parameters
        ----------
        weights : `weights.Weights`, its buffers inside the windows
        """
        if not weights.resident or self.stored is weights:
            return
        self.stored = None
        for address, count in weights.loads:
            self.start(address, count)
            self.finish()
        self.stored = weights

    def stop(self):
        """Make the core idle: ask it to stop, and load the bitstream anew if it does not."""
        if not self.running:
            return
        self.device.write("CONTROL", _ABORT)
        for i in range(ceil(ABORT_SECONDS / FIRST_POLL_SECONDS).bit_length()):
            if not field_of("STATUS", self.device.read("STATUS"), "busy"):
                self.running = False
                return
            self.device.sleep(FIRST_POLL_SECONDS * 2**i)
        self.reset()

    def reset(self):
        """Load the bitstream anew and set the windows again; DDR keeps its contents, block RAM does not."""
        self._forget()
        self.device.download()
        self.running = False
        self._write_windows(self._windows or [])

    def _forget(self):
        self.stored = None
        self.lost = True

    def _timeout(self, status):
        waiting = [kind for kind in ("read", "write") if field_of("STATUS", status, f"waiting_{kind}")]
        text = f"the run did not end within {self.timeout_seconds:g} s (STATUS = {status:#010x})"
        if waiting:
            return CoreTimeoutError(f"{text}: memory does not answer a {' and a '.join(waiting)}; {LOCAL_REMEDY}")
        return CoreTimeoutError(f"{text}: give it longer (timeout_seconds), or check the clock")

    def _failure(self, error: ErrorCode, address: int):
        if error in (ErrorCode.AXI_READ, ErrorCode.AXI_WRITE):
            kind = "read" if error == ErrorCode.AXI_READ else "write"
            return AxiError(
                f"memory answered a {kind} at {address:#010x} with an error: "
                f"no memory at this address; if selftest says so too, {LOCAL_REMEDY}"
            )
        if error == ErrorCode.WINDOW:
            # As when somebody else loaded a bitstream, or the board had no power for a while.
            self._forget()
            opened = ", ".join(f"{first:#010x} to {last + _PAGE - 1:#010x}" for first, last in self._windows or [])
            return WindowError(
                f"the core was about to touch {address:#010x}, outside its windows ({opened or 'none open'}): "
                "somebody else reset it, or wrote to its memory; run again, which sets it up anew"
            )
        if error == ErrorCode.DESCRIPTOR:
            return DescriptorError(f"the core refused the descriptor at {address:#010x}: memory holds something else there; run selftest")
        return AbortedError("the run was stopped before its end: run again")
