from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from tests.support.builders import dialled, event, loss, message, ping, refused, retry, stall, usable
from wsmon.model.events import EVENT_NAMES, CloseBy, Event, EventName
from wsmon.tui.event_text import CLOSED_BY, EventText, describe


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_every_event_has_a_word(name: EventName) -> None:
    wording = describe(event(name))

    assert wording.what
    assert wording.what.isprintable()


@pytest.mark.parametrize("by", [by for by in get_args(CloseBy) if by])
def test_everybody_who_closes_has_a_name(by: str) -> None:
    assert CLOSED_BY[by] in describe(loss(by=by)).text or by == "refusal"


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (dialled(), EventText("waiting", "status-connecting", "connecting")),
        (
            event("message.batch_processed", size=0, meta={"count": 1204, "total_size": 1_200_000}),
            EventText("note", "dim", "counted", "1,204 messages, 1.1 MiB in a second"),
        ),
        (
            event("message.batch_processed", size=0, meta={"count": 1, "total_size": 7}),
            EventText("note", "dim", "counted", "1 message, 7 B in a second"),
        ),
        (dialled(attempt=3), EventText("waiting", "status-connecting", "connecting", "attempt 3")),
        (
            loss(code=None, by="network", reason="", error_type="eof"),
            EventText("loss", "status-loss", "disconnected", "no close frame by the network, open 400 ms"),
        ),
        (
            loss(reason="policy violation: token expired", open_s=0.0005),
            EventText(
                "loss",
                "status-loss",
                "disconnected",
                "“policy violation: token expired”, 1008, closed by peer after 0.5 ms",
            ),
        ),
        (
            loss(code=1001, reason="", open_s=41.0),
            EventText("loss", "status-loss", "disconnected", "1001 going away, closed by peer after 41 s"),
        ),
        (
            loss(code=1007, by="us", reason="", error_type="invalid_utf8", error="a text is not UTF-8"),
            EventText("loss", "status-loss", "disconnected", "a text is not UTF-8, 1007, closed by wsmon after 400 ms"),
        ),
        (
            loss(code=None, by="heartbeat", reason="", error="no pong for 20 s", open_s=3720),
            EventText("loss", "status-loss", "disconnected", "no pong for 20 s, open 1h02m"),
        ),
        (
            refused(error="server refused the upgrade: 403 Forbidden"),
            EventText("loss", "status-loss", "failed", "attempt 2: server refused the upgrade: 403 Forbidden"),
        ),
        (
            event("connection.open", duration_ns=1_400_000),
            EventText("waiting", "status-connecting", "TCP up", "after 1.4 ms"),
        ),
        (
            event("connection.open", duration_ns=14_000_000, meta={"tls": {"version": "TLSv1.3"}}),
            EventText("waiting", "status-connecting", "TCP, TLS up", "after 14 ms"),
        ),
        (usable(took_ms=1.9), EventText("open", "status-open", "open", "after 1.9 ms")),
        (
            event("connection.reconnect.success", duration_ns=3_800_000_000),
            EventText("open", "status-open", "reconnected", "after 3.8 s of downtime"),
        ),
        (retry(), EventText("waiting", "status-loss", "retrying", "in 7.0 s (attempt 18)")),
        (
            msgspec.structs.replace(retry(), reason="Retry-After asks for 7 s"),
            EventText(
                "waiting",
                "status-loss",
                "retrying",
                "in 7.0 s (attempt 18; Retry-After asks for 7 s)",
            ),
        ),
        (
            refused(error=""),
            EventText("loss", "status-loss", "failed", "attempt 2: HTTP 403"),
        ),
        (
            event("connection.transition", to_status="error", error_type="retries_exhausted"),
            EventText("gave_up", "status-loss", "gave up", "retries exhausted"),
        ),
        (
            loss(code=1000, by="us", reason="", to_status="closed"),
            EventText("closed", "status-closed", "closed", "1000 normal closure, closed by wsmon after 400 ms"),
        ),
        (
            loss(code=1001, by="application", reason="", to_status="closed"),
            EventText("closed", "status-closed", "closed", "1001 going away, closed by the application after 400 ms"),
        ),
        (stall(), EventText("warning", "status-stalled", "stall", "no data for 41 s")),
        (
            event("incident.closed", type="stall", reason="data again"),
            EventText("note", "status-open", "stall ended", "data again"),
        ),
        (ping(), EventText("heartbeat", "dim", "ping sent")),
        (event("heartbeat.received", opcode="ping", size=0), EventText("heartbeat", "dim", "ping received")),
        (
            event("self.backpressure", meta={"paused_ms": 120}),
            EventText("warning", "problem", "backpressure", "wsmon was slow: reading paused for 120 ms"),
        ),
        (message("  {}", type="trade"), EventText("received", "direction-in", "trade", "{}", is_content=True)),
        (
            message("{}", type="trade", topic="BTC\x1b-USD"),
            EventText("received", "direction-in", "trade", "BTC␛-USD  {}", is_content=True),
        ),
        (
            msgspec.structs.replace(message('{"a":1}', opcode="binary"), meta={"encoding": "gzip"}),
            EventText("received", "direction-in", "binary", '{"a":1}', is_content=True),
        ),
        (
            msgspec.structs.replace(message(b"\xff\x00"), meta={"encoding": "gzip"}),
            EventText("received", "direction-in", "binary", "ff 00", is_content=True),
        ),
        (event("heartbeat.received", size=0), EventText("heartbeat", "dim", "ping received")),
        (
            event("message.process.completed", type="eth_call", size=0, duration_ns=12_000_000),
            EventText("note", "dim", "reply", "eth_call in 12 ms"),
        ),
        (
            event("subscription.lost", topic="trades", reason="not confirmed again"),
            EventText("warning", "problem", "lost", "trades not confirmed again"),
        ),
    ],
)
def test_wording(each: Event, expected: EventText) -> None:
    assert describe(each) == expected


@pytest.mark.parametrize("field", ["reason", "error", "type", "error_type"])
def test_foreign_text_is_safe_in_every_field(field: str) -> None:
    for name in EVENT_NAMES:
        wording = describe(msgspec.structs.replace(event(name), **{field: "\x1b[31m[/b]\u202e"}))
        assert (wording.what + wording.text).isprintable()
