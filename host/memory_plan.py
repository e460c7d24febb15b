"""Where a network lies in the buffers that the core reaches: weights once, rasters in two banks.

Weights that fit into the core are loaded into it once and stay there.

While the core works in one bank, the program fills the other.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..golden import encode
from ..golden.descriptor import DESCRIPTOR_BYTES
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
        self._parts = parts
        try:
            self.fill()
        except BaseException:
            self.free()
            raise

    def fill(self):
        """Write the weights into their buffers, and to the core's memory; again if that lost them."""
        pieces = [piece for part, buffer in zip(self._parts, self.buffers) for piece in self._fill(part, buffer)]
        self.loads = []
        self.pieces = self._keep(pieces) if self.resident else pieces
        for buffer in self.buffers:
            buffer.flush(0, buffer.n_words)

    def _load_bytes(self, part):
        """Room at the head of a buffer for the list that loads what it holds."""
        return self.resident * len({layer for layer, _, _ in part}) * DESCRIPTOR_BYTES

    def _keep(self, pieces):
        """Write the lists that load pieces into the core, where those of a layer make one again; these."""
        first_rows, row = {}, 0
        for buffer in self.buffers:
            raw = b""
            for piece in pieces:
                if buffer.address <= piece.address < buffer.end:
                    first_rows.setdefault(piece.layer, row)
                    layer = self.part_of(piece)
                    raw += load_descriptor(layer, self.config, piece.address, row)
                    row += weight_rows(layer, self.config)
            buffer.write(0, np.frombuffer(raw, dtype="<u8"))
            self.loads.append((buffer.address, len(raw) // DESCRIPTOR_BYTES))
        whole = {piece.layer: piece for piece in reversed(pieces)}
        return [whole[i]._replace(n_neurons=layer.n_neurons, store_row=first_rows[i]) for i, layer in enumerate(self.network.layers)]

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
    def cut(self):
        """Layers in more than one piece."""
        pieces = Counter(piece.layer for piece in self.pieces)
        return frozenset(layer for layer, n in pieces.items() if n > 1)

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
    """Descriptor lists, rasters and vmem of up to ``n_passes`` passes, twice.

    A bank holds, one after the other: the descriptor lists; the input rasters of all passes; those of
    the first layer, and so on; vmem, if asked for. What is written is flushed before anything is read
    back: some versions of pynq invalidate whole buffers, whatever part of one they are given.

    One list runs all layers, but for this: of a layer in pieces that runs more than 64 steps, the core
    writes each piece's words in a block of its own, pass after pass, and the next layer reads all
    neurons of a pass side by side. No field of a descriptor sets the two apart, so a list ends after
    such a layer, and the program weaves the blocks together (`weave`) before it starts the next.

    Parameters
    ----------
    weights : Weights
    n_steps : int
    n_passes : int
        Passes that one doorbell runs, at most.
    device : what `open_device` opens
    vmem : bool
        Have the core write each layer's vmem after the last step.

    Members
    -------
    n_lists : int, lists that a batch takes, one after the other

    Raises
    ------
    OutOfMemoryError
    """

    N_BANKS = 2

    def __init__(self, weights: Weights, n_steps: int, n_passes: int, device, vmem: bool = False):
        self.n_steps = n_steps
        self.n_passes = n_passes
        self.vmem = vmem
        self._weights = weights
        self._raster_passes = encode.passes(n_steps)
        self._woven = weights.cut if self._raster_passes > 1 else frozenset()
        self._lists = _cut_after(weights.pieces, self._woven)
        self.n_lists = len(self._lists)
        self._raster_words = [self._raster_passes * size for size in weights.network.sizes]
        self._vmem_words = [-(-encode.samples_per_pass(n_steps) * piece.n_neurons // 2) for piece in weights.pieces] if vmem else []
        line_words = DESCRIPTOR_BYTES // WORD_BYTES
        parts = [len(pieces) * line_words for pieces in self._lists] + self._raster_words + self._vmem_words
        *first, bank_words = np.cumsum([0, *(n_passes * words for words in parts)]).tolist()
        self._first_list, rest = first[: self.n_lists], first[self.n_lists :]
        self._first_raster, self._first_vmem = rest[: len(self._raster_words)], rest[len(self._raster_words) :]
        self._bank_words = -(-bank_words // line_words) * line_words
        self._descriptors = {}
        self.buffer = device.allocate(self.N_BANKS * self._bank_words * WORD_BYTES)

    def _raster(self, bank, layer, group):
        """First word of a layer's input raster."""
        return bank * self._bank_words + self._first_raster[layer] + group * self._raster_words[layer]

    def _vmem(self, bank, piece_index, group):
        return bank * self._bank_words + self._first_vmem[piece_index] + group * self._vmem_words[piece_index]

    def _address(self, word):
        return self.buffer.address + word * WORD_BYTES

    def list_address(self, bank: int, which: int = 0) -> int:
        return self._address(bank * self._bank_words + self._first_list[which])

    def list_count(self, batch: Batch, which: int = 0) -> int:
        return len(batch.words) * len(self._lists[which])

    def put(self, bank: int, batch: Batch):
        """Descriptors and input of a batch into a bank, and to the core."""
        start = bank * self._bank_words
        for which, first in enumerate(self._first_list):
            raw = b"".join(self._list_of(bank, which, group, n_samples) for group, n_samples in enumerate(batch.n_samples))
            self.buffer.write(start + first, np.frombuffer(raw, dtype="<u8"))
        for group, words in enumerate(batch.words):
            self.buffer.write(self._raster(bank, 0, group), words)
        self.buffer.flush(start, self._first_raster[0] + len(batch.words) * self._raster_words[0])

    def _list_of(self, bank, which, group, n_samples):
        """The descriptors of one pass; they change with its number of samples only."""
        key = bank, which, group, n_samples
        if key not in self._descriptors:
            self._descriptors[key] = b"".join(self._descriptor(bank, group, n_samples, piece) for piece in self._lists[which])
        return self._descriptors[key]

    def _descriptor(self, bank, group, n_samples, piece):
        before = piece.first_neuron * (self._raster_passes if piece.layer in self._woven else 1)
        addresses = {
            "input": self._address(self._raster(bank, piece.layer, group)),
            "weight": piece.address,
            "output": self._address(self._raster(bank, piece.layer + 1, group) + before),
        }
        if self.vmem:
            addresses["vmem"] = self._address(self._vmem(bank, self._weights.pieces.index(piece), group))
        return descriptor(self._weights.part_of(piece), self.n_steps, n_samples, addresses, piece.store_row)

    def weave(self, bank: int, which: int, n_groups: int):
        """After a list has run: lay the pieces of its last layer side by side, pass by pass."""
        layer = self._lists[which][-1].layer
        if layer not in self._woven:
            return
        words = self.get(bank, layer, n_groups)
        ends = [piece.first_neuron * self._raster_passes for piece in self._weights.pieces if piece.layer == layer][1:]
        blocks = [block.reshape(n_groups, self._raster_passes, -1) for block in np.split(words, ends, axis=1)]
        first = self._raster(bank, layer + 1, 0)
        self.buffer.write(first, np.concatenate(blocks, axis=2).reshape(-1))
        self.buffer.flush(first, words.size)

    def get(self, bank: int, layer: int, n_groups: int):
        """Output rasters of a layer, from the core: uint64 [n_groups, passes * n_neurons]."""
        return self._read(self._raster(bank, layer + 1, 0), n_groups, self._raster_words[layer + 1])

    def get_vmem(self, bank: int, layer: int, n_samples):
        """A layer's vmem, from the core: int32 [sum of ``n_samples``, n_neurons]; ``n_samples`` of each pass."""
        columns = []
        for i, piece in enumerate(self._weights.pieces):
            if piece.layer == layer:
                words = self._read(self._vmem(bank, i, 0), len(n_samples), self._vmem_words[i])
                found = [row.view("<i4")[: n * piece.n_neurons].reshape(n, -1) for row, n in zip(words, n_samples)]
                columns.append(np.concatenate(found))
        return np.concatenate(columns, axis=1)

    def _read(self, first, n_groups, group_words):
        self.buffer.invalidate(first, n_groups * group_words)
        return self.buffer.read(first, n_groups * group_words).reshape(n_groups, group_words)

    def free(self):
        self.buffer.free()


def _cut_after(pieces, layers):
    """Cut a list of pieces after the last one of each of ``layers``."""
    lists = [[]]
    for before, piece in zip([None, *pieces], pieces):
        if before is not None and before.layer in layers and piece.layer != before.layer:
            lists.append([])
        lists[-1].append(piece)
    return lists
