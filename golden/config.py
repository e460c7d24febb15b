"""Parameters of a core, shared by the hardware, the memory image and the driver."""

from dataclasses import dataclass, replace

from .errors import UserError

SLOTS = 64
"""Time slots of one pass: the bits of a raster word (design rule, not a parameter)."""

MAX_FRAC_BITS = 7
"""Largest left shift of the current before it is added to vmem."""

DECAY_ONE = 256
"""The decay factor d is in units of 1/256; 256 never leaks."""


@dataclass(frozen=True)
class CoreConfig:
    """What is fixed when a core is synthesized.

    Parameters
    ----------
    lanes : int
        Output neurons that integrate at once (one tile).
    fire_units : int
        LIF step pipelines; each serves ``lanes / fire_units`` lanes.
    weight_bits : int
        8 (the core runs 8-bit and 4-bit layers) or 4 (4-bit layers only).
    current_bits : int
        Width of the signed partial current of one slot of one lane.
    vmem_bits : int
        Width of the signed membrane potential. It decides where vmem saturates, so a
        network runs only on a core that has exactly its width.
    bus_bits : int
        Data width of the memory port: 32 or 64.
    weight_fifo_words : int
        Depth of the weight buffer, in 64-bit words, a power of two.
    stream_fifo_words : int
        Depth of the descriptor and raster buffer, in 64-bit words, a power of two.
    local_pages : int
        Pages of 4 KB of block RAM behind the memory port; 0: the board's DDR.
    """

    lanes: int = 32
    fire_units: int = 8
    weight_bits: int = 8
    current_bits: int = 16
    vmem_bits: int = 16
    bus_bits: int = 64
    weight_fifo_words: int = 512
    stream_fifo_words: int = 128
    local_pages: int = 0

    def __post_init__(self):
        def require(ok, text):
            if not ok:
                raise UserError(f"core configuration: {text}")

        require(1 <= self.lanes <= 1024, f"lanes = {self.lanes}, must be 1 to 1024")
        require(
            self.fire_units >= 1 and self.lanes % self.fire_units == 0,
            f"fire_units = {self.fire_units} must divide lanes = {self.lanes}",
        )
        require(self.weight_bits in (4, 8), f"weight_bits = {self.weight_bits}, must be 4 or 8")
        require(
            self.weight_bits < self.current_bits <= 32,
            f"current_bits = {self.current_bits}, must be {self.weight_bits + 1} to 32",
        )
        require(4 <= self.vmem_bits <= 32, f"vmem_bits = {self.vmem_bits}, must be 4 to 32")
        require(self.bus_bits in (32, 64), f"bus_bits = {self.bus_bits}, must be 32 or 64")
        require(0 <= self.local_pages < 1 << 16, f"local_pages = {self.local_pages}, must be 0 to 65535")
        for name in ("weight_fifo_words", "stream_fifo_words"):
            depth = getattr(self, name)
            require(
                depth >= 32 and depth & (depth - 1) == 0,
                f"{name} = {depth}, must be a power of two of at least 32",
            )

    @property
    def groups(self) -> int:
        """Lanes that one fire unit serves in turn."""
        return self.lanes // self.fire_units

    def row_words(self, weight_bits: int) -> int:
        """64-bit words that hold one weight row (one input, all lanes of a tile)."""
        return -(-self.lanes * weight_bits // 64)

    def tiles(self, n_neurons: int) -> int:
        """Tiles that a layer of ``n_neurons`` takes."""
        return -(-n_neurons // self.lanes)

    def with_(self, **changes) -> "CoreConfig":
        """A copy with some parameters changed."""
        return replace(self, **changes)


CONFIGS = {
    # 56 lanes divide 784 and waste little on 196; fire_units = lanes / 4 keeps every
    # stage of the LIF pipeline busy without padding.
    "demo": CoreConfig(lanes=56, fire_units=14),
    # The smallest core worth a board: 32 lanes, half the LIF pipelines.
    "small": CoreConfig(lanes=32, fire_units=4),
    # 4-bit weights and a short current: more lanes in the same logic.
    "int4": CoreConfig(lanes=112, fire_units=14, weight_bits=4, current_bits=14),
}
"""Named configurations; ``demo`` is the one that the commands use unless told otherwise."""
