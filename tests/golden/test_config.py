"""What a core is built with."""

import pytest

from lifarray.golden.config import CONFIGS, CoreConfig


@pytest.mark.parametrize("name", CONFIGS)
def test_its_own_lanes_change_nothing(name):
    assert CONFIGS[name].with_lanes(CONFIGS[name].lanes) == CONFIGS[name]


@pytest.mark.parametrize("lanes, fire_units", [(1, 1), (7, 1), (8, 1), (24, 3), (32, 4), (37, 1), (90, 10), (256, 32)])
def test_other_lanes_keep_the_lanes_a_fire_unit(lanes, fire_units):
    """Eight of them, or the next more that divide the lanes."""
    config = CoreConfig(lanes=112, fire_units=14, ways=2)
    assert config.with_lanes(lanes) == config.with_(lanes=lanes, fire_units=fire_units)
