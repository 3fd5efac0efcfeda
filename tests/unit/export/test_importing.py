"""Recordings and archives of other programs as events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.exports import RECORDING
from tests.support.recordings import FixedClock
from tests.support.stores import stored_events
from wsmon.errors import UsageError
from wsmon.export.importing import ImportReport, guessed_format, import_file
from wsmon.store.reader import Reader
from wsmon.store.replay import replaying


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.har", b"", "har"),
        ("a.json", b' {"log":{}}', "har"),
        ("a.txt", b'\n{"id":1,"name":"message.sent"}\n', "jsonl"),
        ("a.jsonl", b'{"ts":"x","dir":"in","type":"text"}\n', "recording"),
        ("a.jsonl", b"broken\n", "jsonl"),
        ("a.jsonl", b"", "jsonl"),
    ],
)
def test_a_file_tells_what_it_is(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert guessed_format(tmp_path / name) == expected


def test_a_file_that_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello\n")
    with pytest.raises(UsageError, match="cannot be told"):
        guessed_format(tmp_path / "a.txt")


def test_a_recording_becomes_a_store_whose_statistics_count(tmp_path: Path) -> None:
    (tmp_path / "feed.jsonl").write_bytes(b"\n".join(RECORDING))
    with replaying(tmp_path / "new.db") as replay:
        report = import_file(tmp_path / "feed.jsonl", None, replay)
    assert (report.events, report.faults, [one.line for one in report.named]) == (11, 2, [3, 7])
    reader = Reader(tmp_path / "new.db", FixedClock(60))
    (feed,) = reader.statistics(None, None).connections
    reader.close()
    assert (feed.name, feed.connection_count, feed.messages.sent, feed.messages.received) == ("feed", 2, 2, 1)
    assert (dict(feed.close_codes), feed.ws_uptime_ms) == ({"1001": 1, "1000": 1}, 4000.0)
    assert [one.id for one in stored_events(tmp_path / "new.db")] == list(range(1, 12))


def test_the_first_ten_faults_are_named_and_all_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"x\n" * 25 + b'{"name":"message.sent","ts_ns":1}\n')
    with replaying(tmp_path / "new.db") as replay:
        report = import_file(tmp_path / "a.jsonl", None, replay)
    assert isinstance(report, ImportReport)
    assert (report.events, report.faults, [one.line for one in report.named]) == (1, 25, list(range(1, 11)))
