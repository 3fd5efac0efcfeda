"""Events as rows and back; the codes that are on disk for ever."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import event, loss, message, refused, source
from wsmon.model.events import EVENT_NAMES, Event
from wsmon.model.statuses import STATUSES
from wsmon.store.codec import (
    EVENT_COLUMNS,
    FIRST_INDEXED_NAME,
    FLAG_ILLEGAL,
    NAME_CODES,
    SELECT_EVENTS,
    STATUS_CODES,
    SqlValue,
    event_of,
    event_row,
    flags_of,
)
from wsmon.store.schema import TABLES

# A copy: stores out there hold these numbers
RELEASED_NAMES = {
    "message.received": 1,
    "message.sent": 2,
    "message.decode.started": 3,
    "message.decode.completed": 4,
    "message.encode.started": 5,
    "message.encode.completed": 6,
    "message.process.started": 7,
    "message.process.completed": 8,
    "message.batch_processed": 9,
    "heartbeat.sent": 10,
    "heartbeat.received": 11,
    "heartbeat.responded": 12,
    "heartbeat.timeout": 20,
    "heartbeat.failure": 21,
    "connection.started": 30,
    "connection.open": 31,
    "connection.completed": 32,
    "connection.disconnected": 33,
    "connection.reconnect.attempt": 34,
    "connection.reconnect.success": 35,
    "connection.reconnect.failed": 36,
    "connection.transition": 37,
    "connection.protocol": 38,
    "error.occurred": 70,
    "incident.opened": 80,
    "incident.closed": 81,
    "self.backpressure": 90,
    "self.shed": 91,
    "self.pruned": 92,
}


def through_sqlite(original: Event) -> tuple[Event, SqlValue]:
    """The event as it comes back, and the SQLite type of its payload."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in TABLES:
            connection.execute(statement)
        places = ", ".join("?" * len(EVENT_COLUMNS))
        connection.execute(f"INSERT INTO event VALUES ({places})", event_row(7, 3, original))
        row = connection.execute(SELECT_EVENTS).fetchone()
        (kind,) = connection.execute("SELECT typeof(payload) FROM event").fetchone()
        return event_of(row, {3: original.source}), kind


def identified(original: Event) -> dict[str, object]:
    """All fields, the id a row gave it included."""
    return {field: getattr(original, field) for field in original.__struct_fields__} | {"id": 7}


def fields_of(back: Event) -> dict[str, object]:
    return {field: getattr(back, field) for field in back.__struct_fields__}


@pytest.mark.parametrize(
    "original",
    [
        message(),
        message(b"\xff\x00\xfe", direction="out", truncated=True, redacted=True),
        message("nul \0 inside"),
        message(payload="", topic="orders", type="trade", ref="17", meta={"fragments": 3}),
        loss(),
        refused(),
        event("self.run.started", connection="", status="ok", span_id="a" * 16, parent_id="b" * 16),
    ],
    ids=lambda original: original.name,
)
def test_an_event_comes_back_as_it_was(original: Event) -> None:
    back, _ = through_sqlite(original)
    assert fields_of(back) == identified(original)


@given(st.binary(max_size=40))
def test_every_payload_comes_back_byte_by_byte(payload: bytes) -> None:
    back, _ = through_sqlite(message(payload))
    assert back.payload == payload


@pytest.mark.parametrize(("payload", "kind"), [(b"text \xc3\xa9", "text"), (b"\xed\xa0\x80", "blob"), (b"", "text")])
def test_payloads_are_text_where_they_are_valid_utf8(payload: bytes, kind: str) -> None:
    assert through_sqlite(message(payload))[1] == kind


def test_lone_surrogates_are_spelled_out_where_sqlite_takes_text() -> None:
    back, _ = through_sqlite(event("error.occurred", error="bad \ud800", error_type="internal"))
    assert back.error == "bad \\ud800"


def test_lone_surrogates_in_meta_do_not_lose_the_event() -> None:
    back, _ = through_sqlite(event("error.occurred", meta={"text": "a\ud800"}))
    assert back.meta == {"text": "a?"}


def test_read_only_mappings_are_taken_as_meta() -> None:
    back, _ = through_sqlite(event("connection.open", meta=MappingProxyType({"tls": MappingProxyType({"bits": 256})})))
    assert back.meta == {"tls": {"bits": 256}}


def test_a_transition_the_table_does_not_allow_is_flagged() -> None:
    illegal = event("connection.transition", from_status="initialized", to_status="reconnecting")
    assert (flags_of(illegal), flags_of(loss())) == (FLAG_ILLEGAL, 0)


def test_codes_that_are_on_disk_do_not_change() -> None:
    assert {name: code for name, code in NAME_CODES.items() if name in RELEASED_NAMES} == RELEASED_NAMES
    assert [STATUS_CODES[status] for status in STATUSES] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_every_name_has_a_code_of_its_own() -> None:
    assert set(NAME_CODES) == set(EVENT_NAMES)
    assert len(set(NAME_CODES.values())) == len(EVENT_NAMES)


def test_only_what_comes_as_often_as_messages_is_left_out_of_the_index() -> None:
    outside = {name for name, code in NAME_CODES.items() if code < FIRST_INDEXED_NAME}
    assert {name for name in outside if not name.startswith("message.")} == {
        "heartbeat.sent",
        "heartbeat.received",
        "heartbeat.responded",
    }


def test_the_source_is_looked_up_by_its_row() -> None:
    original = message()
    row = event_row(1, 9, original)
    other = source("other")
    assert event_of(row, {9: other}).source == other
