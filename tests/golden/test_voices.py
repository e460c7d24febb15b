"""Synthetic voices: the lists, determinism, and what is refused."""

import time

import numpy as np
import pytest

from lifarray.golden import voices
from lifarray.golden.errors import UserError

needs_espeak = pytest.mark.skipif(not voices.available(), reason="the package espeakng-loader is not installed")


def test_no_list_shares_a_voice_an_accent_or_a_variant_with_the_training_list():
    def parts(names, position):
        return {n.partition("+")[position] for n in names}

    for others in (voices.VALIDATION_VOICES, voices.HELD_OUT_VOICES):
        for position in (0, 2):
            assert not parts(others, position) & parts(voices.TRAINING_VOICES, position)
    assert not set(voices.VALIDATION_VOICES) & set(voices.HELD_OUT_VOICES)
    assert len(voices.HELD_OUT_VOICES) >= 3


@needs_espeak
def test_every_voice_exists_and_speaks():
    for voice in {*voices.TRAINING_VOICES, *voices.VALIDATION_VOICES, *voices.HELD_OUT_VOICES}:
        samples, sample_rate_hz = voices.speak("seven", voice)
        assert sample_rate_hz == 22050
        assert 0.1 < len(samples) / sample_rate_hz < 2
        assert 0.05 < np.abs(samples).max() <= 1


@needs_espeak
def test_speech_depends_on_its_arguments_alone():
    first = [voices.speak(word, "en-us+f2")[0] for word in ("six", "nine")]
    voices.speak("two", "en+m3", rate=210)
    time.sleep(1.1)         # espeak-ng would seed its noise with the second of the day
    again = [voices.speak(word, "en-us+f2")[0] for word in ("six", "nine")]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


@needs_espeak
def test_rate_pitch_voice_and_word_are_all_heard():
    plain = voices.speak("nine")[0]
    assert len(voices.speak("nine", rate=300)[0]) < 0.8 * len(plain)
    for changed in (voices.speak("five")[0], voices.speak("nine", pitch=90)[0], voices.speak("nine", "en+f3")[0]):
        assert len(changed) != len(plain) or np.abs(changed - plain).max() > 0.05


@needs_espeak
def test_digits_are_labelled_in_order():
    utterances, labels, names = voices.digits(["en"], rates=(160, 200))
    assert labels.tolist() == list(range(10)) * 2
    assert len(utterances) == 20 and names[13] == "three, en, 200 words/min, pitch 50"


@needs_espeak
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"voice": "xyzzy"}, "'xyzzy' is not a voice"),
        ({"voice": "en+nobody"}, r"'en\+nobody' is not a voice"),
        ({"rate": 1000}, "rate 1000 is out of range: choose 80 to 450"),
        ({"pitch": -1}, "pitch -1 is out of range"),
        ({"text": ""}, "made no sound"),
    ],
)
def test_bad_requests_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        voices.speak(**{"text": "one", **arguments})


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "espeakng_loader", None)
    assert not voices.available()
    with pytest.raises(UserError, match=r"pip install 'lifarray\[demo\]'"):
        voices.speak("one")
