"""The cases of ``lifarray bench core``: that they are what they say."""

import numpy as np
import pytest

from lifarray.golden.cases import CASES, SPIKER_PLUS, case, random_network
from lifarray.golden.errors import UserError


def test_unknown_cases_are_refused():
    with pytest.raises(UserError, match="no case 'x': choose from ae-batch1-resident"):
        case("x")


@pytest.mark.parametrize("name", [name for name in CASES if "paper" not in name])
def test_each_case_runs_on_its_core(name, data_dir):
    chosen = case(name)
    network, spikes = chosen.load(data_dir)
    network.check_fits(chosen.core)
    assert spikes.shape[1:] == (network.n_steps, network.fan_in)
    assert spikes.any()
    again, same = chosen.load(data_dir)
    assert (spikes == same).all()


def test_the_papers_audiocoder(data_dir):
    """Its size, and activity as of a padded spectrogram: rows that never spike at the end of each channel."""
    network, spikes = case("audio-paper-int4").load(data_dir)
    assert network.sizes == (58_500, 2_048, 196, 784)
    assert spikes.shape == (1, 60, 58_500)
    network.check_fits(case("audio-paper-int4").core)
    assert 0.05 < spikes.mean() < 0.12
    active = spikes.any(axis=(0, 1)).reshape(39, 1500)
    assert 0.15 < active.mean() < 0.3
    assert not active[:, -100:].any()
    assert active[:, :100].mean() > 0.2


def test_random_networks_spike():
    rng = np.random.default_rng(0)
    spikes = rng.random((1, 50, 300)) < 0.1
    for result in random_network((300, 200, 100), 4, spikes, 16, rng).run(spikes):
        assert 0.05 < result.spikes.mean() <= 0.1


def test_spiker_is_beside_cases_that_there_are():
    assert set(SPIKER_PLUS) <= set(CASES)
