"""Files appear whole or not at all."""

import os
import threading

import pytest

from lifarray.golden.errors import UserError
from lifarray.golden.files import require_writable
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


def test_what_is_no_regular_file_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-null").symlink_to("/dev/null")
    for path in (tmp_path / "pipe", tmp_path / "to-null", "/dev/null", "/dev/full", "/dev/stdout", "/dev/fd/1", "/dev/new", "/proc/self/x"):
        before = os.stat(path, follow_symlinks=False) if os.path.lexists(path) else None
        for write in (lambda path: write_text(path, "x"), require_writable):
            with pytest.raises(UserError, match="not a regular file"):
                write(path)
        after = os.stat(path, follow_symlinks=False) if os.path.lexists(path) else None
        assert (before and (before.st_ino, before.st_mode)) == (after and (after.st_ino, after.st_mode))


@pytest.mark.parametrize("path, why", [("", "without a name"), (".", "a folder"), ("..", "a folder"), ("no/x", "there is no folder 'no'")])
def test_a_place_that_cannot_be_a_file_is_refused(path, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for write in (lambda path: write_text(path, "x"), require_writable):
        with pytest.raises(UserError, match=f"cannot write.*{why}"):
            write(path)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_name_is_refused():
    with pytest.raises(UserError, match="without a name"):
        with output_folder(""):
            pass


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to("file")
    write_text(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "x"


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    parts, both = [], threading.Barrier(2)

    def write():
        with whole_file(tmp_path / "a.txt") as part:
            part.write_text("x")
            parts.append(part)
            both.wait()

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(parts)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
