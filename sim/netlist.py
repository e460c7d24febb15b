"""A netlist as something to simulate: each cell replaced by its behaviour, and the PS7's pins laid open.

What the cells do is said by yosys' own models, and by ``cells/*.v`` for those of which yosys has only the pins.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import ToolError, UserError
from lifarray.golden.registers import MAP_SIZE
from lifarray.hw.axi import ID_MEMBERS, Axi3Signature, Axi4LiteSignature
from lifarray.hw.local_memory import WINDOW_BITS
from lifarray.hw.ps7 import GP_ID_BITS, HP_PORTS

from .runner import cache_dir

CELLS = Path(__file__).with_name("cells")

NETLIST_OPTIMIZE = "-O0"
"""For `runner.build`: compiling ten thousand gates takes longer than a small network on them."""

# yosys' models, below its share folder, and ours.
MODELS = {
    "xc7": ("xilinx/cells_sim.v", "xc7.v"),
    "ecp5": ("lattice/cells_sim_ecp5.v", "ecp5.v"),
}

SCRIPT = """\
read_json {json}
read_verilog -overwrite -I{share}/lattice {share}/{yosys_model}
read_verilog -overwrite {model}
hierarchy -top {top}
proc
opt_expr
simplemap t:$mux
opt_expr
opt_dff -simple-dffe
opt_clean -purge
flatten
opt_expr -mux_undef
opt_clean -purge
memory_collect
opt_expr -mux_undef
opt_mem
opt_clean -purge
rename -hide w:*
write_verilog -noattr {out}
"""
"""Of yosys. Models are tidied before and after they are put in, and names dropped: a tenth of the Verilog."""

MODELLED = {
    # One port reads, the other writes.
    "RAMB36E1": {"READ_WIDTH_B": 0, "WRITE_WIDTH_A": 0, "DOA_REG": 0},
    "RAMB18E1": {"READ_WIDTH_B": 0, "WRITE_WIDTH_A": 0, "DOA_REG": 0},
    "DP16KD": {"REGMODE_A": "NOREG", "REGMODE_B": "NOREG", "CLKAMUX": "CLKA", "CLKBMUX": "CLKB"},
}
"""Parameters that our models take for granted."""


@dataclass(frozen=True)
class NetlistFile:
    """A netlist that yosys has written.

    Parameters
    ----------
    path : Path
        JSON file.
    top : str
        Its module.
    family : str
        Of `MODELS`.
    """

    path: Path
    top: str
    family: str

    @cached_property
    def _module(self):
        module = json.loads(Path(self.path).read_text())["modules"][self.top]
        _check_modelled(module)
        _open_ps7(module)
        return module

    @property
    def ports(self) -> set:
        """Names of the module's ports; a PS7 became ports, named as its pins."""
        return set(self._module["ports"])

    @cached_property
    def verilog(self) -> Path:
        """Verilog of the module, down to equations, registers and memories; kept for the next time.

        Raises
        ------
        UserError
            A cell is used in a way that its model does not know.
        """
        share = Path(find_spec("pyosys").origin).parent / "share"
        yosys_model, model = MODELS[self.family]
        netlist = json.dumps({"modules": {self.top: self._module}})
        parts = [netlist, SCRIPT, (share / yosys_model).read_text(), (CELLS / model).read_text()]
        cached = cache_dir() / "netlists" / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:24]}.v"
        if not cached.exists():
            cached.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cached.parent) as work:
                work = Path(work)
                (work / "netlist.json").write_text(netlist)
                files = {"json": work / "netlist.json", "out": work / "out.v", "model": CELLS / model, "share": share}
                (work / "script.ys").write_text(SCRIPT.format(top=self.top, yosys_model=yosys_model, **files))
                command = [sys.executable, "-m", "lifarray.hw.yosys", "-q", "-l", str(work / "log"), str(work / "script.ys")]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    raise ToolError(f"yosys cannot turn {self.path} into Verilog: {(work / 'log').read_text()[-1000:]}")
                (work / "out.v").replace(cached)
        return cached


def _check_modelled(module):
    for name, cell in module["cells"].items():
        for parameter, wanted in MODELLED.get(cell["type"], {}).items():
            found = cell["parameters"].get(parameter, wanted)
            found = int(found, 2) if isinstance(wanted, int) else found
            if found != wanted:
                raise UserError(f"cell {name} ({cell['type']}): the simulation has no model of {parameter} = {found}")
        for parameter, value in list(cell["parameters"].items()):
            if cell["type"] in MODELLED and parameter.startswith("INIT"):
                if "1" in value:
                    raise UserError(f"cell {name} ({cell['type']}): the simulation has no model of a memory that is not 0 at first")
                del cell["parameters"][parameter]
        if cell["type"] == "TRELLIS_IO" and cell["parameters"]["DIR"] not in ("INPUT", "OUTPUT"):
            raise UserError(f"cell {name} (TRELLIS_IO): the simulation has no model of DIR = {cell['parameters']['DIR']}")
        if cell["type"] == "DP16KD" and cell["parameters"]["DATA_WIDTH_A"] != cell["parameters"]["DATA_WIDTH_B"]:
            raise UserError(f"cell {name} (DP16KD): the simulation has no model of ports of different widths")


