"""Simulation of the core: cocotb on Verilator or Icarus."""

from .simulation import Simulation, count_mismatches, simulate

__all__ = ["Simulation", "count_mismatches", "simulate"]
