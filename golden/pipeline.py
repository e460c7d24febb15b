"""How many clock cycles the core takes for a layer: its pipeline in Python, without the arithmetic.

Each part of the core that decides when something happens is a generator, which runs one clock
cycle from yield to yield and is named after its counterpart in ``hw/``. All else, currents and
vmem and addresses, is left out. Latencies of memory are drawn anew, so that the cycles differ
from the simulated core's by a few.
"""

from collections import deque

import numpy as np

from .config import SLOTS, CoreConfig
from .timing import DdrTiming

BURST_WORDS = 16
STRIPE_WORDS = 64
"""Words of a raster that one port reads before the other goes on."""
OUTSTANDING = 16
"""Bursts that a stream of the core has under way at most."""
READ_PATH = 9
"""Cycles from a request to memory, and from memory to its user, besides memory's own."""
WORK_PATH = 6
"""Cycles from the scanner to the window."""
ROW_PATH = 3
"""Cycles from a row's last word to the window."""
PICK_TO_CAPTURE = 4
"""Cycles from a slot's last addition until fire has its currents, besides the adders' stages."""
RELEASE_AHEAD = 7
FIRE_PATH = 11
"""Cycles from a tile's last step until its words are written."""


class Bandwidth:
    """What all ports share: when memory has time for the next word."""

    def __init__(self, timing: DdrTiming):
        self._word_cycles = 8 / timing.bytes_per_cycle
        self._free = 0.0
        self.writes = deque()           # bursts: (cycle, words)

    def take(self, start, n_words):
        """Move words from ``start`` on; when they are through."""
        self._free = max(self._free, start) + n_words * self._word_cycles
        return self._free

    def step(self, now):
        """Let a burst be written, if there is one."""
        if self.writes and self.writes[0][0] <= now:
            self.take(*self.writes.popleft())


class Port:
    """The reading side of a memory port: a burst may be asked for in a cycle, and is answered in order."""

    def __init__(self, timing: DdrTiming, bandwidth: Bandwidth, beat_bytes, rng):
        low, high = timing.latency_cycles
        self._latency = rng.integers(low, high + 1, 1 << 12).tolist()
        self._outstanding = min(OUTSTANDING, timing.outstanding)
        self._word_cycles = 8 // beat_bytes
        self._bandwidth = bandwidth
        self._free = 0.0
        self._ends = deque()            # of bursts of weights under way
        self.weights = deque()          # bursts of weights not asked for yet: (words, arrivals of rows or None)
        self.raster_left = 0            # words not asked for yet
        self.raster_room = 0
        self.raster = deque()           # bursts that were asked for: (cycle of the first word, words)
        self.words = 0

    def step(self, now):
        """Ask for a burst, of the raster if there is room for one, else of weights."""
        burst = min(BURST_WORDS, self.raster_left)
        if burst and self.raster_room >= burst:
            self.raster_left -= burst
            self.raster_room -= burst
            self.raster.append((self._ask(now, burst)[0], burst))
        elif self.weights:
            ends = self._ends
            while ends and ends[0] <= now:
                ends.popleft()
            if len(ends) < self._outstanding:
                burst, arrivals = self.weights.popleft()
                end = self._ask(now, burst)[1]
                ends.append(end)
                if arrivals is not None:
                    arrivals.append(end)

    def _ask(self, now, n_words):
        """Cycles in which a burst's first and last word are here."""
        start = max(self._free, now + self._latency[now & 0xFFF] + READ_PATH)
        self._free = max(start + n_words * self._word_cycles, self._bandwidth.take(start, n_words))
        self.words += n_words
        return start, self._free


