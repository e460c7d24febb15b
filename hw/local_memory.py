"""Block RAM in the place of DDR: a memory that core and host share."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lifarray.golden.errors import UserError
from lifarray.golden.registers import LOCAL_MEMORY_BASE, PAGE_BITS

from .axi import Axi3Signature, Axi4LiteSignature

WINDOW_BITS = LOCAL_MEMORY_BASE.bit_length() - 1
"""Address bits of the host's window, which is as large as it is far from the registers."""

BANK_WORDS = 4096
"""64-bit words of a bank: 8 block RAMs of a 7-series or 16 of an ECP5, each 8 or 4 bits wide."""

QUEUE_BURSTS = 4
DECODE_ERROR = 3


class Bank(wiring.Component):
    """Up to `BANK_WORDS` words, with registers of its own before and behind: three cycles from address to data.

    Members
    -------
    write : In, word, data, strobe
    read : In, word; data follows three cycles in which ``go`` was high
    go : In(1)
    data : Out(64)
    """

    def __init__(self, depth):
        self._depth = depth
        word = (BANK_WORDS - 1).bit_length()
        super().__init__(
            {
                "write": In(data.StructLayout({"word": word, "data": 64, "strobe": 8})),
                "read": In(word),
                "go": In(1),
                "data": Out(64),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=64, depth=self._depth, init=[])
        write_port = memory.write_port(granularity=8)
        read_port = memory.read_port(transparent_for=())
        # Copies for each bank: a register that drives all of them would be the slowest net of the design.
        write = Signal.like(self.write, attrs={"keep": 1})
        read = Signal.like(self.read, attrs={"keep": 1})
        m.d.sync += write.eq(self.write)
        with m.If(self.go):
            m.d.sync += [read.eq(self.read), self.data.eq(read_port.data)]
        m.d.comb += [
            write_port.addr.eq(write.word),
            write_port.data.eq(write.data),
            write_port.en.eq(write.strobe),
            read_port.addr.eq(read),
            read_port.en.eq(self.go),
        ]
        return m


class LocalMemory(wiring.Component):
    """``n_pages`` of block RAM from address ``LOCAL_MEMORY_BASE`` on.

    A word a cycle each way; where the host wants the same cycle, it goes first. The core's bursts are
    incrementing, of whole beats, and cross no page. Those beyond the memory are answered with an error;
    there the host reads zeros. Each block RAM holds whole or half bytes, and its ninth bits stay unused.

    Parameters
    ----------
    n_pages : int
        Of 4 KB.

    Members
    -------
    bus : In(Axi3Signature(64, 1)), to the core's memory port
    host : In(Axi4LiteSignature(WINDOW_BITS)), addresses counted from the first byte
    """

    def __init__(self, n_pages):
        limit = 1 << WINDOW_BITS - PAGE_BITS
        if not 1 <= n_pages <= limit:
            raise UserError(f"local_pages = {n_pages}: the window of a local memory has room for 1 to {limit} pages")
        self._n_pages = n_pages
        super().__init__({"bus": In(Axi3Signature(64, 1)), "host": In(Axi4LiteSignature(WINDOW_BITS))})

    def elaborate(self, platform):
        m = Module()
        n_words = self._n_pages << PAGE_BITS - 3
        n_banks = -(-n_words // BANK_WORDS)
        banks = [Bank(min(BANK_WORDS, n_words - i * BANK_WORDS)) for i in range(n_banks)]
        for i, bank in enumerate(banks):
            m.submodules[f"bank{i}"] = bank
        self._writes(m, banks)
        self._reads(m, banks)
        return m

    def _queue(self, m, prefix):
        """Bursts that wait: their ID, first word, beats less one, and whether they lie beyond the memory."""
        bus = self.bus
        layout = data.StructLayout({"id": 1, "word": WINDOW_BITS - 3, "beats": 4, "error": 1})
        m.submodules[prefix] = fifo = SyncFIFO(width=layout.size, depth=QUEUE_BURSTS)
        entry = data.View(layout, fifo.w_data)
        address = getattr(bus, f"{prefix}addr")
        page = Signal(32 - PAGE_BITS, name=f"{prefix}_page")
        m.d.comb += [
            page.eq(address[PAGE_BITS:] - (LOCAL_MEMORY_BASE >> PAGE_BITS)),
            entry.id.eq(getattr(bus, f"{prefix}id")),
            entry.word.eq(address[3:]),
            entry.beats.eq(getattr(bus, f"{prefix}len")),
            entry.error.eq(page >= self._n_pages),
            fifo.w_en.eq(getattr(bus, f"{prefix}valid")),
            getattr(bus, f"{prefix}ready").eq(fifo.w_rdy),
        ]
        return fifo, data.View(layout, fifo.r_data)

    @staticmethod
    def _beat_word(burst, beat):
        """The word of a beat; no burst crosses a page."""
        in_page = PAGE_BITS - 3
        return Cat((burst.word[:in_page] + beat)[:in_page], burst.word[in_page:])

    def _inside(self, address):
        return address[PAGE_BITS:] < self._n_pages

    def _writes(self, m, banks):
        bus, host = self.bus, self.host

        host_address = Signal.like(host.awaddr)
        host_data = Signal(32)
        host_strobe = Signal(4)
        have_address, have_data = Signal(), Signal()
        host_turn = Signal()
        m.d.comb += [host.awready.eq(~have_address), host.wready.eq(~have_data)]
        # The core's word waits for it, so it comes out of a register.
        m.d.sync += host_turn.eq(have_address & have_data & ~host_turn & ~host.bvalid)
        with m.If(host.awvalid & host.awready):
            m.d.sync += [host_address.eq(host.awaddr), have_address.eq(1)]
        with m.If(host.wvalid & host.wready):
            m.d.sync += [host_data.eq(host.wdata), host_strobe.eq(host.wstrb), have_data.eq(1)]
        with m.If(host_turn):
            m.d.sync += [have_address.eq(0), have_data.eq(0), host.bvalid.eq(1)]
        with m.Elif(host.bready):
            m.d.sync += host.bvalid.eq(0)

        queue, burst = self._queue(m, "aw")
        beat = Signal(4)
        answer_layout = data.StructLayout({"id": 1, "error": 1})
        m.submodules.answers = answers = SyncFIFO(width=answer_layout.size, depth=QUEUE_BURSTS)
        answer_in, answer = data.View(answer_layout, answers.w_data), data.View(answer_layout, answers.r_data)
        taken = Signal()
        m.d.comb += [
            bus.wready.eq(queue.r_rdy & answers.w_rdy & ~host_turn),
            taken.eq(bus.wvalid & bus.wready),
            answer_in.id.eq(burst.id),
            answer_in.error.eq(burst.error),
            bus.bvalid.eq(answers.r_rdy),
            bus.bid.eq(answer.id),
            bus.bresp.eq(Mux(answer.error, DECODE_ERROR, 0)),
            answers.r_en.eq(bus.bvalid & bus.bready),
        ]
        with m.If(taken):
            m.d.sync += beat.eq(beat + 1)
            with m.If(bus.wlast):
                m.d.sync += beat.eq(0)
                m.d.comb += [queue.r_en.eq(1), answers.w_en.eq(1)]

        word = Signal(WINDOW_BITS - 3)
        written = Signal(64)
        strobe = Signal(8)
        with m.If(host_turn):
            m.d.sync += [
                word.eq(host_address[3:]),
                written.eq(host_data.replicate(2)),
                strobe.eq(Mux(self._inside(host_address), host_strobe << (host_address[2] << 2), 0)),
            ]
        with m.Else():
            m.d.sync += [word.eq(self._beat_word(burst, beat)), written.eq(bus.wdata), strobe.eq(Mux(taken & ~burst.error, bus.wstrb, 0))]
        for i, bank in enumerate(banks):
            m.d.comb += [
                bank.write.word.eq(word),
                bank.write.data.eq(written),
                bank.write.strobe.eq(Mux(word[len(bank.write.word) :] == i, strobe, 0)),
            ]

    def _reads(self, m, banks):
        bus, host = self.bus, self.host
        # What is known of a read, from its first cycle to that of its data.
        tag_layout = data.StructLayout({"valid": 1, "host": 1, "id": 1, "error": 1, "last": 1, "upper": 1, "bank": range(len(banks))})
        tags = [Signal(tag_layout, name=f"tag{i}") for i in range(5)]
        done = tags[-1]
        go = Signal()
        m.d.comb += [bus.rvalid.eq(done.valid & ~done.host), go.eq(~bus.rvalid | bus.rready)]

        host_address = Signal.like(host.araddr)
        host_waits, host_reads = Signal(), Signal()
        host_turn = Signal()
        m.d.comb += [host.arready.eq(~host_waits & ~host_reads & ~host.rvalid), host_turn.eq(host_waits & go)]
        with m.If(host.arvalid & host.arready):
            m.d.sync += [host_address.eq(host.araddr), host_waits.eq(1)]
        with m.If(host_turn):
            m.d.sync += [host_waits.eq(0), host_reads.eq(1)]

        queue, burst = self._queue(m, "ar")
        beat = Signal(4)
        turn = Signal()
        m.d.comb += turn.eq(queue.r_rdy & ~host_waits & go)
        with m.If(turn):
            m.d.sync += beat.eq(beat + 1)
            with m.If(beat == burst.beats):
                m.d.sync += beat.eq(0)
                m.d.comb += queue.r_en.eq(1)

        word = Signal(WINDOW_BITS - 3)
        next_word = Signal.like(word)
        m.d.comb += next_word.eq(Mux(host_waits, host_address[3:], self._beat_word(burst, beat)))
        selected = Signal(64)
        in_bank = (BANK_WORDS - 1).bit_length()
        with m.If(go):
            m.d.sync += [
                word.eq(next_word),
                tags[0].valid.eq(host_turn | turn),
                tags[0].host.eq(host_waits),
                tags[0].id.eq(burst.id),
                tags[0].error.eq(Mux(host_waits, ~self._inside(host_address), burst.error)),
                tags[0].last.eq(beat == burst.beats),
                tags[0].upper.eq(host_address[2]),
                tags[0].bank.eq(next_word[in_bank:]),
                *(after.eq(before) for before, after in zip(tags, tags[1:])),
                selected.eq(Array(bank.data for bank in banks)[tags[-2].bank]),
            ]
        for bank in banks:
            m.d.comb += [bank.read.eq(word), bank.go.eq(go)]
        m.d.comb += [bus.rid.eq(done.id), bus.rdata.eq(selected), bus.rlast.eq(done.last), bus.rresp.eq(Mux(done.error, DECODE_ERROR, 0))]
        with m.If(host.rvalid & host.rready):
            m.d.sync += host.rvalid.eq(0)
        with m.If(done.valid & done.host):
            m.d.sync += [host.rvalid.eq(1), host.rdata.eq(Mux(done.error, 0, selected.word_select(done.upper, 32))), host_reads.eq(0)]
