"""Where a network lies in the buffers that the core reaches: weights once, rasters in two banks.

Weights that fit into the core are loaded into it once and stay there.

While the core works in one bank, the program fills the other.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..golden import encode
from ..golden.descriptor import DESCRIPTOR_BYTES
from ..golden.errors import UserError
from ..golden.program import descriptor, is_resident, load_descriptor, pack_weights, weight_bytes, weight_rows
from ..golden.registers import N_WINDOWS, PAGE_BITS
from .board_errors import OutOfMemoryError
from .devices.buffer import WORD_BYTES

WEIGHT_BUFFERS = N_WINDOWS - 1
"""One address window is the rasters'."""

PACK_BYTES = 4 << 20
"""Weights packed at a time: the program's copies stay small beside a network of 60 MB."""


class Piece(NamedTuple):
    """Neighbouring tiles of one layer, which one descriptor runs.

    Members
    -------
    layer : int, index
    first_neuron, n_neurons : int
    address : int, of its weights in memory
    store_row : int, where they stay in the core; None: they are streamed
    """

    layer: int
    first_neuron: int
    n_neurons: int
    address: int
    store_row: "int | None" = None


class Weights:
    """The weights of a network in up to `WEIGHT_BUFFERS` buffers.

    Parameters
    ----------
    network : Network
    config : CoreConfig
    device : what `open_device` opens
    resident : bool
        Keep them in the core; by default where they fit.

    Members
    -------
    resident : bool
    pieces : list of `Piece`, what runs the network
    loads : list of (address, count), descriptor lists that bring resident weights into the core
    buffers : list of `Buffer`

    Raises
    ------
    UserError
        The core cannot run the network, or not keep its weights.
    OutOfMemoryError
        The weights do not fit into memory, however they are split.
    """

    def __init__(self, network, config, device, resident=None):
        network.check_fits(config)
        self.network = network
        self.config = config
        self.resident = is_resident(network, config, resident)
        tile_bytes = []
        for i, layer in enumerate(network.layers):
            size = layer.weight.shape[0] * config.row_words(layer.weight_bits) * WORD_BYTES
            tile_bytes += [(i, t, size) for t in range(config.tiles(layer.n_neurons))]
        for n_buffers in range(1, WEIGHT_BUFFERS + 1):
            parts = _split(tile_bytes, n_buffers)
            self.buffers = _allocate_all([self._load_bytes(part) + sum(size for *_, size in part) for part in parts], device)
            if self.buffers:
                break
        else:
            raise _too_large(network, config)
        try:
            self.pieces = [piece for part, buffer in zip(parts, self.buffers) for piece in self._fill(part, buffer)]
            self.loads = []
            if self.resident:
                self._keep()
            for buffer in self.buffers:
                buffer.flush(0, buffer.n_words)
        except BaseException:
            self.free()
            raise

    def _load_bytes(self, part):
        """Room at the head of a buffer for the list that loads what it holds."""
        return self.resident * len({layer for layer, _, _ in part}) * DESCRIPTOR_BYTES

    def _keep(self):
        """Write the lists that load the pieces into the core, where those of a layer make one again."""
        first_rows, row = {}, 0
        for buffer in self.buffers:
            raw = b""
            for piece in self.pieces:
                if buffer.address <= piece.address < buffer.end:
                    first_rows.setdefault(piece.layer, row)
                    layer = self.part_of(piece)
                    raw += load_descriptor(layer, self.config, piece.address, row)
                    row += weight_rows(layer, self.config)
            buffer.write(0, np.frombuffer(raw, dtype="<u8"))
            self.loads.append((buffer.address, len(raw) // DESCRIPTOR_BYTES))
        whole = {piece.layer: piece for piece in reversed(self.pieces)}
        self.pieces = [
            whole[i]._replace(n_neurons=layer.n_neurons, store_row=first_rows[i]) for i, layer in enumerate(self.network.layers)
        ]

    def part_of(self, piece):
        """The neurons of a piece, as a layer."""
        layer = self.network.layers[piece.layer]
        if piece.n_neurons == layer.n_neurons:
            return layer
        return replace(layer, weight=layer.weight[:, piece.first_neuron : piece.first_neuron + piece.n_neurons])

    def _fill(self, part, buffer):
        """Pack tiles into a buffer; the pieces that they make."""
        pieces, first_word = [], self._load_bytes(part) // WORD_BYTES
        for i in sorted({layer for layer, _, _ in part}):
            layer = self.network.layers[i]
            tiles = [t for which, t, _ in part if which == i]
            tile_words = next(size for which, _, size in part if which == i) // WORD_BYTES
            first, end = tiles[0] * self.config.lanes, min((tiles[-1] + 1) * self.config.lanes, layer.n_neurons)
            pieces.append(Piece(i, first, end - first, buffer.address + first_word * WORD_BYTES))
            step = max(1, PACK_BYTES // (tile_words * WORD_BYTES)) * self.config.lanes
            for at in range(first, end, step):
                words = pack_weights(replace(layer, weight=layer.weight[:, at : min(at + step, end)]), self.config)
                buffer.write(first_word, words)
                first_word += len(words)
        return pieces

    @property
    def cut(self) -> bool:
        """Some layer is in more than one piece."""
        return len(self.pieces) > len(self.network.layers)

    def free(self):
        for buffer in self.buffers:
            buffer.free()
        self.buffers = []


def _split(tiles, n_buffers):
    """Cut a list of (layer, tile, bytes) into parts of about the same bytes."""
    share = sum(size for *_, size in tiles) / n_buffers
    parts, total = [[] for _ in range(n_buffers)], 0
    for tile in tiles:
        parts[min(int((total + tile[2] / 2) / share), n_buffers - 1)].append(tile)
        total += tile[2]
    return [part for part in parts if part]


def _allocate_all(sizes, device):
    """A buffer of each size, or an empty list if they are not all to be had."""
    buffers = []
    try:
        for size in sizes:
            buffers.append(device.allocate(size))
    except OutOfMemoryError:
        for buffer in buffers:
            buffer.free()
        return []
    except BaseException:
        for buffer in buffers:
            buffer.free()
        raise
    return buffers


def _too_large(network, config):
    total = weight_bytes(network, config)
    if config.local_pages:
        text = f"the weights take {total} bytes and the core has {config.local_pages << PAGE_BITS} bytes of block RAM: "
        remedy = "build a core with more"
    else:
        text = f"the weights take {total} bytes and do not fit into the memory that the core reaches (CMA), not even in {WEIGHT_BUFFERS} buffers: "
        remedy = "boot with a larger cma="
    if any(layer.weight_bits == 8 for layer in network.layers):
        narrow = weight_bytes(replace(network, layers=[_narrow(layer) for layer in network.layers]), config)
        return OutOfMemoryError(text + f"quantise the network to 4 bits, which takes {narrow} bytes, or {remedy}")
    return OutOfMemoryError(text + f"use a smaller network, free other buffers, or {remedy}")


def _narrow(layer):
    """The layer's shape with weights of 4 bits, to measure."""
    return replace(layer, weight=np.zeros_like(layer.weight), weight_bits=4)


@dataclass(frozen=True)
class Batch:
    """The input of one doorbell.

    Parameters
    ----------
    words : list of uint64 arrays, the input raster of each pass
    n_samples : list of int, samples in each pass
    """

    words: list
    n_samples: list


class Rasters:
    """Descriptor lists and rasters of up to ``n_passes`` passes, twice.

    A bank holds, one after the other: the descriptors; the input rasters of all passes; those of
    the first layer, and so on. What is written is flushed before anything is read back: some
    versions of pynq invalidate whole buffers, whatever part of one they are given.

    Parameters
    ----------
    weights : Weights
    n_steps : int
    n_passes : int
        Passes that one doorbell runs, at most.
    device : what `open_device` opens

    Raises
    ------
    UserError
        The weights of a layer are cut, and its raster takes more than one pass.
    OutOfMemoryError
    """

    N_BANKS = 2

    def __init__(self, weights: Weights, n_steps: int, n_passes: int, device):
        self.n_steps = n_steps
        self.n_passes = n_passes
        self._weights = weights
        if weights.cut and encode.passes(n_steps) > 1:
            raise UserError(
                f"n_steps = {n_steps}: a layer whose weights are split over buffers runs at most {encode.SLOTS} steps; "
                "free memory so that the weights fit into one buffer"
            )
        self._raster_words = [encode.passes(n_steps) * size for size in weights.network.sizes]
        self._list_words = n_passes * len(weights.pieces) * DESCRIPTOR_BYTES // WORD_BYTES
        first = self._list_words
        self._first = []
        for words in self._raster_words:
            self._first.append(first)
            first += n_passes * words
        line_words = DESCRIPTOR_BYTES // WORD_BYTES
        self._bank_words = -(-first // line_words) * line_words
        self._descriptors = {}
        self.buffer = device.allocate(self.N_BANKS * self._bank_words * WORD_BYTES)

    def _word(self, bank, layer, group):
        return bank * self._bank_words + self._first[layer] + group * self._raster_words[layer]

    def list_address(self, bank: int) -> int:
        return self.buffer.address + bank * self._bank_words * WORD_BYTES

    def list_count(self, batch: Batch) -> int:
        return len(batch.words) * len(self._weights.pieces)

    def put(self, bank: int, batch: Batch):
        """Descriptors and input of a batch into a bank, and to the core."""
        raw = b"".join(self._list_of(bank, group, n_samples) for group, n_samples in enumerate(batch.n_samples))
        start = bank * self._bank_words
        self.buffer.write(start, np.frombuffer(raw, dtype="<u8"))
        for group, words in enumerate(batch.words):
            self.buffer.write(self._word(bank, 0, group), words)
        self.buffer.flush(start, self._first[0] + len(batch.words) * self._raster_words[0])

    def _list_of(self, bank, group, n_samples):
        """The descriptors of one pass; they change with its number of samples only."""
        key = bank, group, n_samples
        if key not in self._descriptors:
            self._descriptors[key] = b"".join(self._descriptor(bank, group, n_samples, piece) for piece in self._weights.pieces)
        return self._descriptors[key]

    def _descriptor(self, bank, group, n_samples, piece):
        base = self.buffer.address
        addresses = {
            "input": base + self._word(bank, piece.layer, group) * WORD_BYTES,
            "weight": piece.address,
            "output": base + (self._word(bank, piece.layer + 1, group) + piece.first_neuron) * WORD_BYTES,
        }
        return descriptor(self._weights.part_of(piece), self.n_steps, n_samples, addresses, piece.store_row)

    def get(self, bank: int, layer: int, n_groups: int):
        """Output rasters of a layer, from the core: uint64 [n_groups, passes * n_neurons]."""
        n_words = n_groups * self._raster_words[layer + 1]
        first = self._word(bank, layer + 1, 0)
        self.buffer.invalidate(first, n_words)
        return self.buffer.read(first, n_words).reshape(n_groups, -1)

    def free(self):
        self.buffer.free()
