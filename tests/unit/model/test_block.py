"""A block stands for the events of its messages."""

from __future__ import annotations

from tests.support.builders import message
from wsmon.model.block import Block, PlainColumns, count_events
from wsmon.model.events import Event, Source

SOURCE = Source("feed", "", "t" * 32, "c" * 16)
READ = Block(
    SOURCE, 5, 7, [3, 2], [5, 4], ["abc", "é"], PlainColumns(["trade", ""], ["BTC", ""], ["", "12"]), duration_ns=400
)
RAW = Block(SOURCE, 5, 7, [3], [5], ["abc"])


def received(size: int, payload: bytes | None, **columns: str) -> Event:
    return Event(SOURCE, "message.received", 5, 7, "in", "text", size, size + 2, payload, duration_ns=400, **columns)  # type: ignore[arg-type]


def test_its_events_have_the_columns_of_their_message() -> None:
    assert list(READ.events()) == [
        received(3, b"abc", type="trade", topic="BTC"),
        received(2, "é".encode(), ref="12"),
    ]


def test_where_no_protocol_is_read_they_have_a_payload_alone() -> None:
    assert list(RAW.events()) == [Event(SOURCE, "message.received", 5, 7, "in", "text", 3, 5, b"abc")]


def test_where_payloads_are_not_kept_they_have_none() -> None:
    unkept = Block(SOURCE, 5, 7, [3], [5], [])
    assert list(unkept.events()) == [Event(SOURCE, "message.received", 5, 7, "in", "text", 3, 5, None)]


def test_it_counts_as_its_messages() -> None:
    assert (READ.count, READ.size, READ.name) == (2, 5, "message.received")
    assert count_events([READ, message("x"), RAW]) == 4
