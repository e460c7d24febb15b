"""Writes a target: plot, CSV and Markdown, all from result files alone."""

import csv

import numpy as np

from ..errors import need
from .figures import Images

DPI = 130


def write_report(name, title, figure, folder) -> list:
    """``NAME.png``, ``NAME.csv`` (what the panels show) and ``NAME.md`` (the table); returns their paths."""
    written = [_write_markdown(folder / f"{name}.md", title, figure), _write_csv(folder / f"{name}.csv", figure)]
    if figure.panels:
        written.insert(0, _write_plot(folder / f"{name}.png", title, figure))
    return written


def markdown(title, figure) -> str:
    """A section: heading, table, notes."""
    lines = [f"## {title}", ""]
    lines += ["| " + " | ".join(figure.headings) + " |", "|" + "---|" * len(figure.headings)]
    lines += ["| " + " | ".join(str(value) for value in row) + " |" for row in figure.rows]
    for note in figure.notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def _write_markdown(path, title, figure):
    path.write_text(markdown(title, figure))
    return path


def _write_csv(path, figure):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["panel", "series", "x", "y", "lowest", "highest"])
        for panel in figure.panels:
            if isinstance(panel, Images):
                continue
            for series in panel.series:
                bounds = series.spread or [(None, None)] * len(series.x)
                for x, y, (low, high) in zip(series.x, series.y, bounds, strict=True):
                    writer.writerow([panel.title, series.label, x, y, low, high])
        for row in figure.rows:
            writer.writerow(["table", *row])
    return path


def _write_plot(path, title, figure):
    try:
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise need("matplotlib", "demo", "drawing a plot") from None
    # What was not run leaves no empty axes, unless nothing was.
    panels = [panel for panel in figure.panels if _has_content(panel)] or figure.panels
    widths = [_width(panel) for panel in panels]
    canvas = Canvas(figsize=(sum(widths), max(_height(panel) for panel in panels)), layout="constrained")
    canvas.suptitle(title)
    axes = canvas.subplots(1, len(panels), squeeze=False, width_ratios=widths)[0]
    for axis, panel in zip(axes, panels, strict=True):
        if isinstance(panel, Images):
            _draw_images(axis, panel)
        else:
            _draw_panel(axis, panel)
    canvas.savefig(path, dpi=DPI)
    return path


def _has_content(panel):
    return bool(panel.rows) if isinstance(panel, Images) else any(series.x for series in panel.series)


def _width(panel):
    return max(2.5, 0.45 * len(panel.rows[0][1]) + 1.2) if isinstance(panel, Images) and panel.rows else 5.0


def _height(panel):
    return 0.55 * len(panel.rows) + 1.0 if isinstance(panel, Images) else 4.0


def _draw_panel(axis, panel):
    shown = [series for series in panel.series if series.x]
    if panel.style == "bars":
        _draw_bars(axis, shown)
    else:
        for series in shown:
            (line,) = axis.plot(series.x, series.y, marker="o" if len(series.x) < 12 else None, markersize=4, label=series.label)
            if series.spread:
                axis.fill_between(series.x, *zip(*series.spread, strict=True), color=line.get_color(), alpha=0.2, linewidth=0)
    if panel.x_log:
        axis.set_xscale("log")
    axis.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    if any(series.x for series in panel.series):
        axis.legend(fontsize="small", loc="lower right" if panel.style == "bars" else "best")


def _draw_bars(axis, shown):
    places = list(dict.fromkeys(x for series in shown for x in series.x))
    width = 0.8 / max(1, len(shown))
    for i, series in enumerate(shown):
        at = [places.index(x) + (i - (len(shown) - 1) / 2) * width for x in series.x]
        error = None
        if series.spread:
            error = [[y - low for y, (low, _) in zip(series.y, series.spread)], [high - y for y, (_, high) in zip(series.y, series.spread)]]
        axis.bar(at, series.y, width, yerr=error, label=series.label)
    axis.set_xticks(range(len(places)), places)


def _draw_images(axis, panel):
    rows = []
    for _, images in panel.rows:
        images = np.asarray(images, float).reshape(-1, 28, 28)
        low = images.min(axis=(1, 2), keepdims=True)
        images = (images - low) / np.maximum(images.max(axis=(1, 2), keepdims=True) - low, 1e-9)
        rows.append(np.concatenate(list(np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=0.5)), axis=1))
    axis.set_title(panel.title)
    if rows:
        axis.imshow(np.concatenate(rows), cmap="gray", interpolation="nearest")
        axis.set_yticks([30 * i + 15 for i in range(len(rows))], [label for label, _ in panel.rows], fontsize="small")
    axis.set_xticks([])
