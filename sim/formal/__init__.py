"""Formal proofs of the core's parts: see README.md."""

from .proofs import PROOFS, Proof, select

__all__ = ["PROOFS", "Proof", "select"]
