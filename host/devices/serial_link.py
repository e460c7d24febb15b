"""Words over a serial line, whatever the line does to them: `golden.serial_frame` with repeats and reconnects."""

import time

from ...golden.serial_frame import BUS_ERROR, CRC_BYTES, END, MAX_WORDS, WORD_BYTES, Op, disclose, parse_answer, request
from ..board_errors import LinkError

ATTEMPTS = 12
"""Requests in a row without an answer after which the line is taken for cut; by then frames are one word long."""

RECONNECTS = 20
RECONNECT_SECONDS = 0.25
"""How often, and after how long each time, a port that has gone is opened anew: long enough to plug the cable in again."""


class SerialLink:
    """A serial port with a core at its other end.

    Parameters
    ----------
    open_port : function
        Opens the port: what has pyserial's ``write``, ``read``, ``reset_input_buffer`` and ``close``, and a timeout.
    name : str
        Of the port, for people.

    Members
    -------
    repeats : int, requests that brought no answer
    reconnects : int

    Raises
    ------
    OSError
        The port cannot be opened at all.
    """

    def __init__(self, open_port, name: str):
        self._open_port = open_port
        self._name = name
        self._sequence = self._failures = 0
        self._frame_words = MAX_WORDS
        self.repeats = 0
        self.reconnects = 0
        self._port = open_port()

    def read(self, address: int, n_bytes: int) -> bytes:
        """Bytes at an address, both multiples of 4."""
        read = b""
        while len(read) < n_bytes:
            count = min(self._frame_words, (n_bytes - len(read)) // WORD_BYTES)
            read += self._attempt(Op.READ, address + len(read), count) or b""
        return read

    def write(self, address: int, data: bytes):
        """Write whole words."""
        written = 0
        while written < len(data):
            words = data[written : written + self._frame_words * WORD_BYTES]
            if self._attempt(Op.WRITE, address + written, len(words) // WORD_BYTES, words) is not None:
                written += len(words)

    def reset(self):
        """Reset the core."""
        while self._attempt(Op.RESET) is None:
            pass

    def _attempt(self, op, address=0, count=1, words=b""):
        """Ask once; the words that were read, or None if the answer did not come. Then frames get shorter, else longer again.

        Raises
        ------
        LinkError
            It was one attempt too many.
        """
        self._sequence = (self._sequence + 1) % 256
        answer = None
        try:
            # What is left of an answer to a request that was given up.
            self._port.reset_input_buffer()
            self._port.write(request(self._sequence, op, address, count, words))
            answer = self._receive(op, count)
        except OSError as error:
            self._reconnect(error)
        if answer is None:
            self.repeats += 1
            self._failures += 1
            self._frame_words = max(1, self._frame_words // 2)
            if self._failures == ATTEMPTS:
                self._failures = 0
                raise LinkError(
                    f"no answer from {self._name} to {ATTEMPTS} requests: is the board on, and our bitstream loaded? "
                    "Load it with openFPGALoader, and check that no other program uses the port"
                )
            return None
        self._failures = 0
        self._frame_words = min(MAX_WORDS, 2 * self._frame_words)
        read, status = answer
        if status & BUS_ERROR:
            raise LinkError(f"the core's bus answered {op.name} at {address:#x} with an error: the bitstream is of another version")
        return read

    def _receive(self, op, count):
        """The answer to the request just sent; None if none comes in time."""
        received = bytearray()
        wanted = 2 + 3 + CRC_BYTES + (count * WORD_BYTES if op == Op.READ else 0)
        while True:
            data = self._port.read(wanted)
            if not data:
                return None
            received += data
            # Before the last END nothing more can come to a frame.
            *frames, rest = bytes(received).split(bytes([END]))
            for frame in frames:
                body = disclose(frame)
                answer = parse_answer(body, self._sequence, op, count) if body is not None else None
                if answer is not None:
                    return answer
            received = bytearray(rest)
            wanted = max(1, wanted - len(data)) if len(data) < wanted else 1

    def _reconnect(self, error):
        self.close()
        for _ in range(RECONNECTS):
            time.sleep(RECONNECT_SECONDS)
            try:
                self._port = self._open_port()
            except OSError:
                continue
            self.reconnects += 1
            return
        raise LinkError(f"{self._name} is gone ({error}): plug the board in again") from None

    def close(self):
        try:
            self._port.close()
        except OSError:
            pass    # it had gone already
