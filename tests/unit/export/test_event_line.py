"""A line of JSON as an event, whatever brings it: a file, a pipe, or an application."""

from __future__ import annotations

import msgspec
import pytest

from wsmon.export.event_line import ALIASES, EventLine, event_name, event_of_line, wall_ns_of
from wsmon.model.events import EVENT_NAMES, Event, Source

SOURCE = Source("orders")


def line_of(text: str) -> EventLine:
    return msgspec.json.decode(text.encode(), type=EventLine)


def test_every_name_of_wsmon_and_every_alias_is_known_and_no_other() -> None:
    assert {name: event_name(EventLine(name)) for name in EVENT_NAMES} == {name: name for name in EVENT_NAMES}
    assert {name: event_name(EventLine(name)) for name in ALIASES} == ALIASES
    assert event_name(EventLine("order.placed")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"name": "x"}', None),
        ('{"name": "x", "ts": null}', None),
        ('{"name": "x", "ts": "2026-01-10T14:02:24.5Z"}', 1_768_053_744_500_000_000),
        ('{"name": "x", "ts": 1768053744.5}', 1_768_053_744_500_000_000),
        ('{"name": "x", "ts": "yesterday", "ts_ns": 7}', 7),
    ],
)
def test_a_wall_time_is_exact_and_may_be_missing(text: str, expected: int | None) -> None:
    assert wall_ns_of(line_of(text)) == expected


def test_a_line_becomes_a_whole_event() -> None:
    line = line_of(
        '{"name": "message.received", "direction": "in", "opcode": "binary", "payload_base64": "AAE=", "size": 2,'
        ' "duration_ms": 0.25, "type": "t", "meta": {"a": 1}}'
    )
    expected = Event(
        SOURCE, "message.received", 5, 6, "in", "binary", 2, payload=b"\0\1", duration_ns=250_000, type="t",
        meta={"a": 1}, id=7,
    )  # fmt: skip
    assert event_of_line(line, SOURCE, "message.received", 5, 6, 7) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"name": "x", "payload_base64": "?"}', "`payload_base64` must be base64"),
        ('{"name": "x", "duration_ms": -1}', "`duration_ms` must be between 0 and 9223372036854 \\(got -1\\)"),
    ],
)
def test_a_value_that_cannot_be_read_is_named(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        event_of_line(line_of(text), SOURCE, "trace.log", 1, 1, 1)
