"""openXC7 as its users have it: packages of its nix flake, in a folder of links to them."""

import stat
from pathlib import Path

from lifarray.hw.tools import CHIPDB, DATABASE

EXTERNAL = Path("share", "nextpnr", "external")


def lay_out(folder: Path, tools: dict) -> Path:
    """Make the packages below ``folder``, with ``tools`` (name to text of the script), and return the folder of links.

    Of its databases are there those files that tell them apart. nextpnr-xilinx's own one is beside that of prjxray, and has a
    ``zynq7`` too; the chip database of a part is a link to that of its die.
    """
    store, farm = folder / "store", folder / "openxc7"
    external = store / "nextpnr-xilinx" / EXTERNAL
    files = {
        external / "nextpnr-xilinx-meta" / "zynq7" / "wire_intents.json": "{}",
        external / "prjxray-db" / "zynq7" / "mapping" / "parts.yaml": "",
        external / "prjxray-db" / DATABASE: "",
        store / "nextpnr-xilinx-chipdb" / "chipdb-xc7z020.bin": "",
    }
    for name, text in tools.items():
        files[store / ("nextpnr-xilinx" if name == "nextpnr-xilinx" else "prjxray") / "bin" / name] = text
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.name in tools:
            path.chmod(stat.S_IRWXU)
    (store / "nextpnr-xilinx-chipdb" / CHIPDB).symlink_to("chipdb-xc7z020.bin")
    farm.mkdir()
    for link, package in (("chipdb", "nextpnr-xilinx-chipdb"), ("nextpnr-xilinx", "nextpnr-xilinx"), ("prjxray", "prjxray")):
        (farm / link).symlink_to(store / package)
    (farm / "all").symlink_to(farm)
    return farm
