"""Lyon's passive ear: the paper's front end, 39 channels × 1,500 frames.

R. F. Lyon, "A computational model of filtering, detection, and compression in the cochlea" (1982), in the
form and with the constants of M. Slaney, "Lyon's cochlear model" (Apple technical report 13, 1988), which
the paper's Auditory Toolbox (1998) implements: a cascade of filters from high frequencies to low, half-wave
rectifiers, four stages of coupled gain control, differences of neighbours, and a low-pass filter before
decimation. At 12,500 Hz, the rate of TI-46, a step of half a bandwidth gives the paper's 39 channels.
"""

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from .audio import to_mono
from .errors import UserError, need

BREAK_HZ = 1000.0
"""Above it the filters are equally wide on a logarithmic scale, below on a linear one."""
ZERO_OFFSET = 1.5
SHARPNESS = 5.0
PREEMPHASIS_HZ = 300.0
GAIN_TARGETS = (0.0032, 0.0016, 0.0008, 0.0004)
GAIN_SECONDS = (0.64, 0.16, 0.04, 0.01)


@dataclass(frozen=True)
class LyonEar:
    """Parameters of the ear, and the ear.

    Parameters
    ----------
    sample_rate_hz : int
        Audio is resampled to this rate; with ``ear_q`` and ``step`` it decides the number of channels.
    ear_q : float
        Quality of the filters.
    step : float
        Distance of neighbouring channels, in bandwidths.
    decimation : int
        Samples a frame.
    n_frames : int
        Longer utterances lose their end, shorter ones get silence.
    smoothing : float
        Time constant of the low-pass filter before decimation, in frames.
    loud_share : float
        Share of an utterance's largest value at which a rate reaches 1.
    floor : float
        Rates below it become 0: those inputs never spike and cost the hardware nothing.
    max_rate : float
        Spike probability of a step at the highest level.
    """

    sample_rate_hz: int = 12500
    ear_q: float = 8.0
    step: float = 0.5
    decimation: int = 10
    n_frames: int = 1500
    smoothing: float = 3.0
    loud_share: float = 0.5
    floor: float = 0.05
    max_rate: float = 1.0

    @property
    def fan_in(self) -> int:
        return self.n_channels * self.n_frames

    @property
    def n_channels(self) -> int:
        return len(self.centres_hz)

    def to_dict(self) -> dict:
        return asdict(self)

    def bandwidth_hz(self, hz):
        """Of the filter at a frequency: sqrt(f² + 1000²) / Q."""
        return np.sqrt(np.square(hz) + BREAK_HZ**2) / self.ear_q

    @cached_property
    def top_hz(self) -> float:
        """Highest frequency that leaves room for the first filter's zeros."""
        half = self.sample_rate_hz / 2
        return half - self.bandwidth_hz(half) * self.step * (ZERO_OFFSET - 1)

    @cached_property
    def centres_hz(self):
        """Centre frequencies, from high to low: float [n_channels].

        Channels are ``step`` bandwidths apart; with f = 1000 · sinh(u) the integral of df / bandwidth is
        Q · u, so they are equally spaced in u. The last is where a filter's quality would fall to 1/2.
        """
        top = np.arcsinh(self.top_hz / BREAK_HZ)
        bottom = np.arcsinh(1 / np.sqrt(4 * self.ear_q**2 - 1))
        n = int(np.floor((top - bottom) * self.ear_q / self.step))
        if n < 1:
            raise UserError(f"Lyon's ear at {self.sample_rate_hz} Hz has no channel: raise the sample rate, or lower step = {self.step}")
        return BREAK_HZ * np.sinh(top - np.arange(1, n + 1) * self.step / self.ear_q)

    @cached_property
    def filters(self) -> list:
        """(numerator [3], denominator [3]) of each filter of the cascade: pre-emphasis, its compensation, channels."""
        rate, centres = self.sample_rate_hz, self.centres_hz
        width = self.bandwidth_hz(centres)
        zeros = centres + width * self.step * ZERO_OFFSET
        emphasis = np.array([0.0, 1.0, -np.exp(-2 * np.pi * PREEMPHASIS_HZ / rate)]), np.array([1.0, 0.0, 0.0])
        top_poles = _second_order(self.top_hz, centres[0] / width[0], rate)
        stages = [_with_gain(*emphasis, 1.0, rate / 4, rate), _with_gain(np.array([1.0, 0.0, -1.0]), top_poles, 1.0, rate / 4, rate)]
        for centre, zero, bandwidth in zip(centres, zeros, width, strict=True):
            above = _second_order(zero, SHARPNESS * zero / bandwidth, rate)
            stages.append(_with_gain(above, _second_order(centre, centre / bandwidth, rate), 1.0, 0.0, rate))
        return stages

    def cochleagram(self, samples):
        """What the ear makes of recordings at its own rate: float [n_recordings, n_channels, n_frames], from 0.

        ``samples``: float [n_recordings, n]. All are run at once: the gain control is a loop over time.
        """
        try:
            from scipy.signal import lfilter
        except ImportError:
            raise need("scipy", "train", "Lyon's ear") from None
        signal, channels = np.asarray(samples, float), []
        for numerator, denominator in self.filters:
            signal = lfilter(numerator, denominator, signal, axis=-1)
            channels.append(signal)
        heard = np.maximum(np.stack(channels[2:], axis=1), 0)
        heard = self._gain_control(heard)
        # Each channel against the one above it in frequency, because the filters fall off slowly towards
        # lower ones. The first has none above it: everything passes it, and it stays silent.
        sharpened = np.zeros_like(heard)
        np.maximum(heard[:, :-1] - heard[:, 1:], 0, out=sharpened[:, 1:])
        rest = np.exp(-1 / self.smoothing / self.decimation)
        smooth = lfilter([(1 - rest) ** 2], [1, -2 * rest, rest**2], sharpened, axis=-1)
        return smooth[:, :, self.decimation - 1 :: self.decimation]

    def _gain_control(self, heard):
        """Four stages; each channel's gain falls with its own output and its neighbours' gains."""
        heard = heard.transpose(2, 0, 1).copy()         # [n, n_recordings, n_channels]
        for target, seconds in zip(GAIN_TARGETS, GAIN_SECONDS, strict=True):
            share = 1 - np.exp(-1 / seconds / self.sample_rate_hz)
            # The state with its edges doubled, so that each channel has two neighbours.
            state = np.zeros((heard.shape[1], heard.shape[2] + 2))
            for sample in heard:
                sample *= 1 - state[:, 1:-1]
                spread = (state[:, :-2] + state[:, 1:-1] + state[:, 2:]) * ((1 - share) / 3)
                state[:, 1:-1] = np.minimum(spread + sample * (share / target), 1)
                state[:, 0], state[:, -1] = state[:, 1], state[:, -2]
        return heard.transpose(1, 2, 0)

    def rates(self, samples, sample_rate_hz, name="audio"):
        """Firing rates of one utterance: float32 [n_channels * n_frames], 0 to 1; errors as `audio.to_mono`."""
        return self.rates_of([(samples, sample_rate_hz)], [name])[0]

    def rates_of(self, recordings, names):
        """Firing rates of several, which takes hardly longer than one: float32 [n, n_channels * n_frames].

        ``recordings``: list of (samples, sample_rate_hz).
        """
        wanted = self.n_frames * self.decimation
        rows = np.zeros((len(recordings), wanted))
        for row, (samples, rate_hz), name in zip(rows, recordings, names, strict=True):
            mono = to_mono(samples, rate_hz, self.sample_rate_hz, name)[:wanted]
            row[: len(mono)] = mono / np.abs(mono).max()
        made = self.cochleagram(rows)
        made = made / (self.loud_share * made.max(axis=(1, 2), keepdims=True))
        made = np.where(made < self.floor, 0, np.minimum(made, 1))
        return made.reshape(len(rows), -1).astype(np.float32)


def _second_order(hz, quality, rate_hz):
    """Polynomial [3] of a resonance."""
    rho = np.exp(-np.pi * hz / rate_hz / quality)
    theta = 2 * np.pi * hz / rate_hz * np.sqrt(1 - 1 / (4 * quality**2))
    return np.array([1.0, -2 * rho * np.cos(theta), rho**2])


def _with_gain(numerator, denominator, gain, hz, rate_hz):
    """The filter with that gain at a frequency."""
    z = np.exp(-2j * np.pi * hz / rate_hz * np.arange(3))
    return numerator * (gain / abs((numerator @ z) / (denominator @ z))), denominator
