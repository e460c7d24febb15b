"""The register file: an AXI4-Lite subordinate made from the table in ``golden/registers.py``."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lifarray.golden.registers import CORE_ID, CORE_VERSION, MAP_HASH, MAP_SIZE, REGISTERS

from .axi import Axi4LiteSignature

GROUP_BITS = 5
"""Of an address within a group of registers, of which the first step of a read chooses one."""

CONSTANTS = {"ID": CORE_ID, "VERSION": CORE_VERSION, "MAP_HASH": MAP_HASH}


def member(register, field) -> str:
    """The name of a field's port: ``control_start``, or ``cycles`` where the field spans the register."""
    return register.name.lower() if not register.fields else f"{register.name}_{field.name}".lower()


class RegisterFile(wiring.Component):
    """Registers between an AXI4-Lite bus and the core.

    Accesses are single; addresses that hold no register read as 0 and ignore writes, because an
    error response would end the driver's process on the board.

    Members
    -------
    bus : In(Axi4LiteSignature)
    <register>_<field>
        Of "rw": Out, the value. Of "ro", unless constant: In, the value. Of "w1s": Out, high for
        one cycle. Of "w1c": Out, the value; and ``<register>_<field>_set``: In, sets it.
    """

    def __init__(self, constants):
        """``constants`` maps register names to the values that this core's parameters give."""
        self._constants = {**CONSTANTS, **constants}
        address_bits = (MAP_SIZE - 1).bit_length()
        members = {"bus": In(Axi4LiteSignature(address_bits))}
        for register in REGISTERS:
            if register.name in self._constants:
                continue
            for field in register.all_fields:
                name = member(register, field)
                members[name] = (In if register.access == "ro" else Out)(field.width)
                if register.access == "w1c":
                    members[f"{name}_set"] = In(field.width)
                elif register.access == "rw":
                    reset = register.reset >> field.offset & ((1 << field.width) - 1)
                    members[name] = Out(field.width, init=reset)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        bus = self.bus

        write_address = Signal.like(bus.awaddr)
        have_address = Signal()
        data = Signal(32)
        strobe = Signal(4)
        have_data = Signal()
        whole = Signal()
        write = Signal()
        m.d.comb += [
            bus.awready.eq(~have_address),
            bus.wready.eq(~have_data),
            whole.eq(have_address & have_data & ~write & ~bus.bvalid),
        ]
        m.d.sync += write.eq(whole)
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [write_address.eq(bus.awaddr), have_address.eq(1)]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [data.eq(bus.wdata), strobe.eq(bus.wstrb), have_data.eq(1)]
        with m.If(whole):
            m.d.sync += [have_address.eq(0), have_data.eq(0)]
        with m.If(write):
            m.d.sync += bus.bvalid.eq(1)
        with m.Elif(bus.bready):
            m.d.sync += bus.bvalid.eq(0)

        read_address = Signal.like(bus.araddr)
        reading = Signal()
        choosing = Signal()
        m.d.comb += bus.arready.eq(~reading & ~choosing & ~bus.rvalid)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [read_address.eq(bus.araddr), reading.eq(1)]
        with m.If(reading):
            m.d.sync += [reading.eq(0), choosing.eq(1)]
        with m.If(choosing):
            m.d.sync += [choosing.eq(0), bus.rvalid.eq(1)]
        with m.Elif(bus.rready):
            m.d.sync += bus.rvalid.eq(0)

        # In two steps: a register of each group, and then the group.
        groups = {}
        for register in REGISTERS:
            groups.setdefault(register.address >> GROUP_BITS, []).append(register)
        read_data = Signal(32)
        for group, registers in groups.items():
            value = Signal(32, name=f"group{group}")
            m.d.sync += value.eq(0)
            with m.Switch(read_address[2:GROUP_BITS]):
                for register in registers:
                    with m.Case(register.address % (1 << GROUP_BITS) >> 2):
                        m.d.sync += value.eq(self._read_value(register))
            with m.If(read_address[GROUP_BITS:] == group):
                m.d.comb += read_data.eq(value)
        with m.If(choosing):
            m.d.sync += bus.rdata.eq(read_data)

        byte_mask = Cat(bit.replicate(8) for bit in strobe)
        for register in REGISTERS:
            if register.access == "ro":
                continue
            selected = Signal(name=f"select_{register.name.lower()}")
            m.d.comb += selected.eq(write & (write_address[2:] == register.address >> 2))
            for field in register.all_fields:
                value = getattr(self, member(register, field))
                bits = slice(field.offset, field.offset + field.width)
                mask = Mux(selected, byte_mask[bits], 0)
                if register.access == "rw":
                    m.d.sync += value.eq(value & ~mask | data[bits] & mask)
                elif register.access == "w1s":
                    m.d.comb += value.eq(data[bits] & mask)
                else:
                    sets = getattr(self, f"{member(register, field)}_set")
                    m.d.sync += value.eq(value & ~(data[bits] & mask) | sets)
        return m

    def _read_value(self, register):
        if register.name in self._constants:
            return self._constants[register.name]
        if register.access == "w1s":
            return 0
        value = 0
        for field in register.all_fields:
            value |= getattr(self, member(register, field)) << field.offset
        return value
