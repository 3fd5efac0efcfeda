"""The name of what commands act on, and what can be exported of it."""

from __future__ import annotations

from tests.support.builders import SECOND_NS, SESSION, T0_NS, TRACE, event, loss, message, row, stall
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query, Range
from wsmon.tui.panes.detail import DetailValue
from wsmon.tui.subject import ExportSubject, Subject, export_subjects

SEARCH = Query((FieldTerm("connection", (Exact("x"),)),), "conn:x")


def test_its_name_says_what_a_key_acts_on() -> None:
    found = message("x", connection="orders", id=1234)
    assert [
        each.name
        for each in (
            Subject("connections", "orders"),
            Subject("timeline", "orders", at_ns=T0_NS),
            Subject("log", "orders", event=found),
            Subject("log", event=event("self.run.started", connection="", id=7)),
            Subject("detail", "orders", event=found, value=DetailValue("$.id", "7")),
        )
    ] == ["orders", "orders", "event #1,234 on orders", "event #7", "$.id in event #1,234"]


# What can be exported of a subject


def labels(search: Query, subject: Subject) -> list[str]:
    """What the dialog offers, in its order."""
    return [each.label for each in export_subjects(search, subject)]


def test_of_nothing_everything_can_be_exported() -> None:
    assert list(export_subjects(EVERYTHING, Subject("log"))) == [ExportSubject("all events")]


def test_of_a_connection_it_comes_first_then_what_is_wrong_with_it() -> None:
    lost = loss(1, "b", id=7)
    assert labels(SEARCH, Subject("connections", "b", row("b", problem=lost))) == [
        "connection b",
        "disconnect on b ± 30 s",
        "disconnect on b ± 5.0 s",
        "disconnect on b ± 5m",
        "matches for conn:x",
        f"session {SESSION}",
        "all events",
    ]


def test_of_an_event_the_search_comes_first_then_its_connection_session_trace_and_itself() -> None:
    found = list(export_subjects(SEARCH, Subject("log", "a", event=message("x", connection="a", id=1234))))
    assert [(each.label, each.query.text) for each in found] == [
        ("matches for conn:x", "conn:x"),
        ("connection a", "conn:a"),
        (f"session {SESSION}", f"session:{SESSION}"),
        (f"trace {TRACE}", f"trace:{TRACE}"),
        ("event #1,234", ""),
        ("all events", ""),
    ]
    assert found[2].query.terms == (FieldTerm("session", (Exact(SESSION),)),)
    assert found[3].query.terms == (FieldTerm("trace", (Exact(TRACE),)),)


def test_an_incident_is_offered_with_what_was_around_it_from_either_end() -> None:
    closed = event("incident.closed", 9, "a", type="stall", id=20, meta={"incident": 7})
    for one in (stall(1, "a"), closed):
        found = list(export_subjects(SEARCH, Subject("log", "a", event=one)))[:3]
        assert [(each.label, each.margin_s) for each in found] == [
            ("stall on a ± 30 s", 30),
            ("stall on a ± 5.0 s", 5),
            ("stall on a ± 5m", 300),
        ]
        assert {each.incident for each in found} == {7 if one is closed else one.id}


def test_so_is_a_loss_and_an_attempt_that_failed() -> None:
    failed = event("connection.reconnect.failed", 9, "a", id=21, from_status="connected", to_status="disconnected")
    for one, kind in ((loss(1, "a", id=20), "disconnect"), (failed, "attempt")):
        first = next(export_subjects(SEARCH, Subject("log", "a", event=one)))
        assert first == ExportSubject(f"{kind} on a ± 30 s", incident=one.id, margin_s=30)


def test_a_place_in_the_timeline_is_offered_with_what_was_around_it() -> None:
    first = next(export_subjects(EVERYTHING, Subject("timeline", "a", at_ns=T0_NS)))
    around = FieldTerm("ts", (Range(T0_NS - 30 * SECOND_NS, T0_NS + 30 * SECOND_NS),))
    assert first.query.terms == (FieldTerm("connection", (Exact("a"),)), around)
    assert first.label.startswith("a at ")


def test_an_event_of_the_recorder_has_no_session() -> None:
    started = Subject("log", event=event("self.run.started", connection="", id=1))
    assert labels(EVERYTHING, started)[0] == "event #1"
