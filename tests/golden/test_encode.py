import numpy as np
import pytest

from lifarray.golden import encode
from lifarray.golden.errors import UserError


def test_poisson_rates_are_met():
    rates = np.array([[0.0, 0.25, 0.5, 1.0]])
    spikes = encode.poisson(rates, 4000, np.random.default_rng(1))
    measured = spikes.mean(axis=1)
    assert measured[0, 0] == 0
    assert measured[0, 3] == 1
    np.testing.assert_allclose(measured, rates, atol=0.03)


def test_the_lowest_rate_is_one_256th():
    spikes = encode.poisson(np.full((1, 100), 1 / 256), 4000, np.random.default_rng(1))
    assert spikes.mean() == pytest.approx(1 / 256, rel=0.1)


def test_max_rate_scales():
    spikes = encode.poisson(np.ones((1, 1)), 4000, np.random.default_rng(1), max_rate=0.5)
    assert abs(spikes.mean() - 0.5) < 0.03


def test_poisson_steps_are_independent():
    spikes = encode.poisson(np.full((1, 50), 0.5), 200, np.random.default_rng(2))[0]
    same = (spikes[1:] == spikes[:-1]).mean()
    assert abs(same - 0.5) < 0.02
    assert abs((spikes[:, 1:] == spikes[:, :-1]).mean() - 0.5) < 0.02


def test_poisson_is_what_it_always_was():
    """Spikes are part of what a seed reproduces, on every machine: a change here is a new encoder."""
    spikes = encode.poisson(np.linspace(0, 1, 8)[None], 8, np.random.default_rng(0))
    assert [f"{word:08b}" for word in np.packbits(spikes[0], axis=1)[:, 0]] == [
        "00000001",
        "00100101",
        "01100011",
        "00011011",
        "00111111",
        "00001011",
        "00001101",
        "00001111",
    ]


@pytest.mark.parametrize("rates", [[[-0.1]], [[1.1]], [[np.nan]], [0.5]])
def test_poisson_refuses_what_is_no_rate(rates):
    with pytest.raises(UserError):
        encode.poisson(np.array(rates), 5, np.random.default_rng(0))


@pytest.mark.parametrize("n_samples, n_steps", [(1, 1), (64, 1), (4, 15), (1, 60), (1, 64), (1, 65), (1, 200)])
def test_unpack_inverts_pack(n_samples, n_steps):
    spikes = np.random.default_rng(n_steps).random((n_samples, n_steps, 7)) < 0.4
    words = encode.pack(spikes)
    assert words.dtype == np.dtype("<u8")
    assert words.shape == (encode.passes(n_steps) * 7,)
    np.testing.assert_array_equal(encode.unpack(words, n_samples, n_steps), spikes)


def test_slots_are_sample_major_and_pass_major():
    spikes = np.zeros((4, 15, 3), dtype=bool)
    spikes[2, 4, 1] = True
    assert encode.pack(spikes).tolist() == [0, 1 << (2 * 15 + 4), 0]
    spikes = np.zeros((1, 100, 3), dtype=bool)
    spikes[0, 70, 2] = True
    assert encode.pack(spikes).tolist() == [0, 0, 0, 0, 0, 1 << 6]


def test_too_many_samples_are_refused():
    with pytest.raises(UserError, match="at most 4"):
        encode.pack(np.zeros((5, 15, 1), dtype=bool))
