"""What goes into memory to run a network on a core: weights, descriptors, rasters.

The simulation and the board's driver both load a `Program`, so they cannot differ.
"""

from dataclasses import dataclass

import numpy as np

from . import encode
from .config import CoreConfig
from .descriptor import DESCRIPTOR_BYTES, pack_descriptor
from .errors import UserError
from .lif import reset_mode
from .network import Layer, Network
from .registers import BY_NAME

ALIGNMENT = 4096
"""Buffers begin on pages, so that address windows fit them exactly."""


def pack_weights(layer: Layer, config: CoreConfig):
    """Weights as the core reads them: [tile][input row][lane], each row padded to 64-bit words.

    Returns
    -------
    little-endian uint64 [tiles * rows * row_words]
    """
    rows, n_neurons = layer.weight.shape
    tiles = config.tiles(n_neurons)
    row_lanes = config.row_words(layer.weight_bits) * 64 // layer.weight_bits
    padded = np.zeros((rows, tiles * config.lanes), dtype=np.int8)
    padded[:, :n_neurons] = layer.weight
    by_tile = np.zeros((tiles, rows, row_lanes), dtype=np.uint8)
    by_tile[:, :, : config.lanes] = padded.reshape(rows, tiles, config.lanes).transpose(1, 0, 2).view(np.uint8)
    if layer.weight_bits == 4:
        by_tile = by_tile[:, :, 0::2] & 0xF | by_tile[:, :, 1::2] << 4
    return np.ascontiguousarray(by_tile).view("<u8").reshape(-1)


def weight_bytes(network: Network, config: CoreConfig) -> int:
    """Bytes of all weights of a network, padded to tiles."""
    return sum(
        weight_rows(layer, config) * config.row_words(layer.weight_bits) * 8
        for layer in network.layers
    )


def weight_rows(layer: Layer, config: CoreConfig) -> int:
    """Rows of a core's lanes that a layer's weights take."""
    return config.tiles(layer.n_neurons) * layer.weight.shape[0]


def is_resident(network: Network, config: CoreConfig, wanted: bool | None = None) -> bool:
    """Whether a network's weights stay in a core: as ``wanted``; by default where they fit.

    Raises
    ------
    UserError
        They should, and do not fit.
    """
    rows = sum(weight_rows(layer, config) for layer in network.layers)
    fits = rows <= config.resident_rows
    if wanted and not fits:
        raise UserError(f"the network's weights take {rows} rows and the core keeps {config.resident_rows}: stream them")
    return fits if wanted is None else wanted


def load_descriptor(layer: Layer, config: CoreConfig, weight_address: int, store_row: int) -> bytes:
    """The descriptor that copies a layer's weights into the core, to stay there."""
    return pack_descriptor(
        load=1,
        four_bit=layer.weight_bits == 4,
        fan_in=weight_rows(layer, config),
        weight_address=weight_address,
        store_row=store_row,
        n_samples=1,
        n_steps=1,
        n_neurons=1,
        v_threshold=1,
    )


def descriptor(layer: Layer, n_steps: int, n_samples: int, addresses: dict, store_row: int | None = None) -> bytes:
    """The descriptor of one layer.

    Parameters
    ----------
    addresses : dict
        Of input, weight, output and, to write it, vmem.
    store_row : int
        Where in the core its weights were loaded; by default they are streamed from memory.
    """
    return pack_descriptor(
        resident=store_row is not None,
        store_row=store_row or 0,
        reset_mode=reset_mode(layer.reset_mode),
        frac_bits=layer.frac_bits,
        four_bit=layer.weight_bits == 4,
        decay=layer.decay,
        write_vmem="vmem" in addresses,
        n_samples=n_samples,
        bias_rows=layer.bias_rows,
        n_steps=n_steps,
        fan_in=layer.fan_in,
        n_neurons=layer.n_neurons,
        v_threshold=layer.v_threshold,
        v_subtract=layer.v_subtract,
        v_init=layer.v_init,
        **{f"{name}_address": address for name, address in addresses.items()},
    )


