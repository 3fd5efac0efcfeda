"""``wsmon import`` as users and scripts meet it."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.recordings import recorded
from tests.support.session_events import story
from tests.support.stores import stored_events
from wsmon.cli.import_ import left_out
from wsmon.cli.main import run
from wsmon.export.importing import ImportReport


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
    assert fault.startswith(f"{lines}:4: invalid JSON")
    assert summary == f"imported 18 events into {tmp_path / 'new.db'}, 1 line skipped"


def test_a_store_that_is_there_is_left_alone(lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tmp_path / "origin.db").read_bytes()
    assert run(["import", str(lines), "--store", str(tmp_path / "origin.db")]) == 2
    assert "already exists" in capsys.readouterr().err
    assert (tmp_path / "origin.db").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "arguments", "code", "words"),
    [
        ("oops\noops\n", ["--format", "jsonl"], 1, "file.txt:1: invalid JSON: "),
        ("", ["--format", "jsonl"], 1, "no events found in"),
        ("", [], 2, "file.txt is empty"),
        ('{"log":{"entries":[{"request":{"url":"https://a/"}}]}}', [], 1, "only WebSocket connections are imported"),
        ("oops\n", [], 2, "unknown format: not an export of events"),
        ("oops\n", ["--format", "har"], 2, "not a valid HTTP Archive"),
        ("", ["--format", "xml"], 2, "Invalid value for '--format'"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "file.txt").write_text(content)
    new = tmp_path / "a" / "folder" / "new.db"
    assert run(["import", str(tmp_path / "file.txt"), "--store", str(new), *arguments]) == code
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(("name", "words"), [("nowhere.har", "does not exist"), (".", "is a directory")])
def test_what_is_no_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str) -> None:
    assert run(["import", str(tmp_path / name), "--store", str(tmp_path / "new.db")]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "code", "words"), [("", 2, "is a folder"), ("file/x/new.db", 1, "cannot create folder")]
)
def test_a_place_that_takes_no_store_is_named(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, code: int, words: str
) -> None:
    (tmp_path / "file").write_text("")
    assert run(["import", str(lines), "--store", str(tmp_path / name)]) == code
    assert words in capsys.readouterr().err


def test_i6_several_files_and_standard_input_become_one_store(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = b'{"ts":1768053744,"dir":"in","type":"text","data":"x"}\n'
    (tmp_path / "feed.jsonl.gz").write_bytes(gzip.compress(recording, mtime=0))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(recording + b"oops\n")))
    new = tmp_path / "new.db"
    assert run(["import", str(lines), str(tmp_path / "feed.jsonl.gz"), "-", "--store", str(new)]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "standard input:2: the line must be a frame or a time and a message (got 'oops')",
        f"imported 24 events into {new}, 1 line skipped",
    ]
    assert {one.source.connection for one in stored_events(new)} == {"", "nova", "b", "feed", "stdin"}


def test_names_of_files_are_printed_without_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evil\x1b[2J.jsonl"
    path.write_bytes(b'{"name":"message.sent","ts":1768053744}\n{"name":"\x1b[2J"}\n')
    assert run(["import", str(path), "--store", str(tmp_path / "new.db")]) == 0
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (ImportReport(), ""),
        (ImportReport(lost=Counter({"line": 1})), ", 1 line skipped"),
        (
            ImportReport(lost=Counter({"message": 1_200, "entry": 2, "line": 3})),
            ", 2 entries, 3 lines, 1,200 messages skipped",
        ),
    ],
)
def test_what_was_left_out_is_counted_by_kind(report: ImportReport, expected: str) -> None:
    assert left_out(report) == expected


def test_more_faults_than_are_named_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x\n" * 25 + b'{"name":"message.sent","ts":1768053744}\n')
    assert run(["import", str(path), "--store", str(tmp_path / "new.db")]) == 0
    assert capsys.readouterr().err.splitlines()[10:] == [
        "… and 15 more",
        f"imported 1 event into {tmp_path / 'new.db'}, 25 lines skipped",
    ]


def test_an_import_that_is_ended_keeps_nothing_and_says_so(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wsmon.store.replay.Replay.write", interrupt)
    before = sorted(tmp_path.iterdir())
    assert run(["import", str(lines), "--store", str(tmp_path / "new.db")]) == 130
    assert capsys.readouterr().err.strip() == "cancelled; nothing was written"
    assert sorted(tmp_path.iterdir()) == before
