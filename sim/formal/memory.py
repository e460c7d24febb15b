"""What memory may do on the data channels of a port: all that AXI3 lets it do, and nothing else."""

from amaranth.hdl import Cat, Mux, Signal

from lifarray.golden.registers import N_WINDOWS, PAGE_BITS

COUNT_BITS = 12


class BurstCounter:
    """Beats and bursts that memory still owes to one ID.

    Any order of lengths is allowed that adds up to what was asked for, so memory may do here a
    little more than a real one does.

    Members
    -------
    beats, bursts : Signal, still owed
    may_answer, may_end : one bit, a beat that is not the last, or one that is, may come in this cycle
    """

    def __init__(self, bench, name, asked, asked_beats, beat, last):
        m = bench.m
        self.beats = Signal(COUNT_BITS, name=f"{name}_beats_owed")
        self.bursts = Signal(COUNT_BITS, name=f"{name}_bursts_owed")
        m.d.sync += [
            self.beats.eq(self.beats + Mux(asked, asked_beats, 0) - beat),
            self.bursts.eq(self.bursts + asked - (beat & last)),
        ]
        # Each burst owes at least its last beat, and after the last burst's last beat nothing is owed.
        self.may_answer = self.beats > self.bursts
        self.may_end = (self.bursts > 1) | ((self.bursts == 1) & (self.beats == 1))
        bench.check(f"{name}_owes_whole_bursts", Mux(self.bursts == 0, self.beats == 0, self.beats >= self.bursts))
        bench.assume(~beat | Mux(last, self.may_end, (self.bursts > 0) & self.may_answer))


def in_a_window(windows, address):
    """Whether the 4 KB page of an address lies in one of the windows, and below 2^32."""
    page = address[PAGE_BITS:]
    return Cat((windows[i].first <= page) & (page <= windows[i].last) for i in range(N_WINDOWS)).any()


def asks_for_plain_bursts(bus, prefix, bytes_per_beat):
    """Whether an address channel says: incrementing, of whole beats, bufferable and modifiable; nothing else is special."""
    size, burst, cache, lock, prot, qos = (getattr(bus, prefix + name) for name in ("size", "burst", "cache", "lock", "prot", "qos"))
    return (size == bytes_per_beat.bit_length() - 1) & (burst == 1) & (cache == 0b0011) & ~Cat(lock, prot, qos).any()
