"""The hardware handoff file, as pynq's own parser reads it."""

import warnings

import pytest

from lifarray.golden.errors import UserError
from lifarray.golden.registers import MAP_SIZE, REGISTERS
from lifarray.host.hwh import CORE_NAME, CORE_VLNV, REGISTER_BASE, divisors, hwh


def test_divisors_make_the_clock():
    for clock_hz in (100_000_000, 50_000_000, 125_000_000, 200_000_000, 1_000_000):
        first, second = divisors(clock_hz)
        assert first * second * clock_hz == 1_000_000_000
        assert max(first, second) <= 63
    with pytest.raises(UserError, match="97 MHz"):
        divisors(97_000_000)


def test_pynq_reads_every_register_and_field(tmp_path):
    pytest.importorskip("pynq", reason="pynq is not installed: nothing checks that it reads the .hwh")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
        from pynqmetadata.frontends import Metadata
    path = tmp_path / "core.hwh"
    path.write_text(hwh("core", 50_000_000))
    parsed = RuntimeMetadataParser(Metadata(input=path))
    core = parsed.ip_dict[CORE_NAME]
    assert (core["type"], core["phys_addr"], core["addr_range"]) == (CORE_VLNV, REGISTER_BASE, MAP_SIZE)
    assert set(core["registers"]) == {register.name for register in REGISTERS}
    for register in REGISTERS:
        found = core["registers"][register.name]
        assert (found["address_offset"], found["access"] == "read-only") == (register.address, register.access == "ro")
        fields = {name: (field["bit_offset"], field["bit_width"]) for name, field in found["fields"].items()}
        assert fields == {field.name: (field.offset, field.width) for field in register.fields}
    # pynq 4 knows more of a clock.
    assert parsed.clock_dict[0].items() >= {"enable": 1, "divisor0": 5, "divisor1": 4}.items()
    assert [parsed.clock_dict[i]["enable"] for i in (1, 2, 3)] == [0, 0, 0]
