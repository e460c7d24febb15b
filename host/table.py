"""Plain-text tables and lists of figures."""


def print_table(headings, rows):
    """Print rows in columns: numbers to the right, text to the left, None as "-"."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells)]
    numeric = [all(isinstance(row[i], (int, float, type(None))) for row in rows) for i in range(len(headings))]
    for line in [headings, *cells]:
        padded = (cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(line, widths, numeric))
        print("  ".join(padded).rstrip())


def print_figures(figures, indent=""):
    """Print named figures, one a line; nested ones (a dict) are indented."""
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{name}:")
            print_figures(value, indent + "  ")
        else:
            print(f"{indent}{name}: {value:.4g}" if isinstance(value, float) else f"{indent}{name}: {value}")


def _cell(value) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
