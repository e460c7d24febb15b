"""The contact sheet: per utterance its spectrogram, its hidden state and its image, in one PNG."""

import io
from itertools import groupby
from pathlib import Path

import numpy as np

from ..golden.errors import need
from .output import whole_file

COLUMNS = 10
"""Utterances side by side: the ten digits."""

DYNAMIC_RANGE_DB = 45
"""Below the loudest point; the rest of a spectrogram is black."""

# Inches. A cell is as wide as its square image is high; below each plot is room for its axis.
_CELL, _GAP = 1.3, 0.1
_NAME, _SPECTROGRAM, _RASTER, _AXIS, _VERDICT = 0.24, 0.9, 1.1, 0.3, 0.34
_BAND = _NAME + _SPECTROGRAM + _AXIS + _RASTER + _AXIS + _CELL + _VERDICT
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.9, 0.2, 0.8, 0.05
_MIN_COLUMNS = 5        # the title needs that much room

_TICK_STEPS = tuple(m * 10.0**e for e in range(-2, 4) for m in (1, 2, 5))

_RIGHT_COLOUR, _WRONG_COLOUR, _UNKNOWN_COLOUR = "#1a7f37", "#cf222e", "#57606a"


def draw_contact_sheet(path, results, front_end, title: str, subtitle: str):
    """Write the PNG.

    Parameters
    ----------
    path : path
    results : list of synthesis.Result
        Those of one source (a voice, a folder) that follow each other share a band.
    front_end : golden.audio.FrontEnd
        Names the spectrogram's axes.
    title, subtitle : str

    Raises
    ------
    UserError
        Matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
        from PIL import Image
    except ImportError:
        raise need("matplotlib", "demo", "drawing the contact sheet") from None
    bands = _bands(results)
    columns = max(len(band) for _, band in bands)
    width = _LEFT + max(columns, _MIN_COLUMNS) * (_CELL + _GAP) + _RIGHT
    height = _TOP + len(bands) * _BAND + _BOTTOM
    figure = Figure(figsize=(width, height), dpi=110, facecolor="white")
    figure.text(_LEFT / width, 1 - 0.32 / height, title, size=12, weight="bold", va="center")
    figure.text(
        _LEFT / width,
        1 - 0.58 / height,
        subtitle,
        size=9.5,
        color=_UNKNOWN_COLOUR,
        va="center",
    )
    for row, (source, band) in enumerate(bands):
        top = height - _TOP - row * _BAND
        figure.text(0.1 / width, (top - _BAND / 2) / height, source, rotation=90, size=11, weight="bold", va="center")
        for column, result in enumerate(band):
            left = _LEFT + column * (_CELL + _GAP)
            _draw_column(figure, (left, top), result, front_end, first=column == 0)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    # 256 colours show no difference here, at less than half the bytes.
    sheet = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    with whole_file(path) as part:
        sheet.save(part, format="PNG", optimize=True)


def _bands(results):
    """Lists of up to `COLUMNS` results of one source, with the source's name."""
    bands = []
    for source, group in groupby(results, key=lambda result: result.utterance.source):
        group = list(group)
        bands += [(source, group[i : i + COLUMNS]) for i in range(0, len(group), COLUMNS)]
    return bands


def _draw_column(figure, corner, result, front_end, first):
    """One utterance's three panels, downwards from ``corner`` (inches from the left and bottom)."""
    width, height = figure.get_size_inches()
    left, y = corner

    def panel(panel_height):
        axes = figure.add_axes((left / width, y / height, _CELL / width, panel_height / height))
        axes.tick_params(labelsize=6.5, length=2, width=0.5, pad=1.5, labelleft=first)
        axes.spines[:].set_linewidth(0.5)
        return axes

    y -= _NAME + _SPECTROGRAM
    spectrogram = panel(_SPECTROGRAM)
    frames, channels = result.levels.shape
    seconds = frames * front_end.hop_samples / front_end.sample_rate_hz
    levels = np.maximum(result.levels, result.levels.max() - DYNAMIC_RANGE_DB)
    spectrogram.imshow(levels.T, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, -0.5, channels - 0.5))
    spectrogram.set_title(_shortened(result.utterance.name), size=9, pad=3)
    _label_x(spectrogram, seconds, "s")
    # The channels are equally wide to the ear, not in Hz: mark where round frequencies lie.
    khz = np.array([0.25, 0.5, 1, 2, 3])
    spectrogram.set_yticks(np.interp(khz * 1000, _centres_hz(front_end), np.arange(channels)), [f"{f:g}" for f in khz])

    y -= _AXIS + _RASTER
    raster = panel(_RASTER)
    n_steps, n_hidden = result.hidden.shape
    raster.imshow(result.hidden.T, aspect="auto", cmap="Greys", interpolation="nearest", extent=(0, n_steps, n_hidden, 0))
    _label_x(raster, n_steps, "steps")

    y -= _AXIS + _CELL
    image = panel(_CELL)
    image.imshow(result.image, cmap="gray", vmin=0)
    image.set_xticks([])
    image.set_yticks([])
    image.set_xlabel(_verdict(result), size=8, labelpad=3, color=_colour(result))
    if first:
        for axes, label in ((spectrogram, "spectrogram, kHz"), (raster, "hidden neuron"), (image, "image")):
            axes.set_ylabel(label, size=7.5)
            axes.yaxis.set_label_coords(-0.22, 0.5)


def _label_x(axes, end, unit):
    """Two or three round ticks, the last with the unit and left of where the neighbour's 0 stands."""
    step = next(size for size in _TICK_STEPS if end / size < 4.5)
    ticks = np.arange(0, 0.8 * end, step)
    axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks[:-1]] + [f"{ticks[-1]:.3g} {unit}"])


def _centres_hz(front_end):
    hz = np.fft.rfftfreq(front_end.fft_samples, 1 / front_end.sample_rate_hz)
    return hz @ front_end.filters()


def _shortened(name, length=20):
    name = Path(name).name
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _verdict(result):
    mark = {None: "nearest:", True: "✓", False: "✗"}[result.correct]
    return f"{mark} {result.nearest}   MSE {result.mse:.2f}"


def _colour(result):
    return {None: _UNKNOWN_COLOUR, True: _RIGHT_COLOUR, False: _WRONG_COLOUR}[result.correct]
