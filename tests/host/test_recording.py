"""Speech from files, with and without a package that reads them, and from arrays."""

import sys

import numpy as np
import pytest

from lifarray.golden.errors import UserError
from lifarray.host.recording import as_utterances
from lifarray.host.utterances import Utterance


@pytest.fixture
def no_soundfile(monkeypatch):
    """As on a board."""
    monkeypatch.setitem(sys.modules, "soundfile", None)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize("n_audio_channels", [1, 2])
def test_files_are_the_same_without_soundfile(wav, word, monkeypatch, subtype, n_audio_channels):
    samples = np.stack([word(), 0.5 * word()][:n_audio_channels], axis=1)
    path = wav("7_me.wav", samples, 16000, subtype=subtype)
    (with_package,) = as_utterances(path)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    (without,) = as_utterances(str(path))
    assert (without.name, without.source, without.digit, without.sample_rate_hz) == (str(path), path.parent.name, 7, 16000)
    assert (with_package.digit, with_package.sample_rate_hz) == (7, 16000)
    read, expected = (utterance.samples.reshape(len(samples), -1) for utterance in (without, with_package))
    assert read.shape == expected.shape == samples.shape
    np.testing.assert_allclose(read, expected, atol=2**-22)


def test_whose_digit_nobody_knows(wav, word, no_soundfile):
    assert as_utterances(wav("me.wav", word()))[0].digit is None


def test_bad_files_without_soundfile(wav, tmp_path, no_soundfile):
    (tmp_path / "text.wav").write_text("no audio")
    for name, text in (("nowhere.wav", "no such audio file"), ("text.wav", "cannot be read")):
        with pytest.raises(UserError, match=text):
            as_utterances(tmp_path / name)


def test_empty_files_without_soundfile(wav, monkeypatch):
    path = wav("empty.wav", np.zeros(0))
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UserError, match="empty recording"):
        as_utterances(path)


@pytest.mark.parametrize("many", [list, tuple, iter])
def test_samples(word, many):
    utterances = as_utterances(many([word(), np.stack([word(), word()], axis=1), Utterance("x", "", 3, word(), 8000)]), 8000)
    assert [utterance.samples.shape for utterance in utterances] == [(4000,), (4000, 2), (4000,)]
    assert as_utterances(word(), 8000.0)[0].samples.dtype == np.float32


@pytest.mark.parametrize(
    "audio, rate, text",
    [
        (np.zeros(10), None, "give sample_rate_hz"),
        (np.zeros(10), "8000", "sample_rate_hz = '8000'"),
        (None, None, "None is no audio"),
        (3, 8000, "3 is no audio"),
        ([0.1, 0.2], 8000, "samples 0 are no audio.*as an array"),
        ([["a"]], 8000, "samples 0 are no audio"),
        ([[[1], [2, 3]]], 8000, "samples 0 are no audio"),
        ([np.zeros(10, complex)], 8000, "samples 0 are no audio"),
    ],
)
def test_what_is_no_audio(audio, rate, text):
    with pytest.raises(UserError, match=text):
        as_utterances(audio, rate)
