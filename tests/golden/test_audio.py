"""The audio front end: what it keeps, what it ignores, what it refuses."""

import numpy as np
import pytest

from lifarray.golden import audio
from lifarray.golden.errors import UserError

RATE_HZ = 8000


def tone(hz, seconds, rate_hz=RATE_HZ, amplitude=0.3):
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    return amplitude * np.sin(2 * np.pi * hz * t)


def word(rate_hz=RATE_HZ):
    """A low tone, then a high one: 0.4 s."""
    return np.concatenate([tone(400, 0.2, rate_hz), tone(2000, 0.2, rate_hz)])


@pytest.fixture
def front_end():
    return audio.FrontEnd()


def test_rates_have_the_shape_and_range_that_the_encoder_takes(front_end):
    rates = front_end.rates(word(), RATE_HZ)
    assert rates.shape == (front_end.fan_in,) == (39 * front_end.n_frames,)
    assert rates.dtype == np.float32
    assert 0 <= rates.min() and 0.5 < rates.max() <= 1
    assert np.mean(rates == 0) > 0.4, "silent inputs are what makes the hardware fast"


def test_a_tone_excites_its_own_channel_at_its_own_time(front_end):
    rates = front_end.rates(word(), RATE_HZ).reshape(front_end.n_channels, front_end.n_frames)
    centre_hz = [np.average(np.fft.rfftfreq(256, 1 / RATE_HZ), weights=w) for w in front_end.filters().T]
    for frames, hz in ((slice(2, 8), 400), (slice(12, 18), 2000)):
        loudest = rates[:, frames].mean(axis=1).argmax()
        assert abs(np.log2(centre_hz[loudest] / hz)) < 0.35


def test_every_channel_hears_something_and_none_is_counted_twice(front_end):
    weights = front_end.filters()
    assert weights.shape == (129, 39)
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    assert np.all(np.diff(weights.argmax(axis=0)) >= 0)


def test_gain_and_offset_do_not_matter(front_end):
    expected = front_end.rates(word(), RATE_HZ)
    np.testing.assert_allclose(front_end.rates(0.01 * word() + 0.2, RATE_HZ), expected, atol=0.05)


def test_silence_around_the_word_is_trimmed(front_end):
    expected = front_end.rates(word(), RATE_HZ)
    hiss = np.random.default_rng(1).normal(0, 3e-4, 4000)
    padded = np.concatenate([hiss, word(), hiss])
    found = front_end.rates(padded, RATE_HZ)
    assert np.corrcoef(found, expected)[0, 1] > 0.9


def test_a_weak_end_is_kept_where_nothing_is_steady_noise_and_noise_is_trimmed_where_it_is():
    rng = np.random.default_rng(1)
    fading = 0.08 * np.exp(np.linspace(0, -1.2, 1600)) * rng.normal(size=1600)
    tight = np.concatenate([tone(400, 0.3), fading])

    def seconds(samples, steady_db):
        ears = audio.FrontEnd(trim_db=20.0, steady_db=steady_db)
        return len(ears.trim(ears.levels(samples))) * ears.hop_samples / RATE_HZ

    assert seconds(tight, 3.0) > 0.4 > 0.35 > seconds(tight, 0.0)
    # In a room: the noise is 15 dB below the tone, and what lies below it is lost in any case.
    padded = np.concatenate([np.zeros(2400), tight, np.zeros(2400)])
    noisy = padded + 0.3 / np.sqrt(2) * 10 ** (-15 / 20) * rng.normal(size=len(padded))
    assert 0.25 < seconds(noisy, 3.0) < 0.35
    assert seconds(noisy, 3.0) == seconds(noisy, 0.0)


def test_slower_speech_gives_the_same_rates(front_end):
    slow = np.concatenate([tone(400, 0.4), tone(2000, 0.4)])
    assert np.corrcoef(front_end.rates(slow, RATE_HZ), front_end.rates(word(), RATE_HZ))[0, 1] > 0.95


def test_a_tempo_that_stays_fills_the_middle_of_the_frames():
    ears = audio.FrontEnd(tempo_norm=0.5, long_seconds=0.8)
    levels = np.random.default_rng(2).normal(0, 9, (160, 39))
    # A spectrum every 5 ms: 0.8 seconds; a quarter of that, to the power of a half, is 10 of 20 frames.
    assert ears.shape(levels).any(axis=0).all()
    assert list(np.flatnonzero(ears.shape(levels[:40]).any(axis=0))) == list(range(5, 15))
    assert audio.FrontEnd().shape(levels[:40]).any(axis=0).all()


def test_loudness_within_an_utterance_is_heard_where_the_frame_mean_stays():
    levels = np.random.default_rng(4).normal(0, 3, (40, 39))
    levels[:20] += 8
    for share, least, most in ((1.0, 0.9, 1.1), (0.0, 1.5, np.inf)):
        rates = audio.FrontEnd(frame_norm=share, channel_norm=0).shape(levels)
        assert least < rates[:, :10].sum() / rates[:, 10:].sum() < most


def test_spread_makes_flat_spectra_as_wide_as_steep_ones():
    levels = np.random.default_rng(3).normal(0, 5, (30, 39))
    flat = audio.FrontEnd(spread_db=9, full_db=1000, floor=0, tilt_db=0, range_db=1000)
    np.testing.assert_allclose(flat.shape(levels), flat.shape(3 * levels), rtol=1e-5)
    assert flat.shape(levels).max() > 0


