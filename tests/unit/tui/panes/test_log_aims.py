"""What jumps look for."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import dialled, event, loss, message, numbered, source
from wsmon.model.events import Event
from wsmon.query.predicate import matches
from wsmon.tui.panes.log_filter import same_trace, session_starts

OTHER = source(session="1" * 16)
EVENTS = numbered(
    [
        dialled(0),
        message("ask", 1, ref="7", direction="out"),
        msgspec.structs.replace(message("other session", 2, ref="7"), source=OTHER),
        message("reply", 3, ref="7", parent_id="aa"),
        message("of a span", 4, span_id="aa"),
        message("plain", 5),
        event("connection.reconnect.attempt", 6, "deribit"),
        dialled(7, "deribit"),
        event("self.run.started", 8, ""),
    ]
)


def aimed_at(at: Event) -> list[int]:
    return [each.id for each in EVENTS if matches(same_trace(at).query, each)]


@pytest.mark.parametrize(
    ("event_id", "noun", "expected"),
    [
        (2, "event of ref 7", [2, 4]),
        (5, "event of the same span", [4, 5]),
        (6, "event of the same session", [1, 2, 4, 5, 6, 7, 8]),
        (9, "event of the recorder", [*range(1, 10)]),
    ],
)
def test_a_trace_is_as_narrow_as_the_event_says(event_id: int, noun: str, expected: list[int]) -> None:
    at = EVENTS[event_id - 1]

    assert (same_trace(at).noun, aimed_at(at)) == (noun, expected)


def test_between_sessions_a_trace_is_the_connection() -> None:
    between = msgspec.structs.replace(loss(1, "deribit"), source=source("deribit", session=""))

    assert aimed_at(between) == [7, 8]


def test_a_foreign_reference_is_safe_in_a_sentence() -> None:
    assert same_trace(message(ref="\x1b[31m" + "x" * 99)).noun.isprintable()


def test_sessions_are_those_of_the_connection_or_of_all() -> None:
    found = [
        [each.id for each in EVENTS if matches(session_starts(at).query, each)] for at in (EVENTS[6], EVENTS[8], None)
    ]

    assert found == [[8], [1, 8], [1, 8]]
    assert [session_starts(at).noun for at in (EVENTS[6], None)] == ["session of deribit", "session"]
