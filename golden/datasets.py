"""Data sets: MNIST, Fashion-MNIST and spoken digits (FSDD), downloaded or from a folder.

Without a data folder each set is downloaded once, by `pooch`, into its cache. A data folder
(``--data-dir DIR``, or the environment variable LIFARRAY_DATA_DIR) holds ``mnist/``,
``fashion-mnist/`` and ``fsdd/recordings/``; files there that differ from the published ones give
a warning, because a user may well want to train on other data.
"""

import gzip
import hashlib
import os
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .audio import read_wav
from .errors import UserError, need

IDX_FILES = {
    ("train", "images"): "train-images-idx3-ubyte.gz",
    ("train", "labels"): "train-labels-idx1-ubyte.gz",
    ("test", "images"): "t10k-images-idx3-ubyte.gz",
    ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}


@dataclass(frozen=True)
class _IdxSet:
    title: str
    url: str
    kind: str
    checksums: dict     # of the gzip file ("md5") or of what it decompresses to ("sha256")


# MNIST mirrors gzip the same four files differently, so what is checked is their contents.
# Of Fashion-MNIST the published checksums are those of the gzip files.
_IDX_SETS = {
    "mnist": _IdxSet(
        "MNIST",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "sha256 of the contents",
        {
            "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion-mnist": _IdxSet(
        "Fashion-MNIST",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "md5 of the gzip file",
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
}

# The tag's archive. Its author publishes no checksum, and archives of this kind are made on
# demand, so the contents are checked instead: names, count, and that every file is audio.
FSDD_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.10.zip"
FSDD_RECORDINGS = 3000
FSDD_TEST_INDICES = range(0, 5)
FSDD_TRAIN_INDICES = range(5, 50)
_FSDD_NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<index>[0-9]+)\.wav")


class DataWarning(UserWarning):
    """Local data differ from the published ones."""


def data_folder(data_dir=None):
    """The data folder: the argument, else LIFARRAY_DATA_DIR, else None (download)."""
    data_dir = data_dir or os.environ.get("LIFARRAY_DATA_DIR") or None
    if data_dir is None:
        return None
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise UserError(f"data folder {str(folder)!r} does not exist: name one with --data-dir, or leave it out to download")
    return folder


def mnist(split="train", data_dir=None):
    """MNIST: (images uint8 [n, 28, 28], labels uint8 [n]); split "train" or "test"."""
    return _idx_set("mnist", split, data_dir)


def fashion_mnist(split="train", data_dir=None):
    """Fashion-MNIST: (images uint8 [n, 28, 28], labels uint8 [n]); split "train" or "test"."""
    return _idx_set("fashion-mnist", split, data_dir)


def _idx_set(name, split, data_dir):
    if split not in ("train", "test"):
        raise UserError(f"split {split!r} of {name}: choose 'train' or 'test'")
    images, labels = (read_idx(_idx_path(name, IDX_FILES[split, part], data_dir)) for part in ("images", "labels"))
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise UserError(f"{name}: images of shape {list(images.shape)} do not fit labels of shape {list(labels.shape)}")
    if not len(images):
        raise UserError(f"{name}: its {split} set holds no image: fetch the files again")
    return images, labels


def _idx_path(name, filename, data_dir):
    source = _IDX_SETS[name]
    folder = data_folder(data_dir)
    if folder is None:
        path = _download(source.title, source.url + filename, f"{name}-{filename}")
        if not _is_published(source, path, filename):
            path.unlink()
            raise UserError(f"{source.url + filename}: what came is not the published file ({source.kind}); try again")
        return path
    path = folder / name / filename
    if not path.is_file():
        raise UserError(f"{source.title}: {str(path)!r} is missing: put the four IDX files there, or leave out --data-dir to download")
    if not _is_published(source, path, filename):
        warnings.warn(f"{path} differs from the published {source.title} ({source.kind})", DataWarning, stacklevel=4)
    return path


def _is_published(source, path, filename):
    data = path.read_bytes()
    wanted = source.checksums[filename]
    if len(wanted) == 32:
        return hashlib.md5(data, usedforsecurity=False).hexdigest() == wanted
    try:
        return hashlib.sha256(gzip.decompress(data)).hexdigest() == wanted
    except (OSError, EOFError):
        return False


def read_idx(path):
    """An IDX file of bytes, gzipped or not: uint8 array of the shape it states.

    Raises
    ------
    UserError
        Not IDX, not bytes, or not as long as its header says.
    """
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, ValueError) as error:
            raise UserError(f"{path}: a damaged gzip file ({error}): fetch it again") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != 0x08:
        raise UserError(f"{path}: not an IDX file of bytes (it starts with {data[:4].hex()}): fetch it again")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], ">u4").astype(int)
    if len(data) - start != shape.prod():
        raise UserError(f"{path}: {len(data) - start} bytes of data where its header says {shape.prod()}: fetch it again")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


