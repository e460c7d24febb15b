"""The integer model behind the core's registers and memory: the same driver, no simulator, no pynq."""

import numpy as np

from ...golden.config import CONFIGS, DECAY_ONE
from ...golden.descriptor import DESCRIPTOR_BYTES, DESCRIPTOR_MAGIC, FIELDS, reserved_mask
from ...golden.encode import pack, passes, samples_per_pass, unpack
from ...golden.errors import UserError
from ...golden.lif import ResetMode
from ...golden.network import Layer
from ...golden.registers import BY_NAME, CAPABILITIES, MAP_HASH, N_WINDOWS, PAGE_BITS, ErrorCode, field_of
from ..board_errors import OutOfMemoryError
from .buffer import WORD_BYTES
from .shadow import shadow_buffer

PAGE = 1 << PAGE_BITS
MEMORY_BASE = 0x0010_0000
MEMORY_BYTES = 1 << 30


class _Stop(Exception):
    """The run ends with an error code, at an address."""


class ModelDevice:
    """A core whose layers the integer model runs, in no time.

    Parameters
    ----------
    config : CoreConfig
        By default ``CONFIGS["demo"]``.

    Members
    -------
    memory_bytes : int
        What `allocate` has to give.
    dead : bool
        Memory does not answer, as behind an HP port that is off.
    failing : bool
        Memory answers with errors.
    lies : dict of register name to the value that reads give instead
    """

    runner = "the integer model"
    clock_hz = None

    def __init__(self, config=None):
        self.config = config or CONFIGS["demo"]
        self.memory_bytes = MEMORY_BYTES
        self.dead = self.failing = False
        self.lies = {}
        self.accesses = 0
        self.downloads = 0
        self._time = 0.0
        self._next = MEMORY_BASE
        self.buffers = {}
        self.download()

    def download(self):
        self.downloads += 1
        self._values = {name: register.reset for name, register in BY_NAME.items()}
        self._values["MAP_HASH"] = MAP_HASH
        for name in CAPABILITIES:
            self._values[name] = sum(getattr(self.config, field.name) << field.offset for field in BY_NAME[name].fields)
        # A bitstream brings its block RAM.
        self._store = np.zeros((self.config.store_rows, self.config.row_words(self.config.weight_bits)), dtype="<u8")

    def sleep(self, seconds):
        self._time += seconds

    def now(self):
        return self._time

    def close(self):
        """Nothing to end; buffers that were not freed stay in ``buffers``, for tests to see."""

    def allocate(self, n_bytes):
        taken = sum(memory.nbytes for memory in self.buffers.values())
        if taken + n_bytes > self.memory_bytes:
            raise OutOfMemoryError(f"no memory for a buffer of {n_bytes} bytes: {taken} of {self.memory_bytes} are taken; free other buffers")
        n_words = -(-n_bytes // WORD_BYTES)
        if not self.buffers:
            self._next = MEMORY_BASE
        address = self._next
        self._next = address + -(-n_bytes // PAGE) * PAGE
        memory = np.zeros(n_words, dtype="<u8")

        def release():
            if self.buffers.get(address) is memory:
                del self.buffers[address]

        buffer = shadow_buffer(
            n_words,
            address,
            lambda first, words: memory.__setitem__(slice(first, first + len(words)), words),
            lambda first, n: memory[first : first + n],
            release,
        )
        self.buffers[address] = memory
        return buffer

    def read(self, name):
        self.accesses += 1
        return self.lies.get(name, self._values[name])

    def write(self, name, value):
        self.accesses += 1
        register = BY_NAME[name]
        if register.access == "rw":
            self._values[name] = value & register.mask
        elif register.access == "w1c":
            self._values[name] &= ~value
        elif name == "CONTROL":
            if field_of(name, value, "abort") and self._status("busy"):
                if not self.dead:
                    self._end(ErrorCode.ABORTED, 0)
            elif field_of(name, value, "start") and not self._status("busy"):
                self._run()

    def _status(self, field):
        return field_of("STATUS", self._values["STATUS"], field)

    def _set_status(self, **fields):
        self._values["STATUS"] = sum(fields.get(f.name, 0) << f.offset for f in BY_NAME["STATUS"].fields)

    def _end(self, error, address):
        self._set_status(done=1, error=error)
        self._values["ERROR_ADDRESS"] = address
        self._values["IRQ_STATUS"] = 1

    def _run(self):
        for name in ("CYCLES", "EVENTS", "SATURATIONS", "READ_BEATS", "WRITE_BEATS", "LISTS_DONE", "ERROR_ADDRESS"):
            self._values[name] = 0
        address, count = self._values["LIST_ADDRESS"], self._values["LIST_COUNT"]
        try:
            if count == 0 or address % DESCRIPTOR_BYTES:
                raise _Stop(ErrorCode.DESCRIPTOR, address)
            for i in range(count):
                self._run_layer(address + i * DESCRIPTOR_BYTES)
                self._values["LISTS_DONE"] += 1
        except _Stop as stop:
            if stop.args[0] is None:
                self._set_status(busy=1, waiting_read=1)
            else:
                self._end(*stop.args)
        else:
            self._end(ErrorCode.NONE, 0)

    def _run_layer(self, address):
        fields = self._descriptor(address)
        n_samples, n_steps, fan_in, n_neurons = (fields[name] for name in ("n_samples", "n_steps", "fan_in", "n_neurons"))
        weight_bits = 4 if fields["four_bit"] else 8
        row_words = self.config.row_words(weight_bits)
        if fields["load"]:
            words = self._memory(fields["weight_address"], fan_in * row_words, ErrorCode.AXI_READ)
            self._store[fields["store_row"] : fields["store_row"] + fan_in, :row_words] = words.reshape(fan_in, row_words)
            return
        rows = fan_in + fields["bias_rows"]
        tiles = self.config.tiles(n_neurons)
        if fields["resident"]:
            words = self._store[(fields["store_row"] + np.arange(tiles * rows)) % self.config.store_rows, :row_words].reshape(-1)
        else:
            words = self._memory(fields["weight_address"], tiles * rows * row_words, ErrorCode.AXI_READ)
        try:
            layer = Layer(
                name=f"{address:#x}",
                weight=self._weights(words, tiles, rows, weight_bits)[:, :n_neurons],
                weight_bits=weight_bits,
                reset_mode=ResetMode(fields["reset_mode"]).name.lower(),
                **{name: fields[name] for name in ("v_threshold", "v_subtract", "decay", "frac_bits", "v_init", "bias_rows")},
            )
        except (UserError, ValueError):
            raise _Stop(ErrorCode.DESCRIPTOR, address) from None
        raster = self._memory(fields["input_address"], passes(n_steps) * fan_in, ErrorCode.AXI_READ)
        result = layer.run(unpack(raster, n_samples, n_steps), self.config.vmem_bits)
        self._memory(fields["output_address"], passes(n_steps) * n_neurons, ErrorCode.AXI_WRITE)[:] = pack(result.spikes)
        if fields["write_vmem"]:
            vmem = np.zeros(-(-result.vmem.size // 2) * 2, dtype="<i4")
            vmem[: result.vmem.size] = result.vmem.reshape(-1)
            self._memory(fields["vmem_address"], vmem.size // 2, ErrorCode.AXI_WRITE)[:] = vmem.view("<u8")
        self._values["EVENTS"] += tiles * result.events
        self._values["SATURATIONS"] += result.saturations

    def _descriptor(self, address):
        words = [int(word) for word in self._memory(address, DESCRIPTOR_BYTES // WORD_BYTES, ErrorCode.AXI_READ)]
        values = {}
        for field in FIELDS:
            value = words[field.word] >> field.offset & ((1 << field.width) - 1)
            values[field.name] = value - (1 << field.width) if field.signed and value >> (field.width - 1) else value
        if self._is_wrong(values) or any(word & reserved_mask(i) for i, word in enumerate(words)):
            raise _Stop(ErrorCode.DESCRIPTOR, address)
        return values

    def _is_wrong(self, fields):
        """Whether the core refuses a descriptor."""
        highest = (1 << (self.config.vmem_bits - 1)) - 1
        addresses = [fields[f"{name}_address"] for name in ("input", "weight", "output")] + fields["write_vmem"] * [fields["vmem_address"]]
        end_row = fields["store_row"] + (fields["fan_in"] if fields["load"] else 1)
        return not (
            fields["magic"] == DESCRIPTOR_MAGIC
            and fields["reset_mode"] <= max(ResetMode)
            and fields["decay"] <= DECAY_ONE
            and fields["n_steps"] >= 1
            and 1 <= fields["n_samples"] <= samples_per_pass(fields["n_steps"])
            and fields["fan_in"] >= 1
            and fields["n_neurons"] >= 1
            and (fields["four_bit"] or self.config.weight_bits == 8)
            and 1 <= fields["v_threshold"] <= highest
            and 0 <= fields["v_subtract"] <= highest
            and -highest - 1 <= fields["v_init"] <= highest
            and not any(address % WORD_BYTES for address in addresses)
            and not (fields["load"] and fields["resident"])
            and not ((fields["load"] or fields["resident"]) and end_row > self.config.resident_rows)
        )

    def _weights(self, words, tiles, rows, weight_bits):
        """The inverse of ``program.pack_weights``: int8 [rows, tiles * lanes]."""
        by_tile = words.view(np.uint8).reshape(tiles, rows, -1)
        if weight_bits == 4:
            nibbles = np.stack([by_tile & 0xF, by_tile >> 4], axis=-1).reshape(tiles, rows, -1)
            by_tile = (nibbles ^ 8) - np.uint8(8)
        lanes = by_tile[:, :, : self.config.lanes].view(np.int8)
        return lanes.transpose(1, 0, 2).reshape(rows, -1)

    def _memory(self, address, n_words, error):
        """A view of the core's memory; ends the run where the core would."""
        end = address + n_words * WORD_BYTES
        for page in range(address - address % PAGE, end, PAGE):
            if not any(self._values[f"WINDOW{i}_FIRST"] <= page <= self._values[f"WINDOW{i}_LAST"] for i in range(N_WINDOWS)):
                raise _Stop(ErrorCode.WINDOW, max(page, address))
        if self.dead:
            raise _Stop(None)
        for base, memory in self.buffers.items():
            if base <= address and end <= base + memory.nbytes and not self.failing:
                first = (address - base) // WORD_BYTES
                return memory[first : first + n_words]
        raise _Stop(error, address)
