import pytest

from lifarray.golden import descriptor, registers
from lifarray.golden.registers import BY_NAME, REGISTERS


def test_addresses_are_words_of_their_own():
    addresses = [register.address for register in REGISTERS]
    assert len(set(addresses)) == len(addresses)
    assert all(address % 4 == 0 and 0 <= address < registers.MAP_SIZE for address in addresses)
    assert len(BY_NAME) == len(REGISTERS)


def test_fields_do_not_overlap_and_are_described():
    for register in REGISTERS:
        assert register.doc
        used = 0
        for field in register.all_fields:
            bits = ((1 << field.width) - 1) << field.offset
            assert field.doc
            assert not used & bits
            assert bits < 1 << 32
            used |= bits
        assert used == register.mask


def test_fields_are_cut_out():
    assert registers.field_of("CAPS1", 0x40_12_0E_08, "vmem_bits") == 0x12
    assert registers.field_of("CYCLES", 0xFFFF_FFFF, "value") == 0xFFFF_FFFF


def test_unknown_fields_are_refused():
    with pytest.raises(KeyError, match="nothing"):
        registers.field_of("STATUS", 0, "nothing")


def test_descriptor_fields_fill_their_words_without_overlap():
    for word in range(descriptor.DESCRIPTOR_BYTES // 8):
        fields = [field for field in descriptor.FIELDS if field.word == word]
        used = 0
        for field in fields:
            bits = ((1 << field.width) - 1) << field.offset
            assert not used & bits and bits < 1 << 64
            used |= bits
        assert used ^ descriptor.reserved_mask(word) == (1 << 64) - 1


def test_pack_descriptor_places_signed_and_unsigned_fields():
    raw = descriptor.pack_descriptor(v_init=-2, n_steps=0x1234, output_address=0xFFFF_FFF8)
    assert raw[0] == descriptor.DESCRIPTOR_MAGIC
    assert raw[6:8] == b"\x34\x12"
    assert raw[24:28] == b"\xfe\xff\xff\xff"
    assert raw[40:44] == b"\xf8\xff\xff\xff"
    assert len(raw) == 64


@pytest.mark.parametrize("values", [dict(decay=512), dict(n_samples=-1), dict(v_init=1 << 31), dict(nonsense=1)])
def test_pack_descriptor_refuses(values):
    with pytest.raises(ValueError):
        descriptor.pack_descriptor(**values)
