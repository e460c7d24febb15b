"""The weight store: rows of weights in block RAM, written word by word and read whole."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig


def part_words(config: CoreConfig):
    """64-bit words of a full row that each memory port brings: the first half, and the second."""
    n_words = config.row_words(config.weight_bits)
    first = -(-n_words // config.ports)
    return (first, n_words - first)[: config.ports]


def words_of_part(row_words, before, part):
    """Of a row of ``row_words``, how many belong to a part of ``part`` words after ``before`` others."""
    rest = Mux(row_words >= before + part, part, row_words - before)
    return Mux(row_words <= before, 0, rest)[: part.bit_length()]


class RowWriter(wiring.Component):
    """Where the words of one memory port go: into its part of one row after the other.

    Members
    -------
    restart : In(1), begin at row ``first_row``
    first_row : In
    row_words : In, words of this port in each row, none if 0
    valid : In(1), a word goes to ``row``, ``column`` in this cycle
    row : Out
    column : Out, of this port's part
    ready : Out(1), a part lies complete and was not taken
    take : In(1), take it
    """

    def __init__(self, config: CoreConfig, part):
        self._config = config
        super().__init__(
            {
                "restart": In(1),
                "first_row": In(range(config.store_rows)),
                "row_words": In(range(part + 1)),
                "valid": In(1),
                "row": Out(range(config.store_rows)),
                "column": Out(range(part)),
                "ready": Out(1),
                "take": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows = self._config.store_rows
        complete = Signal()
        level = Signal(range(self._config.ring_rows + 1))
        m.d.comb += [
            complete.eq(self.valid & (self.column + 1 == self.row_words)),
            self.ready.eq((level != 0) | (self.row_words == 0)),
        ]
        with m.If(self.valid):
            m.d.sync += self.column.eq(Mux(complete, 0, self.column + 1))
        with m.If(complete):
            m.d.sync += self.row.eq(Mux(self.row == rows - 1, rows - self._config.ring_rows, self.row + 1))
        taken = self.take & (self.row_words != 0)
        with m.If(complete != taken):
            m.d.sync += level.eq(Mux(taken, level - 1, level + 1))
        with m.If(self.restart):
            m.d.sync += [self.row.eq(self.first_row), self.column.eq(0), level.eq(0)]
        return m


class RowStore(wiring.Component):
    """Rows that stay, and a ring of rows on their way from memory behind them.

    Parameters
    ----------
    config : CoreConfig

    Members
    -------
    words{p} : In(stream of 64 bits), what memory port p brings; always taken
    restart : In(1), write from row ``first_row`` on; past the last row comes the ring's first
    first_row : In
    row_words : In, 64-bit words of a row
    ready : Out(1), a row was written and not taken
    take : In(1), take it
    read_enable : In(1), ``row`` is row ``read_row`` from the next cycle on
    read_row : In
    row : Out, packed weights of all lanes
    """

    def __init__(self, config: CoreConfig):
        self._config = config
        row = range(config.store_rows)
        n_words = config.row_words(config.weight_bits)
        super().__init__(
            {
                **{f"words{p}": In(stream.Signature(64)) for p in range(config.ports)},
                "restart": In(1),
                "first_row": In(row),
                "row_words": In(range(n_words + 1)),
                "ready": Out(1),
                "take": In(1),
                "read_enable": In(1),
                "read_row": In(row),
                "row": Out(64 * n_words),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        columns = []
        writers = []
        before = 0
        for p, part in enumerate(part_words(config)):
            words = getattr(self, f"words{p}")
            m.submodules[f"writer{p}"] = writer = RowWriter(config, part)
            writers.append(writer)
            here = Signal(range(part + 1), name=f"row_words{p}")
            m.d.sync += here.eq(words_of_part(self.row_words, before, part))
            # A register before the block RAM, whose every column sees the word.
            word = Signal(64, name=f"word{p}")
            row = Signal(range(config.store_rows), name=f"row{p}")
            enable = Signal(part, name=f"enable{p}")
            m.d.comb += [
                words.ready.eq(1),
                writer.restart.eq(self.restart),
                writer.first_row.eq(self.first_row),
                writer.row_words.eq(here),
                writer.valid.eq(words.valid),
                writer.take.eq(self.take),
            ]
            m.d.sync += [
                word.eq(words.payload),
                row.eq(writer.row),
                enable.eq(words.valid << writer.column),
            ]
            for c in range(part):
                m.submodules[f"column{before + c}"] = column = Memory(shape=64, depth=config.store_rows, init=[])
                # Bytes, so that no data falls into a block RAM's ninth bits.
                write = column.write_port(granularity=8)
                read = column.read_port(domain="sync")
                m.d.comb += [
                    write.addr.eq(row),
                    write.data.eq(word),
                    write.en.eq(enable[c].replicate(8)),
                    read.addr.eq(self.read_row),
                    read.en.eq(self.read_enable),
                ]
                columns.append(read.data)
            before += part
        # One cycle later, since the words are written one cycle after they come.
        m.d.sync += self.ready.eq(Cat(writer.ready for writer in writers).all() & ~self.take & ~self.restart)
        m.d.comb += self.row.eq(Cat(columns))
        return m
