"""The array: lanes that add weights into slot currents."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import SLOTS, CoreConfig

from .window import pick_layout

BLOCK_LANES = 24
"""Lanes that share a copy of what selects their weights, so that no register has thousands of loads."""

SLOT_LANES = 2
"""Lanes that share a copy of what selects their slots, in the cycle of their addition, the fullest of all."""


def add_stages(ways):
    """Cycles that the sum of the ways takes."""
    return (ways - 1).bit_length()


PICK_TO_ADD = 2
"""Cycles from a pick to its addition, besides `add_stages`."""


class LaneBlock(wiring.Component):
    """Some lanes: their part of the window's weights, and for each lane a current a slot.

    Both are distributed RAM. A current is read, added to and written in one cycle, so additions
    to the same slot may follow each other at once.

    Parameters
    ----------
    config : CoreConfig
    lanes : int

    Members
    -------
    pick : In(pick_layout)
    write : In(1), the row goes to entry ``entry``
    entry : In
    row : In, weights of these lanes
    captured : Out(array of signed), the currents that a pick with ``capture`` completed
    """

    def __init__(self, config: CoreConfig, lanes):
        self._config = config
        self._lanes = lanes
        super().__init__(
            {
                "pick": In(pick_layout(config)),
                "write": In(1),
                "entry": In(range(config.window_rows)),
                "row": In(lanes * config.weight_bits),
                "captured": Out(data.ArrayLayout(signed(config.current_bits), lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        layout = pick_layout(config)

        # Equal in all blocks, and yet not to be merged.
        pick = Signal(layout, attrs={"keep": 1})
        write = Signal(attrs={"keep": 1})
        entry = Signal(range(config.window_rows), attrs={"keep": 1})
        row = Signal.like(self.row)
        m.d.sync += [pick.eq(self.pick), write.eq(self.write), entry.eq(self.entry), row.eq(self.row)]

        m.submodules.weights = weights = Memory(shape=self._lanes * config.weight_bits, depth=config.window_rows, init=[])
        weights_write = weights.write_port()
        m.d.comb += [weights_write.addr.eq(entry), weights_write.data.eq(row), weights_write.en.eq(write)]
        rows = []
        for way in range(config.ways):
            read = weights.read_port(domain="comb")
            m.d.comb += read.addr.eq(pick.entry[way])
            rows.append(read.data)

        # What belongs to the slot follows the weights through the adders, at last in several copies.
        last_stage = add_stages(config.ways)
        stages = [[pick]]
        for stage in range(last_stage + 1):
            n_copies = -(-self._lanes // SLOT_LANES) if stage == last_stage else 1
            copies = [Signal(layout, name=f"pick{stage}_{i}", attrs={"keep": 1}) for i in range(n_copies)]
            m.d.sync += [copy.eq(stages[-1][0]) for copy in copies]
            stages.append(copies)

        for lane in range(self._lanes):
            delayed = stages[-1][lane // SLOT_LANES]
            valid = (stages[1][0] if last_stage else delayed).valid
            bits = slice(lane * config.weight_bits, (lane + 1) * config.weight_bits)
            terms = []
            for way in range(config.ways):
                weight = Signal(signed(config.weight_bits), name=f"weight{lane}_{way}")
                m.d.sync += weight.eq(rows[way][bits].as_signed())
                terms.append(Mux(valid[way], weight, 0))
            while len(terms) > 1:
                sums = []
                for a, b in zip(terms[0::2], terms[1::2] + [None] * (len(terms) % 2)):
                    total = Signal(signed(len(a) + (b is not None)), name=f"sum{lane}_{len(terms)}_{len(sums)}")
                    m.d.sync += total.eq(a if b is None else a + b)
                    sums.append(total)
                terms = sums

            m.submodules[f"slots{lane}"] = slots = Memory(shape=signed(config.current_bits), depth=SLOTS, init=[])
            slots_read = slots.read_port(domain="comb")
            slots_write = slots.write_port()
            current = Signal(signed(config.current_bits), name=f"current{lane}")
            m.d.comb += [
                slots_read.addr.eq(delayed.slot),
                slots_write.addr.eq(delayed.slot),
                current.eq(Mux(delayed.fresh, 0, slots_read.data) + terms[0]),
                slots_write.data.eq(current),
                slots_write.en.eq(delayed.active),
            ]
            with m.If(delayed.capture):
                m.d.sync += self.captured[lane].eq(current)
        return m


class LaneArray(wiring.Component):
    """All lanes, in blocks.

    Members
    -------
    pick : In(pick_layout)
    write : In(1), ``row`` goes to entry ``entry`` of the window
    entry : In
    row : In, packed weights of all lanes
    captured : Out(array of signed), the currents of the last pick with ``capture``, one a lane
    capture : Out(1), ``captured`` is new in the next cycle
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(
            {
                "pick": In(pick_layout(config)),
                "write": In(1),
                "entry": In(range(config.window_rows)),
                "row": In(config.lanes * config.weight_bits),
                "captured": Out(data.ArrayLayout(signed(config.current_bits), config.lanes)),
                "capture": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        captured = []
        for b, first in enumerate(range(0, config.lanes, BLOCK_LANES)):
            n = min(BLOCK_LANES, config.lanes - first)
            m.submodules[f"block{b}"] = block = LaneBlock(config, n)
            m.d.comb += [
                block.pick.eq(self.pick),
                block.write.eq(self.write),
                block.entry.eq(self.entry),
                block.row.eq(self.row[first * config.weight_bits : (first + n) * config.weight_bits]),
            ]
            captured.append(block.captured)
        m.d.comb += self.captured.as_value().eq(Cat(captured))
        waits = PICK_TO_ADD + add_stages(config.ways)
        captures = Signal(waits)
        m.d.sync += captures.eq(Cat(self.pick.capture, captures))
        m.d.comb += self.capture.eq(captures[-1])
        return m
