"""Files that are there whole or not at all, devices, folders and full disks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.support.exports import ids
from wsmon.errors import WsmonError
from wsmon.export.run import ExportRequest, run_export
from wsmon.export.sink import whole_file, whole_folder, whole_path
from wsmon.store.reader import Reader


def test_a_file_is_there_whole_and_is_not_overwritten_unasked(view: Reader, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    report = run_export(ExportRequest("csv", target), view)
    before = target.read_bytes()
    assert (len(before), before.count(b"\n")) == (report.size_bytes, 16)
    with pytest.raises(FileExistsError):
        run_export(ExportRequest("jsonl", target), view)
    assert target.read_bytes() == before
    run_export(ExportRequest("jsonl", target, overwrite=True), view)
    assert ids(target.read_bytes()) == list(range(1, 16))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.csv", "store"]


def test_a_file_that_comes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(FileExistsError), whole_file(target, overwrite=False):
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_keeps_pointing_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with whole_file(tmp_path / "link", overwrite=True) as stream:
        stream.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_and_stays_one() -> None:
    with whole_file(Path("/dev/null"), overwrite=True) as stream:
        stream.write(b"x")
    assert Path("/dev/null").is_char_device()


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), whole_file(tmp_path, overwrite=True):
        pass


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(WsmonError, match=r"no space left for .*out"), whole_file(tmp_path / "out", overwrite=False):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["missing/x.jsonl", "file/x.jsonl", "a" * 253])
def test_a_fault_names_the_target_and_not_its_part(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    target = tmp_path / name
    for whole in (whole_file(target, overwrite=False), whole_folder(target)):
        with pytest.raises(OSError, match=r"No such file|Not a directory|name too long") as failed, whole:
            pass
        assert failed.value.filename == str(target)
        assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_fault_of_a_file_beside_the_part_names_the_target(tmp_path: Path) -> None:
    target = tmp_path / "x.wsmon"
    with pytest.raises(PermissionError) as failed, whole_path(target, overwrite=False) as part:
        raise PermissionError(errno.EACCES, "Permission denied", f"{part}-journal")
    assert failed.value.filename == str(target)
    assert list(tmp_path.iterdir()) == []
