"""Frames between a host and a core on a serial line, and what the words in them mean.

A frame is cut out of the stream by `END` bytes, with `END` and `ESCAPE` inside it escaped (SLIP, RFC 1055), and ends
with its CRC. Whatever is no whole frame is dropped without an answer, so after noise the next `END` makes all well
again; the host asks again when no answer comes. All requests may be repeated without harm.

==========  ==================================================================================
request     sequence, op, count - 1, address (4 bytes), `count` words to write, CRC
answer      sequence, op, `count` words that were read, `BUS_ERROR` or 0, CRC
==========  ==================================================================================

Words are of 32 bits. Everything is little-endian, but for the CRC.
"""

from binascii import crc_hqx
from enum import IntEnum

END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD

MAX_WORDS = 256
WORD_BYTES = 4
HEADER_BYTES = 7
CRC_BYTES = 2
BAUD = 1_000_000
BUS_ERROR = 1


class Op(IntEnum):
    """What a request asks for."""

    READ = 0
    WRITE = 1
    RESET = 2       # the core and its registers; memory keeps its contents


def crc(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 0x1021, nothing reflected, from 0. Of a frame with its CRC it is 0."""
    return crc_hqx(data, 0)


def enclose(body: bytes) -> bytes:
    """A body as the bytes of a frame: CRC, escapes, and an `END` at both ends."""
    body += crc(body).to_bytes(CRC_BYTES, "big")
    escaped = body.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPED_ESCAPE])).replace(bytes([END]), bytes([ESCAPE, ESCAPED_END]))
    return bytes([END]) + escaped + bytes([END])


def disclose(frame: bytes) -> "bytes | None":
    """The body of what stood between two `END` bytes; None if it is no whole frame."""
    body = bytearray()
    escaped = False
    for byte in frame:
        if escaped:
            if byte not in (ESCAPED_END, ESCAPED_ESCAPE):
                return None
            body.append(END if byte == ESCAPED_END else ESCAPE)
            escaped = False
        elif byte == ESCAPE:
            escaped = True
        else:
            body.append(byte)
    if escaped or len(body) <= CRC_BYTES or crc(bytes(body)):
        return None
    return bytes(body[:-CRC_BYTES])


def request(sequence: int, op: Op, address: int = 0, count: int = 1, words: bytes = b"") -> bytes:
    """The frame of a request."""
    return enclose(bytes([sequence, op, count - 1]) + address.to_bytes(4, "little") + words)


def parse_answer(body: bytes, sequence: int, op: Op, count: int) -> "tuple | None":
    """The words and the error of an answer, or None if it is not the one to this request."""
    n_bytes = count * WORD_BYTES if op == Op.READ else 0
    if len(body) != 3 + n_bytes or body[0] != sequence or body[1] != op:
        return None
    return body[2:-1], body[-1]
