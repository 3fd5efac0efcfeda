"""Which spans an event ends, and what they say."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.support.builders import MONO_0_NS, SESSION, at_ns, dialled, event, source
from wsmon.model.events import Event, SpanId
from wsmon.model.spans import Span, SpanFold, derived_id, is_span_id

S, MS = 10**9, 10**6
NAME = "binance-spot"
CHILD = "aaaaaaaaaaaaaaaa"
ENDED: dict[str, object] = {
    "from_status": "websocket_connected",
    "to_status": "disconnected",
    "meta": {"open": True},
}


def spans(*events: Event) -> list[Span]:
    """All spans that the events end, in order."""
    fold = SpanFold()
    return [span for each in events for span in fold.ended_by(each)]


def lost(after_s: float = 10.0, **fields: object) -> Event:
    """The end of a session that was open."""
    return event("connection.disconnected", after_s, NAME, **(ENDED | fields))


def summary(found: Iterable[Span]) -> list[tuple[str, str, int | None, str]]:
    return [(span.operation, span.status, span.duration_ns, span.error_type) for span in found]


def test_a_session_is_a_span_with_the_id_of_the_session() -> None:
    (span,) = spans(dialled(1.0), lost(11.0, close_by="peer", close_code=1000))
    assert span == Span(SpanId(SESSION), "", "session", "", NAME, at_ns(1.0), MONO_0_NS + S, 10 * S, "ok")


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"close_by": "us", "close_code": 1000}, ("ok", "", "")),
        ({"close_by": "peer", "close_code": 1001, "reason": "bye"}, ("ok", "", "")),
        ({"close_by": "peer", "close_code": 1008, "reason": "limit"}, ("error", "close_1008", "limit")),
        ({"close_by": "network", "error_type": "reset", "error": "reset"}, ("error", "reset", "reset")),
        ({"close_by": "peer"}, ("error", "", "")),
    ],
)
def test_a_session_ends_well_where_somebody_closed_it_in_peace(
    fields: dict[str, object], outcome: tuple[str, str, str]
) -> None:
    (span,) = spans(dialled(), event("connection.disconnected", 10.0, NAME, **(ENDED | fields)))
    assert (span.status, span.error_type, span.error) == outcome


def test_the_phases_of_a_dial_end_with_the_upgrade_one_after_the_other() -> None:
    meta = {"dns_ms": 1.0, "tcp_ms": 2.0, "tls_ms": 3.5, "upgrade_ms": 4.0}
    found = spans(dialled(), event("connection.completed", 1.0, NAME, meta=meta))
    assert [(span.operation, span.duration_ns, span.parent_id) for span in found] == [
        ("upgrade", 4 * MS, SESSION), ("tls", 3_500_000, SESSION), ("tcp", 2 * MS, SESSION), ("dns", MS, SESSION),
    ]  # fmt: skip
    ends = [span.start_mono_ns + (span.duration_ns or 0) for span in found]
    assert ends == [MONO_0_NS + S, *(span.start_mono_ns for span in found[:-1])]
    assert all(span.start_ns - at_ns(0) == span.start_mono_ns - MONO_0_NS for span in found)


def test_a_dial_that_failed_has_the_phases_that_it_came_to() -> None:
    failed = event(
        "connection.reconnect.failed", 0.5, NAME, from_status="connecting", to_status="disconnected",
        error_type="tls", error="no", meta={"open": False, "dns_ms": 1.0, "tcp_ms": 2.0},
    )  # fmt: skip
    dns, tcp, session = spans(dialled(), failed)
    assert (dns.start_mono_ns, tcp.start_mono_ns) == (MONO_0_NS, MONO_0_NS + MS)
    assert summary([session]) == [("session", "error", S // 2, "tls")]


def test_an_outage_ends_when_the_connection_is_usable_again() -> None:
    (span,) = spans(event("connection.reconnect.success", 20.0, NAME, duration_ns=5 * S))
    assert (span.operation, span.start_ns, span.duration_ns, span.parent_id) == ("outage", at_ns(15.0), 5 * S, "")
    assert spans(event("connection.reconnect.success", 20.0, NAME)) == []


@pytest.mark.parametrize(
    ("name", "fields", "operation"),
    [
        ("message.process.completed", {"size": 0}, "request"),
        ("subscription.subscribe.completed", {}, "subscribe"),
        ("subscription.unsubscribe.completed", {}, "unsubscribe"),
        ("auth.completed", {}, "auth"),
        ("auth.refresh.completed", {}, "refresh"),
        ("auth.failed", {"error_type": "refused"}, "auth"),
        ("auth.failed", {"error_type": "refused", "meta": {"refresh": True}}, "refresh"),
        ("heartbeat.responded", {"size": 0}, "heartbeat"),
        ("heartbeat.timeout", {"size": 0, "error_type": "timeout"}, "heartbeat"),
        ("trace.request.end", {"size": 0}, "trace"),
    ],
)
def test_tk_01_what_began_ends_with_its_own_end(name: str, fields: dict[str, object], operation: str) -> None:
    ended = event(name, 3.0, NAME, span_id=CHILD, parent_id=SESSION, duration_ns=250 * MS, ref="7", **fields)  # type: ignore[arg-type]  # a name among the table's
    (span,) = spans(ended)
    assert (span.operation, span.span_id, span.parent_id, span.key) == (operation, CHILD, SESSION, "7")
    assert (span.start_ns, span.duration_ns) == (at_ns(2.75), 250 * MS)
    assert span.status == ("error" if "error_type" in fields else "ok")


def test_tk_02_a_failure_keeps_what_failed() -> None:
    ended = event("auth.failed", 1.0, NAME, span_id=CHILD, duration_ns=MS, error_type="code_13004", error="no such key")
    assert [(span.status, span.error_type, span.error) for span in spans(ended)] == [
        ("error", "code_13004", "no such key")
    ]


def test_tk_04_an_end_without_a_start_is_an_orphan() -> None:
    ended = event(
        "message.process.completed", 1.0, NAME, size=0, span_id=CHILD, status="orphan", error_type="unmatched"
    )
    assert summary(spans(ended)) == [("request", "orphan", None, "unmatched")]


def test_tk_09_a_span_that_was_begun_again_is_abandoned() -> None:
    fields = {"size": 0, "span_id": CHILD, "status": "abandoned", "error_type": "restarted", "duration_ns": S}
    assert summary(spans(event("message.process.completed", 1.0, NAME, **fields))) == [
        ("request", "abandoned", S, "restarted")
    ]


def test_tk_11_a_name_with_failed_in_it_is_no_failure() -> None:
    ended = event("message.process.completed", 1.0, NAME, size=0, span_id=CHILD, duration_ns=S, type="payment_failed")
    assert summary(spans(ended)) == [("request", "ok", S, "")]


def test_a_ping_and_its_pong_are_a_span_of_the_session() -> None:
    pong = event("heartbeat.responded", 1.0, NAME, size=4, direction="in", opcode="pong", duration_ns=18 * MS)
    (span,) = spans(pong)
    assert (span.operation, span.parent_id, span.duration_ns) == ("heartbeat", SESSION, 18 * MS)
    assert spans(event("heartbeat.responded", 1.0, NAME, size=4, direction="out", opcode="pong")) == []


def test_a_trace_of_an_application_keeps_its_own_parents() -> None:
    ended = event(
        "trace.span.end", 1.0, NAME, size=0, span_id=CHILD, parent_id="bbbbbbbbbbbbbbbb", duration_ns=MS, status=500
    )
    (span,) = spans(ended)
    assert (span.parent_id, span.status) == ("bbbbbbbbbbbbbbbb", "error")


def test_ids_that_nobody_gave_are_the_same_each_time() -> None:
    assert derived_id(SESSION, "dns") == derived_id(SESSION, "dns") != derived_id(SESSION, "tcp")
    assert is_span_id(derived_id(SESSION, "dns"))


def test_an_event_that_ends_nothing_has_no_span() -> None:
    other = source(NAME, session="cccccccccccccccc")
    strangers = lost(source=other)  # its start was not seen
    assert spans(dialled(), event("message.received", 1.0, NAME, size=1), strangers) == []
