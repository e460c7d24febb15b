"""Audio front end: an utterance becomes the firing rates of 39 channels × F frames.

NumPy only, so that it runs on the board; only `read_wav` needs more. The same `FrontEnd` serves
training and inference: a network carries its parameters in ``meta["front_end"]``.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from .errors import UserError, need

MAX_FILE_SECONDS = 60.0
"""Recordings longer than this are refused before any work is done on them."""

CANCELLED = 0.01
"""Power of the mean of a recording's channels, over that of the loudest, below which they cancel each other out."""

SILENCE_RMS = 1e-4
"""Below this root mean square (full scale is 1, this is -80 dB) a recording counts as silent."""


@dataclass(frozen=True)
class FrontEnd:
    """Parameters of the front end, and the front end.

    Parameters
    ----------
    n_channels, n_frames : int
        Shape of the result; input neuron ``channel * n_frames + frame``.
    sample_rate_hz : int
        Audio is resampled to this rate.
    window_samples, hop_samples, fft_samples : int
        Of the short-time spectrum.
    low_hz, high_hz : float
        Edges of the triangular filters, which are equally wide on the ERB-rate scale.
    trim_db : float
        Frames this far below the loudest one are silence where they lead or trail.
    noise_margin_db : float
        What stays within this margin above the recording's quiet frames is silence too.
    steady_db : float
        That margin counts where the levels of the quietest frames (5th to 20th percentile) lie within so many dB,
        as those of noise do; if not, the recording is cut tightly and its quietest frames are speech. 0: it always counts.
    max_seconds : float
        Longest utterance, after trimming.
    range_db : float
        Levels further below the utterance's loudest channel count as this far below.
    tilt_db : float
        Gain of the highest channel over the lowest: speech falls off with frequency.
    tempo_norm : float
        Share of the differences in duration that is taken out. 1: an utterance fills all frames; else one
        of s seconds fills (s / long_seconds)^(1 − tempo_norm) of them, those in the middle.
    long_seconds : float
        Duration from which on it fills them all in any case.
    frame_norm : float
        Share of each frame's mean over the channels that is subtracted; of what is left of it, the
        utterance's mean is.
    channel_norm : float
        Share of each channel's mean over the frames that is subtracted: of the microphone's and
        the voice's own colour.
    spread_db : float
        Standard deviation that an utterance's levels are brought to after that; 0: they stay as they are.
    full_db : float
        Level above the mean at which a rate reaches 1; what lies below the mean stays silent.
    floor : float
        Rates below it become 0: those inputs never spike and cost the hardware nothing.
    max_rate : float
        Spike probability of a step at the highest level.
    """

    n_channels: int = 39
    n_frames: int = 20
    sample_rate_hz: int = 8000
    window_samples: int = 200
    hop_samples: int = 40
    fft_samples: int = 256
    low_hz: float = 100.0
    high_hz: float = 3800.0
    trim_db: float = 25.0
    noise_margin_db: float = 8.0
    steady_db: float = 0.0
    max_seconds: float = 3.0
    range_db: float = 45.0
    tilt_db: float = 20.0
    tempo_norm: float = 1.0
    long_seconds: float = 0.45
    frame_norm: float = 1.0
    channel_norm: float = 0.6
    spread_db: float = 0.0
    full_db: float = 18.0
    floor: float = 0.05
    max_rate: float = 1.0

    @property
    def fan_in(self) -> int:
        return self.n_channels * self.n_frames

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "FrontEnd":
        """From a network's ``meta["front_end"]``; UserError on parameters of another version."""
        try:
            found = cls(**values)
            for field in fields(cls):
                value = getattr(found, field.name)
                if isinstance(value, bool) or not isinstance(value, int if field.type is int else (int, float)) or value < 0:
                    raise TypeError(f"{field.name} = {value!r}")
        except TypeError as error:
            raise UserError(f"the network's front end is of another version: {error}") from None
        return found

    def rates(self, samples, sample_rate_hz, name="audio"):
        """Firing rates of one utterance.

        Parameters
        ----------
        samples : float [n] or [n, n_audio_channels], full scale is 1
        sample_rate_hz : number
        name : str
            What the error messages call it.

        Returns
        -------
        float32 [n_channels * n_frames], 0 to 1

        Raises
        ------
        UserError
            Empty, silent, too short or too long.
        """
        samples = to_mono(samples, sample_rate_hz, self.sample_rate_hz, name)
        return self.shape(self.trim(self.levels(samples), name)).reshape(-1)

    def levels(self, samples):
        """Level in dB of each channel in each frame: float [n, n_channels].

        ``samples`` is float [n] at the front end's own rate.
        """
        window, hop = self.window_samples, self.hop_samples
        if len(samples) < window:
            samples = np.pad(samples, (0, window - len(samples)))
        frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
        spectrum = np.fft.rfft(frames * np.hanning(window), self.fft_samples)
        power = (spectrum.real**2 + spectrum.imag**2) @ self.filters()
        return 10.0 * np.log10(power + 1e-10)

    def filters(self):
        """Triangular filters: float [fft_samples // 2 + 1, n_channels]."""
        # ERB-rate scale of Glasberg and Moore (1990): equal steps are equally wide to the ear.
        low, high = 21.4 * np.log10(1 + 0.00437 * np.array([self.low_hz, self.high_hz]))
        edges = (10 ** (np.linspace(low, high, self.n_channels + 2) / 21.4) - 1) / 0.00437
        hz = np.fft.rfftfreq(self.fft_samples, 1 / self.sample_rate_hz)[:, None]
        left, centre, right = edges[:-2], edges[1:-1], edges[2:]
        # Never narrower than one bin, so that no channel is deaf.
        bin_hz = self.sample_rate_hz / self.fft_samples
        rise = (hz - np.minimum(left, centre - bin_hz)) / np.maximum(centre - left, bin_hz)
        fall = (np.maximum(right, centre + bin_hz) - hz) / np.maximum(right - centre, bin_hz)
        weight = np.maximum(0, np.minimum(rise, fall))
        return weight / weight.sum(axis=0)

    def trim(self, levels, name="audio"):
        """Drop leading and trailing silence: float [n, n_channels] to [n', n_channels]."""
        loudness = 10.0 * np.log10((10.0 ** (levels / 10.0)).sum(axis=1))
        peak = loudness.max()
        threshold = peak - self.trim_db
        lowest, low, higher = np.percentile(loudness, (5, 10, 20))
        if not self.steady_db or higher - lowest <= self.steady_db:
            # A recording cut tightly has no quiet frames: then speech itself would be trimmed.
            threshold = max(threshold, min(low + self.noise_margin_db, peak - self.trim_db / 2))
        loud = np.flatnonzero(loudness >= threshold)
        first, last = loud[0], loud[-1]
        seconds = (last - first + 1) * self.hop_samples / self.sample_rate_hz
        if seconds > self.max_seconds:
            raise UserError(
                f"{name}: {seconds:.1f} s of speech, at most {self.max_seconds:g} s: cut it down to one spoken digit"
            )
        return levels[first : last + 1]

    def shape(self, levels):
        """Rates from trimmed levels: stretched to the frames, normalised, compressed.

        float [n, n_channels] to float32 [n_channels, n_frames].
        """
        level = stretch(levels, self.frames_filled(len(levels)))
        level = level + np.linspace(0, self.tilt_db, self.n_channels)
        level = np.maximum(level, level.max() - self.range_db)
        level = level - self.frame_norm * level.mean(axis=1, keepdims=True)
        if self.frame_norm < 1:
            level = level - level.mean()
        level = level - self.channel_norm * level.mean(axis=0, keepdims=True)
        if self.spread_db:
            level = level * (self.spread_db / max(level.std(), 1e-3))
        rate = np.clip(level / self.full_db, 0, 1)
        rate = np.where(rate < self.floor, 0, rate)
        before = (self.n_frames - len(rate)) // 2
        rate = np.pad(rate, ((before, self.n_frames - len(rate) - before), (0, 0)))
        return rate.T.astype(np.float32)

    def frames_filled(self, n: int) -> int:
        """How many of the frames an utterance of ``n`` short-time spectra fills."""
        share = (n * self.hop_samples / self.sample_rate_hz / self.long_seconds) ** (1 - self.tempo_norm)
        return max(1, round(min(1.0, share) * self.n_frames))


