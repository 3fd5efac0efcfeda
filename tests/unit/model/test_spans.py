"""Trace spans: the tracer's cases TK-01 … TK-16 and NX-11, spans that events end, and the waterfall."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

import msgspec
import pytest

from tests.support.builders import MONO_0_NS, SESSION, at_ns, dialled, event, source
from wsmon.model.events import Event, SpanId
from wsmon.model.spans import (
    Instant,
    Outcome,
    Span,
    SpanFold,
    SpanTracker,
    WaterfallRow,
    derived_id,
    is_span_id,
    waterfall,
)

MS = 1_000_000
PARENT_ID = "00f067aa0ba902b7"
T0_NS = 1_768_053_744_000_000_000
FAILED = Outcome("error", "timeout", "no answer")


def at(milliseconds: int) -> Instant:
    """So long after the session began; the wall clock has stepped back an hour meanwhile and does not matter."""
    return Instant(T0_NS + milliseconds * MS, 5_000 * MS + milliseconds * MS)


def numbered() -> Iterator[bytes]:
    return (number.to_bytes(8) for number in count(1))


@pytest.fixture
def tracker() -> SpanTracker:
    ids = numbered()
    return SpanTracker(lambda: next(ids), PARENT_ID)


def span(
    number: int, operation: str, key: str, start_ms: int, duration_ms: int | None = None, **fields: object
) -> Span:
    start = at(start_ms)
    made = Span(
        SpanId(f"{number:016x}"), PARENT_ID, operation, key, operation, start.ts_ns, start.mono_ns,
        None if duration_ms is None else duration_ms * MS, "open" if duration_ms is None else "ok",
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


def test_tk01_tk10_a_start_and_its_end_are_one_span_with_a_duration(tracker: SpanTracker) -> None:
    started = tracker.start("auth", "1", "auth", at(0))
    assert (started.span, started.abandoned) == (span(1, "auth", "1", 0), ())
    assert tracker.end("auth", "1", at(250)) == span(1, "auth", "1", 0, 250)
    assert tracker.open == ()


def test_tk02_a_failure_keeps_its_error(tracker: SpanTracker) -> None:
    tracker.start("request", "1", "request", at(0))
    ended = tracker.end("request", "1", at(5), FAILED)
    assert ended == span(1, "request", "1", 0, 5, status="error", error_type="timeout", error="no answer")


def test_tk03_sl05_spans_within_a_span_name_it_as_their_parent(tracker: SpanTracker) -> None:
    root = tracker.start("request", "1", "request", at(0)).span
    inner = tracker.start("handle", "1", "handle", at(2), parent_id=root.span_id)
    assert tracker.end("handle", "1", at(5)) == span(2, "handle", "1", 2, 3, parent_id=root.span_id)
    assert tracker.end("request", "1", at(9)) == span(1, "request", "1", 0, 9)
    assert (inner.span.parent_id, root.parent_id) == (root.span_id, PARENT_ID)


def test_tk04_an_end_without_a_start_is_an_orphan(tracker: SpanTracker) -> None:
    orphan = tracker.end("request", "9", at(7), FAILED, name="new_msg")
    assert orphan == span(
        1, "request", "9", 7, status="orphan", name="new_msg", error_type="timeout", error="no answer"
    )
    assert tracker.open == ()


def test_an_orphan_whose_peer_measured_it_began_that_long_ago(tracker: SpanTracker) -> None:
    orphan = tracker.end("trace", "9", at(7), duration_ns=5 * MS)
    assert orphan == span(1, "trace", "9", 2, 5, status="orphan")


def test_tk08_tk12_one_key_in_two_operations_is_two_spans(tracker: SpanTracker) -> None:
    tracker.start("subscribe", "1", "subscribe", at(0))
    tracker.start("request", "1", "request", at(1))
    assert tracker.end("request", "1", at(2)) == span(2, "request", "1", 1, 1)
    assert tracker.open == (span(1, "subscribe", "1", 0),)


def test_tk09_a_second_start_under_one_key_keeps_both(tracker: SpanTracker) -> None:
    tracker.start("request", "1", "request", at(0))
    second = tracker.start("request", "1", "request", at(10))
    abandoned = span(
        1, "request", "1", 0, 10, status="abandoned", error_type="restarted", error="restarted before it ended"
    )
    assert second.abandoned == (abandoned,)
    assert tracker.end("request", "1", at(15)) == span(2, "request", "1", 10, 5)
    assert tracker.open == ()


def test_tk11_the_name_says_nothing_about_the_outcome(tracker: SpanTracker) -> None:
    tracker.start("request", "1", "payment_failed", at(0))
    assert tracker.end("request", "1", at(1)).status == "ok"


def test_tk13_what_has_ended_is_not_open(tracker: SpanTracker) -> None:
    for number in range(5):
        tracker.start("request", str(number), "request", at(number))
    for number in range(3):
        tracker.end("request", str(number), at(10))
    assert [each.key for each in tracker.open] == ["3", "4"]


def test_tk16_ten_thousand_interleaved_spans_all_finish(tracker: SpanTracker) -> None:
    keys = [f"{worker}/{number}" for number in range(1_000) for worker in range(10)]
    for key in keys:
        assert tracker.start("request", key, "request", at(0)).abandoned == ()
    ended = {tracker.end("request", key, at(1)).span_id for key in reversed(keys)}
    assert (len(ended), tracker.open) == (10_000, ())


def test_sl18_sl19_the_end_of_the_session_ends_all_that_is_open_with_an_error(tracker: SpanTracker) -> None:
    tracker.start("subscribe", "1", "subscribe", at(0))
    tracker.start("request", "2", "request", at(10))
    gone = {"status": "error", "error_type": "disconnected"}
    assert tracker.close_all(at(30)) == (
        span(1, "subscribe", "1", 0, 30, **gone),
        span(2, "request", "2", 10, 20, **gone),
    )
    assert (tracker.close_all(at(31)), tracker.open) == ((), ())


def test_nx11_a_second_end_is_an_orphan(tracker: SpanTracker) -> None:
    tracker.start("trace", "1", "trace", at(0))
    statuses = [tracker.end("trace", "1", at(1)).status for _ in range(3)]
    assert statuses == ["ok", "orphan", "orphan"]


def test_sl22_too_many_open_spans_abandon_the_oldest() -> None:
    ids = numbered()
    tracker = SpanTracker(lambda: next(ids), PARENT_ID, limit=2)
    tracker.start("request", "1", "request", at(0))
    tracker.start("request", "2", "request", at(1))
    third = tracker.start("request", "3", "request", at(5))
    abandoned = span(1, "request", "1", 0, 5, status="abandoned", error_type="given_up", error="more than 2 open")
    assert third.abandoned == (abandoned,)
    assert [each.key for each in tracker.open] == ["2", "3"]


def test_an_operation_given_up_by_its_requester_is_abandoned(tracker: SpanTracker) -> None:
    tracker.start("request", "1", "request", at(0))
    assert tracker.end("request", "1", at(9), Outcome("abandoned")) == span(1, "request", "1", 0, 9, status="abandoned")
    assert tracker.open == ()


def test_the_peers_own_duration_and_id_count_for_more(tracker: SpanTracker) -> None:
    own = "53995c3f42cd8ad8"
    tracker.start("trace", "1", "trace", at(0), known_id=own, attributes={"rows": 1, "db": "x"})
    ended = tracker.end("trace", "1", at(100), duration_ns=3 * MS, attributes={"rows": 12})
    assert ended == span(0, "trace", "1", 0, 3, span_id=own, attributes={"rows": 12, "db": "x"})


def test_a_whole_span_began_when_its_duration_says(tracker: SpanTracker) -> None:
    assert tracker.whole("trace", "1", "trace", at(10), 4 * MS) == span(1, "trace", "1", 6, 4)
    assert tracker.open == ()


def test_st17_durations_are_monotonic_and_never_negative(tracker: SpanTracker) -> None:
    tracker.start("request", "1", "request", at(0))
    hour_ns = 3_600_000 * MS
    assert tracker.end("request", "1", Instant(T0_NS - hour_ns, at(5).mono_ns)).duration_ns == 5 * MS
    tracker.start("request", "1", "request", at(10))
    assert tracker.end("request", "1", at(5)).duration_ns == 0


def test_a_peers_time_lies_as_far_from_now_on_both_clocks() -> None:
    assert at(100).seen_by_peer(at(40).ts_ns) == at(40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PARENT_ID, True),
        ("0" * 16, False),
        (PARENT_ID.upper(), False),
        (PARENT_ID[1:], False),
        ("", False),
        ("g" * 16, False),
    ],
)
def test_nx15_what_a_span_id_is(text: str, *, expected: bool) -> None:
    assert is_span_id(text) is expected


def test_an_id_that_is_none_is_not_taken_over(tracker: SpanTracker) -> None:
    assert tracker.start("trace", "1", "trace", at(0), known_id="../../etc").span.span_id == f"{1:016x}"


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
def test_a_session_that_either_side_closes_cleanly_ends_well(
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


def test_derived_ids_are_the_same_each_time() -> None:
    assert derived_id(SESSION, "dns") == derived_id(SESSION, "dns") != derived_id(SESSION, "tcp")
    assert is_span_id(derived_id(SESSION, "dns"))


def test_an_event_that_ends_nothing_has_no_span() -> None:
    other = source(NAME, session="cccccccccccccccc")
    strangers = lost(source=other)  # its start was not seen
    assert spans(dialled(), event("message.received", 1.0, NAME, size=1), strangers) == []


def trace_span(name: str, start_ms: int, parent: str = "") -> Span:
    return Span(SpanId(name), parent, "trace", name, name, start_ms * MS, 7_000 * MS + start_ms * MS)


def drawn(*spans: Span) -> list[tuple[str, int, int]]:
    return [(bar.span.name, bar.offset_ns // MS, bar.depth) for bar in waterfall(spans)]


def test_nx14_a_child_lies_under_its_root_at_its_offset() -> None:
    root = msgspec.structs.replace(
        trace_span("root", 100), duration_ns=10 * MS, status="ok", attributes={"status": 200}
    )
    child = msgspec.structs.replace(trace_span("child", 102, "root"), duration_ns=3 * MS, attributes={"rows": 12})
    assert waterfall([child, root]) == (WaterfallRow(root, 0, 0), WaterfallRow(child, 2 * MS, 1))


def test_nx14_nothing_is_an_empty_waterfall() -> None:
    assert waterfall(()) == ()


def test_nx10_nested_spans_lie_deeper_and_deeper() -> None:
    assert drawn(trace_span("inner", 2, "outer"), trace_span("outer", 1, "root"), trace_span("root", 0)) == [
        ("root", 0, 0),
        ("outer", 1, 1),
        ("inner", 2, 2),
    ]


def test_what_began_together_is_drawn_parents_first_then_by_id() -> None:
    spans = (trace_span("a", 0, "z"), trace_span("b", 0, "z"), trace_span("z", 0))
    assert drawn(*spans) == drawn(*reversed(spans)) == [("z", 0, 0), ("a", 0, 1), ("b", 0, 1)]


def test_a_parent_that_is_not_there_makes_a_root() -> None:
    assert drawn(trace_span("child", 5, "evicted"), trace_span("grandchild", 6, "child")) == [
        ("child", 0, 0),
        ("grandchild", 1, 1),
    ]


def test_parents_in_a_circle_are_drawn_all_the_same() -> None:
    assert {
        name for name, _, _ in drawn(trace_span("a", 0, "b"), trace_span("b", 1, "a"), trace_span("c", 2, "c"))
    } == {"a", "b", "c"}


def test_ten_thousand_levels_are_drawn() -> None:
    deep = [trace_span(str(level), level, str(level - 1)) for level in range(10_000)]
    assert waterfall(reversed(deep))[-1].depth == 9_999
