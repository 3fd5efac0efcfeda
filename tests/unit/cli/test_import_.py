"""``wsmon import`` as users and scripts meet it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.recordings import recorded
from tests.support.session_events import story
from tests.support.stores import stored_events
from wsmon.cli.main import run


@pytest.fixture
def lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    store = recorded(tmp_path / "origin.db", story(), "nova", "b", end_s=20)
    assert run(["export", "--format", "jsonl", "--store", str(store), "--output", str(tmp_path / "events.jsonl")]) == 0
    capsys.readouterr()
    return tmp_path / "events.jsonl"


def test_what_was_exported_is_imported_and_exported_again(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "folder" / "new.db"
    assert run(["import", str(lines), "--store", str(new)]) == 0
    assert capsys.readouterr().err == f"imported 18 events into {new}\n"
    assert stored_events(new) == stored_events(tmp_path / "origin.db")
    assert run(["export", "--format", "jsonl", "--store", str(new)]) == 0
    assert capsys.readouterr().out == lines.read_text()
    assert new.stat().st_mode & 0o777 == 0o600


def test_bad_lines_are_named_on_stderr_and_the_rest_is_imported(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = lines.read_bytes().splitlines(keepends=True)
    lines.write_bytes(b"".join([*whole[:3], b"oops\n", *whole[3:]]))
    assert run(["import", str(lines), "--store", str(tmp_path / "new.db")]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    fault, summary = captured.err.splitlines()
    assert fault.startswith(f"{lines}:4: JSON is malformed")
    assert summary == f"imported 18 events into {tmp_path / 'new.db'}, 1 line left out"


def test_a_store_that_is_there_is_left_alone(lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tmp_path / "origin.db").read_bytes()
    assert run(["import", str(lines), "--store", str(tmp_path / "origin.db")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "origin.db").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "arguments", "code", "words"),
    [
        ("oops\noops\n", ["--format", "jsonl"], 1, "nothing in"),
        ("oops\n", [], 2, "its first line is none of an export of events"),
        ("oops\n", ["--format", "har"], 2, "no HTTP Archive"),
        ("", ["--format", "xml"], 2, "Invalid value for '--format'"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "file.txt").write_text(content)
    assert run(["import", str(tmp_path / "file.txt"), "--store", str(tmp_path / "new.db"), *arguments]) == code
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
