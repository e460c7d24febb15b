"""The core's registers and error codes, described once.

The decoder in the hardware, the driver, the ``.hwh`` file and the documentation are all made
from `REGISTERS`. Reading a register changes nothing.
"""

import zlib
from dataclasses import dataclass
from enum import IntEnum

CORE_ID = 0x4C49_4641
"""ASCII "LIFA": what register ``ID`` reads."""

CORE_VERSION = 0x0002_0000
"""Major and minor version of the hardware, 16 bits each."""

N_WINDOWS = 4
PAGE_BITS = 12
"""Address windows count in pages of 4 KB, which no AXI burst crosses."""


class ErrorCode(IntEnum):
    """Why a run stopped: field ``STATUS.error``."""

    NONE = 0
    DESCRIPTOR = 1  # a field of a descriptor is out of range; ERROR_ADDRESS is the descriptor's
    WINDOW = 2  # an access outside every address window; ERROR_ADDRESS is the access's
    AXI_READ = 3  # memory answered a read with an error; ERROR_ADDRESS is the burst's
    AXI_WRITE = 4  # memory answered a write with an error; ERROR_ADDRESS is the burst's
    ABORTED = 5  # the driver set CONTROL.abort


@dataclass(frozen=True)
class Field:
    """Bits ``offset`` to ``offset + width - 1`` of a register."""

    name: str
    offset: int
    width: int
    doc: str


@dataclass(frozen=True)
class Register:
    """One 32-bit register.

    ``access`` is "ro"; "rw"; "w1c" (writing ones clears those bits); or "w1s" (writing a one
    starts something; reads as 0).
    """

    name: str
    address: int
    access: str
    doc: str
    fields: tuple = ()
    reset: int = 0

    @property
    def all_fields(self):
        """The fields, or one that spans the register."""
        return self.fields or (Field("value", 0, 32, self.doc),)

    @property
    def mask(self) -> int:
        """The bits that exist; the others read as 0 and ignore writes."""
        return sum(((1 << field.width) - 1) << field.offset for field in self.all_fields)


def _window(i):
    page = 32 - PAGE_BITS
    return (
        Register(
            f"WINDOW{i}_FIRST",
            0x60 + 8 * i,
            "rw",
            f"Address window {i}: its first page.",
            (Field("page", PAGE_BITS, page, "Bits 31 to 12 of the first address."),),
            reset=0xFFFF_F000,
        ),
        Register(
            f"WINDOW{i}_LAST",
            0x64 + 8 * i,
            "rw",
            f"Address window {i}: its last page, inclusive. Below WINDOW{i}_FIRST the window is closed, as after reset.",
            (Field("page", PAGE_BITS, page, "Bits 31 to 12 of the last address."),),
        ),
    )


