"""The notebook runs from top to bottom and keeps its promises."""

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "host" / "notebooks" / "train_in_snntorch.ipynb"


@pytest.fixture(scope="module")
def nbformat():
    return pytest.importorskip("nbformat", reason="nbformat is not installed: make test-peers installs it")


def test_it_is_kept_without_outputs(nbformat):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)


# The notebook server's packages warn about each other.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_it_trains_imports_and_matches_the_core(nbformat, snntorch, data_dir, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: make test-peers installs it")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: make test-peers installs it")
    monkeypatch.setenv("LIFARRAY_DATA_DIR", str(data_dir))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    text = "\n".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    print(text)
    assert ": 0 mismatches, " in text
    accuracy = [float(line.rpartition("accuracy in ")[2].split(": ")[1].split("%")[0]) for line in text.splitlines() if "accuracy in " in line]
    assert len(accuracy) == 2 and min(accuracy) > 90 and abs(accuracy[0] - accuracy[1]) <= 1
