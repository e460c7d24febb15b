"""What a target shows, as plain data: line panels, image grids, a table. ``report`` writes them."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Series:
    """One line, or one group of points: y over x; ``spread`` [n, 2], lowest and highest, where there are several seeds."""

    label: str
    x: list
    y: list
    spread: list = None


@dataclass(frozen=True)
class Panel:
    """One plot. ``style``: "line", or "bars" with text in x."""

    title: str
    x_label: str
    y_label: str
    series: list
    style: str = "line"
    x_log: bool = False


@dataclass(frozen=True)
class Images:
    """Rows of images: (label, array [n, 784]) each; every image is scaled to its own range."""

    title: str
    rows: list


@dataclass(frozen=True)
class Figure:
    """All that a target shows."""

    panels: list
    headings: list
    rows: list
    notes: list = field(default_factory=list)


def spread(values) -> dict:
    """{"mean", "low", "high", "n"} of the seeds' values; None where there are none."""
    values = [v for v in values if v is not None]
    if not values:
        return None
    return {"mean": float(np.mean(values)), "low": float(min(values)), "high": float(max(values)), "n": len(values)}


def cell(found, digits=4) -> str:
    """A spread as a table shows it: the mean, and the range where there is one."""
    if found is None:
        return "not run"
    text = f"{found['mean']:.{digits}f}"
    return text if found["n"] == 1 else f"{text} ({found['low']:.{digits}f} to {found['high']:.{digits}f}, {found['n']} seeds)"
