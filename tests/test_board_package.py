"""The wheel for the board, in a fresh environment that holds it and NumPy."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("golden", "hw", "sim", "host")


def run(*command, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def board_python():
    """A Python 3.10, which the board has, or else this one."""
    found = shutil.which("python3.10")
    if found and subprocess.run([found, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
        return found
    return sys.executable


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The folder of executables of an environment with NumPy and the wheel, which holds a stand-in for a bitstream."""
    folder = tmp_path_factory.mktemp("board")
    source = folder / "source"
    source.mkdir()
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for suffix in ("bit", "hwh", "json"):
        (source / "host" / "overlays" / f"stand-in.{suffix}").write_text("stand-in\n")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    run(board_python(), "-m", "venv", folder / "venv")
    bin_dir = folder / "venv" / "bin"
    pip = [bin_dir / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    numpy = subprocess.run([str(part) for part in [*pip, "numpy<2"]], capture_output=True, text=True)
    if numpy.returncode:
        pytest.skip(f"NumPy cannot be installed, so there is no fresh environment: {numpy.stderr.strip().splitlines()[-1]}")
    run(*pip, "--no-deps", wheel)
    return bin_dir


def test_it_holds_what_the_board_needs_and_no_more(board):
    packages = {line.split("==")[0].lower() for line in run(board / "python", "-m", "pip", "freeze").splitlines()}
    assert {package.split(" ")[0] for package in packages} == {"numpy", "lifarray"}
    code = """
from importlib import metadata, resources
host = resources.files("lifarray.host")
for name in ("overlays/stand-in.bit", "overlays/stand-in.hwh", "overlays/stand-in.json", "notebooks/audio_to_image.ipynb"):
    assert (host / name).is_file(), name
assert (resources.files("lifarray.golden") / "pretrained" / "demo.lif").is_file()
from lifarray.host.devices.overlay import find_bitstream
assert find_bitstream().name == "stand-in.bit"
import importlib
for point in metadata.distribution("lifarray").entry_points:
    if point.group.startswith("pynq."):
        importlib.import_module(point.value)
        print(point.group)
"""
    assert sorted(run(board / "python", "-c", code).split()) == ["pynq.lib", "pynq.notebooks", "pynq.overlays"]


def test_a_network_runs_there(board, tmp_path):
    answer = json.loads(run(board / "lifarray", "board", "run", "--device", "golden", "--samples", 3, "--json", cwd=tmp_path))
    assert answer["mismatches"] == 0
    assert answer["counters"]["samples"] == 3
    assert "all passed" in run(board / "lifarray", "board", "selftest", "--device", "golden", cwd=tmp_path)


def test_a_recording_is_read_there_without_more_packages(board, tmp_path):
    code = """
import wave
import numpy as np
t = np.arange(4000) / 8000
tone = 0.3 * np.sin(2 * np.pi * t) ** 2 * sum(np.sin(2 * np.pi * f * t) / 3 for f in (220, 700, 1800))
with wave.open("tone.wav", "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(8000)
    file.writeframes((tone * 32767).astype("<i2").tobytes())
"""
    run(board / "python", "-c", code, cwd=tmp_path)
    answer = json.loads(run(board / "lifarray", "board", "run", "tone.wav", "--device", "golden", "--json", cwd=tmp_path))
    assert (answer["mismatches"], len(answer["utterances"])) == (0, 1)


def test_without_pynq_one_line_says_what_to_do(board, tmp_path):
    result = subprocess.run([str(board / "lifarray"), "board", "info"], capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "pip install 'lifarray[board]'" in result.stderr
