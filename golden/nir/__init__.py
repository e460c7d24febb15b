"""Networks of other frameworks, by way of NIR, the neuromorphic intermediate representation.

The meaning of every number is written down in `dynamics`; nothing is guessed, so the time step,
which NIR does not store, must be given. The package ``nir`` is imported when a file is read or
written, not before.
"""

from .exporter import export_nir
from .importer import Report, import_nir
from .reader import graph_bytes, read_graph

__all__ = ["Report", "export_nir", "graph_bytes", "import_nir", "read_graph"]
