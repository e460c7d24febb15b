"""The plot of ``lifarray bench core --sweep``."""

from pathlib import Path

from ..golden.errors import UserError, need
from ..golden.files import whole_file

LABELS = {"density": "spikes an input and step", "n_in": "inputs", "n_out": "neurons", "n_steps": "time steps"}


def require_drawable(path):
    """Raise UserError unless `draw` can write such a file: to be asked before the sweep."""
    formats = _figure().canvas.get_supported_filetypes()
    suffix = Path(path).suffix.lstrip(".").lower()
    if suffix not in formats:
        raise UserError(f"cannot draw {str(path)!r}: its suffix must be one of {', '.join(sorted(formats))}")


def _figure(**options):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise need("matplotlib", "demo", "drawing the sweep") from None
    return Figure(**options)


def draw(points, path):
    """Draw the points of `lifarray.sim.sweep.run` into a file, whose suffix says in which format."""
    figure = _figure(figsize=(10, 7), layout="constrained")
    figure.suptitle("Clock cycles of one layer, over what it has to do")
    for axes, (axis, label) in zip(figure.subplots(2, 2).flat, LABELS.items()):
        here = [point for point in points if point["axis"] == axis]
        x = [point[axis] for point in here]
        axes.plot(x, [point["cycles"] for point in here], "o", label="simulated core")
        axes.plot(x, [point["model_cycles"] for point in here], "-", label="cost model")
        axes.plot(x, [point["ideal_cycles"] for point in here], ":", label="ideal")
        fixed = ", ".join(f"{LABELS[name]} {value:g}" for name, value in here[0].items() if name in LABELS and name != axis)
        axes.set_title(fixed, fontsize="small")
        axes.set_xlabel(label)
        axes.set_ylabel("clock cycles")
        axes.set_xlim(0)
        axes.set_ylim(0)
        axes.legend()
    with whole_file(path) as part:
        figure.savefig(part, dpi=120)
