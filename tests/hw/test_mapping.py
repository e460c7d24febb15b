"""The formulas for a core's size, against what yosys makes of cores."""

import json

import pytest

from lifarray.golden.config import CONFIGS, CoreConfig
from lifarray.golden.resources import MAPPED, resources
from lifarray.hw.mapping import map_core

WORST = 0.06

CORES = json.loads(MAPPED.read_text())


@pytest.mark.parametrize("core", CORES, ids=lambda core: json.dumps(core["config"]))
def test_formulas_are_near_what_they_were_fitted_to(core):
    size = resources(CoreConfig(**core["config"]))
    for name, estimated in (("LUT", size.lut), ("FF", size.ff), ("block RAM", size.bram)):
        assert abs(estimated - core[name]) <= WORST * core[name], name
    assert size.dsp == core["DSP"] == 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_core_that_no_formula_was_fitted_to():
    config = CoreConfig(lanes=40, fire_units=10, weight_bits=4, current_bits=13, vmem_bits=14, ways=2, window_rows=8, store_rows=512)
    assert not any(CoreConfig(**core["config"]) == config for core in CORES)
    mapped = map_core(config)
    size = resources(config)
    assert abs(size.lut - mapped.lut) <= WORST * mapped.lut
    assert abs(size.ff - mapped.ff) <= WORST * mapped.ff
    assert size.bram == mapped.bram
    assert size.dsp == mapped.dsp == 0


@pytest.mark.parametrize("name", CONFIGS)
def test_more_of_anything_is_larger(name):
    base = CONFIGS[name]
    for change in (
        {"lanes": 2 * base.lanes},
        {"fire_units": 2 * base.fire_units, "lanes": 2 * base.lanes},
        {"current_bits": base.current_bits + 4},
        {"window_rows": 32} if base.window_rows < 32 else {"window_rows": 32, "lanes": 2 * base.lanes},
    ):
        assert resources(base.with_(**change)).lut > resources(base).lut
    assert resources(base.with_(store_rows=2 * base.store_rows)).bram > resources(base).bram
