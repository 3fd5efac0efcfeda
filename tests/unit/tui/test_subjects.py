"""What the export dialog offers, by where somebody is."""

from __future__ import annotations

from tests.support.builders import SESSION, TRACE, event, message, stall
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query
from wsmon.tui.related import ExportSubject, export_subjects

SEARCH = Query((FieldTerm("connection", (Exact("x"),)),), "conn:x")


def test_nowhere_everything_is_offered() -> None:
    assert list(export_subjects(EVERYTHING, "", None)) == [ExportSubject("all events")]


def test_a_search_comes_first() -> None:
    assert [each.label for each in export_subjects(SEARCH, "b", None)] == [
        "matches of conn:x",
        "all events",
        "connection b",
    ]


def test_an_event_offers_its_session_its_trace_and_itself() -> None:
    found = list(export_subjects(EVERYTHING, "a", message("x", connection="a", id=1234)))
    assert [(each.label, each.query.text) for each in found] == [
        ("all events", ""),
        ("connection a", "conn:a"),
        (f"session {SESSION}", f"session:{SESSION}"),
        (f"trace {TRACE}", f"trace:{TRACE}"),
        ("event #1,234", ""),
    ]
    assert found[2].query.terms == (FieldTerm("session", (Exact(SESSION),)),)
    assert found[3].query.terms == (FieldTerm("trace", (Exact(TRACE),)),)


def test_an_incident_is_offered_with_what_was_around_it_from_either_end() -> None:
    closed = event("incident.closed", 9, "a", type="stall", id=20, meta={"incident": 7})
    for one in (stall(1, "a"), closed):
        found = [each for each in export_subjects(EVERYTHING, "", one) if each.incident or "±" in each.label]
        assert [(each.label, each.margin_s) for each in found] == [
            ("stall of a ± 30 s", 30),
            ("stall of a ± 5.0 s", 5),
            ("stall of a ± 5m", 300),
        ]
        assert {each.incident for each in found} == {7 if one is closed else one.id}


def test_an_event_of_the_recorder_has_no_session() -> None:
    found = export_subjects(EVERYTHING, "", event("self.run.started", connection="", id=1))
    assert [each.label for each in found] == ["all events", "event #1"]
