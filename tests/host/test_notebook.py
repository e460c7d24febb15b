"""The notebook runs from top to bottom, and says and shows what it should."""

import os
import re
import warnings
from pathlib import Path

import pytest

from lifarray.host import notebook

from ..conftest import find_data_dir

NOTEBOOK = Path(notebook.__file__).with_name("notebooks") / "audio_to_image.ipynb"
SKIP = "the packages of extra 'notebook' are not installed: nothing runs the notebook"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook after a run on the model device."""
    return execute(tmp_path_factory.mktemp("notebook"), "golden", 30)


def execute(folder, device, n_recordings):
    """Run the notebook in an empty folder: a list of its code cells."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nbformat = pytest.importorskip("nbformat", reason=SKIP)
        nbclient = pytest.importorskip("nbclient", reason=SKIP)
        pytest.importorskip("ipykernel", reason=SKIP)
        pytest.importorskip("matplotlib", reason=SKIP)
    book = nbformat.read(NOTEBOOK, as_version=4)
    settings = {"LIFARRAY_DEVICE": device, "LIFARRAY_RECORDINGS": str(n_recordings)}
    data = find_data_dir()
    if data is not None:
        settings["LIFARRAY_DATA_DIR"] = str(data)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in settings.items():
            patch.setenv(name, value)
        nbclient.NotebookClient(book, timeout=1800, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    if "LIFARRAY_KEEP_NOTEBOOK" in os.environ:
        nbformat.write(book, os.environ["LIFARRAY_KEEP_NOTEBOOK"])
    return [cell for cell in book.cells if cell.cell_type == "code"]


def text_of(cells):
    return "\n".join(output.get("text", "") for cell in cells for output in cell.outputs)


def pictures_of(cells):
    return [output.data["image/png"] for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})]


def test_the_notebook_is_kept_without_outputs():
    text = NOTEBOOK.read_text()
    assert '"outputs": []' in text
    assert not re.search(r'"execution_count": \d', text)


def test_it_says_what_ran_and_what_it_heard(executed):
    text = text_of(executed)
    assert "LifArray on the integer model" in text
    assert "ran on: the integer model" in text
    assert "listening to" in text
    assert re.search(r"nearest digit: \d", text)
    assert re.search(r"events +[\d,]{5,}", text)
    assert re.search(r"[1-9]\d* spikes in \d+ steps", text)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_it_runs_on_the_simulated_core(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pynq", reason="pynq is not installed: no simulated board")
    pytest.importorskip("amaranth")
    cells = execute(tmp_path, "sim", 2)
    text = text_of(cells)
    assert re.search(r"ran on: RTL on \S+", text)
    assert len(pictures_of(cells)) == (4 if find_data_dir() else 3)


def test_it_shows_its_pictures(executed):
    # Spectrogram, hidden state, image, and the batch where there is a test set.
    pictures = pictures_of(executed)
    assert len(pictures) == (4 if find_data_dir() else 3)
    assert min(map(len, pictures)) > 2000
    players = [output.data["text/html"] for cell in executed for output in cell.outputs if "text/html" in output.get("data", {})]
    assert sum("anim" in player for player in players) == 1
    assert sum("getUserMedia" in player for player in players) == 1


def test_the_word_is_understood(executed):
    from lifarray.golden import voices

    if not voices.available():
        pytest.skip("espeakng-loader is not installed: nobody said a digit")
    assert "nearest digit: 7" in text_of(executed)


def test_the_batch_is_scored(executed, data_dir):
    right, n = map(int, re.search(r"(\d+) of (\d+) right", text_of(executed)).groups())
    assert n == 30
    assert right >= 27


def test_recording_without_a_recorder_or_microphone(tmp_path, monkeypatch):
    from lifarray.golden.errors import UserError

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="alsa-utils"):
        notebook.record(tmp_path / "x.wav")
    fake = tmp_path / "arecord"
    fake.write_text("#!/bin/sh\necho no soundcard >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(UserError, match="no soundcard.*upload"):
        notebook.record(tmp_path / "x.wav")
    fake.write_text('#!/bin/sh\necho "$@"\n')
    assert notebook.record(tmp_path / "x.wav") == tmp_path / "x.wav"


def test_without_a_board_it_says_what_answers(network, monkeypatch, capsys):
    monkeypatch.delenv(notebook.DEVICE_VARIABLE, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with notebook.open_array(network) as array:
            assert array.runner == "the integer model"
    assert "The integer model answers instead" in capsys.readouterr().out
