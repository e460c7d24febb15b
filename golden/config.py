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
        Data width of a memory port: 32 or 64.
    ports : int
        Memory ports: 1, or 2, of which the second reads the second half of each weight row.
    ways : int
        Weight rows that a lane adds into one slot in one cycle, 1 to 4.
    window_rows : int
        Rows that wait, with their spikes, to be added: a power of two from 4 to 32. The more there
        are, the more often all ways find a spike in the same slot.
    store_rows : int
        Weight rows in block RAM, a power of two. The last ``ring_rows`` of them buffer rows on their
        way from memory; in the others a network's weights may stay.
    ring_rows : int
        A power of two, at most half of ``store_rows``. 64 hide a memory's latency; more of them,
        that inputs are active here and silent there.
    list_words : int
        Active inputs of a layer that the core remembers, a power of two, so that only the first
        tile reads the raster.
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
    ports: int = 1
    ways: int = 1
    window_rows: int = 8
    store_rows: int = 512
    ring_rows: int = 64
    list_words: int = 1024
    weight_fifo_words: int = 256
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
        require(
            self.ports == 1 or (self.ports == 2 and self.row_words(self.weight_bits) > 1),
            f"ports = {self.ports}, must be 1, or 2 where a weight row has more than one 64-bit word",
        )
        require(1 <= self.ways <= 4, f"ways = {self.ways}, must be 1 to 4")
        require(0 <= self.local_pages < 1 << 16, f"local_pages = {self.local_pages}, must be 0 to 65535")
        lowest = {
            "window_rows": 4,
            "ring_rows": 16,
            "store_rows": 2 * self.ring_rows,
            "list_words": 16,
            "weight_fifo_words": 32,
            "stream_fifo_words": 32,
        }
        highest = {"window_rows": 32, "store_rows": 1 << 15}
        for name, low in lowest.items():
            value, high = getattr(self, name), highest.get(name, 1 << 20)
            require(
                low <= value <= high and value & (value - 1) == 0,
                f"{name} = {value}, must be a power of two from {low} to {high}",
            )

    @property
    def groups(self) -> int:
        """Lanes that one fire unit serves in turn."""
        return self.lanes // self.fire_units

    @property
    def resident_rows(self) -> int:
        """Weight rows that may stay in the core."""
        return self.store_rows - self.ring_rows

    def row_words(self, weight_bits: int) -> int:
        """64-bit words that hold one weight row (one input, all lanes of a tile)."""
        return -(-self.lanes * weight_bits // 64)

    def tiles(self, n_neurons: int) -> int:
        """Tiles that a layer of ``n_neurons`` takes."""
        return -(-n_neurons // self.lanes)

    def with_(self, **changes) -> "CoreConfig":
        """A copy with some parameters changed."""
        return replace(self, **changes)

    def with_lanes(self, lanes: int) -> "CoreConfig":
        """A copy with other lanes: as many a fire unit as here, or the next more that divide them."""
        groups = next(n for n in range(min(self.groups, lanes), lanes + 1) if lanes % n == 0)
        return replace(self, lanes=lanes, fire_units=lanes // groups)


CONFIGS = {
    # 112 lanes divide 784 and 224, and waste little on 196.
    "demo": CoreConfig(lanes=112, fire_units=14, ways=2, window_rows=16),
    # The smallest core worth a board: 32 lanes.
    "small": CoreConfig(lanes=32, fire_units=4),
    # The MNIST autoencoder in its block RAM, three tiles of 270 neurons: for an XC7Z020.
    "fast": CoreConfig(
        lanes=270,
        fire_units=18,
        weight_bits=4,
        current_bits=12,
        vmem_bits=12,
        ways=3,
        window_rows=16,
        store_rows=2048,
    ),
    # The shipped audio network, with weights of 8 bits: its first layer is one tile.
    "audio": CoreConfig(lanes=224, fire_units=14, ports=2, ways=2, window_rows=16),
    # The audiocoder of the paper, 58,500 inputs: wide currents, a long raster list.
    "paper": CoreConfig(
        lanes=256,
        fire_units=4,
        weight_bits=4,
        current_bits=20,
        vmem_bits=20,
        ports=2,
        ways=2,
        window_rows=32,
        ring_rows=256,
        list_words=16384,
    ),
    "paper-int8": CoreConfig(
        lanes=208,
        fire_units=4,
        current_bits=24,
        vmem_bits=24,
        ports=2,
        ways=2,
        window_rows=16,
        ring_rows=256,
        list_words=16384,
    ),
}
"""Named configurations; ``demo`` is the one that the commands use unless told otherwise."""
