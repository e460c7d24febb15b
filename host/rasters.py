"""Spikes on their way to the core and back: descriptor lists and rasters, in two banks.

While the core works in one bank, the program fills the other.
"""

from dataclasses import dataclass

import numpy as np

from ..golden import encode
from ..golden.descriptor import DESCRIPTOR_BYTES
from ..golden.program import descriptor
from .devices.buffer import WORD_BYTES
from .weights import Weights


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
