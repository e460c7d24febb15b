"""`LifArray`: a network on a core, whatever the core is.

::

    with LifArray() as array:                  # or LifArray("sim"), or LifArray("golden")
        array.load("demo")
        for result in array.synthesize("7_me.wav"):
            print(result.nearest, array.runner)
"""

from collections import Counter
from dataclasses import dataclass
from numbers import Real
from os import PathLike
from threading import RLock
from time import perf_counter

import numpy as np

from ..golden.config import CONFIGS, CoreConfig
from ..golden.encode import pack, poisson_words, sample_rng, samples_per_pass, unpack
from ..golden.errors import UserError
from ..golden.evaluate import class_images, class_scores, front_end
from ..golden.network import Network
from ..golden.program import is_resident
from ..golden.progress import progress as show_progress
from ..golden.registers import BY_NAME, PAGE_BITS
from . import selftest
from .arguments import as_layers, as_n_steps, as_rates, as_spikes, as_whole
from .board_errors import BoardError, OutOfMemoryError
from .core_control import CoreControl
from .devices import open_device
from .networks import load_network
from .rasters import Batch, Rasters
from .recording import as_utterances
from .synthesis import Result, hear
from .weights import Weights

TIMEOUT_SECONDS = 2.0
"""At the peak of its memory's bandwidth the paper-size network takes 0.06 s an utterance."""

PASSES = 4
"""Passes a doorbell: the calls from Python are then a small part, and the buffers stay small."""

STAGES = ("front_end", "encode", "copy", "core", "wait", "decode")


@dataclass(frozen=True)
class RunResult:
    """What a run produced.

    Members
    -------
    counts : int64 [n_samples, n_neurons]
        Spike counts of the last layer.
    spikes : dict of layer index to bool [n_samples, n_steps, n_neurons]
        Of the layers that were asked for.
    vmem : list of int32 [n_samples, n_neurons], one a layer; or None
        Membrane potential after the reset at the last step, if asked for.
    counters : dict of str to int
        The core's counters, summed over the run; "samples" and "batches" too; and "resident":
        whether the weights stayed in the core.
    runner : str
        What ran.
    """

    counts: np.ndarray
    spikes: dict
    vmem: "list | None"
    counters: dict
    runner: str