def stretch(frames, n_frames: int):
    """Average (or interpolate) ``frames`` float [n, n_channels] over ``n_frames`` equal spans."""
    n = len(frames)
    total = np.vstack([np.zeros_like(frames[:1]), np.cumsum(frames, axis=0)])
    edge = np.linspace(0, n, n_frames + 1)
    index = np.minimum(edge.astype(int), n - 1)
    at_edge = total[index] + (edge - index)[:, None] * frames[index]
    return np.diff(at_edge, axis=0) * (n_frames / n)


def resample(samples, n_out: int):
    """Band-limited resampling of float [n] to [n_out] in the frequency domain."""
    n = len(samples)
    if n_out == n:
        return samples
    spectrum = np.fft.rfft(samples)
    n_bins = n_out // 2 + 1
    kept = np.zeros(n_bins, dtype=spectrum.dtype)
    kept[: len(spectrum)] = spectrum[:n_bins]
    return np.fft.irfft(kept, n_out) * (n_out / n)


def to_mono(samples, sample_rate_hz, target_hz, name="audio"):
    """One channel at ``target_hz``: float64 [n]. UserError if empty, silent or much too long."""
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim not in (1, 2):
        raise UserError(f"{name}: samples of shape {list(samples.shape)}, must be [n] or [n, n_audio_channels]")
    if sample_rate_hz <= 0:
        raise UserError(f"{name}: a sample rate of {sample_rate_hz} Hz, must be above 0")
    if samples.size == 0:
        raise UserError(f"{name}: no samples in it: record it again")
    seconds = len(samples) / sample_rate_hz
    if seconds > MAX_FILE_SECONDS:
        raise UserError(f"{name}: {seconds:.0f} s long, at most {MAX_FILE_SECONDS:g} s: cut it down to one spoken digit")
    if not np.isfinite(samples).all():
        raise UserError(f"{name}: samples that are not numbers (NaN or infinite): export it again")
    if samples.ndim == 2:
        samples = _mixed(samples)
    samples = samples - samples.mean()
    rms = np.sqrt(np.mean(samples**2))
    if rms < SILENCE_RMS:
        raise UserError(f"{name}: silent (rms {rms:.1e} of full scale, at least {SILENCE_RMS:g}): check the microphone")
    samples = resample(samples, max(1, round(len(samples) * target_hz / sample_rate_hz)))
    # A tenth of a second is shorter than any spoken digit.
    if len(samples) < target_hz / 10:
        raise UserError(f"{name}: {len(samples) / target_hz * 1000:.0f} ms long, at least 100 ms: record a whole word")
    return samples


