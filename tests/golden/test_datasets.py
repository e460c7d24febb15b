"""Loaders: layout, splits, checksums, and what is refused."""

import gzip
import struct

import numpy as np
import pytest

from lifarray.golden import datasets
from lifarray.golden.errors import UserError


def write_idx(path, array, zipped=True):
    array = np.asarray(array, np.uint8)
    data = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    for digit in range(10):
        for speaker in ("ada", "bob"):
            for index in range(50):
                (folder / f"{digit}_{speaker}_{index}.wav").touch()
    (folder / "notes.txt").touch()
    return tmp_path


def test_mnist_at_hand_is_the_published_set(data_dir):
    for split, n in (("train", 60000), ("test", 10000)):
        images, labels = datasets.mnist(split, data_dir)     # a warning would fail the test
        assert images.shape == (n, 28, 28) and images.dtype == np.uint8 and images.max() == 255
        assert len(labels) == n and set(labels) == set(range(10))
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_fashion_mnist_at_hand_loads_and_says_that_it_differs(data_dir):
    with pytest.warns(datasets.DataWarning, match="differs from the published Fashion-MNIST"):
        images, labels = datasets.fashion_mnist("test", data_dir)
    assert images.shape == (10000, 28, 28)
    assert np.bincount(labels).tolist() == [1000] * 10


def test_fsdd_at_hand_splits_as_published(data_dir):
    train, test = datasets.fsdd("train", data_dir), datasets.fsdd("test", data_dir)
    speakers = {r.speaker for r in train}
    assert len(test) == 50 * len(speakers) and len(train) == 450 * len(speakers)
    assert {r.index for r in test} == set(range(5)) and {r.index for r in train} == set(range(5, 50))
    samples, sample_rate_hz = test[0].read()
    assert sample_rate_hz == 8000 and samples.shape[1] == 1 and 0.01 < np.abs(samples).max() <= 1


def test_idx_files_read_zipped_or_not(tmp_path):
    array = np.arange(24).reshape(2, 3, 4)
    for zipped in (True, False):
        np.testing.assert_array_equal(datasets.read_idx(write_idx(tmp_path / "x", array, zipped)), array)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda data: data[:-1], "23 bytes of data where its header says 24"),
        (lambda data: b"\0\0\x0d" + data[3:], "not an IDX file of bytes"),
        (lambda data: gzip.compress(data)[:-9], "damaged gzip"),
        (lambda data: b"", "not an IDX file"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path, damage, message):
    path = write_idx(tmp_path / "x", np.zeros((2, 3, 4)), zipped=False)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=message):
        datasets.read_idx(path)


