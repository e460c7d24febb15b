"""Rows: from the work that the scanner found to the window's entries and the array's weights."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig

from .store import RowStore
from .window import work_layout


class RowFetch(wiring.Component):
    """Takes each active input's row out of the store.

    Resident rows lie where the work says; others arrive in the ring in the order of the work.

    Members
    -------
    work : In(stream of work_layout)
    words{p} : In(stream of 64 bits), rows from memory port p
    restart : In(1), rows that come next are written from ``first_row`` on
    first_row, row_words : In, of `RowStore`
    resident, four_bit : In(1), of the layer
    load : Out(stream of work_layout), to the window
    weights : Out, the row of ``load``, a weight of full width a lane
    arrived : In(1), take rows as they arrive, without work
    row_taken : Out(1), a row left the ring
    wait_weight : Out(1), work waits for its row
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        layout = work_layout(config)
        super().__init__(
            {
                "work": In(stream.Signature(layout)),
                **{f"words{p}": In(stream.Signature(64)) for p in range(config.ports)},
                "restart": In(1),
                "first_row": In(range(config.store_rows)),
                "row_words": In(range(config.row_words(config.weight_bits) + 1)),
                "resident": In(1),
                "four_bit": In(1),
                "arrived": In(1),
                "load": Out(stream.Signature(layout)),
                "weights": Out(config.lanes * config.weight_bits),
                "row_taken": Out(1),
                "wait_weight": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.store = store = RowStore(config)
        for p in range(config.ports):
            wiring.connect(m, wiring.flipped(getattr(self, f"words{p}")), getattr(store, f"words{p}"))

        last_row = config.store_rows - 1
        ring_row = Signal(range(config.store_rows), init=config.store_rows - config.ring_rows)
        needs_row = Signal()
        here = Signal()
        m.d.comb += [
            store.restart.eq(self.restart),
            store.first_row.eq(self.first_row),
            store.row_words.eq(self.row_words),
            needs_row.eq(~self.work.payload.last & ~self.resident),
            here.eq(~needs_row | store.ready),
            self.wait_weight.eq(self.work.valid & ~here),
        ]

        # Two registers, the block RAM's own and one after it.
        valid = Signal(2)
        item = Signal(work_layout(config))
        goes = Signal()
        moves = Signal()
        m.d.comb += [
            moves.eq(~valid[1] | self.load.ready),
            self.work.ready.eq(here & (~valid[0] | moves)),
            goes.eq(self.work.valid & self.work.ready),
            store.read_enable.eq(goes),
            store.read_row.eq(Mux(self.resident, self.work.payload.row, ring_row)),
            store.take.eq((goes & needs_row) | (self.arrived & store.ready)),
            self.row_taken.eq(store.take),
            self.load.valid.eq(valid[1]),
        ]
        with m.If(goes & needs_row):
            m.d.sync += ring_row.eq(Mux(ring_row == last_row, last_row + 1 - config.ring_rows, ring_row + 1))
        with m.If(self.restart):
            m.d.sync += ring_row.eq(last_row + 1 - config.ring_rows)
        with m.If(goes):
            m.d.sync += [valid[0].eq(1), item.eq(self.work.payload)]
        with m.Elif(moves):
            m.d.sync += valid[0].eq(0)
        row = Signal.like(store.row)
        m.d.comb += self.weights.eq(self._lanes_of(row))
        with m.If(moves):
            m.d.sync += [valid[1].eq(valid[0]), self.load.payload.eq(item), row.eq(store.row)]
        return m

    def _lanes_of(self, row):
        """A row's weights, each widened to the core's width."""
        bits = self._config.weight_bits
        lanes = self._config.lanes
        if bits == 4:
            return row[: 4 * lanes]
        nibbles = (row[4 * i : 4 * i + 4].as_signed() for i in range(lanes))
        widened = Cat(Cat(nibble, nibble[3].replicate(4)) for nibble in nibbles)
        return Mux(self.four_bit, widened, row[: 8 * lanes])