@dataclass(frozen=True)
class Recording:
    """One FSDD file: path, digit 0-9, speaker, index."""

    path: Path
    digit: int
    speaker: str
    index: int

    def read(self):
        """(samples float32 [n, 1], sample_rate_hz)."""
        return read_wav(self.path)


def fsdd(split="train", data_dir=None, speakers=None, leave_out=None):
    """Recordings of the Free Spoken Digit Dataset, sorted by (speaker, digit, index).

    Parameters
    ----------
    split : str
        "train" (index 5 and up) or "test" (index 0 to 4): the official split; "all": both.
    speakers : collection of str, optional
        Only these.
    leave_out : str, optional
        All but this one.

    Returns
    -------
    list of Recording

    Raises
    ------
    UserError
        Missing folder, no recording in it, unknown speaker.
    """
    wanted = {"train": lambda i: i not in FSDD_TEST_INDICES, "test": lambda i: i in FSDD_TEST_INDICES, "all": lambda i: True}
    if split not in wanted:
        raise UserError(f"split {split!r} of FSDD: choose 'train', 'test' or 'all'")
    folder = _fsdd_folder(data_dir)
    found = []
    for path in folder.glob("*.wav"):
        match = _FSDD_NAME.fullmatch(path.name)
        if match:
            found.append(Recording(path, int(match["digit"]), match["speaker"], int(match["index"])))
    if not found:
        raise UserError(f"{str(folder)!r} holds no recording named like 7_george_12.wav: see --data-dir")
    # The published set has 3,000 recordings of six speakers; 50 a digit of whole speakers are fine too.
    known = {r.speaker for r in found}
    if len(found) != 500 * len(known):
        text = f"{folder} holds {len(found)} recordings of {len(known)} speakers, published are 500 of each"
        warnings.warn(text, DataWarning, stacklevel=2)
    for speaker in [*(speakers or ()), *([leave_out] if leave_out else ())]:
        if speaker not in known:
            raise UserError(f"FSDD speaker {speaker!r} is not in {str(folder)!r}: choose from {', '.join(sorted(known))}")
    chosen = [
        r
        for r in found
        if wanted[split](r.index) and r.speaker != leave_out and (speakers is None or r.speaker in speakers)
    ]
    if not chosen:
        of = {"train": "of the training split (index 5 and up)", "test": "of the test split (index 0 to 4)", "all": "of these speakers"}[split]
        raise UserError(f"{str(folder)!r} holds no recording {of}: put some there")
    return sorted(chosen, key=lambda r: (r.speaker, r.digit, r.index))


def _fsdd_folder(data_dir):
    folder = data_folder(data_dir)
    if folder is not None:
        path = folder / "fsdd" / "recordings"
        if not path.is_dir():
            raise UserError(f"FSDD: folder {str(path)!r} is missing: put the recordings there, or leave out --data-dir to download")
        return path
    archive = _download("FSDD", FSDD_URL, "fsdd-1.0.10.zip")
    target = archive.with_name("fsdd-1.0.10")
    if len(list(target.glob("*.wav"))) != FSDD_RECORDINGS:
        _unpack_fsdd(archive, target)
    return target


def _unpack_fsdd(archive, target):
    try:
        with zipfile.ZipFile(archive) as file:
            wavs = [n for n in file.namelist() if "/recordings/" in n and _FSDD_NAME.fullmatch(n.rpartition("/")[2])]
            if len(wavs) != FSDD_RECORDINGS:
                raise UserError(f"{FSDD_URL}: {len(wavs)} recordings where {FSDD_RECORDINGS} are published; try again")
            target.mkdir(exist_ok=True)
            for name in wavs:
                data = file.read(name)
                if data[:4] != b"RIFF":
                    raise UserError(f"{FSDD_URL}: {name} is not a WAV file; try again")
                (target / name.rpartition("/")[2]).write_bytes(data)
    except (zipfile.BadZipFile, UserError) as error:
        archive.unlink()            # or the next call would find it in the cache again
        raise UserError(str(error) if isinstance(error, UserError) else f"{FSDD_URL}: a damaged archive; try again") from None


def _download(title, url, name) -> Path:
    """The file at ``url``, from the cache or the net."""
    pooch = _pooch(title)
    try:
        return Path(pooch.retrieve(url, None, fname=name))
    except (OSError, ValueError) as error:      # what requests raises is an OSError
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"cannot download {title} from {url} ({reason}): name a folder that holds it with --data-dir") from None


def _pooch(title):
    try:
        import pooch
    except ImportError:
        raise need("pooch", "train", f"downloading {title}") from None
    return pooch
