"""The log of a recorder stays small, and a few older ones stay."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wsmon.cli.recording import StderrLog
from wsmon.cli.spawn import OLDER_FILES, LogFile, open_log
from wsmon.errors import WsmonError

LIMIT_BYTES = 1_000


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_log_that_is_short_is_appended_to(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        fd = open_log(tmp_path / "logs" / "recorder.log", LIMIT_BYTES)
        os.write(fd, text)
        os.close(fd)
    assert contents(tmp_path / "logs") == {"recorder.log": b"one\ntwo\n"}
    assert stat.S_IMODE((tmp_path / "logs" / "recorder.log").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700


def test_older_files_shift_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "recorder.log"
    for number in range(6):
        os.close(open_log(path, LIMIT_BYTES))
        path.write_bytes(b"%d" % number * (LIMIT_BYTES + 1))
    assert {name: octets[:1] for name, octets in contents(tmp_path).items()} == {
        "recorder.log": b"5",
        "recorder.log.1": b"4",
        "recorder.log.2": b"3",
        "recorder.log.3": b"2",
    }
    assert len(contents(tmp_path)) == OLDER_FILES + 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WsmonError, match="cannot write to the store folder"):
        open_log(tmp_path / "file" / "recorder.log")


def test_a_descriptor_of_another_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "recorder.log").write_bytes(b"x" * (LIMIT_BYTES + 1))
    with (tmp_path / "other").open("wb") as other:
        other.write(b"y" * (LIMIT_BYTES + 1))
        other.flush()
        LogFile(tmp_path / "recorder.log", LIMIT_BYTES).rotate(other.fileno())
    assert sorted(contents(tmp_path)) == ["other", "recorder.log"]


def test_a_process_that_talks_for_long_keeps_its_log_small(tmp_path: Path) -> None:
    """All lines are there, in order, in the newest files; stdout goes along."""
    path = tmp_path / "recorder.log"
    script = (
        "import sys, logging, pathlib\n"
        "from wsmon.cli.spawn import LogFile\n"
        "from wsmon.cli.recording import StderrLog\n"
        "with StderrLog(is_quiet=True) as log:\n"
        f"    log.rotate_file(LogFile(pathlib.Path({str(path)!r}), {LIMIT_BYTES}))\n"
        "    for number in range(100):\n"
        "        logging.getLogger('wsmon.test').warning('line %03d %s', number, 'x' * 30)\n"
        "        while log._lines: pass\n"
        "print('stdout', flush=True)\n"
    )
    fd = open_log(path)
    subprocess.run([sys.executable, "-c", script], stdout=fd, stderr=fd, check=True, timeout=30)
    os.close(fd)
    files = contents(tmp_path)
    assert set(files) == {"recorder.log", *(f"recorder.log.{number}" for number in range(1, OLDER_FILES + 1))}
    assert all(len(octets) < 2 * LIMIT_BYTES for octets in files.values())
    lines = b"".join(files[name] for name in sorted(files, reverse=True)[:-1]) + files["recorder.log"]
    numbers = [int(line.split()[1]) for line in lines.splitlines() if line.startswith(b"line")]
    assert numbers == list(range(numbers[0], 100))
    assert lines.endswith(b"stdout\n")


def test_a_log_that_cannot_be_rotated_is_emptied_and_goes_on(tmp_path: Path) -> None:
    """The place of an older file is taken by a folder that is not empty."""
    (tmp_path / "recorder.log.3" / "x").mkdir(parents=True)
    path = tmp_path / "recorder.log"
    path.write_bytes(b"x" * (LIMIT_BYTES + 1))
    (tmp_path / "recorder.log.2" / "x").mkdir(parents=True)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    with StderrLog(is_quiet=False, fd=fd) as log:
        log.rotate_file(LogFile(path, LIMIT_BYTES))
        log.print_line("first")
        log.print_line("last")
    os.close(fd)
    lines = path.read_text().splitlines()
    assert lines[0].startswith("(log rotation failed, log was truncated: ")
    assert lines[1:] == ["first", "last"]
    assert not (tmp_path / "recorder.log.new").exists()


def test_a_log_stays_small_without_a_free_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "recorder.log"
    fd = open_log(path)
    real = os.open

    def refuse(*arguments: Any, **options: Any) -> int:
        if str(arguments[0]).endswith(".new"):
            raise OSError(errno.EMFILE, "Too many open files")
        return real(*arguments, **options)

    monkeypatch.setattr("wsmon.cli.spawn.os.open", refuse)
    log = LogFile(path, LIMIT_BYTES)
    notices = []
    for number in range(100):
        notices.append(log.rotate(fd))
        os.write(fd, b"line %03d\n" % number * 3)
    os.close(fd)
    assert set(notices) == {"", "Too many open files"}
    assert path.stat().st_size < LIMIT_BYTES + 100
    assert path.read_bytes().endswith(b"line 099\n")
    assert sorted(contents(tmp_path)) == ["recorder.log"]
