"""The TI-46 loader, on NIST SPHERE files written here byte by byte."""

import numpy as np
import pytest

from lifarray.golden.errors import UserError
from lifarray.golden.ti46 import ti46

pytest.importorskip("soundfile")


def write_sphere(path, samples, sample_rate_hz=12500):
    """16-bit little-endian samples behind a 1,024-byte header of text."""
    fields = [
        f"sample_count -i {len(samples)}", "sample_n_bytes -i 2", "channel_count -i 1", "sample_byte_format -s2 01",
        f"sample_rate -i {sample_rate_hz}", "sample_coding -s3 pcm", "sample_sig_bits -i 16", "end_head",
    ]  # fmt: skip
    header = "NIST_1A\n   1024\n" + "\n".join(fields) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header.encode().ljust(1024) + np.asarray(samples, "<i2").tobytes())


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "ti46" / "ti20"
    rng = np.random.default_rng(81)
    sounds = {}
    for speaker in ("f1", "m8"):
        for digit in (0, 7):
            for part, name in (("train", "set0"), ("train", "set9"), ("test", "s1t0"), ("test", "s8t1")):
                path = folder / part / speaker / f"0{digit}{speaker}{name}.wav"
                sounds[path.name] = rng.integers(-20000, 20000, 2500)
                write_sphere(path, sounds[path.name])
    # A letter, a command and a note are no digits.
    write_sphere(folder / "train" / "f1" / "0af1set0.wav", [1, 2, 3])
    write_sphere(folder / "train" / "f1" / "gof1set0.wav", [1, 2, 3])
    (folder / "readme.txt").write_text("words")
    return tmp_path, sounds


def test_recordings_are_found_by_their_names_and_read_to_the_bit(corpus):
    data_dir, sounds = corpus
    found = ti46("all", data_dir)
    assert [(r.speaker, r.digit, r.index) for r in found] == [(s, d, i) for s in ("f1", "m8") for d in (0, 7) for i in (0, 9, 10, 25)]
    for r in found:
        samples, rate_hz = r.read()
        assert rate_hz == 12500
        np.testing.assert_array_equal(np.rint(samples[:, 0] * 32768), sounds[r.path.name])


def test_splits_and_speakers(corpus):
    data_dir, _ = corpus
    assert {r.index for r in ti46("train", data_dir)} == {0, 9}
    assert {r.index for r in ti46("test", data_dir)} == {10, 25}
    assert {r.speaker for r in ti46("all", data_dir, leave_out="m8")} == {"f1"}
    assert {r.speaker for r in ti46("all", data_dir, speakers=["m8"])} == {"m8"}


def test_names_in_capitals_as_on_the_disc(tmp_path):
    write_sphere(tmp_path / "ti46" / "TI20" / "TEST" / "M3" / "09M3S4T1.WAV", [5, 6])
    (only,) = ti46("test", tmp_path)
    assert (only.digit, only.speaker, only.index) == (9, "m3", 17)


def test_what_is_missing_is_told(tmp_path, corpus, monkeypatch):
    data_dir, _ = corpus
    with pytest.raises(UserError, match="'f9' is not in .*choose from f1, m8"):
        ti46("all", data_dir, leave_out="f9")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no recording named like"):
        ti46("all", tmp_path / "empty")
    with pytest.raises(UserError, match="split 'dev'"):
        ti46("dev", data_dir)
    monkeypatch.delenv("LIFARRAY_DATA_DIR", raising=False)
    with pytest.raises(UserError, match="licensed"):
        ti46("all")


def test_a_file_cut_short_is_refused_or_said_to_be_unreadable(corpus):
    data_dir, _ = corpus
    first = ti46("train", data_dir)[0]
    first.path.write_bytes(first.path.read_bytes()[:300])
    with pytest.raises(UserError):
        first.read()
