"""The LIF-array core in Amaranth HDL."""

from lifarray.golden.config import CONFIGS, CoreConfig


def verilog(config: CoreConfig = CONFIGS["demo"]) -> str:
    """The core as one Verilog file, module ``lifarray_core``."""
    from amaranth.back.verilog import convert

    from .core import LifCore

    return convert(LifCore(config), name="lifarray_core", emit_src=False, strip_internal_attrs=True)
