"""Files appear whole or not at all."""

import pytest

from lifarray.golden.errors import UserError
from lifarray.host.output import output_folder, whole_file, write_text


def test_a_file_appears_when_whole(tmp_path):
    with whole_file(tmp_path / "a.txt") as part:
        part.write_text("one")
        assert not (tmp_path / "a.txt").exists()
        assert part.suffix == ".txt"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt):
        with whole_file(tmp_path / "a.txt") as part:
            part.write_text("new")
            raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_an_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.txt", tmp_path / "missing" / "a.txt", tmp_path):
        with pytest.raises(UserError, match="cannot write"):
            write_text(path, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_made_for_work_that_fails_is_removed(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(RuntimeError):
        with output_folder(tmp_path / "a" / "b" / "c"):
            raise RuntimeError
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]


def test_a_folder_with_something_in_it_stays(tmp_path):
    with pytest.raises(RuntimeError):
        with output_folder(tmp_path / "a" / "b") as folder:
            (folder / "kept").touch()
            raise RuntimeError
    assert (tmp_path / "a" / "b" / "kept").exists()
