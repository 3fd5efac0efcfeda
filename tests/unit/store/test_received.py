"""Received messages of a connection as rows."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from tests.support.builders import MONO_0_NS, at_ns, message, pong
from tests.support.recordings import Recording, recorded
from wsmon.clock import SystemClock
from wsmon.query.ast import EVERYTHING
from wsmon.query.parser import ReferenceTime, parse
from wsmon.store.reader import Reader
from wsmon.store.received import CUT, MASKED, PIECE


def test_received_messages_are_rows_with_both_clocks_and_how_they_were_kept(tmp_path: Path) -> None:
    events = [
        message("text", 1, "feed"),
        message("sent", 2, "feed", direction="out"),
        pong(3, "feed"),
        message("other", 4, "Feed"),
        replace(message(b"\xff\x00", 5, "feed"), truncated=True, redacted=True),
        replace(message("half", 6, "feed"), meta={"note": '"partial":true', "partial": True}),
        replace(message("whole", 7, "feed"), meta={"note": '"partial":true'}),
        replace(message("", 8, "feed"), payload=None),
    ]
    view = Reader(recorded(tmp_path / "s.db", events, "feed", "Feed"), SystemClock())
    rows = [row for rows in view.received(EVERYTHING, "feed", 1, 100) for row in rows]
    assert [row[0] for row in rows] == [1, 5, 6, 7, 8]
    assert rows[0] == (1, at_ns(1), MONO_0_NS + 10**9, 1, 0, b"text")
    assert [row[4:] for row in rows[1:]] == [(CUT | MASKED, b"\xff\x00"), (PIECE, b"half"), (0, b"whole"), (0, None)]
    asked = parse("whole", ReferenceTime(at_ns(9)))
    assert [row[0] for rows in view.received(asked, "feed", 1, 100) for row in rows] == [7]
    assert [row[0] for rows in view.received(EVERYTHING, "feed", 6, 7) for row in rows] == [6, 7]
    assert (view.count_received("feed", 1, 100), view.count_received("feed", 5, 7)) == (5, 3)
    assert (view.count_received("Feed", 1, 100), view.count_received("none", 1, 100)) == (1, 0)
    view.close()


def test_the_runs_of_a_connection_are_those_that_recorded_something_of_it(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    first = Recording(path, "feed")
    first.write([message(connection="feed")])
    first.end(10)
    second = Recording(path, "feed", "other", after_s=20)
    made = message(connection="other", after_s=21)
    second.write([replace(made, source=replace(made.source, run=2))])
    second.end(30)
    view = Reader(path, SystemClock())
    assert {name: list(view.runs_of(name)) for name in ("feed", "other", "none")} == {
        "feed": [1],
        "other": [2],
        "none": [],
    }
    assert view.runs_of("other")[2].end_ns == at_ns(30)
    view.close()
