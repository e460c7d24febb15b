"""The hardware handoff file (``.hwh``) that pynq reads beside a bitstream, made from the register map.

It tells pynq where the core's registers lie, what they are called, and how the PS makes their clock.
The HP ports are not in it: pynq has no use for them.
"""

from xml.etree import ElementTree as ET

from ..golden.errors import UserError
from ..golden.registers import CORE_VERSION, LOCAL_MEMORY_BASE, MAP_SIZE, PAGE_BITS, REGISTERS

CORE_VLNV = f"lifarray:user:lif_core:{CORE_VERSION >> 16}.{CORE_VERSION & 0xFFFF}"
"""Name by which pynq binds a driver to the core: vendor, library, name, version."""

CORE_NAME = "lif_core"
"""The core's instance: what it is called in pynq's ``ip_dict``."""

REGISTER_BASE = 0x4000_0000
"""Where port GP0 of the PS puts the registers (Zynq-7000 TRM UG585, chapter 4: 0x40000000 to 0x7FFFFFFF)."""

IO_PLL_HZ = 1_000_000_000
"""What FCLK0 is divided from, on PYNQ-Z1 and PYNQ-Z2: 50 MHz times 20."""

MAX_DIVISOR = 63
"""Each of the two dividers of an FCLK has 6 bits (UG585, register FPGA0_CLK_CTRL)."""

N_FCLK = 4

_PS_NAME = "processing_system7_0"
_PS_PORT = "M_AXI_GP0"
_CORE_PORT = "S_AXI"
_ACCESS = {"ro": "read-only", "rw": "read-write", "w1c": "read-write", "w1s": "read-write"}


def divisors(clock_hz: int) -> tuple:
    """The two dividers that make ``clock_hz`` of `IO_PLL_HZ`.

    Raises
    ------
    UserError
        No pair of dividers makes exactly that clock.
    """
    for first in range(1, MAX_DIVISOR + 1):
        for second in range(1, min(first, MAX_DIVISOR) + 1):
            if first * second * clock_hz == IO_PLL_HZ:
                return first, second
    raise UserError(
        f"a clock of {clock_hz / 1e6:g} MHz: no two dividers up to {MAX_DIVISOR} make it of {IO_PLL_HZ / 1e6:g} MHz; choose 100 or another divisor"
    )


def address_range(local_pages: int) -> int:
    """Bytes from the first register on that belong to a core: its registers, and its local memory if it has one."""
    return LOCAL_MEMORY_BASE + (local_pages << PAGE_BITS) if local_pages else MAP_SIZE


def hwh(name: str, clock_hz: int, local_pages: int = 0, base_address: int = REGISTER_BASE) -> str:
    """The text of ``name.hwh`` for a core whose registers are behind GP0 and whose clock is FCLK0.

    Parameters
    ----------
    name : str
        The design; files are called ``name.bit`` and ``name.hwh``.
    clock_hz : int
    local_pages : int
        The core's, as in its `CoreConfig`.
    base_address : int
        Address of the registers.
    """
    root = ET.Element("EDKSYSTEM", EDWVERSION="1.2")
    ET.SubElement(root, "SYSTEMINFO", NAME=name, ARCH="zynq", DEVICE="7z020", PACKAGE="clg400", SPEEDGRADE="-1")
    ET.SubElement(root, "EXTERNALPORTS")
    ET.SubElement(root, "EXTERNALINTERFACES")
    modules = ET.SubElement(root, "MODULES")
    size = address_range(local_pages)
    _processing_system(modules, clock_hz, base_address, size)
    _core(modules, base_address, size)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _module(parent, instance, modtype, vlnv):
    return ET.SubElement(
        parent,
        "MODULE",
        INSTANCE=instance,
        FULLNAME=f"/{instance}",
        MODTYPE=modtype,
        VLNV=vlnv,
        HWVERSION=vlnv.rpartition(":")[2],
        MODCLASS="PERIPHERAL",
        IS_PL="TRUE",
    )


def _parameters(parent, values):
    element = ET.SubElement(parent, "PARAMETERS")
    for name, value in values.items():
        ET.SubElement(element, "PARAMETER", NAME=name, VALUE=str(value))


def _bus(parent, name, kind):
    interfaces = ET.SubElement(parent, "BUSINTERFACES")
    ET.SubElement(interfaces, "BUSINTERFACE", NAME=name, TYPE=kind, VLNV="xilinx.com:interface:aximm:1.0", BUSNAME=f"{_PS_NAME}_{_PS_PORT}")


def _processing_system(parent, clock_hz, base_address, size):
    first, second = divisors(clock_hz)
    clocks = {}
    for i in range(N_FCLK):
        clocks[f"PCW_FPGA_FCLK{i}_ENABLE"] = int(i == 0)
        clocks[f"PCW_FCLK{i}_PERIPHERAL_DIVISOR0"] = first
        clocks[f"PCW_FCLK{i}_PERIPHERAL_DIVISOR1"] = second
        clocks[f"PCW_FCLK{i}_PERIPHERAL_CLKSRC"] = "IO PLL"
        # Under this name, which is another device's, pynq 4 looks for the frequency.
        clocks[f"PSU__CRL_APB__PL{i}_REF_CTRL__ACT_FREQMHZ"] = clock_hz / 1e6
    module = _module(parent, _PS_NAME, "processing_system7", "xilinx.com:ip:processing_system7:5.5")
    _parameters(module, clocks)
    ET.SubElement(module, "PORTS")
    _bus(module, _PS_PORT, "MASTER")
    memory_map = ET.SubElement(module, "MEMORYMAP")
    ET.SubElement(
        memory_map,
        "MEMRANGE",
        ADDRESSBLOCK="reg0",
        BASENAME="C_BASEADDR",
        BASEVALUE=f"0x{base_address:08X}",
        HIGHNAME="C_HIGHADDR",
        HIGHVALUE=f"0x{base_address + size - 1:08X}",
        INSTANCE=CORE_NAME,
        IS_DATA="TRUE",
        IS_INSTRUCTION="TRUE",
        MASTERBUSINTERFACE=_PS_PORT,
        MEMTYPE="REGISTER",
        SLAVEBUSINTERFACE=_CORE_PORT,
    )


def _core(parent, base_address, size):
    module = _module(parent, CORE_NAME, CORE_NAME, CORE_VLNV)
    _parameters(module, {"C_BASEADDR": f"0x{base_address:08X}"})
    blocks = ET.SubElement(module, "ADDRESSBLOCKS")
    block = ET.SubElement(blocks, "ADDRESSBLOCK", ACCESS="read-write", INTERFACE=_CORE_PORT, NAME="reg0", RANGE=str(size), USAGE="register")
    registers = ET.SubElement(block, "REGISTERS")
    for register in REGISTERS:
        element = ET.SubElement(registers, "REGISTER", NAME=register.name)
        access = _ACCESS[register.access]
        _properties(
            element,
            DESCRIPTION=register.doc,
            ADDRESS_OFFSET=register.address,
            SIZE=32,
            ACCESS=access,
            IS_ENABLED="true",
            RESET_VALUE=register.reset,
        )
        fields = ET.SubElement(element, "FIELDS")
        for field in register.fields:
            part = ET.SubElement(fields, "FIELD", NAME=field.name)
            _properties(part, DESCRIPTION=field.doc, BIT_OFFSET=field.offset, BIT_WIDTH=field.width, ACCESS=access)
    ET.SubElement(module, "PORTS")
    _bus(module, _CORE_PORT, "SLAVE")


def _properties(element, **values):
    for name, value in values.items():
        ET.SubElement(element, "PROPERTY", NAME=name, VALUE=str(value))
