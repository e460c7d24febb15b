"""The core as pynq shows it, on a board or on the simulated one."""

import os
import tempfile
import time
import warnings
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

from ...golden.errors import UserError
from ...golden.registers import field_of
from ..board_errors import BitstreamError, NoBoardError, NotRootError, OutOfMemoryError
from ..hwh import CORE_NAME, CORE_VLNV, REGISTER_BASE, address_range, hwh
from ..lazy import load_board_simulation
from .buffer import WORD_BYTES, Buffer
from .local_memory import LocalMemory
from .lock import CoreLock

INSTEAD = "without a board choose the device sim (its RTL, simulated) or golden (the integer model)"

CLOCK_TOLERANCE = 0.01
"""Share by which the clock that the dividers can make may differ from the one asked for."""


class OverlayDevice:
    """A core in a pynq `Overlay`.

    Parameters
    ----------
    bitstream : path
        ``NAME.bit``, with ``NAME.hwh`` beside it.
    pynq_device : pynq.Device
    runner : str
    sleep, now : functions of the time that the core lives in
    clock_hz : int or None
        None leaves what the ``.hwh`` says.

    Raises
    ------
    BitstreamError, NotRootError, NoBoardError
    """

    def __init__(self, bitstream, pynq_device, runner, sleep, now, clock_hz):
        self.runner = runner
        self.sleep = sleep
        self.now = now
        self.accesses = 0
        self.pynq_device = pynq_device
        self._overlay = _load(bitstream, pynq_device)
        self._asked_hz = clock_hz
        self._set_clock()
        self._core = _find_core(self._overlay, bitstream)
        self._local = None
        self._resources = ExitStack()

    @property
    def overlay(self):
        """pynq's `Overlay`; ``overlay.lif_core.register_map`` has the registers by name."""
        return self._overlay

    def _set_clock(self):
        from pynq import Clocks

        if self._asked_hz is not None:
            Clocks.fclk0_mhz = self._asked_hz / 1e6
        self.clock_hz = round(Clocks.fclk0_mhz * 1e6)
        if self._asked_hz is not None and abs(self.clock_hz - self._asked_hz) > CLOCK_TOLERANCE * self._asked_hz:
            raise BitstreamError(f"clock_hz = {self._asked_hz}: the nearest that the board's dividers make is {self.clock_hz}")

    def read(self, name: str) -> int:
        self.accesses += 1
        return self._core.read(name)

    def write(self, name: str, value: int):
        self.accesses += 1
        self._core.write(name, value)

    def allocate(self, n_bytes: int) -> Buffer:
        """A buffer of at least ``n_bytes``, in DDR or in the core's local memory.

        Raises
        ------
        OutOfMemoryError
        """
        if self._local is None:
            local_pages = field_of("CAPS3", self.read("CAPS3"), "local_pages")
            self._local = LocalMemory(local_pages, self._core.write_bytes, self._core.read_bytes) if local_pages else False
        if self._local:
            return self._local.allocate(n_bytes)
        from pynq import allocate

        n_words = -(-n_bytes // WORD_BYTES)
        try:
            words = allocate((n_words,), dtype="<u8", target=self.pynq_device)
        except (RuntimeError, MemoryError) as error:
            raise OutOfMemoryError(
                f"no contiguous memory (CMA) for a buffer of {n_bytes} bytes ({error}): "
                "free other buffers, restart the board, or boot with a larger cma="
            ) from None
        return Buffer(words, words.device_address)

    def download(self):
        """Load the bitstream anew: the only reset that a core on a board has."""
        self._overlay.download()
        self._set_clock()

    def owns(self, resources: ExitStack):
        """Close ``resources`` with the device."""
        self._resources = resources

    def close(self):
        self._resources.close()


def open_board(bitstream=None, clock_hz=None, lock_file=None) -> OverlayDevice:
    """The core on the board that this Python runs on.

    Raises
    ------
    NoBoardError, NotRootError, BitstreamError, CoreHeldError
    """
    Device = _pynq().Device
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pynq_device = Device.active_device
    except RuntimeError:
        raise NoBoardError(f"no PYNQ board: pynq finds no programmable logic on this machine; {INSTEAD}") from None
    with ExitStack() as stack:
        lock = CoreLock(lock_file)
        stack.callback(lock.release)
        path = Path(bitstream) if bitstream else find_bitstream()
        device = OverlayDevice(path, pynq_device, f"PYNQ board, {path.name}", time.sleep, time.monotonic, clock_hz)
        device.owns(stack.pop_all())
        return device


def open_simulation(config=None, simulator=None, clock_hz=None, lock_file=None) -> OverlayDevice:
    """The simulated RTL, through pynq.

    Raises
    ------
    NoBoardError
        A package or the simulator is missing.
    CoreHeldError
        ``lock_file`` was given and is held.
    """
    with ExitStack() as stack:
        if lock_file is not None:
            stack.callback(CoreLock(lock_file).release)
        _pynq()
        sim = load_board_simulation()
        board = sim.SimulatedBoard(config, simulator)
        stack.callback(board.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lifarray-")))
        bitstream = folder / "lifarray.bit"
        sim.stand_in(bitstream)
        local_pages = board.config.local_pages
        bitstream.with_suffix(".hwh").write_text(hwh("lifarray", board.clock_hz, local_pages))
        pynq_device = sim.SimulatedDevice(board, REGISTER_BASE, address_range(local_pages))

        def sleep(seconds):
            board.sleep(max(1, round(seconds * board.clock_hz)))

        def now():
            return board.cycles_slept / board.clock_hz

        device = OverlayDevice(bitstream, pynq_device, f"RTL on {board.simulator}, through pynq", sleep, now, clock_hz)
        device.owns(stack.pop_all())
        return device


def find_bitstream() -> Path:
    """The bitstream that the package brought for this board.

    Raises
    ------
    BitstreamError
        It brought none, or several and none for this board.
    """
    folder = Path(str(resources.files("lifarray.host") / "overlays"))
    found = sorted(folder.glob("*.bit"))
    # pynq's images say in BOARD which board they are for.
    board = os.environ.get("BOARD", "").lower().replace("_", "-")
    chosen = [path for path in found if board and board in path.stem] or found
    # Those with a local memory are for boards whose HP ports are dead: they are asked for by name.
    chosen = [path for path in chosen if not path.stem.endswith("-local")] or chosen
    if len(chosen) == 1:
        return chosen[0]
    if not found:
        raise BitstreamError("this package brought no bitstream: build one (lifarray bitstream) and name it, LifArray(bitstream='NAME.bit')")
    raise BitstreamError(f"BOARD = {board!r}, and there are bitstreams {', '.join(path.name for path in found)}: name one, LifArray(bitstream=…)")


def _pynq():
    try:
        with warnings.catch_warnings():
            # pynq warns of its own dependencies, and of machines that are no board.
            warnings.simplefilter("ignore")
            import pynq
    except ImportError as error:
        why = f"this device needs the Python package 'pynq' ({error})"
        raise NoBoardError(f"{why}: pip install 'lifarray[board]', or choose the device golden") from None
    return pynq


def _load(bitstream, pynq_device):
    from pynq import Overlay

    for path, what in ((bitstream, "bitstream"), (bitstream.with_suffix(".hwh"), "hardware handoff")):
        if not path.is_file():
            raise BitstreamError(f"no {what} {str(path)!r}: NAME.bit and NAME.hwh must lie side by side")
    # Not left to the entry point: from a source tree there is none.
    from . import ip  # noqa: F401

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Overlay(str(bitstream), device=pynq_device)
    except Exception as error:  # pynq raises whatever its parsers do
        if isinstance(error, UserError):
            raise
        if _is_permission(error):
            raise _not_root(error) from None
        raise BitstreamError(
            f"pynq cannot load {str(bitstream)!r} ({type(error).__name__}: {error}): "
            "it is damaged or not for this board; build it again"
        ) from error


def _find_core(overlay, bitstream):
    kinds = {name: entry["type"] for name, entry in overlay.ip_dict.items()}
    if kinds.get(CORE_NAME) != CORE_VLNV:
        raise BitstreamError(f"{str(bitstream)!r} holds {', '.join(map(str, kinds.values()))} and no {CORE_VLNV}: use the bitstream of this lifarray")
    try:
        return getattr(overlay, CORE_NAME)
    except OSError as error:
        if _is_permission(error):
            raise _not_root(error) from None
        raise


def _is_permission(error) -> bool:
    # pynq raises a bare OSError where it maps registers.
    return isinstance(error, PermissionError) or (isinstance(error, OSError) and "Root permissions" in str(error))


def _not_root(error):
    return NotRootError(f"loading a bitstream takes root ({error}): use the board's Jupyter, or sudo -E python3")
