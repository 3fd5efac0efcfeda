"""Spool files that applications left: taken in once, and only where they are an application's of this user."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support.applications import CLIENT, ListeningRecorder
from tests.support.stores import stored_events
from tests.support.tracing import arrived, until
from wsmon.control.spool import spool_folder

GREETING = b'{"ingest":{"client":"%b","connection":"shop"}}\n' % CLIENT.encode()


def left(store: Path, content: bytes, name: str = f"{CLIENT}.jsonl") -> Path:
    """A file in the spool of a store."""
    folder = spool_folder(store)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def lines(first: int, last: int) -> bytes:
    return b"".join(b'{"seq":%d,"name":"e%d"}\n' % (seq, seq) for seq in range(first, last + 1))


def test_a_file_that_is_found_again_adds_nothing(tmp_path: Path) -> None:
    """A recorder that was killed between its commit and the removal of the file."""
    store = tmp_path / "store.db"
    for last in (2_000, 2_000, 2_010):
        path = left(store, GREETING + lines(1, last))
        with ListeningRecorder(store):
            until(lambda path=path: not path.exists())  # type: ignore[misc]
    assert arrived(store) == [f"e{seq}" for seq in range(1, 2_011)]


def test_lines_that_are_no_events_are_reported(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    path = left(store, GREETING + lines(1, 1) + b'{"seq":2,"nam":"e2"}\n' + lines(3, 3))
    with ListeningRecorder(store):
        until(lambda: not path.exists())
    assert arrived(store) == ["e1", "e3"]
    (lost,) = (event for event in stored_events(store) if event.name == "trace.lost")
    assert (lost.source.connection, lost.meta) == ("", {"count": 1})
    assert "1 lines of 0123456789abcdef.jsonl are not valid events" in lost.reason


def test_what_is_no_spool_is_left_where_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = tmp_path / "store.db"
    paths = [
        left(store, lines(1, 1), "a.jsonl"),
        left(store, GREETING + b"x" * 2_000_000, "b.jsonl"),
        left(store, GREETING + lines(1, 1), "c.txt"),
    ]
    open_to_all = left(store, GREETING + lines(1, 1), "d.jsonl")
    open_to_all.chmod(0o666)
    (spool_folder(store) / "e.jsonl").symlink_to(paths[2])
    good = left(store, GREETING + lines(1, 1), "z.jsonl")
    with caplog.at_level(logging.WARNING), ListeningRecorder(store):
        until(lambda: not good.exists())
    assert all(path.exists() for path in (*paths, open_to_all))
    assert arrived(store) == ["e1"]
    assert len(caplog.records) == 4


def test_a_folder_that_others_can_enter_is_not_read(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    path = left(store, GREETING + lines(1, 1))
    path.parent.chmod(0o755)
    with ListeningRecorder(store):
        pass
    assert path.exists()
    assert arrived(store) == []


def test_what_a_process_left_under_way_ends_when_its_file_is_taken_in(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    up = b'{"seq":1,"name":"connection.completed","from_status":"connected","to_status":"websocket_connected"}\n'
    begun = b'{"seq":2,"name":"trace.span.start","trace_id":"t","span_id":"%b","type":"pay"}\n' % (b"1" * 16)
    path = left(store, GREETING.replace(b'"connection"', b'"pid":812,"connection"') + up + begun)
    with ListeningRecorder(store):
        until(lambda: not path.exists())
    ended = [(event.name, event.error_type, event.error or event.reason) for event in stored_events(store)]
    assert ended[-2:] == [
        ("trace.span.end", "application_ended", "the application (process 812) ended"),
        ("connection.disconnected", "application_ended", "the application (process 812) ended"),
    ]