class LifArray:
    """A core with a network on it. Use it in a ``with``: then its memory is given back, whatever happens.

    Threads may share one: a call waits until the one before is done.

    Parameters
    ----------
    device : str
        "pynq": the core on this board. "sim": its RTL on a simulator, through pynq. "serial": the core
        on a ULX3S. "golden": the integer model behind the same registers.
    network : Network or str
        To `load` at once.
    bitstream : path
        ``NAME.bit`` with ``NAME.hwh`` beside it, instead of the one that the package brought.
    config : CoreConfig or str
        Of the simulated core or the model, or its name in ``CONFIGS``; a board's is in its bitstream.
    simulator : str
        "verilator" or "icarus", for "sim".
    clock_hz : int
        Instead of what the ``.hwh`` says.
    timeout_seconds : float
        Longest run of one batch, in the core's time.
    n_passes : int
        Passes a batch, if there is memory for them: one doorbell, and one more batch is encoded meanwhile.
    lock_file : path
        Who holds the core is written there; by default in the folder for temporary files. A
        simulated core has one user anyway, and a lock only if this is given.
    port : str
        Serial port, for "serial"; by default the only one of an FTDI chip.

    Members
    -------
    runner : str, what runs
    config : CoreConfig, what the core's capability registers say
    clock_hz : int or None
    counters : dict, those of the last run
    seconds : dict, time that the last run took by stage of `STAGES`: "core" is its cycles at its
        clock, "wait" what the program waited for it; both pass while the next batch is encoded.

    Raises
    ------
    BoardError
        The device cannot be used; its subclasses in ``board_errors`` say why.
    """

    def __init__(
        self,
        device: str = "pynq",
        network=None,
        *,
        bitstream=None,
        config=None,
        simulator=None,
        clock_hz=None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        n_passes: int = PASSES,
        lock_file=None,
        port=None,
    ):
        if not isinstance(timeout_seconds, Real) or not timeout_seconds > 0:
            raise UserError(f"timeout_seconds = {timeout_seconds!r}, must be above 0")
        n_passes = as_whole("n_passes", n_passes, 1)
        config = CONFIGS.get(config, config)
        if not isinstance(config, (CoreConfig, type(None))):
            raise UserError(f"config = {config!r}: give a CoreConfig, or the name of one: {', '.join(CONFIGS)}")
        self._device = open_device(device, bitstream=bitstream, config=config, simulator=simulator, clock_hz=clock_hz, lock_file=lock_file, port=port)
        self._weights = self._rasters = None
        self._lock = RLock()
        self._n_passes = n_passes
        self.counters = {}
        self.seconds = {}
        try:
            self._control = CoreControl(self._device, timeout_seconds)
            if network is not None:
                self.load(network)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @property
    def runner(self) -> str:
        return self._require_open().runner

    @property
    def config(self):
        return self._control.config

    @property
    def clock_hz(self) -> "int | None":
        return self._require_open().clock_hz

    @property
    def device(self):
        """The device below: for pynq and sim, ``device.overlay`` is pynq's `Overlay`."""
        return self._device

    @property
    def network(self):
        """The network that is loaded; None if none is."""
        return self._weights.network if self._weights else None

    def __repr__(self):
        if self._device is None:
            return "LifArray, closed"
        network = "no network" if self.network is None else " → ".join(map(str, self.network.sizes))
        return f"LifArray on {self.runner}: {self.config.lanes} lanes, {network}"

    def load(self, network, resident=None):
        """Put a network's weights into the core's memory, and where they fit into the core itself; the one before is given up.

        Parameters
        ----------
        network : Network, or a file's path, or the name of one that ships
        resident : bool
            True: the weights stay in the core, so that runs fetch none. False: each run fetches the
            rows whose inputs spike. By default they stay where they fit.

        Raises
        ------
        UserError
            The core cannot run it, or its weights do not fit.
        """
        if isinstance(network, (str, PathLike)):
            network = load_network(network)
        if not isinstance(network, Network):
            raise UserError(f"network = {network!r}: give a Network, a file's path, or the name of one that ships")
        with self._alone():
            self._require_open()
            network.check_fits(self.config)
            is_resident(network, self.config, resident)
            self._control.stored = None
            self._unload()
            self._weights = Weights(network, self.config, self._device, resident)
            try:
                self._control.open_windows(self._weights.buffers)
                self._control.store(self._weights)
            except BaseException:
                self._unload()
                raise

    def _alone(self):
        """The lock: one caller at a time has the core; other threads wait.

        Entered by the callers themselves: between what is written in Python and the lock, Ctrl-C could leave it locked.
        """
        if self._lock._is_owned():      # as threading.Condition asks
            raise UserError("what makes the rates or the audio of a run called the LifArray that runs them: use another one for that")
        return self._lock

    def _unload(self):
        parts = self._rasters, self._weights
        # First, so that nobody uses what an interruption left half freed.
        self._rasters = self._weights = None
        for part in parts:
            if part is not None:
                part.free()

    def run(self, spikes, layers=(), vmem: bool = False) -> RunResult:
        """Run spikes.

        Parameters
        ----------
        spikes : bool [n_samples, n_steps, fan_in]
            Or 0 and 1 in another type.
        layers : sequence of int
            Layers whose spikes to read back.
        vmem : bool
            Read back all layers' vmem too. It costs the core a write a neuron and sample.
        """
        with self._alone():
            spikes = as_spikes(spikes, self._require_network().fan_in)
            size = samples_per_pass(as_n_steps(spikes.shape[1]))
            groups = ((pack(spikes[i : i + size]), len(spikes[i : i + size])) for i in range(0, len(spikes), size))
            return self._collect(groups, spikes.shape[1], layers, vmem)

    def run_rates(self, rates, seed: int = 0, layers=(), n_steps=None, vmem: bool = False) -> RunResult:
        """Draw Poisson spikes and run them, the next batch drawn while the core runs.

        Sample i draws from ``sample_rng(seed, i)``: the same spikes on a board and a PC, in batches
        of any size.

        Parameters
        ----------
        rates : float [n_samples, fan_in], 0 to 1, or an iterable of its rows
        seed : int
        layers : sequence of int
            Layers whose spikes to read back.
        n_steps : int
            By default the network's.
        vmem : bool
            As for `run`.
        """
        with self._alone():
            return self._run_rates(rates, seed, layers, n_steps, vmem)

    def _run_rates(self, rates, seed, layers, n_steps=None, vmem=False):
        network = self._require_network()
        n_steps = as_n_steps(network.n_steps if n_steps is None else n_steps)
        seed = as_whole("seed", seed, 0)
        return self._collect(self._encode(rates, seed, n_steps), n_steps, layers, vmem)

    def _encode(self, rates, seed, n_steps):
        network = self.network
        size, index, rows = samples_per_pass(n_steps), 0, iter(rates)
        while True:
            group = [row for _, row in zip(range(size), rows)]
            if not group:
                return
            rngs = [sample_rng(seed, index + i) for i in range(len(group))]
            yield poisson_words(as_rates(group, network.fan_in), n_steps, rngs, network.meta.get("max_rate", 1.0)), len(group)
            index += len(group)

    def synthesize(self, audio, sample_rate_hz=None, seed: int = 0, progress: bool = False) -> list:
        """Turn spoken digits into images.

        Parameters
        ----------
        audio : path, array float [n] (full scale 1), `Utterance`, or a sequence of those
        sample_rate_hz : int
            Of samples; files say their own.
        seed : int
        progress : bool
            Show a progress bar on a terminal.

        Returns
        -------
        list of `lifarray.host.synthesis.Result`, one an utterance
        """
        with self._alone():
            return self._synthesize(audio, sample_rate_hz, seed, progress)

    def _synthesize(self, audio, sample_rate_hz, seed, progress):
        network = self._require_network()
        targets = class_images(network)
        ears = front_end(network)
        utterances = as_utterances(audio, sample_rate_hz)
        levels, rates = [], []

        def heard():
            """The front end works while the core runs too."""
            for utterance in show_progress(utterances, "running", quiet=not progress):
                level, rate = self._timed("front_end", hear, ears, utterance)
                levels.append(level)
                rates.append(rate)
                yield rate

        before_last = len(network.layers) - 2
        result = self._run_rates(heard(), seed, layers=[before_last] if before_last >= 0 else [])
        # The encoder called the front end.
        self.seconds["encode"] -= self.seconds["front_end"]
        scores = class_scores(result.counts, targets)
        images = result.counts.reshape(-1, *targets.shape[1:])
        if before_last >= 0:
            hidden = result.spikes[before_last]
        else:
            words = self._encode(rates, seed, network.n_steps)
            hidden = np.concatenate([unpack(raster, n, network.n_steps) for raster, n in words])
        cycles = result.counters["cycles"] // len(utterances) if self.clock_hz else None
        return [
            Result(utterance, level, state, image, score, cycles, None)
            for utterance, level, state, image, score in zip(utterances, levels, hidden, images, scores)
        ]

    def _collect(self, groups, n_steps, layers, vmem) -> RunResult:
        """Run (raster words, samples) pairs and gather what comes out."""
        network = self.network
        layers = as_layers(layers, len(network.layers))
        last = len(network.layers) - 1
        counts, spikes = [], {i: [] for i in layers}
        potentials = [[] for _ in network.layers] if vmem else []
        self.counters = Counter()
        self.seconds = dict.fromkeys(STAGES, 0.0)
        for bank, batch in self._stream(groups, n_steps, vmem):
            for i in sorted({last, *layers}):
                rasters = self._timed("copy", self._rasters.get, bank, i, len(batch.words))
                steps = self._timed("decode", _unpack_all, rasters, batch.n_samples, n_steps)
                if i in spikes:
                    spikes[i].append(steps)
                if i == last:
                    counts.append(self._timed("decode", steps.sum, axis=1))
            for i, parts in enumerate(potentials):
                parts.append(self._timed("copy", self._rasters.get_vmem, bank, i, batch.n_samples))
        if not counts:
            raise UserError("there are no samples to run")
        self.counters = {**self.counters, "resident": self._weights.resident}
        return RunResult(
            np.concatenate(counts),
            {i: np.concatenate(parts) for i, parts in spikes.items()},
            [np.concatenate(parts) for parts in potentials] if vmem else None,
            self.counters,
            self.runner,
        )

    def _stream(self, groups, n_steps, vmem):
        """Run batches, and yield (bank, `Batch`) of each as soon as the next one runs."""
        self._make_rasters(n_steps, vmem)
        # A reset, a selftest or Ctrl-C may have come between.
        if self._control.lost:
            self._weights.fill()
            self._control.lost = False
        self._control.open_windows([self._rasters.buffer, *self._weights.buffers])
        self._control.store(self._weights)
        ended = None
        try:
            for bank, batch in self._filled(groups):
                finished = self._finish(ended)
                self._timed("wait", self._start, bank, batch)
                if finished:
                    yield ended
                ended = bank, batch
            if self._finish(ended):
                yield ended
        finally:
            # The encoder failed, or whoever reads the results gave up.
            self._control.stop()

    def _filled(self, groups):
        """Encode batches into alternating banks; this goes on while the core runs."""
        groups, bank = iter(groups), 0
        while True:
            batch = Batch([], [])
            while len(batch.words) < self._rasters.n_passes:
                words, n_samples = self._timed("encode", next, groups, (None, 0))
                if words is None:
                    break
                batch.words.append(words)
                batch.n_samples.append(n_samples)
            if not batch.words:
                return
            self._timed("copy", self._rasters.put, bank, batch)
            yield bank, batch
            bank = (bank + 1) % Rasters.N_BANKS

    def _start(self, bank, batch, which=0):
        self._control.start(self._rasters.list_address(bank, which), self._rasters.list_count(batch, which))

    def _finish(self, ended):
        """Wait for the end of a batch whose first list runs."""
        if ended is None:
            return False
        bank, batch = ended
        for which in range(self._rasters.n_lists):
            if which > 0:
                self._timed("wait", self._start, bank, batch, which)
            counters = self._timed("wait", self._control.finish)
            self._timed("copy", self._rasters.weave, bank, which, len(batch.words))
            self.counters.update(counters)
            if self.clock_hz:
                self.seconds["core"] += counters["cycles"] / self.clock_hz
        self.counters.update(batches=1, samples=sum(batch.n_samples))
        return True

    def _make_rasters(self, n_steps, vmem):
        if self._rasters is None or (self._rasters.n_steps, self._rasters.vmem) != (n_steps, vmem):
            before, self._rasters = self._rasters, None
            if before is not None:
                before.free()
            self._rasters = self._allocate_rasters(n_steps, vmem)

    def _allocate_rasters(self, n_steps, vmem):
        """As many passes a batch as there is memory for; a local memory may have little left."""
        most = BY_NAME["LIST_COUNT"].mask // len(self._weights.pieces)
        for n_passes in range(min(self._n_passes, most), 0, -1):
            try:
                return Rasters(self._weights, n_steps, n_passes, self._device, vmem)
            except OutOfMemoryError:
                if n_passes == 1:
                    raise

    def _timed(self, stage, function, *arguments, **options):
        begin = perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            self.seconds[stage] += perf_counter() - begin

    def selftest(self) -> list:
        """Find out whether registers, windows, memory port and arithmetic work.

        A network that is loaded stays loaded.

        Returns
        -------
        list of (check, what was found)

        Raises
        ------
        BoardError
            The first check that failed: what it means and what to do.
        """
        with self._alone():
            self._require_open()
            return selftest.run(self._control)

    def info(self) -> dict:
        """What this is, for people and JSON."""
        config = self.config
        return {
            "runner": self.runner,
            "clock_hz": self.clock_hz,
            "lanes": config.lanes,
            "fire_units": config.fire_units,
            "weight_bits": config.weight_bits,
            "current_bits": config.current_bits,
            "vmem_bits": config.vmem_bits,
            "bus_bits": config.bus_bits,
            "resident_rows": config.resident_rows,
            "local_memory_bytes": config.local_pages << PAGE_BITS,
            "weights": self._weights and ("resident" if self._weights.resident else "streamed"),
        }

    def close(self):
        """Stop the core and give everything back; closing twice does nothing."""
        with self._alone():
            if self._device is None:
                return
            try:
                if hasattr(self, "_control"):
                    self._control.stop()
            finally:
                device, self._device = self._device, None
                try:
                    self._unload()
                finally:
                    device.close()

    def _require_open(self):
        if self._device is None:
            raise BoardError("this LifArray was closed: make another one")
        return self._device

    def _require_network(self):
        self._require_open()
        if self._weights is None:
            raise UserError("no network is loaded: call load first")
        return self.network


def _unpack_all(rasters, n_samples, n_steps):
    """Spikes of all passes: bool [n_samples, n_steps, n_neurons]."""
    return np.concatenate([unpack(words, n, n_steps) for words, n in zip(rasters, n_samples)])
