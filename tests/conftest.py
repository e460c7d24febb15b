"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

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