REGISTERS = (
    Register("ID", 0x00, "ro", 'Always 0x4C494641, ASCII "LIFA".', reset=CORE_ID),
    Register("VERSION", 0x04, "ro", "Hardware version: major in bits 31 to 16, minor below.", reset=CORE_VERSION),
    Register("MAP_HASH", 0x08, "ro", "CRC-32 of this register map; the driver refuses another."),
    Register(
        "CAPS0",
        0x0C,
        "ro",
        "Capabilities: sizes of the array.",
        (
            Field("lanes", 0, 16, "Neurons a tile."),
            Field("fire_units", 16, 16, "LIF pipelines."),
        ),
    ),
    Register(
        "CAPS1",
        0x10,
        "ro",
        "Capabilities: widths.",
        (
            Field("weight_bits", 0, 8, "Widest weights: 8 (takes 4 too) or 4."),
            Field("current_bits", 8, 8, "Width of the current."),
            Field("vmem_bits", 16, 8, "Width of vmem."),
            Field("bus_bits", 24, 8, "Width of the memory port."),
        ),
    ),
    Register(
        "CAPS2",
        0x14,
        "ro",
        "Capabilities: rows of weights.",
        (
            Field("ways", 0, 4, "Rows added into a slot in one cycle."),
            Field("ports", 4, 4, "Memory ports."),
            Field("window_rows", 8, 8, "Rows that wait to be added."),
            Field("store_rows", 16, 16, "Rows of block RAM."),
        ),
    ),
    Register(
        "CAPS3",
        0x18,
        "ro",
        "Capabilities: memory.",
        (
            Field("local_pages", 0, 16, "Pages of 4 KB of block RAM behind the memory port, from LOCAL_MEMORY_BASE on; 0: the board's DDR."),
            Field("ring_rows", 16, 16, "Rows of the weight store that buffer rows on their way."),
        ),
    ),
    Register(
        "CONTROL",
        0x20,
        "w1s",
        "Commands.",
        (
            Field("start", 0, 1, "Run the descriptor list. Ignored while busy."),
            Field("abort", 1, 1, "Stop the run. Outstanding bursts are finished first."),
        ),
    ),
    Register(
        "IRQ_ENABLE",
        0x24,
        "rw",
        "Interrupt enable: the interrupt line is high while IRQ_STATUS.done and this are.",
        (Field("done", 0, 1, "A run ended, well or not."),),
    ),
    Register("IRQ_STATUS", 0x28, "w1c", "Interrupt status.", (Field("done", 0, 1, "A run ended, well or not."),)),
    Register(
        "STATUS",
        0x2C,
        "ro",
        "State of the core.",
        (
            Field("busy", 0, 1, "A run is under way."),
            Field("done", 1, 1, "The last run ended; cleared by the next start."),
            Field("error", 8, 8, "ErrorCode of the last run, 0 if it went well."),
            Field("waiting_read", 16, 1, "A read burst is unanswered."),
            Field("waiting_write", 17, 1, "A write burst is unanswered."),
        ),
    ),
    Register("ERROR_ADDRESS", 0x30, "ro", "Address that STATUS.error speaks of."),
    Register("LIST_ADDRESS", 0x34, "rw", "Address of the descriptor list, a multiple of 64."),
    Register("LIST_COUNT", 0x38, "rw", "Descriptors in the list.", (Field("count", 0, 16, "1 to 65,535."),)),
    Register("LISTS_DONE", 0x3C, "ro", "Descriptors completed in the current or last run.", (Field("count", 0, 16, "Descriptors."),)),
    Register("CYCLES", 0x40, "ro", "Clock cycles of the current or last run. Counters stop at 2^32 - 1."),
    Register("EVENTS", 0x44, "ro", "Events integrated: input spikes times tiles."),
    Register("SATURATIONS", 0x48, "ro", "Neuron steps in which vmem was clamped."),
    Register("READ_BEATS", 0x4C, "ro", "Beats read from memory."),
    Register("WRITE_BEATS", 0x50, "ro", "Beats written to memory."),
    Register("STALLS_WEIGHT", 0x54, "ro", "Cycles in which the array waited for a weight row."),
    Register("STALLS_INPUT", 0x58, "ro", "Cycles in which the array waited for input words."),
    Register("STALLS_FIRE", 0x5C, "ro", "Cycles in which the array waited for the LIF steps of currents that were complete."),
    *(register for i in range(N_WINDOWS) for register in _window(i)),
)

BY_NAME = {register.name: register for register in REGISTERS}

CAPABILITIES = tuple(register.name for register in REGISTERS if register.name.startswith("CAPS"))
"""Registers whose fields are parameters of the core's `CoreConfig`."""

MAP_SIZE = 0x1000
"""Bytes of address space that the registers take."""

LOCAL_MEMORY_BASE = 0x0010_0000
"""Where a local memory lies: for the core, and for the host counted from the first register."""

MAP_HASH = zlib.crc32(
    repr(
        [
            (r.name, r.address, r.access, r.reset, [(f.name, f.offset, f.width) for f in r.all_fields])
            for r in REGISTERS
        ]
    ).encode()
)
"""What register ``MAP_HASH`` reads."""


def field_of(register: str, value: int, field: str) -> int:
    """The value of one field in a register's ``value``."""
    for candidate in BY_NAME[register].all_fields:
        if candidate.name == field:
            return value >> candidate.offset & ((1 << candidate.width) - 1)
    raise KeyError(f"register {register} has no field {field!r}")
