"""What the package promises: Python 3.10, and a wheel that is complete."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("golden", "hw", "sim", "host")
SOURCES = sorted(path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*.py"))

@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_syntax_of_python_3_10(path):
    ast.parse(path.read_text(), filename=str(path), feature_version=(3, 10))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names in the wheel and the text of its metadata, built from a copy so that no build/ is left."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
        (source / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    return path.name, names, metadata


def test_wheel_is_pure_python(wheel):
    assert wheel[0].endswith("-py3-none-any.whl")


def test_wheel_holds_every_module_and_data_file(wheel):
    # Documentation stays behind, and so do figures and images of trainings.
    needed = {
        f"lifarray/{path.relative_to(ROOT).as_posix()}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".md", ".png", ".svg")
        and path.parent != ROOT / "golden/experiments/results/tasks"
    }
    assert "lifarray/golden/pretrained/demo.lif" in needed
    assert needed - set(wheel[1]) == set()


def test_wheel_states_licence_and_needs_numpy_alone(wheel):
    metadata = wheel[2]
    assert "License-Expression: Apache-2.0" in metadata
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert [line.removeprefix("Requires-Dist: ").partition(">")[0] for line in required] == ["numpy"]