def test_other_images_than_published_give_a_warning(tmp_path):
    write_idx(tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz", np.ones((3, 28, 28)))
    write_idx(tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz", [1, 2, 3])
    with pytest.warns(datasets.DataWarning, match="differs from the published MNIST"):
        images, labels = datasets.mnist("test", tmp_path)
    assert images.shape == (3, 28, 28) and labels.tolist() == [1, 2, 3]


def test_fsdd_selects_split_and_speakers_in_a_fixed_order(recordings):
    test = datasets.fsdd("test", recordings)
    assert [(r.speaker, r.digit, r.index) for r in test[:6]] == [("ada", 0, i) for i in range(5)] + [("ada", 1, 0)]
    assert len(datasets.fsdd("train", recordings)) == 900
    assert {r.speaker for r in datasets.fsdd("all", recordings, leave_out="ada")} == {"bob"}
    assert {r.speaker for r in datasets.fsdd("all", recordings, speakers=["ada"])} == {"ada"}


def test_an_incomplete_fsdd_gives_a_warning(recordings):
    (recordings / "fsdd" / "recordings" / "3_bob_7.wav").unlink()
    with pytest.warns(datasets.DataWarning, match="999 recordings of 2 speakers"):
        assert len(datasets.fsdd("train", recordings)) == 899


def test_missing_folders_are_named_with_the_remedy(tmp_path, monkeypatch):
    for call in (datasets.mnist, datasets.fashion_mnist, datasets.fsdd):
        with pytest.raises(UserError, match="missing: put .* or leave out --data-dir") as error:
            call("train", tmp_path)
        assert str(tmp_path) in str(error.value)
        with pytest.raises(UserError, match="nowhere' does not exist: name one with --data-dir"):
            call("train", tmp_path / "nowhere")
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    with pytest.raises(UserError, match="no recording named like"):
        datasets.fsdd("train", tmp_path)
    monkeypatch.setenv("LIFARRAY_DATA_DIR", str(tmp_path / "from_environment"))
    with pytest.raises(UserError, match="from_environment"):
        datasets.mnist("train")


def test_unknown_splits_and_speakers_list_the_choices(recordings):
    with pytest.raises(UserError, match="'dev' of FSDD: choose"):
        datasets.fsdd("dev", recordings)
    with pytest.raises(UserError, match="'dev' of mnist: choose"):
        datasets.mnist("dev", recordings)
    with pytest.raises(UserError, match="'eve' is not in .*: choose from ada, bob"):
        datasets.fsdd("train", recordings, leave_out="eve")


class FakePooch:
    """Serves files from a folder instead of the network."""

    def __init__(self, folder, files):
        self.folder, self.files, self.urls = folder, files, []

    def retrieve(self, url, known_hash, fname):
        self.urls.append(url)
        path = self.folder / fname
        if not path.exists():
            path.write_bytes(self.files[url.rpartition("/")[2]])
        return str(path)


def test_a_download_that_is_not_the_published_file_is_refused_and_forgotten(tmp_path, monkeypatch):
    monkeypatch.delenv("LIFARRAY_DATA_DIR", raising=False)
    fake = FakePooch(tmp_path, {"train-images-idx3-ubyte.gz": gzip.compress(b"something else")})
    monkeypatch.setattr(datasets, "_pooch", lambda title: fake)
    with pytest.raises(UserError, match="not the published file"):
        datasets.mnist("train")
    assert fake.urls[0].startswith("https://") and not list(tmp_path.iterdir())


def fsdd_archive(path, n):
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        for i in range(n):
            archive.writestr(f"free-spoken-digit-dataset-1.0.10/recordings/{i % 10}_ada_{i // 10}.wav", b"RIFF....")
        archive.writestr("free-spoken-digit-dataset-1.0.10/README.md", "digits")
    return path.read_bytes()


def test_a_downloaded_fsdd_is_unpacked_once_and_counted(tmp_path, monkeypatch):
    monkeypatch.delenv("LIFARRAY_DATA_DIR", raising=False)
    monkeypatch.setattr(datasets, "FSDD_RECORDINGS", 500)
    data = fsdd_archive(tmp_path / "a.zip", 500)
    cache = tmp_path / "cache"
    cache.mkdir()
    fake = FakePooch(cache, {"v1.0.10.zip": data})
    monkeypatch.setattr(datasets, "_pooch", lambda title: fake)
    assert len(datasets.fsdd("train")) == 450
    assert len(datasets.fsdd("test")) == 50


def test_a_damaged_or_short_fsdd_archive_is_refused_and_forgotten(tmp_path, monkeypatch):
    monkeypatch.delenv("LIFARRAY_DATA_DIR", raising=False)
    short = fsdd_archive(tmp_path / "a.zip", 20)
    for data, message in ((short, "20 recordings where 3000 are published"), (short[:100], "a damaged archive")):
        cache = tmp_path / message[:2]
        cache.mkdir()
        fake = FakePooch(cache, {"v1.0.10.zip": data})
        monkeypatch.setattr(datasets, "_pooch", lambda title, fake=fake: fake)
        with pytest.raises(UserError, match=message):
            datasets.fsdd("train")
        assert not list(cache.glob("*.zip"))


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_without_recordings_is_refused(recordings, split):
    for path in (recordings / "fsdd" / "recordings").glob("*.wav"):
        if (int(path.stem.rpartition("_")[2]) < 5) == (split == "test"):
            path.unlink()
    with pytest.warns(datasets.DataWarning), pytest.raises(UserError, match="holds no recording of the t"):
        datasets.fsdd(split, recordings)


def test_no_images_are_refused(tmp_path):
    write_idx(tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz", np.ones((0, 28, 28)))
    write_idx(tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz", np.ones(0))
    with pytest.warns(datasets.DataWarning), pytest.raises(UserError, match="holds no image"):
        datasets.mnist("test", tmp_path)


@pytest.mark.parametrize("error", [OSError("no\nroute to host"), ConnectionError(), ValueError("bad hash")])
@pytest.mark.parametrize("load", [datasets.mnist, datasets.fashion_mnist, datasets.fsdd])
def test_without_a_network_the_remedy_is_named(monkeypatch, load, error):
    class Offline:
        def retrieve(self, url, known_hash, fname):
            raise error

    monkeypatch.delenv("LIFARRAY_DATA_DIR", raising=False)
    monkeypatch.setattr(datasets, "_pooch", lambda title: Offline())
    with pytest.raises(UserError, match="cannot download .* from http.*: name a folder that holds it with --data-dir"):
        load("test")
