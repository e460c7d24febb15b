"""The register file against the table: values, strobes, pulses, write-one-to-clear."""

import cocotb

from lifarray.golden.registers import MAP_SIZE, REGISTERS
from lifarray.hw.registers import CONSTANTS, member

from .lite import read_word, write_word
from .part import settings, with_all_variants


@cocotb.test()
async def accesses(dut):
    """Random reads and writes of every register and of gaps, whose channels come in any order."""
    await with_all_variants(dut, "registers", run)


async def run(part):
    rng = part.rng
    constants = {**CONSTANTS, **part.config}
    by_address = {register.address: register for register in REGISTERS}
    values = {register.name: constants.get(register.name, register.reset) for register in REGISTERS}
    pulses = {}

    async def watch():
        """Pulses of commands; what the core sets stands in the next cycle, whatever the host clears."""
        standing = {}
        while True:
            await part.tick()
            for name, bits in standing.items():
                assert part.value(name) & bits == bits, f"what the core sets in {name} is lost"
            for register in REGISTERS:
                if register.access == "w1c":
                    names = [member(register, field) for field in register.all_fields]
                    standing.update({name: part.value(f"{name}_set") for name in names})
                if register.access == "w1s":
                    for field in register.all_fields:
                        name = member(register, field)
                        pulses[name] = pulses.get(name, 0) + part.value(name)

    watching = cocotb.start_soon(watch())
    for _ in range(60 * settings["count"]):
        gap = rng.random() < 0.1
        address = 4 * int(rng.integers(MAP_SIZE // 4)) if gap else int(rng.choice(list(by_address)))
        if rng.random() < 0.2:
            # What both sides change is rare, and has more to it than the others.
            address = int(rng.choice([register.address for register in REGISTERS if register.access == "w1c"]))
        register = by_address.get(address)
        # The lowest bits do not count.
        address |= int(rng.choice([0, rng.integers(4)]))
        if register and register.access == "ro" and register.name not in constants:
            values[register.name] = 0
            for field in register.all_fields:
                value = int(rng.integers(1 << field.width))
                getattr(part, member(register, field)).value = value
                values[register.name] |= value << field.offset
        if register and register.access == "w1c" and rng.random() < 0.5:
            # The core sets what the host clears.
            for field in register.all_fields:
                getattr(part, f"{member(register, field)}_set").value = 1
                await part.tick()
                getattr(part, f"{member(register, field)}_set").value = 0
                values[register.name] |= ((1 << field.width) - 1) << field.offset
            await part.tick()
        if rng.random() < 0.5:
            data = int(rng.choice([0, 0xFFFF_FFFF, rng.integers(1 << 32)]))
            strobe = int(rng.choice([0xF, rng.integers(16)]))
            mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
            before = dict(pulses)
            # The core may set it in the very cycle in which the host clears it.
            sets = register.all_fields if register and register.access == "w1c" and rng.random() < 0.5 else ()
            for field in sets:
                getattr(part, f"{member(register, field)}_set").value = (1 << field.width) - 1
            assert await write_word(part, "bus", address, data, strobe) == 0
            for field in sets:
                getattr(part, f"{member(register, field)}_set").value = 0
            await part.tick(2)
            if register and register.access == "rw":
                values[register.name] = (values[register.name] & ~mask | data & mask) & register.mask
            if register and register.access == "w1c":
                values[register.name] &= ~(data & mask)
                values[register.name] |= sum(((1 << field.width) - 1) << field.offset for field in sets)
            for other in REGISTERS:
                if other.access == "w1s":
                    for field in other.all_fields:
                        name = member(other, field)
                        wanted = (data & mask) >> field.offset & (1 << field.width) - 1 if other is register else 0
                        assert pulses.get(name, 0) - before.get(name, 0) == wanted, f"{name} is not high for a cycle"
        found, response = await read_word(part, "bus", address)
        wanted = values[register.name] if register and register.access != "w1s" else 0
        assert (found, response) == (wanted, 0), f"{register.name if register else hex(address)} is {found:#x}, must be {wanted:#x}"
        if register and register.access in ("rw", "w1c"):
            for field in register.all_fields:
                seen = part.value(member(register, field))
                assert seen == wanted >> field.offset & (1 << field.width) - 1, f"the core sees {seen:#x} in {register.name}"
    watching.cancel()
