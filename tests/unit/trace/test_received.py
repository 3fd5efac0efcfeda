"""Events as they come back from the store."""

from __future__ import annotations

import msgspec

from tests.support.builders import message, source
from wsmon.model.events import Event
from wsmon.trace.received import received


def event(name: str, **fields: object) -> Event:
    of = source("shop", session="5" * 16)
    return msgspec.structs.replace(message("hi"), source=of, name=name, id=7, **fields)


def test_an_event_comes_back_under_the_name_that_it_was_published_with() -> None:
    back = received(event("trace.log", type="order.placed", meta={"type": "limit", "qty": 3}, duration_ns=1_500_000))
    assert (back.id, back.name, back.type, back.meta, back.duration_ms) == (7, "order.placed", "limit", {"qty": 3}, 1.5)
    assert (back.connection, back.connection_id, back.payload) == ("shop", "5" * 16, "hi")
    back = received(event("trace.span.end", type="db", status="ok", payload=b"\xff"))
    assert (back.name, back.type, back.status, back.outcome, back.payload) == (
        "trace.span.end",
        "db",
        None,
        "ok",
        b"\xff",
    )


def test_a_payload_is_text_where_it_was_decoded_to_one() -> None:
    binary, gzip = {"opcode": "binary"}, {"opcode": "binary", "meta": {"encoding": "gzip"}}
    assert [received(event("message.received", **fields)).payload for fields in (binary, gzip)] == [b"hi", "hi"]
