"""What a memory takes its time for; the simulated one and the cost model share it."""

from dataclasses import dataclass


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
    """

    latency_cycles: tuple = (30, 60)
    outstanding: int = 16
    bytes_per_cycle: float = 15.75

    def bus_bytes_per_cycle(self, bus_bits: int, ports: int) -> float:
        """Bytes a cycle that ``ports`` ports of ``bus_bits`` can read."""
        return min(ports * bus_bits / 8, self.bytes_per_cycle)
