"""Speech from files or arrays, where the board has no package to read files with either."""

import wave
from numbers import Real
from pathlib import Path

import numpy as np

from ..golden.errors import UserError
from .utterances import Utterance, digit_of, recorded


def as_utterances(audio, sample_rate_hz=None) -> list:
    """A list of `Utterance` of a path, samples, an utterance, or a sequence of them.

    Parameters
    ----------
    audio : path, array float [n], `Utterance`, or a sequence of those
    sample_rate_hz : int
        Needed for samples.

    Raises
    ------
    UserError
        A file is missing or damaged, or samples come without their rate.
    """
    if isinstance(audio, (str, Path, Utterance)) or (isinstance(audio, np.ndarray) and audio.ndim == 1):
        audio = [audio]
    if sample_rate_hz is not None and not isinstance(sample_rate_hz, Real):
        raise UserError(f"sample_rate_hz = {sample_rate_hz!r}, must be a number")
    try:
        items = list(audio)
    except TypeError:
        raise UserError(f"{audio!r} is no audio: give a WAV file's path, samples, or a list of those") from None
    return [_one(item, i, sample_rate_hz) for i, item in enumerate(items)]


def _one(item, i, sample_rate_hz):
    if isinstance(item, Utterance):
        return item
    if isinstance(item, (str, Path)):
        try:
            import soundfile  # noqa: F401
        except (ImportError, OSError):
            return Utterance(str(item), Path(item).resolve().parent.name, digit_of(item), *read_pcm(item))
        return recorded([item])[0]
    if not sample_rate_hz:
        raise UserError("samples come without a rate: give sample_rate_hz")
    try:
        samples = np.asarray(item)
    except ValueError:
        samples = None
    if samples is None or samples.dtype.kind not in "iuf" or samples.ndim not in (1, 2):
        raise UserError(f"samples {i} are no audio: give numbers, [n] or [n, n_audio_channels]; one recording alone as an array")
    return Utterance(f"samples {i}", "", None, samples.astype(np.float32), sample_rate_hz)


def read_pcm(path):
    """Read a WAV file with the standard library: (samples float32 [n, n_audio_channels], sample_rate_hz).

    Raises
    ------
    UserError
        Missing, damaged, or not plain PCM.
    """
    try:
        with wave.open(str(path)) as file:
            width, n_channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            raw = np.frombuffer(file.readframes(file.getnframes()), dtype=np.uint8)
    except FileNotFoundError:
        raise UserError(f"{path}: no such audio file") from None
    except (wave.Error, EOFError, OSError) as error:
        raise UserError(f"{path}: cannot be read ({error}): save it as WAV with PCM samples, or pip install soundfile") from None
    raw = raw[: raw.size // (width * n_channels) * width * n_channels].reshape(-1, width)
    if not raw.size:
        raise UserError(f"{path}: an empty recording: record it again")
    # Samples of 8 bits are unsigned, wider ones signed; the top of 32 bits holds either.
    wide = np.zeros((len(raw), 4), dtype=np.uint8)
    wide[:, 4 - width :] = raw ^ 0x80 if width == 1 else raw
    return (wide.view("<i4")[:, 0] / 2**31).astype(np.float32).reshape(-1, n_channels), rate
