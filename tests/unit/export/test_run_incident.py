"""An incident with what was around it, of its connection alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import at_ns, event, loss, message, stall
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, recorded
from wsmon.errors import UsageError
from wsmon.export.run import ExportRequest, run_export
from wsmon.store.reader import Reader

# Ids of the events
STALL, CLOSED, GOES_ON, OF_THE_RECORDER = 13, 23, 56, 57


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two messages a second, one on each connection, and incidents among them."""
    events = [message(f"m{number // 2}", number // 2, "ab"[number % 2]) for number in range(60)]
    events += [
        stall(5.5, "a"),
        event("incident.closed", 9.8, "a", type="stall", meta={"incident": 999}),
        event("incident.closed", 9.9, "a", type="stall", meta={"incident": STALL}),
        stall(25.5, "b"),
        event("incident.opened", 25.5, "", type="backpressure", reason="slow"),
    ]
    return recorded(tmp_path / "store.db", sorted(events, key=lambda each: each.ts_ns), "a", "b")


def exported(store: Path, incident: int, margin_s: float, **fields: Any) -> list[tuple[str, str]]:
    """Connection and payload (or name) of what is exported."""
    stream = io.BytesIO()
    reader = Reader(store, FixedClock(60))
    try:
        run_export(ExportRequest("jsonl", stream, incident=incident, margin_s=margin_s, **fields), reader)
    finally:
        reader.close()
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [(each.get("connection", ""), each.get("payload", each["name"])) for each in events]


def test_an_incident_that_ended(store: Path) -> None:
    assert exported(store, STALL, 1.5) == [
        ("a", "m4"),
        ("a", "m5"),
        ("a", "incident.opened"),
        *(("a", f"m{number}") for number in (6, 7, 8, 9)),
        ("a", "incident.closed"),
        ("a", "incident.closed"),
        ("a", "m10"),
        ("a", "m11"),
    ]
    assert exported(store, CLOSED, 1.5) == exported(store, STALL, 1.5)


def test_without_a_margin_it_is_the_incident_alone(store: Path) -> None:
    found = exported(store, STALL, 0.0)
    assert (found[0], found[-1]) == (("a", "incident.opened"), ("a", "incident.closed"))
    assert len(found) == 7


def test_one_that_goes_on_lasts_to_the_newest_event(store: Path) -> None:
    expected = [("b", "m25"), ("b", "incident.opened"), *(("b", f"m{number}") for number in (26, 27, 28, 29))]
    assert exported(store, GOES_ON, 0.5) == expected


def test_one_of_the_recorder_is_about_all_connections(store: Path) -> None:
    assert {name for name, _ in exported(store, OF_THE_RECORDER, 2.0)} == {"", "a", "b"}


def test_a_query_and_a_period_narrow_it(store: Path) -> None:
    assert exported(store, STALL, 1.5, query=parse("m7")) == [("a", "m7")]
    period = {"since_ns": at_ns(7), "until_ns": at_ns(9)}
    assert exported(store, STALL, 1.5, **period) == [("a", "m7"), ("a", "m8")]


def test_a_report_of_it_is_titled_so(store: Path) -> None:
    stream = io.BytesIO()
    reader = Reader(store, FixedClock(60))
    run_export(ExportRequest("report", stream, incident=STALL, margin_s=2.0), reader)
    reader.close()
    assert b"<title>WebSocket report: incident 13: stall of a (a.example.net)</title>" in stream.getvalue()


def test_a_loss_is_exported_with_what_was_around_it(tmp_path: Path) -> None:
    events = [message(f"m{number}", number, "ab"[number % 2]) for number in range(10)]
    store = recorded(tmp_path / "store.db", [*events[:6], loss(5.5, "a"), *events[6:]], "a", "b")
    assert exported(store, 7, 2.0) == [("a", "m4"), ("a", "connection.disconnected"), ("a", "m6")]


@pytest.mark.parametrize(
    ("incident", "said"), [(1, "event 1 is not an incident: message.received"), (999, "no event 999")]
)
def test_what_is_no_incident_is_said(store: Path, incident: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        exported(store, incident, 1.0)


def test_no_file_is_left_of_what_cannot_be(store: Path) -> None:
    target = store.with_name("out.jsonl")
    reader = Reader(store, FixedClock(60))
    with pytest.raises(UsageError):
        run_export(ExportRequest("jsonl", target, incident=1), reader)
    reader.close()
    assert not target.exists()
