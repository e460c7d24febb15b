"""Files of NIR: reading and writing them through the package ``nir``."""

import io
from pathlib import Path

from ..errors import UserError, need


def load_library():
    """The package ``nir``; UserError where it is not installed."""
    try:
        import nir
    except ImportError:
        raise need("nir", "nir", "reading and writing NIR") from None
    return nir


def read_graph(path):
    """The `nir.NIRGraph` in a file.

    Raises
    ------
    UserError
        Missing, not NIR, or with nodes that the installed ``nir`` does not know.
    """
    nir = load_library()
    path = Path(path)
    if not path.is_file():
        raise UserError(f"cannot read {str(path)!r}: no such file")
    _refuse_unknown_nodes(nir, path)
    try:
        # Its type check refuses the batch dimension that Norse leaves in, and neuron parameters
        # that are scalars. `graph.read_stages` checks all sizes itself.
        graph = nir.read(path, type_check=False)
    except Exception as error:  # nir and h5py raise many kinds on damaged files
        raise UserError(f"{str(path)!r} cannot be read as NIR (nir {nir.version}): {error or type(error).__name__}") from None
    if not isinstance(graph, nir.NIRGraph):
        raise UserError(f"{str(path)!r} holds a single {type(graph).__name__} node, not a graph: write a nir.NIRGraph")
    return graph


def _refuse_unknown_nodes(nir, path):
    """``nir`` itself fails on them without a word, so their names are looked up first."""
    import h5py  # nir brings it

    try:
        with h5py.File(path, "r") as file:
            types = {name: node["type"].asstr()[()] for name, node in file["node"]["nodes"].items()}
    except OSError as error:
        text = str(error)
        if "signature not found" in text or "truncated" in text:
            text = "no HDF5 file, or a truncated one"
        raise UserError(f"{str(path)!r} is not NIR: {text}") from None
    except Exception:  # whatever is missing in there
        raise UserError(f"{str(path)!r} is an HDF5 file but holds no NIR graph: write one with nir.write") from None
    for name, kind in types.items():
        if kind not in nir.ir.__all__:
            raise UserError(f"node {name!r} is a {kind}, which nir {nir.version} does not know: update nir, or leave the node out")


def graph_bytes(graph) -> bytes:
    """A graph as the bytes of a NIR file."""
    buffer = io.BytesIO()
    load_library().write(buffer, graph)
    return buffer.getvalue()
