"""Lyon's ear: channels, filters, gain control; what a tone does."""

import numpy as np
import pytest

from lifarray.golden.errors import UserError
from lifarray.golden.lyon import LyonEar

pytest.importorskip("scipy")
SHORT = LyonEar(n_frames=300)


def tone(hz, seconds=0.24, rate_hz=12500):
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    return np.sin(2 * np.pi * hz * t) * np.minimum(1, t * 50)


def test_the_papers_shape_at_the_corpus_rate():
    ear = LyonEar()
    assert (ear.n_channels, ear.n_frames, ear.fan_in) == (39, 1500, 58500)


def test_channels_are_as_far_apart_as_told():
    ear = LyonEar()
    centres = ear.centres_hz
    assert (np.diff(centres) < 0).all() and centres[0] < ear.top_hz < 6250
    # Neighbours differ by step bandwidths, the bandwidth of between them.
    middle = (centres[:-1] + centres[1:]) / 2
    np.testing.assert_allclose(centres[:-1] - centres[1:], ear.step * ear.bandwidth_hz(middle), rtol=0.01)
    # The next channel would have a quality below 1/2.
    assert centres[-1] / ear.bandwidth_hz(centres[-1]) > 0.5
    following = 1000 * np.sinh(np.arcsinh(centres[-1] / 1000) - ear.step / ear.ear_q)
    assert following / ear.bandwidth_hz(following) < 0.5


def test_filters_are_stable_and_have_unit_gain_where_they_should():
    stages = LyonEar().filters
    assert len(stages) == 41
    for numerator, denominator in stages[2:]:
        assert np.abs(np.roots(denominator)).max() < 1
        assert numerator.sum() / denominator.sum() == pytest.approx(1)
    z = np.exp(-0.5j * np.pi * np.arange(3))
    for numerator, denominator in stages[:2]:
        assert abs((numerator @ z) / (denominator @ z)) == pytest.approx(1)


@pytest.mark.parametrize("hz", [300, 700, 1500, 3000])
def test_a_tone_is_heard_in_the_channels_around_it(hz):
    heard = SHORT.cochleagram(tone(hz)[None])[0, :, 100:].mean(axis=1)
    loudest = SHORT.centres_hz[heard.argmax()]
    assert abs(loudest - hz) < 2 * SHORT.bandwidth_hz(hz)
    far = np.abs(SHORT.centres_hz - hz) > 6 * SHORT.bandwidth_hz(hz)
    assert not far.any() or heard[far].max() < 0.2 * heard.max()


def test_gain_control_equals_plain_loops_and_compresses():
    from lifarray.golden import lyon

    heard = np.random.default_rng(71).random((1, 5, 60)) * 0.1
    expected = heard[0].copy()
    for target, seconds in zip(lyon.GAIN_TARGETS, lyon.GAIN_SECONDS, strict=True):
        share = 1 - np.exp(-1 / seconds / SHORT.sample_rate_hz)
        state = [0.0] * 5
        for t in range(60):
            before = [state[0], *state, state[-1]]
            for i in range(5):
                expected[i, t] *= 1 - before[i + 1]
                state[i] = min(1.0, expected[i, t] * share / target + (1 - share) / 3 * (before[i] + before[i + 1] + before[i + 2]))
    np.testing.assert_allclose(SHORT._gain_control(heard)[0], expected, rtol=1e-12)
    loud, quiet = (SHORT.cochleagram(gain * tone(1000)[None]).max() for gain in (1.0, 0.01))
    assert 1 < loud / quiet < 30


def test_rates_are_rates_padded_and_the_same_alone_or_together():
    recordings = [(tone(500, 0.3), 12500), (tone(1200, 0.1), 12500)]
    rates = SHORT.rates_of(recordings, ["a", "b"])
    assert rates.shape == (2, SHORT.fan_in) and rates.dtype == np.float32
    assert rates.min() == 0 and rates.max() == 1
    np.testing.assert_array_equal(rates[1], SHORT.rates(*recordings[1]))
    frames = rates[1].reshape(39, 300)
    assert frames[:, :120].any() and not frames[:, 200:].any()


def test_a_rate_too_low_is_refused():
    with pytest.raises(UserError, match="has no channel: raise the sample rate"):
        assert LyonEar(sample_rate_hz=120).n_channels
