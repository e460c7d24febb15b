"""Fixtures that all tests share."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

with suppress(ImportError):
    # Before any test imports pyosys, after which matplotlib's own pybind11 module does not load.
    import matplotlib.ft2font  # noqa: F401

SEED = 1
"""Of the benches that draw at random, unless told otherwise."""


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=SEED, help=f"of the benches that draw at random (default: {SEED})")


def pytest_report_header(config):
    return f"seed of the benches: {config.getoption('--seed')} (another: --seed N)"


def pytest_collection_modifyitems(items):
    """What may take longest begins first, or it would go on alone when all else is done."""
    items.sort(key=lambda item: -max((mark.args[0] for mark in item.iter_markers("timeout")), default=0))


@pytest.fixture(scope="session")
def seed(request):
    """The one number from which all benches draw."""
    return request.config.getoption("--seed")


REPOSITORY = Path(__file__).resolve().parent.parent


def find_data_dir():
    """The data folder: LIFARRAY_DATA_DIR, or shared/data beside the repository; None if neither."""
    named = os.environ.get("LIFARRAY_DATA_DIR")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data_dir():
    """Folder with mnist/, fashion-mnist/ and fsdd/recordings/, or skip."""
    folder = find_data_dir()
    if folder is None:
        pytest.skip("no data folder: set LIFARRAY_DATA_DIR to one with mnist/, fashion-mnist/ and fsdd/recordings/")
    return folder
