"""The layer descriptor as hardware sees it, from the table in ``golden/descriptor.py``."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from lifarray.golden.descriptor import DESCRIPTOR_BYTES, FIELDS

DESCRIPTOR_WORDS = DESCRIPTOR_BYTES // 8

descriptor_layout = data.FlexibleLayout(
    DESCRIPTOR_BYTES * 8,
    {
        field.name: data.Field((signed if field.signed else unsigned)(field.width), field.word * 64 + field.offset)
        for field in FIELDS
    },
)
"""Layout of the 512 bits of a descriptor."""
