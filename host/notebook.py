"""What the notebook shows, one function a picture, and where its speech comes from."""

import io
import os
import shutil
import subprocess

import numpy as np

from ..golden.errors import UserError
from .board_errors import NoBoardError
from .driver import LifArray

DEVICE_VARIABLE = "LIFARRAY_DEVICE"

MICROPHONE_RATE_HZ = 16_000


def open_array(network) -> LifArray:
    """The board; where there is none what ``LIFARRAY_DEVICE`` names, by default the integer model."""
    chosen = os.environ.get(DEVICE_VARIABLE)
    if chosen:
        return LifArray(chosen, network)
    try:
        return LifArray("pynq", network)
    except NoBoardError as error:
        print(f"{error}\nThe integer model answers instead; {DEVICE_VARIABLE}=sim runs the simulated RTL.")
        return LifArray("golden", network)


def record(path, seconds: float = 2.0):
    """Record from a USB microphone into a WAV file, and return its path.

    Raises
    ------
    UserError
        There is no recorder or no microphone.
    """
    arecord = shutil.which("arecord")
    if arecord is None:
        raise UserError("arecord is missing: sudo apt install alsa-utils, or upload a file")
    command = [arecord, "--quiet", "--duration", str(max(1, round(seconds))), "--format", "S16_LE", "--rate", str(MICROPHONE_RATE_HZ), str(path)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise UserError(f"no recording ({result.stderr.strip()}): plug in a USB microphone, or upload a file")
    return path


BROWSER_RECORDER = """
<button id="lifarray-record">record 2 s</button> <span id="lifarray-said"></span>
<script>
document.getElementById("lifarray-record").onclick = async () => {
  const said = document.getElementById("lifarray-said");
  if (!navigator.mediaDevices) {
    said.textContent = "this browser gives its microphone to https and localhost only: ssh -L 9090:localhost:9090 BOARD, then open localhost:9090";
    return;
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({audio: true});
  } catch (error) {
    said.textContent = "no microphone (" + error.message + "): allow it in the browser, or upload a file";
    return;
  }
  const context = new AudioContext();
  const node = context.createScriptProcessor(4096, 1, 1);
  const parts = [];
  node.onaudioprocess = event => parts.push(new Float32Array(event.inputBuffer.getChannelData(0)));
  context.createMediaStreamSource(stream).connect(node);
  node.connect(context.destination);
  said.textContent = "say a digit…";
  await new Promise(resolve => setTimeout(resolve, 2000));
  stream.getTracks().forEach(track => track.stop());
  const n = parts.reduce((sum, part) => sum + part.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * n));
  const text = (at, letters) => [...letters].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * n, true); text(8, "WAVEfmt "); view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, context.sampleRate, true);
  view.setUint32(28, 2 * context.sampleRate, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * n, true);
  let at = 44;
  for (const part of parts) for (const x of part) { view.setInt16(at, 32767 * Math.max(-1, Math.min(1, x)), true); at += 2; }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([view], {type: "audio/wav"}));
  link.download = link.textContent = "recording.wav";
  said.replaceChildren("save ", link, " and upload it to this notebook's folder");
};
</script>
"""
"""A page element that records; what it makes is saved and uploaded by hand, which every Jupyter can."""


def browser_recorder():
    """Show `BROWSER_RECORDER` in the notebook."""
    from IPython.display import HTML

    return HTML(BROWSER_RECORDER)


def example_word(sample_rate_hz: int, digit: int = 7):
    """A spoken digit where a voice is installed, else a chord: (samples, sample_rate_hz, what it is)."""
    from ..golden import voices

    if voices.available():
        return *voices.speak(voices.DIGIT_WORDS[digit], "en-us"), f"a synthetic voice that says {voices.DIGIT_WORDS[digit]!r}"
    t = np.arange(sample_rate_hz // 2) / sample_rate_hz
    chord = 0.3 * np.sin(2 * np.pi * t) ** 2 * sum(np.sin(2 * np.pi * f * t) / 3 for f in (220, 700, 1800))
    return chord, sample_rate_hz, "a chord, because no voice is installed: no digit is to be expected"


def draw_spectrogram(levels, front_end):
    """Levels (float [frames, n_channels], dB) over time."""
    figure, axes = _figure(7, 2.6)
    seconds = len(levels) * front_end.hop_samples / front_end.sample_rate_hz
    image = axes.imshow(levels.T, origin="lower", aspect="auto", cmap="magma", vmin=levels.max() - 45, extent=(0, seconds, 0, levels.shape[1]))
    axes.set(xlabel="seconds", ylabel="channel", title="spectrogram")
    figure.colorbar(image, label="dB")
    return _picture(figure)


def draw_raster(spikes, title: str):
    """Spikes (bool [n_steps, n_neurons]) over the steps."""
    figure, axes = _figure(7, 3.2)
    step, neuron = np.nonzero(spikes)
    axes.scatter(step, neuron, s=2, marker="|", color="black")
    axes.set(xlabel="time step", ylabel="neuron", xlim=(-0.5, len(spikes) - 0.5), ylim=(-1, spikes.shape[1]), title=title)
    return _picture(figure)


def animate_spikes(spikes, shape):
    """Input spikes (bool [n_steps, n]) step by step on the plane of channels and frames, as an HTML player."""
    from matplotlib.animation import FuncAnimation

    figure, axes = _figure(4, 3.6)
    frames = spikes.reshape(len(spikes), *shape)
    image = axes.imshow(frames[0], origin="lower", aspect="auto", cmap="gray_r", vmin=0, vmax=1)
    axes.set(xlabel="frame", ylabel="channel", xticks=range(0, shape[1], 5))
    title = axes.set_title("step 0")

    def show(t):
        image.set_data(frames[t])
        title.set_text(f"step {t}")
        return image, title

    return FuncAnimation(figure, show, frames=len(frames), interval=100).to_jshtml(default_mode="loop")


def draw_images(results, columns: int = 10):
    """The images of results, with the nearest class of each, and where that is wrong, what was said."""
    from matplotlib.figure import Figure

    rows = -(-len(results) // columns)
    columns = min(columns, len(results))
    figure = Figure(figsize=(1.1 * columns + 0.2, 1.5 * rows + 0.1), layout="constrained")
    for i, result in enumerate(results):
        axes = figure.add_subplot(rows, columns, i + 1)
        axes.imshow(result.image, cmap="gray")
        axes.set_axis_off()
        said = f", not {result.utterance.digit}" if result.correct is False else ""
        axes.set_title(f"“{result.nearest}”{said}", size=10, pad=3, color="black" if result.correct is None else "green" if result.correct else "red")
    return _picture(figure)


def _picture(figure):
    """A figure as a PNG that every Jupyter shows, whatever its settings for Matplotlib."""
    from IPython.display import Image

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return Image(data=file.getvalue(), format="png")


def _figure(width, height):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()
