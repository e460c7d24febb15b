"""What a memory takes its time for; the simulated one and the cost model share it."""

from dataclasses import dataclass

from .errors import UserError

LONGEST_LATENCY = 10_000
MOST_OUTSTANDING = 256


@dataclass(frozen=True)
class DdrTiming:
    """How a memory answers.

    Parameters
    ----------
    latency_cycles : (int, int)
        Shortest and longest time from a burst's address to its first beat, drawn for each burst.
    outstanding : int
        Bursts that it accepts on a port before it has answered the first, each way.
    bytes_per_cycle : float
        Of all ports together, reads and writes, at most. The default is 75 % of the 2.1 GB/s of
        the PYNQ boards' DDR3 at a clock of 100 MHz.

    Raises
    ------
    UserError
        A latency beyond `LONGEST_LATENCY` cycles, or more than `MOST_OUTSTANDING` bursts.
    """

    latency_cycles: tuple = (30, 60)
    outstanding: int = 16
    bytes_per_cycle: float = 15.75

    def __post_init__(self):
        low, high = self.latency_cycles
        if not 1 <= low <= high <= LONGEST_LATENCY:
            raise UserError(f"memory latency of {low} to {high} cycles: must be 1 to {LONGEST_LATENCY}, the shorter one first")
        if not 1 <= self.outstanding <= MOST_OUTSTANDING:
            raise UserError(f"{self.outstanding} bursts under way in memory, must be 1 to {MOST_OUTSTANDING}")

    def bus_bytes_per_cycle(self, bus_bits: int, ports: int) -> float:
        """Bytes a cycle that ``ports`` ports of ``bus_bits`` can read."""
        return min(ports * bus_bits / 8, self.bytes_per_cycle)
