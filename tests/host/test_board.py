"""The board has Python 3.10 and NumPy: what runs there needs no more, and says so otherwise."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

BLOCKER = """
import sys

class OnlyNumpy:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names | {"numpy", "lifarray"}:
            raise ModuleNotFoundError(f"{name} is not on the board", name=name)

sys.meta_path.insert(0, OnlyNumpy())
"""


def run_on_the_board(code, cwd=None):
    """Run Python code where only the standard library, NumPy and lifarray can be imported."""
    return subprocess.run([sys.executable, "-c", BLOCKER + code], capture_output=True, text=True, cwd=cwd)


def test_the_blocker_blocks():
    result = run_on_the_board("import matplotlib")
    assert "matplotlib is not on the board" in result.stderr


def test_inference_needs_numpy_alone(network_file):
    code = f"""
import numpy as np
from lifarray.golden.encode import poisson
from lifarray.golden.evaluate import class_images, front_end, nearest_class
from lifarray.golden.network import Network
network = Network.load({str(network_file)!r})
tone = np.sin(np.arange(8000) * 0.5)
rates = front_end(network).rates(tone, 8000)[None]
counts = network.run(poisson(rates, network.n_steps, np.random.default_rng(0)))[-1].spikes.sum(axis=1)
print(nearest_class(counts, class_images(network)).shape)
"""
    result = run_on_the_board(code)
    assert (result.stdout, result.stderr) == ("(1,)\n", "")


def test_golden_and_host_import_with_numpy_alone():
    modules = [
        "lifarray." + ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("golden", "host")
        for path in sorted((ROOT / package).rglob("*.py"))
    ]
    result = run_on_the_board(f"import importlib\nfor name in {modules}: importlib.import_module(name)\n")
    assert result.stderr == ""


@pytest.mark.parametrize(
    "arguments, extra",
    [
        (["simulate", "--random"], "sim"),
        (["verilog"], "sim"),
        (["demo", "--backend", "golden"], "demo"),
        (["synthesize", "x.wav"], "demo"),
    ],
)
def test_a_missing_extra_is_named(arguments, extra, network_file, tmp_path):
    if "--random" not in arguments and arguments != ["verilog"]:
        arguments = [*arguments, "--network", str(network_file)]
    result = run_on_the_board(f"from lifarray.host.cli import main\nsys.exit(main({arguments}))", cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("lifarray: ") and result.stderr.count("\n") == 1
    assert f"pip install 'lifarray[{extra}]'" in result.stderr
