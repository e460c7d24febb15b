"""Benches of the core's parts, each against a model in plain Python.

``units.py`` lists the parts. A bench puts variants of its part side by side (``top.py``), drives all
of them at once, and compares what they do with what their docstrings promise.
"""

from .units import ALL, UNITS, find_simulator, run_unit_bench

__all__ = ["ALL", "UNITS", "find_simulator", "run_unit_bench"]