def _open_ps7(module):
    """Replace a PS7 by ports of the module."""
    for name, cell in list(module["cells"].items()):
        if cell["type"] == "PS7":
            for pin, bits in cell["connections"].items():
                direction = {"input": "output", "output": "input"}[cell["port_directions"][pin]]
                module["ports"][pin] = {"direction": direction, "bits": bits}
            del module["cells"][name]


class ZynqNetlist(wiring.Component):
    """The netlist of a `ZynqTop` in the place of a core.

    Parameters
    ----------
    config : CoreConfig
    netlist : NetlistFile

    Members
    -------
    s_axil : In(Axi4LiteSignature), turned into accesses of GP0
    m_axi, m_axi1 : Out(Axi3Signature), those HP ports that there are
    irq : Out(1)
    """

    ID = 0xA5C
    """Of GP0's accesses: the answers must have it."""

    def __init__(self, config: CoreConfig, netlist: NetlistFile):
        self._netlist = netlist
        address_bits = WINDOW_BITS + 1 if config.local_pages else (MAP_SIZE - 1).bit_length()
        members = {"s_axil": In(Axi4LiteSignature(address_bits)), "irq": Out(1)}
        self._hp = {name: n for name, n in zip(("m_axi", "m_axi1"), HP_PORTS) if f"SAXIHP{n}ARADDR" in netlist.ports}
        members.update({name: Out(Axi3Signature(64, 1)) for name in self._hp})
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        gp0 = Axi3Signature(32, GP_ID_BITS).create()
        lite = self.s_axil
        interrupts = Signal(20)
        pins = {"i_FCLKCLK": Cat(ClockSignal(), Const(0, 3)), "i_FCLKRESETN": (~ResetSignal()).replicate(4), "o_IRQF2P": interrupts}
        pins.update(self._port("MAXIGP0", gp0, manager=False))
        for name, n in self._hp.items():
            bus = getattr(self, name)
            pins.update(self._port(f"SAXIHP{n}", bus, manager=True))
        m.submodules.netlist = Instance(self._netlist.top, **{pin: value for pin, value in pins.items() if pin[2:] in self._netlist.ports})

        for channel in ("aw", "ar"):
            m.d.comb += [
                getattr(gp0, f"{channel}id").eq(self.ID),
                getattr(gp0, f"{channel}addr").eq(getattr(lite, f"{channel}addr")),
                getattr(gp0, f"{channel}size").eq(2),
                getattr(gp0, f"{channel}burst").eq(1),
                getattr(gp0, f"{channel}valid").eq(getattr(lite, f"{channel}valid")),
                getattr(lite, f"{channel}ready").eq(getattr(gp0, f"{channel}ready")),
            ]
        m.d.comb += [
            gp0.wid.eq(self.ID),
            gp0.wlast.eq(1),
            *(getattr(gp0, name).eq(getattr(lite, name)) for name in ("wdata", "wstrb", "wvalid", "bready", "rready")),
            *(getattr(lite, name).eq(getattr(gp0, name)) for name in ("wready", "rdata")),
            # An answer with another ID, or a read without its last beat, is none.
            lite.bvalid.eq(gp0.bvalid & (gp0.bid == self.ID)),
            lite.bresp.eq(gp0.bresp),
            lite.rvalid.eq(gp0.rvalid & (gp0.rid == self.ID) & gp0.rlast),
            lite.rresp.eq(gp0.rresp),
            self.irq.eq(interrupts[0]),
        ]
        return m

    @staticmethod
    def _port(prefix, bus, manager):
        """Pins of an AXI port; ``manager``: the netlist's."""
        pins = {}
        for name, member in Axi3Signature(32, 1).members.items():
            signal = getattr(bus, name)
            if name.endswith("size"):
                signal = signal[:2]
            drives = (member.flow == Out) == manager
            if manager and name in ID_MEMBERS and not drives:
                signal = Cat(signal, Const(0, 5))
            pins[f"{'o' if drives else 'i'}_{prefix}{name.upper()}"] = signal
        return pins


class SerialNetlist(wiring.Component):
    """The netlist of an `Ulx3sTop` in the place of a `SerialCore`.

    Parameters
    ----------
    netlist : NetlistFile

    Members
    -------
    rx : In(1), tx : Out(1), the line
    """

    def __init__(self, netlist: NetlistFile):
        self._netlist = netlist
        super().__init__({"rx": In(1, init=1), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.netlist = Instance(
            self._netlist.top, i_clk25_0__io=ClockSignal(), i_uart_0__rx__io=self.rx, o_uart_0__tx__io=self.tx
        )
        return m
