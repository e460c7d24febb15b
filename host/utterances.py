"""Where speech comes from: synthetic voices, or recordings."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..golden.audio import read_wav
from ..golden.voices import DIGIT_WORDS, speak


@dataclass(frozen=True)
class Utterance:
    """One spoken digit.

    Parameters
    ----------
    name : str
        The file as it was named, or the word.
    source : str
        The voice, or the folder.
    digit : int or None
        What was said, None if nobody knows.
    samples : float [n] or [n, n_audio_channels], full scale is 1
    sample_rate_hz : int
    """

    name: str
    source: str
    digit: "int | None"
    samples: np.ndarray
    sample_rate_hz: int


def spoken(voices) -> list:
    """The ten digits in each voice, as `Utterance`."""
    return [Utterance(word, voice, digit, *speak(word, voice)) for voice in voices for digit, word in enumerate(DIGIT_WORDS)]


def recorded(paths) -> list:
    """An `Utterance` for each audio file; UserError if one is missing or damaged.

    `digit_of` says what was said.
    """
    return [Utterance(str(path), Path(path).resolve().parent.name, digit_of(path), *read_wav(path)) for path in paths]


def digit_of(path):
    """The digit, of a file that is named as in the Free Spoken Digit Dataset, ``7_george_12.wav``; else None."""
    match = re.match(r"(\d)_", Path(path).name)
    return int(match[1]) if match else None