def _mixed(channels):
    """The mean of channels, float [n, n_audio_channels] to [n]; the loudest one where they cancel out.

    A second channel that is the first one inverted (a balanced line, plugged into a stereo input)
    leaves nothing in the mean.
    """
    mean, power = channels.mean(axis=1), channels.var(axis=0)
    return channels[:, power.argmax()] if mean.var() < CANCELLED * power.max() else mean


def read_wav(path):
    """Read an audio file: (samples float32 [n, n_audio_channels], sample_rate_hz).

    Any depth, rate and number of channels that libsndfile reads.

    Raises
    ------
    UserError
        Missing, corrupt, empty, or longer than `MAX_FILE_SECONDS`.
    """
    try:
        import soundfile
    except (ImportError, OSError):
        raise need("soundfile", "demo", "reading an audio file") from None
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such audio file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: an empty file: record it again")
    missing = _missing_bytes(path)
    if missing:
        raise UserError(f"{path}: truncated, {missing} bytes are missing: copy or record it again")
    try:
        with soundfile.SoundFile(str(path)) as file:
            if file.frames > MAX_FILE_SECONDS * file.samplerate:
                raise UserError(
                    f"{path}: {file.frames / file.samplerate:.0f} s long, at most {MAX_FILE_SECONDS:g} s: cut it down to one spoken digit"
                )
            samples = file.read(dtype="float32", always_2d=True)
            sample_rate_hz = file.samplerate
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise UserError(f"{path}: not a readable audio file ({str(error).rstrip('.')}): save it as WAV again") from None
    if len(samples) == 0:
        raise UserError(f"{path}: no samples in it: record it again")
    return samples, sample_rate_hz


def _missing_bytes(path) -> int:
    """How much shorter a RIFF file is than it says; libsndfile would read the rest in silence."""
    with open(path, "rb") as file:
        head = file.read(8)
    said = int.from_bytes(head[4:], "little")
    # Programs that write into a pipe cannot know the size: they say 0, or about 2 or 4 GiB.
    if head[:4] != b"RIFF" or said == 0 or said >= 0x7FFFF000:
        return 0
    return max(0, said + 8 - path.stat().st_size)
