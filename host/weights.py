"""Where a network's weights lie: in buffers that the core reaches, and if they fit, in the core itself."""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..golden.descriptor import DESCRIPTOR_BYTES
from ..golden.program import is_resident, load_descriptor, pack_weights, weight_bytes, weight_rows
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
