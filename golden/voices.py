"""Digits spoken by synthetic voices (espeak-ng, through the package espeakng-loader).

The package is GPL: it is an optional extra of the demo and the training, imported only when a
function here is called, and no audio that it makes is kept in the repository.
"""
from __future__ import annotations

import _ctypes
import ctypes
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .errors import UserError, need

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# Three fixed lists. A voice of one list shares neither its accent nor its variant (the vocal tract)
# with any voice of the training list.
_ACCENTS = ("en", "en-us", "en-gb-x-rp", "en-029")
_VARIANTS = ("", "m1", "m2", "m4", "m6", "m7", "f1", "f2", "f4")
TRAINING_VOICES = tuple(
    accent + ("+" + variant if variant else "") for accent in _ACCENTS for variant in _VARIANTS
)
VALIDATION_VOICES = ("en-gb-x-gbclan+m5", "en-gb-x-gbclan+Andy", "en-gb-x-gbclan+Annie", "en-gb-x-gbclan+linda")
HELD_OUT_VOICES = (
    "en-gb-scotland+m3",
    "en-gb-scotland+f3",
    "en-us-nyc+m8",
    "en-us-nyc+f5",
    "en-gb-x-gbcwmd+m3",
    "en-gb-x-gbcwmd+f5",
)

RATE_LIMITS = (80, 450)      # words per minute, espeak_RATE
PITCH_LIMITS = (0, 100)      # espeak_PITCH
MAX_SECONDS = 30.0           # a runaway text must not fill the memory

# Constants of espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_RATE, _PITCH = 1, 3
_POS_CHARACTER = 1
_CHARS_UTF8 = 1

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def available() -> bool:
    """True where the package espeakng-loader is installed."""
    try:
        import espeakng_loader  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def _engine():
    """A fresh espeak-ng: yields (library, sample_rate_hz, chunks that its callback fills).

    Its noise and flutter generators live in static variables that survive a restart, so a second
    call in one process would sound different. Loading a private copy of the library file gives new
    static variables each time, and makes speech a function of its arguments alone.
    """
    try:
        import espeakng_loader
    except ImportError:
        raise need("espeakng-loader", "demo", "a synthetic voice") from None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = shutil.copy(espeakng_loader.get_library_path(), folder)
        library = ctypes.CDLL(copy)
        sample_rate_hz = library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(),
            _INITIALIZE_DONT_EXIT)
        if sample_rate_hz <= 0:
            raise UserError(f"espeak-ng did not start (code {sample_rate_hz}): reinstall the "
                            "Python package 'espeakng-loader'")
        # It seeds its noise with the current second.
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        chunks: list = []

        @_CALLBACK
        def collect(samples, count, events):
            if samples and count > 0:
                chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
            too_long = sum(map(len, chunks)) > MAX_SECONDS * sample_rate_hz
            return int(too_long)            # 1 stops the synthesis

        library.espeak_SetSynthCallback(collect)
        try:
            yield library, sample_rate_hz, chunks
        finally:
            library.espeak_Terminate()
            close = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary
            close(library._handle)


def speak(text: str, voice: str = "en", rate: int = 160, pitch: int = 50):
    """Speak `text`: (samples float32 [n] in [-1, 1], sample_rate_hz).

    Parameters
    ----------
    voice: an espeak-ng voice, with an optional variant: "en-us+f2".
    rate: words per minute, 80 to 450. pitch: 0 to 100.

    Deterministic: the same arguments make the same samples.
    Errors: UserError for an unknown voice, a value out of its limits, a missing package.
    """
    for name, value, (low, high) in (("rate", rate, RATE_LIMITS), ("pitch", pitch, PITCH_LIMITS)):
        if not low <= value <= high:
            raise UserError(f"{name} {value} is out of range: choose {low} to {high}")
    with _engine() as (library, sample_rate_hz, chunks):
        # espeak-ng ignores an unknown variant in silence, so it is checked here.
        if library.espeak_SetVoiceByName(voice.encode()) != 0 or not _variant_known(voice):
            raise UserError(f"{voice!r} is not a voice of espeak-ng: choose for instance "
                            f"{HELD_OUT_VOICES[0]!r} or {TRAINING_VOICES[0]!r}")
        library.espeak_SetParameter(_RATE, int(rate), 0)
        library.espeak_SetParameter(_PITCH, int(pitch), 0)
        raw = text.encode()
        error = library.espeak_Synth(
            raw, ctypes.c_size_t(len(raw) + 1), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
    if error != 0:
        raise UserError(f"espeak-ng could not speak {text!r} (code {error})")
    samples = np.concatenate(chunks).astype(np.float32) / 32768.0 if chunks else np.zeros(0, np.float32)
    if not samples.any():
        raise UserError(f"espeak-ng made no sound for {text!r}: give it a word to say")
    return samples, sample_rate_hz


def _variant_known(voice: str) -> bool:
    import espeakng_loader
    name = voice.partition("+")[2]
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return not name or (folder / name).is_file()


def digits(voices, rates=(160,), pitches=(50,)):
    """All ten digits by every voice at every rate and pitch.

    Returns (utterances: list of (samples float32 [n], sample_rate_hz), labels int64 [n],
    names: list of str).
    """
    utterances, labels, names = [], [], []
    for voice in voices:
        for rate in rates:
            for pitch in pitches:
                for digit, word in enumerate(DIGIT_WORDS):
                    utterances.append(speak(word, voice, rate, pitch))
                    labels.append(digit)
                    names.append(f"{word}, {voice}, {rate} words/min, pitch {pitch}")
    return utterances, np.array(labels), names