@dataclass(frozen=True)
class Program:
    """Memory image for one network and a batch of inputs, run by one doorbell.

    The samples are grouped into passes; each pass runs all layers, and all passes are in one
    descriptor list.

    Parameters
    ----------
    network : Network
    config : CoreConfig
    n_samples : int
        Samples in the batch.
    n_steps : int
    base : int
        Address of the first byte, a multiple of 4096.
    read_vmem : bool
        Also write each layer's vmem after the last step.
    resident : bool
        Keep the weights in the core, loaded once by a list of their own (`setup_address`); by
        default where they fit.
    """

    network: Network
    config: CoreConfig
    n_samples: int
    n_steps: int
    base: int = 0
    read_vmem: bool = False
    resident: bool | None = None

    def __post_init__(self):
        self.network.check_fits(self.config)
        object.__setattr__(self, "resident", is_resident(self.network, self.config, self.resident))
        if self.n_samples < 1 or self.n_steps < 1:
            raise UserError(f"{self.n_samples} samples of {self.n_steps} steps: there is nothing to run")
        if self.base % ALIGNMENT:
            raise UserError(f"base address {self.base:#x} must be a multiple of {ALIGNMENT}")
        if self.list_count > BY_NAME["LIST_COUNT"].mask:
            raise UserError(f"{self.list_count} descriptors, a list has at most {BY_NAME['LIST_COUNT'].mask}: run fewer samples at a time")
        layout, address = {}, self.base

        def place(name, n_bytes):
            nonlocal address
            layout[name] = address
            address += -(-n_bytes // ALIGNMENT) * ALIGNMENT

        layers = self.network.layers
        place("setup", len(layers) * DESCRIPTOR_BYTES)
        place("list", len(layers) * len(self.groups) * DESCRIPTOR_BYTES)
        for i, layer in enumerate(layers):
            place(("weight", i), weight_rows(layer, self.config) * self.config.row_words(layer.weight_bits) * 8)
        raster_words = encode.passes(self.n_steps)
        for g, group in enumerate(self.groups):
            for i, size in enumerate(self.network.sizes):
                place(("raster", g, i), raster_words * size * 8)
            if self.read_vmem:
                for i, layer in enumerate(layers):
                    place(("vmem", g, i), len(group) * layer.n_neurons * 4)
        object.__setattr__(self, "_layout", layout)
        object.__setattr__(self, "end", address)
        if address > 1 << 32:
            raise UserError(f"the program reaches to {address:#x}, beyond the 32-bit address space")

    @property
    def groups(self) -> list:
        """Ranges of samples that share a pass."""
        size = encode.samples_per_pass(self.n_steps)
        return [range(i, min(i + size, self.n_samples)) for i in range(0, self.n_samples, size)]

    @property
    def list_address(self) -> int:
        return self._layout["list"]

    @property
    def list_count(self) -> int:
        return len(self.network.layers) * len(self.groups)

    @property
    def setup_address(self) -> int:
        """The list that loads the weights; run it once, before the other."""
        return self._layout["setup"]

    @property
    def setup_count(self) -> int:
        return len(self.network.layers) if self.resident else 0

    def list_address_of(self, group: int) -> int:
        """Where the descriptors of one pass begin, one a layer."""
        return self.list_address + group * len(self.network.layers) * DESCRIPTOR_BYTES

    def weight_image(self) -> dict:
        """Address to little-endian uint64 array, for the weights: they stay between batches."""
        return {
            self._layout["weight", i]: pack_weights(layer, self.config)
            for i, layer in enumerate(self.network.layers)
        }

    def list_image(self) -> dict:
        """Address to array, for the descriptors."""
        rows = [weight_rows(layer, self.config) for layer in self.network.layers]
        store_rows = [sum(rows[:i]) if self.resident else None for i in range(len(rows))]
        raw = b""
        for g, group in enumerate(self.groups):
            for i, layer in enumerate(self.network.layers):
                addresses = {
                    "input": self._layout["raster", g, i],
                    "weight": self._layout["weight", i],
                    "output": self._layout["raster", g, i + 1],
                }
                if self.read_vmem:
                    addresses["vmem"] = self._layout["vmem", g, i]
                raw += descriptor(layer, self.n_steps, len(group), addresses, store_rows[i])
        image = {self.list_address: np.frombuffer(raw, dtype="<u8")}
        if self.resident:
            raw = b"".join(
                load_descriptor(layer, self.config, self._layout["weight", i], store_rows[i])
                for i, layer in enumerate(self.network.layers)
            )
            image[self.setup_address] = np.frombuffer(raw, dtype="<u8")
        return image

    def input_image(self, spikes) -> dict:
        """Address to array, for the input rasters of ``spikes`` (bool [n_samples, n_steps, fan_in])."""
        expected = (self.n_samples, self.n_steps, self.network.fan_in)
        if spikes.shape != expected:
            raise UserError(f"the program runs spikes of shape {list(expected)}, not {list(spikes.shape)}")
        return {
            self._layout["raster", g, 0]: encode.pack(spikes[group.start : group.stop])
            for g, group in enumerate(self.groups)
        }

    def output_regions(self) -> dict:
        """What to read back: (kind, group, layer) to (address, 64-bit words)."""
        regions = {}
        for g, group in enumerate(self.groups):
            for i, layer in enumerate(self.network.layers):
                regions["spikes", g, i] = (
                    self._layout["raster", g, i + 1],
                    encode.passes(self.n_steps) * layer.n_neurons,
                )
                if self.read_vmem:
                    regions["vmem", g, i] = (self._layout["vmem", g, i], -(-len(group) * layer.n_neurons // 2))
        return regions

    def decode(self, words: dict) -> list:
        """Spikes and vmem of each layer from the words of `output_regions`.

        Returns
        -------
        list of (bool [n_samples, n_steps, n_neurons], int32 [n_samples, n_neurons] or None)
        """
        layers = []
        for i, layer in enumerate(self.network.layers):
            spikes = [
                encode.unpack(words["spikes", g, i], len(group), self.n_steps) for g, group in enumerate(self.groups)
            ]
            vmem = None
            if self.read_vmem:
                vmem = np.concatenate(
                    [
                        np.asarray(words["vmem", g, i], dtype="<u8").view("<i4")[: len(group) * layer.n_neurons].reshape(len(group), -1)
                        for g, group in enumerate(self.groups)
                    ]
                )
            layers.append((np.concatenate(spikes), vmem))
        return layers