class LayerModel:
    """One layer on one core.

    Parameters
    ----------
    config : CoreConfig
    timing : DdrTiming
    words : uint64 [passes, fan_in]
        Its input raster.
    n_neurons, n_steps, n_samples, bias_rows, weight_bits : int
    resident : bool
        Its weights are in the core.
    seed : int
        Of memory's latencies.
    tick : function
        Called when a tile is done.

    Members
    -------
    now : int, cycles so far
    idle : dict, cycles without an addition: for want of "weight" rows, of "input", or of a free "fire"
    ports : list of Port
    """

    def __init__(
        self,
        config: CoreConfig,
        timing: DdrTiming,
        words,
        *,
        n_neurons,
        n_steps,
        n_samples,
        bias_rows,
        weight_bits,
        resident,
        seed=0,
        tick=lambda: None,
    ):
        self.config = config
        self._tick = tick
        self._latency = sum(timing.latency_cycles) // 2
        self.words = words
        self.tiles = [min(config.lanes, n_neurons - first) for first in range(0, n_neurons, config.lanes)]
        if n_steps <= SLOTS:
            self.passes = [n_samples * n_steps]
            self._half = (self.passes[0] + 1) // 2
        else:
            self.passes = [min(SLOTS, n_steps - t) for t in range(0, n_steps, SLOTS)]
            self._half = SLOTS // 2
        self.bias_rows = bias_rows
        self.resident = resident
        n_words = config.row_words(weight_bits)
        first = -(-config.row_words(config.weight_bits) // config.ports)
        self.parts = [part for part in (min(n_words, first), n_words - first) if part > 0]
        self._bandwidth = Bandwidth(timing)
        rng = np.random.default_rng(seed)
        self.ports = [Port(timing, self._bandwidth, config.bus_bits // 8, rng) for _ in range(config.ports)]
        self.now = 0
        self.idle = {"weight": 0, "input": 0, "fire": 0}
        self._work = deque()            # (cycle from which it may load, spikes, slots of the segment that ends with it)
        self._arrivals = [deque() for _ in self.parts]
        self._requested = 0             # rows on their way
        self._credit = True             # one more slot may be captured
        self._captured = None           # from when on fire has one
        self._done = False

    def run(self) -> int:
        """Cycles from the layer's start until its output is in memory."""
        parts = [self._window(), self._fire(), self._scanner()]
        while not self._done:
            self._bandwidth.step(self.now)
            for port in self.ports:
                port.step(self.now)
            for part in parts:
                next(part)
            self.now += 1
        return self.now

    def _scanner(self):
        lists = []      # of each pass, its active words
        full = False
        for tile in range(len(self.tiles)):
            for p, slots in enumerate(self.passes):
                yield from _wait(3)
                split = self.resident and slots > self._half
                for first, end in [(0, self._half), (self._half, slots)] if split else [(0, slots)]:
                    mask = (1 << end) - (1 << first)
                    yield from _wait(1)
                    if full or (tile == 0 and first == 0):
                        found = []
                        for word in self._raster(p, slots):
                            if word:
                                found.append(word)
                            if word is not None and word & mask:
                                yield from self._send(word & mask)
                            else:
                                yield
                        if tile == 0 and first == 0:
                            lists.append(found)
                            full = sum(len(active) + 1 for active in lists) > self.config.list_words
                    else:
                        yield from _wait(2)
                        for word in lists[p]:
                            if word & mask:
                                yield from self._send(word & mask)
                            else:
                                yield
                    while len(self._work) >= self.config.ring_rows:
                        yield
                    self._work.append((self.now + WORK_PATH, 0, mask))
                    yield from _wait(3)
                yield from _wait(1)
            yield from _wait(1)
        while True:
            yield

    def _raster(self, p, slots):
        """Words of the raster, then of the bias rows; None in cycles in which memory brings none."""
        used = (1 << slots) - 1
        words = (self.words[p] & np.uint64(used)).tolist()
        stripes = [words[at : at + STRIPE_WORDS] for at in range(0, len(words), STRIPE_WORDS)]
        for i, port in enumerate(self.ports):
            port.raster_left = sum(map(len, stripes[i :: len(self.ports)]))
            port.raster_room = self.config.stream_fifo_words
        for i, stripe in enumerate(stripes):
            port = self.ports[i % len(self.ports)]
            for word in stripe:
                while not port.raster or port.raster[0][0] > self.now:
                    yield None
                arrives, here = port.raster.popleft()
                if here > 1:
                    port.raster.appendleft((arrives + 1, here - 1))
                port.raster_room += 1
                yield word
        for _ in range(self.bias_rows):
            yield used

    def _send(self, word):
        """Ask for the row of an active input, and hand it on."""
        while len(self._work) >= self.config.ring_rows:
            yield
        if not self.resident:
            while self._requested > self.config.ring_rows + 1 or any(len(port.weights) > 1 for port in self.ports):
                yield
            self._requested += 1
            for port, part, arrivals in zip(self.ports, self.parts, self._arrivals):
                for left in range(part, 0, -BURST_WORDS):
                    port.weights.append((min(BURST_WORDS, left), arrivals if left <= BURST_WORDS else None))
        self._work.append((self.now + WORK_PATH, word, 0))
        yield

    def _row_is_here(self):
        return self.resident or all(rows and rows[0] + ROW_PATH <= self.now for rows in self._arrivals)

    def _take_row(self):
        if not self.resident:
            self._requested -= 1
            for rows in self._arrivals:
                rows.popleft()

    def _window(self):
        ways, n_entries = self.config.ways, self.config.window_rows
        to_capture = PICK_TO_CAPTURE + (ways - 1).bit_length()
        work = self._work
        entries = [0] * n_entries       # spikes, a bit a slot
        columns = [0] * SLOTS           # the same, a bit an entry
        tail = 0
        old = new = seen = 0            # slots with a spike of an old row, of a young one; what the core sees, a cycle late
        full = full_seen = 0            # entries with a spike
        tail_free = False               # of the cycle before
        young = 0                       # entries that were loaded while slots were emitted
        closed = 0                      # slots that are still to be emitted, and closed to young rows
        emitting = False
        sweep = 0                       # slots that are still to be visited before it begins again
        chosen = emission = last_emission = False   # stage 1
        slot = 0
        waits = waits_emission = False  # stage 2
        waits_rows = 0
        visiting = visit_emission = False   # stage 3
        rows = left = 0
        while True:
            ends = left <= ways
            moves = waits and (not visiting or ends)
            taken = chosen and (not waits or moves)

            loaded = segment = 0
            here = work and work[0][0] <= self.now
            if here:
                _, word, segment = work[0]
                if segment:
                    segment = 0 if emitting else segment
                elif tail_free and self._row_is_here():
                    self._take_row()
                    loaded = word
                if loaded or segment:
                    work.popleft()
            if not visiting:
                waits_row = here and not loaded and not segment
                self.idle["fire" if emitting and not self._credit else "weight" if waits_row else "input"] += 1
            seen_next, full_next = old | new & ~closed, full | (loaded and 1 << tail)
            tail_free = not (waits_rows | rows | full_seen) >> (tail + bool(loaded)) % n_entries & 1

            if visiting:
                if ends:
                    if visit_emission:
                        self._captured = self.now + to_capture
                    visiting, rows = False, 0
                else:
                    left -= ways
                    for _ in range(ways):
                        rows &= rows - 1    # which ones makes no difference
            if moves:
                visiting, visit_emission = True, waits_emission
                rows, left = waits_rows, waits_rows.bit_count()

            if taken:
                waits_emission = emission
                waits_rows = columns[slot] & ~young if emission or closed >> slot & 1 else columns[slot]
                waits = emission or waits_rows != 0
                columns[slot] ^= waits_rows
                old &= ~(1 << slot)
                if not columns[slot]:
                    new &= ~(1 << slot)
                rest = waits_rows
                while rest:
                    e = rest.bit_length() - 1
                    rest ^= 1 << e
                    entries[e] &= ~(1 << slot)
                    if not entries[e]:
                        full &= ~(1 << e)
                if emission and last_emission:
                    emitting, young, old, new = False, 0, old | new, 0
            elif moves:
                waits, waits_rows = False, 0

            if not chosen or taken:
                emission = closed != 0 and self._credit
                source = sweep or seen
                ahead = closed if emission else source
                chosen = ahead != 0
                if chosen:
                    slot = (ahead & -ahead).bit_length() - 1
                if emission:
                    closed &= closed - 1
                    last_emission = closed == 0
                    self._credit = False
                else:
                    sweep = source & (source - 1)

            if loaded:
                entries[tail] = loaded
                full |= 1 << tail
                if emitting:
                    young |= 1 << tail
                    new |= loaded
                else:
                    young &= ~(1 << tail)
                    old |= loaded
                rest = loaded
                while rest:
                    s = rest.bit_length() - 1
                    rest ^= 1 << s
                    columns[s] |= 1 << tail
                tail = (tail + 1) % n_entries
            if segment:
                emitting, closed = True, segment
            seen, full_seen = seen_next, full_next
            yield

    def _fire(self):
        written = 0     # until when the writer is busy
        for n_neurons in self.tiles:
            groups = -(-n_neurons // self.config.fire_units)
            yield from _wait(1)
            for slots in self.passes:
                yield from _wait(2)
                for _ in range(slots):
                    while self._captured is None or self._captured > self.now:
                        yield
                    self._captured = None
                    for left in range(groups, 0, -1):
                        if left == min(groups, RELEASE_AHEAD + 1):
                            self._credit = True
                        yield
                yield from _wait(FIRE_PATH)
                while written > self.now:
                    yield
                written = self.now
                for left in range(n_neurons, 0, -BURST_WORDS):
                    burst = min(left, BURST_WORDS)
                    written += burst
                    self._bandwidth.writes.append((written - burst, burst))
            self._tick()
        yield from _wait(written - self.now + self._latency)
        self._done = True
        yield


def _wait(cycles):
    for _ in range(cycles):
        yield