@pytest.mark.parametrize("rate_hz", [11025, 16000, 22050, 44100, 48000])
def test_other_sample_rates_and_stereo_are_converted(front_end, rate_hz):
    expected = front_end.rates(word(), RATE_HZ)
    samples = word(rate_hz)
    stereo = np.stack([samples, samples], axis=1)
    assert np.corrcoef(front_end.rates(stereo, rate_hz), expected)[0, 1] > 0.95


def test_resampling_keeps_what_both_rates_can_hold():
    samples = tone(440, 0.5, 44100)
    found = audio.resample(samples, 4000)
    np.testing.assert_allclose(found[200:-200], tone(440, 0.5, 8000)[200:-200], atol=0.01)


def test_resampling_removes_what_the_lower_rate_cannot_hold():
    found = audio.resample(tone(7000, 0.5, 44100), 4000)
    assert np.abs(found[200:-200]).max() < 0.01


def test_stretch_keeps_the_mean_and_is_exact_where_frames_fit():
    frames = np.arange(12.0).reshape(6, 2)
    np.testing.assert_allclose(audio.stretch(frames, 3), [[1, 2], [5, 6], [9, 10]])
    np.testing.assert_allclose(audio.stretch(frames, 6), frames)
    for n in (4, 5, 7, 20):
        np.testing.assert_allclose(audio.stretch(frames, n).mean(axis=0), frames.mean(axis=0))


def test_parameters_survive_the_network_file(front_end):
    assert audio.FrontEnd.from_dict(front_end.to_dict()) == front_end
    with pytest.raises(UserError, match="another version"):
        audio.FrontEnd.from_dict({**front_end.to_dict(), "wavelets": 3})


@pytest.mark.parametrize(
    "samples, message",
    [
        (np.zeros(0), "no samples"),
        (np.zeros(8000), "silent"),
        (np.full(8000, 0.3), "silent"),
        (word()[:400], "50 ms long, at least 100 ms"),
        (np.tile(word(), 10), "4.0 s of speech, at most 3 s"),
        (np.tile(word(), 200), "80 s long, at most 60 s"),
        (np.full(8000, np.nan), "not numbers"),
        (np.zeros((2, 3, 4)), r"shape \[2, 3, 4\]"),
    ],
)
def test_what_is_no_word_is_refused_in_one_line(front_end, samples, message):
    with pytest.raises(UserError, match=message) as error:
        front_end.rates(samples, RATE_HZ, name="seven.wav")
    assert str(error.value).startswith("seven.wav: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW"])
def test_wav_files_of_any_depth_are_read(tmp_path, front_end, subtype):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "word.wav"
    soundfile.write(path, np.stack([word(16000)] * 2, axis=1), 16000, subtype=subtype)
    samples, rate_hz = audio.read_wav(path)
    assert samples.shape == (6400, 2) and rate_hz == 16000
    assert np.corrcoef(front_end.rates(samples, rate_hz), front_end.rates(word(), RATE_HZ))[0, 1] > 0.8


def test_bad_files_are_named_in_one_line(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    good = tmp_path / "good.wav"
    soundfile.write(good, word(), RATE_HZ, subtype="PCM_16")
    cases = {
        "missing.wav": (None, "no such audio file"),
        "empty.wav": (b"", "an empty file"),
        "header_only.wav": (good.read_bytes()[:20], "truncated, 6424 bytes are missing"),
        "half.wav": (good.read_bytes()[:3000], "truncated, 3444 bytes are missing"),
        "scrambled.wav": (b"RIFF" + bytes(4) + good.read_bytes()[30:3000], "not a readable audio file"),
        "noise.wav": (b"not audio at all" * 20, "not a readable audio file"),
    }
    for name, (data, message) in cases.items():
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(UserError, match=message) as error:
            audio.read_wav(path)
        assert name in str(error.value) and "\n" not in str(error.value)
    no_samples = tmp_path / "no_samples.wav"
    soundfile.write(no_samples, np.zeros(0), RATE_HZ)
    with pytest.raises(UserError, match="no samples"):
        audio.read_wav(no_samples)
    with pytest.raises(UserError, match="no such audio file"):
        audio.read_wav(tmp_path)


@pytest.mark.parametrize("weights", [(1, -1), (1, -0.95), (0.2, 1, -1.15)])
def test_channels_that_cancel_each_other_are_not_silence(weights):
    t = np.arange(4000) / 8000
    word = 0.3 * np.sin(2 * np.pi * (300 + 2000 * t) * t) * np.hanning(4000)
    loudest = word * max(weights, key=abs)
    found = audio.FrontEnd().rates(np.stack([w * word for w in weights], axis=1), 8000)
    np.testing.assert_array_equal(found, audio.FrontEnd().rates(loudest, 8000))


def test_channels_that_do_not_cancel_are_averaged():
    t = np.arange(4000) / 8000
    a, b = 0.3 * np.sin(2 * np.pi * 300 * t) * np.hanning(4000), 0.2 * np.sin(2 * np.pi * 900 * t) * np.hanning(4000)
    rates = audio.FrontEnd().rates
    for channels in ([a, b], [a, 0 * a], [a, a, a], [a, 0 * a, 0 * a, 0 * a]):
        np.testing.assert_array_equal(rates(np.stack(channels, axis=1), 8000), rates(np.mean(channels, axis=0), 8000))
