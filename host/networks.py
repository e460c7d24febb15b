"""Finding networks: a file, or the name of one that ships."""

from importlib import resources
from pathlib import Path

from ..golden.errors import UserError
from ..golden.network import Network

SUFFIX = ".lif"

DEFAULT = "demo"


def load_network(name=None) -> Network:
    """The network in the file ``name``, or the shipped one of that name; without a name `DEFAULT`.

    Raises
    ------
    UserError
        There is none, or its file is damaged or of another version.
    """
    name = name or DEFAULT
    path = Path(name)
    if path.is_file():
        return Network.load(path)
    shipped = resources.files("lifarray.golden") / "pretrained" / f"{name}{SUFFIX}"
    if shipped.is_file():
        with resources.as_file(shipped) as path:
            return Network.load(path)
    if path.name == str(name) and not path.suffix:
        raise UserError(f"no network {name!r}: neither a file nor one that ships ({', '.join(shipped_networks())})")
    return Network.load(path)   # and its error says what is wrong with it


def shipped_networks() -> list:
    """Names of the networks that ship."""
    folder = resources.files("lifarray.golden") / "pretrained"
    if not folder.is_dir():
        return []
    return sorted(entry.name[: -len(SUFFIX)] for entry in folder.iterdir() if entry.name.endswith(SUFFIX))
