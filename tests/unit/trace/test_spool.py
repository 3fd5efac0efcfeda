"""The spool file of a process: whole lines in their order, within a limit, locked while the process lives."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from wsmon.control.spool import spool_folder
from wsmon.trace import spool
from wsmon.trace.spool import SpoolFile

GREETING = b'{"ingest":{"client":"0123456789abcdef"}}\n'


def lines(first: int, last: int) -> list[tuple[int, bytes]]:
    return [(seq, b'{"name":"e%d"}' % seq) for seq in range(first, last + 1)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_lines_come_back_with_their_numbers(store: Path) -> None:
    file = SpoolFile(store, "c" * 16, 100_000, GREETING)
    assert file.append(lines(1, 2_000)) == 2_000
    assert file.append(lines(2_001, 2_002)) == 2
    found = list(file.lines(5))
    assert [seq for seq, _ in found] == list(range(6, 2_003))
    assert found[0] == (6, b'{"seq":6,"name":"e6"}\n')
    assert file.last_seq == 2_002
    assert file.path.read_bytes().startswith(GREETING + b'{"seq":1,"name":"e1"}\n')
    file.clear()
    assert (file.last_seq, list(file.lines(0)), file.path.exists()) == (0, [], False)
    assert file.append(lines(2_003, 2_003)) == 1
    assert list(file.lines(0)) == [(2_003, b'{"seq":2003,"name":"e2003"}\n')]
    file.close()


def test_lines_beyond_the_limit_find_no_room(store: Path) -> None:
    file = SpoolFile(store, "c" * 16, 100, GREETING)
    assert file.append(lines(1, 9)) == 2
    assert file.append(lines(3, 9)) == 0
    assert [seq for seq, _ in file.lines(0)] == [1, 2]
    file.close()


def test_a_write_that_fails_leaves_whole_lines(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SpoolFile(store, "c" * 16, 100_000, GREETING)
    file.append(lines(1, 2))
    write = os.pwrite

    def half(fd: int, octets: bytes, offset: int) -> int:
        if len(octets) < 30:
            raise OSError(errno.ENOSPC, "full")
        return write(fd, octets[: len(octets) - 25], offset)

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(OSError, match="full"):
        file.append(lines(3, 4))
    monkeypatch.undo()
    file.append(lines(3, 3))
    assert [seq for seq, _ in file.lines(0)] == [1, 2, 3]
    file.close()


def test_the_file_is_locked_while_it_is_open(store: Path) -> None:
    file = SpoolFile(store, "c" * 16, 100_000, GREETING)
    file.append(lines(1, 1))
    fd = os.open(file.path, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.close()
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


def test_a_folder_that_others_can_enter_is_not_used(store: Path) -> None:
    spool_folder(store).mkdir(mode=0o755)
    with pytest.raises(PermissionError, match="is accessible to other users"):
        SpoolFile(store, "c" * 16, 100_000, GREETING).append(lines(1, 1))


def test_a_folder_holds_so_many_files_and_no_more(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST_FILES", 1)
    first = SpoolFile(store, "c" * 16, 100_000, GREETING)
    first.append(lines(1, 1))
    with pytest.raises(OSError, match="1 files that no recorder has imported yet"):
        SpoolFile(store, "d" * 16, 100_000, GREETING).append(lines(1, 1))
    first.close()


def test_stores_in_one_folder_have_a_spool_each(tmp_path: Path) -> None:
    assert spool_folder(tmp_path / "store.db") == tmp_path / "spool"
    assert spool_folder(tmp_path / "orders.db") == tmp_path / "orders.db.spool"


def report(count: int) -> bytes:
    return b'{"name":"trace.lost","meta":{"count":%d}}' % count


def test_the_report_at_the_end_goes_beyond_the_limit(store: Path) -> None:
    file = SpoolFile(store, "c" * 16, 1_000, GREETING)
    taken = file.append(lines(1, 100))
    assert 0 < taken < 100
    assert file.append_report(101, report) == 0
    found = [line for _, line in file.lines(0)]
    assert (len(found), found[-1]) == (taken + 1, b'{"seq":101,"name":"trace.lost","meta":{"count":0}}\n')


def test_a_report_makes_a_file_where_there_is_none(store: Path) -> None:
    file = SpoolFile(store, "c" * 16, 1_000, GREETING)
    assert file.append_report(7, report) == 0
    assert file.path.read_bytes() == GREETING + b'{"seq":7,"name":"trace.lost","meta":{"count":0}}\n'


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 100, 5_000])
def test_on_a_full_disk_the_report_takes_the_place_of_the_newest_lines(
    store: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    file = SpoolFile(store, "c" * 16, 1_000_000, GREETING)
    file.append(lines(1, count))
    full, pwrite = file._size, os.pwrite

    def until_full(fd: int, octets: bytes, offset: int) -> int:
        if offset >= full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(fd, octets[: full - offset], offset)

    monkeypatch.setattr("wsmon.trace.spool.os.pwrite", until_full)
    if count < 5:
        with pytest.raises(OSError, match="take less"):
            file.append_report(count + 1, report)
        assert len(list(file.lines(0))) == count
        return
    dropped = file.append_report(count + 1, report)
    assert dropped > 0
    found = [line for _, line in file.lines(0)]
    assert found[-1] == b'{"seq":%d,"name":"trace.lost","meta":{"count":%d}}\n' % (count + 1, dropped)
    assert found[:-1] == [b'{"seq":%d,%b\n' % (seq, line[1:]) for seq, line in lines(1, count - dropped)]
    assert file.path.read_bytes() == GREETING + b"".join(found)
