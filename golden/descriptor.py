"""The layer descriptor: what the core reads from memory to run one layer.

64 bytes, little-endian, at a multiple of 64. Described once; the hardware unpacks it from the
same table that the driver packs it with.
"""

from dataclasses import dataclass

DESCRIPTOR_BYTES = 64
DESCRIPTOR_MAGIC = 0x4C
"""First byte of every descriptor, so that stray memory is refused."""


@dataclass(frozen=True)
class DescriptorField:
    """Bits ``offset`` to ``offset + width - 1`` of 64-bit word ``word``; two's complement if ``signed``."""

    name: str
    word: int
    offset: int
    width: int
    doc: str
    signed: bool = False


FIELDS = (
    DescriptorField("magic", 0, 0, 8, "DESCRIPTOR_MAGIC."),
    DescriptorField("reset_mode", 0, 8, 4, "ResetMode."),
    DescriptorField("frac_bits", 0, 12, 3, "Left shift of the current."),
    DescriptorField("four_bit", 0, 15, 1, "1: weights of 4 bits, 0: of 8."),
    DescriptorField("decay", 0, 16, 9, "Factor d, 0 to 256."),
    DescriptorField("write_vmem", 0, 25, 1, "1: write vmem after the last step to vmem_address."),
    DescriptorField("resident", 0, 26, 1, "1: the layer's weights stay in the core, from row store_row on."),
    DescriptorField("load", 0, 27, 1, "1: run no layer; copy fan_in weight rows from weight_address into the core, to store_row on."),
    DescriptorField("n_samples", 0, 32, 8, "Samples in the raster, 1 to floor(64 / n_steps); 1 if n_steps > 64."),
    DescriptorField("bias_rows", 0, 40, 8, "Weight rows after fan_in whose input always spikes."),
    DescriptorField("n_steps", 0, 48, 16, "Time steps T, at least 1."),
    DescriptorField("fan_in", 1, 0, 20, "Inputs, at least 1."),
    DescriptorField("n_neurons", 1, 32, 20, "Outputs, at least 1."),
    DescriptorField("v_threshold", 2, 0, 32, "At least 1.", signed=True),
    DescriptorField("v_subtract", 2, 32, 32, "At least 0.", signed=True),
    DescriptorField("v_init", 3, 0, 32, "vmem before the first step.", signed=True),
    DescriptorField("store_row", 3, 32, 16, "Row of the core's weight store."),
    DescriptorField("input_address", 4, 0, 32, "Input raster, a multiple of 8."),
    DescriptorField("weight_address", 4, 32, 32, "Weights, a multiple of 8."),
    DescriptorField("output_address", 5, 0, 32, "Output raster, a multiple of 8."),
    DescriptorField("vmem_address", 5, 32, 32, "vmem of the last step, int32 [sample][neuron], a multiple of 8."),
)
"""Bits that no field names must be zero."""


def reserved_mask(word: int) -> int:
    """Bits of 64-bit word ``word`` that no field names."""
    used = sum(((1 << f.width) - 1) << f.offset for f in FIELDS if f.word == word)
    return ((1 << 64) - 1) & ~used


def pack_descriptor(**values) -> bytes:
    """The 64 bytes of a descriptor; fields not given are 0, ``magic`` is filled in.

    Raises
    ------
    ValueError
        A value does not fit into its field, or there is no such field.
    """
    values = {"magic": DESCRIPTOR_MAGIC, **values}
    words = [0] * (DESCRIPTOR_BYTES // 8)
    for field in FIELDS:
        value = int(values.pop(field.name, 0))
        low = -(1 << (field.width - 1)) if field.signed else 0
        high = (1 << (field.width - field.signed)) - 1
        if not low <= value <= high:
            raise ValueError(f"descriptor field {field.name} = {value}, must be {low} to {high}")
        words[field.word] |= (value & ((1 << field.width) - 1)) << field.offset
    if values:
        raise ValueError(f"no such descriptor field: {', '.join(values)}")
    return b"".join(word.to_bytes(8, "little") for word in words)
