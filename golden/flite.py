"""Digits spoken by the synthetic voices of flite, which were made from recordings of people.

flite is a program of its own (Debian: ``apt install flite``), with four voices; no audio that it makes is
kept in the repository. espeak-ng, in `voices`, has many more, but models no person.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from .audio import read_wav
from .errors import UserError
from .progress import progress
from .voices import DIGIT_WORDS

MEAN_F0_HZ = {"kal16": 105, "awb": 130, "rms": 100, "slt": 175}
"""The voices, and about how high each speaks."""
STRETCHES = (0.8, 1.0, 1.25)
"""Of the duration; 1 is each voice's own."""
PITCHES = (0.85, 1.0, 1.15)
"""Of `MEAN_F0_HZ`."""


def available() -> bool:
    """True where the program is on PATH."""
    return shutil.which("flite") is not None


def require():
    """Raise UserError where it is not."""
    if not available():
        raise UserError("the voices of flite need the program 'flite': install it (Debian: apt install flite)")


def digits():
    """All ten digits by every voice, at every stretch and pitch.

    Returns (utterances: list of (samples float32 [n, 1], sample_rate_hz), labels: list of int, names: list of str).
    The same release of flite makes the same samples. Errors: UserError where it is missing, or fails.
    """
    require()
    utterances, labels, names = [], [], []
    said = [(voice, stretch, pitch) for voice in MEAN_F0_HZ for stretch in STRETCHES for pitch in PITCHES]
    with tempfile.TemporaryDirectory() as folder:
        for voice, stretch, pitch in progress(said, "flite"):
            for digit, word in enumerate(DIGIT_WORDS):
                utterances.append(_speak(word, voice, stretch, pitch, Path(folder) / "spoken.wav"))
                labels.append(digit)
                names.append(f"{word}, flite's {voice}, stretched {stretch:g}, pitch {pitch:g}")
    return utterances, labels, names


def _speak(text, voice, stretch, pitch, path):
    settings = {"duration_stretch": stretch, "int_f0_target_mean": pitch * MEAN_F0_HZ[voice]}
    options = [part for name, value in settings.items() for part in ("--setf", f"{name}={value:g}")]
    done = subprocess.run(["flite", "-voice", voice, *options, "-t", text, "-o", str(path)], capture_output=True, text=True)
    if done.returncode or not path.is_file():
        raise UserError(f"flite could not speak {text!r} as {voice!r} ({done.stderr.strip()}): it needs release 2")
    return read_wav(path)
