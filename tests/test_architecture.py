"""The arrows between the packages point one way: hw → golden; sim → hw, golden; host → golden."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "golden": {"golden"},
    "hw": {"hw", "golden"},
    "sim": {"sim", "hw", "golden"},
    "host": {"host", "golden"},
}

LAZY = {
    ("host/lazy.py", "sim"),    # simulating the core, when a command asks for it
    ("host/lazy.py", "hw"),     # `lifarray verilog`
}
"""The exceptions: what a file may import inside a function only."""

SOURCES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def imports(path):
    """(package of lifarray, line, True if inside a function) for each import in a file."""
    parts = ["lifarray", *path.relative_to(ROOT).parent.parts]

    def visit(node, in_function):
        for child in ast.iter_child_nodes(node):
            names = []
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                base = parts[: len(parts) - child.level + 1] if child.level else []
                base = base + (child.module.split(".") if child.module else [])
                names = [".".join([*base, alias.name]) for alias in child.names]
            for name in names:
                words = name.split(".")
                if words[0] == "lifarray" and len(words) > 1:
                    yield words[1], child.lineno, in_function
            yield from visit(child, in_function or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))

    return list(visit(ast.parse(path.read_text()), False))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path):
    file = path.relative_to(ROOT).as_posix()
    allowed = MAY_IMPORT[file.partition("/")[0]]
    for package, line, in_function in imports(path):
        lazily = in_function and (file, package) in LAZY
        assert package in allowed or lazily, f"{file}:{line} imports lifarray.{package}"


def test_every_exception_is_used():
    used = {
        (path.relative_to(ROOT).as_posix(), package) for path in SOURCES for package, _, in_function in imports(path) if in_function
    }
    assert LAZY <= used


def test_the_walk_sees_all_kinds_of_import(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "host" / "commands" / "x.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "import numpy, lifarray.hw.core\n"
        "from lifarray import sim\n"
        "from ... import golden\n"
        "from ...golden.config import CONFIGS\n"
        "from ..lazy import load_sim\n"
        "def f():\n    if True:\n        from ...hw import verilog\n"
    )
    assert imports(file) == [
        ("hw", 1, False),
        ("sim", 2, False),
        ("golden", 3, False),
        ("golden", 4, False),
        ("host", 5, False),
        ("hw", 8, True),
    ]
