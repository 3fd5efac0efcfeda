"""Spans: the tracer's cases TK-01 … TK-04, TK-07 … TK-13, TK-16, and SL-05, SL-18, SL-19, SL-22, NX-11."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import msgspec
import pytest

from wsmon.model.events import SpanId
from wsmon.model.spans import Instant, Outcome, Span, SpanCounts, SpanTracker, is_span_id

MS = 1_000_000
SESSION = "00f067aa0ba902b7"
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
    return SpanTracker(lambda: next(ids), SESSION)


def span(
    number: int, operation: str, key: str, start_ms: int, duration_ms: int | None = None, **fields: object
) -> Span:
    start = at(start_ms)
    made = Span(
        SpanId(f"{number:016x}"), SESSION, operation, key, operation, start.ts_ns, start.mono_ns,
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
    assert (inner.span.parent_id, root.parent_id) == (root.span_id, SESSION)


def test_tk04_an_end_without_a_start_is_an_orphan(tracker: SpanTracker) -> None:
    orphan = tracker.end("request", "9", at(7), FAILED, name="new_msg")
    assert orphan == span(
        1, "request", "9", 7, status="orphan", name="new_msg", error_type="timeout", error="no answer"
    )
    assert tracker.counts == SpanCounts(orphans=1)


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
        1, "request", "1", 0, 10, status="abandoned", error_type="restarted", error="begun again before it ended"
    )
    assert second.abandoned == (abandoned,)
    assert tracker.end("request", "1", at(15)) == span(2, "request", "1", 10, 5)
    assert tracker.counts == SpanCounts(started=2, finished=1, abandoned=1)


def test_tk11_the_name_says_nothing_about_the_outcome(tracker: SpanTracker) -> None:
    tracker.start("request", "1", "payment_failed", at(0))
    assert tracker.end("request", "1", at(1)).status == "ok"


def test_tk13_counts_tell_open_from_finished(tracker: SpanTracker) -> None:
    for number in range(5):
        tracker.start("request", str(number), "request", at(number))
    for number in range(3):
        tracker.end("request", str(number), at(10))
    assert tracker.counts == SpanCounts(open=2, started=5, finished=3)


def test_tk16_ten_thousand_interleaved_spans_all_finish(tracker: SpanTracker) -> None:
    keys = [f"{worker}/{number}" for number in range(1_000) for worker in range(10)]
    for key in keys:
        assert tracker.start("request", key, "request", at(0)).abandoned == ()
    ended = {tracker.end("request", key, at(1)).span_id for key in reversed(keys)}
    assert (len(ended), tracker.counts) == (10_000, SpanCounts(started=10_000, finished=10_000))


def test_sl18_sl19_the_end_of_the_session_ends_all_that_is_open_with_an_error(tracker: SpanTracker) -> None:
    tracker.start("subscribe", "1", "subscribe", at(0))
    tracker.start("request", "2", "request", at(10))
    gone = {"status": "error", "error_type": "disconnected"}
    assert tracker.close_all(at(30)) == (
        span(1, "subscribe", "1", 0, 30, **gone),
        span(2, "request", "2", 10, 20, **gone),
    )
    assert (tracker.close_all(at(31)), tracker.counts) == ((), SpanCounts(started=2, finished=2))


def test_nx11_a_second_end_is_an_orphan(tracker: SpanTracker) -> None:
    tracker.start("trace", "1", "trace", at(0))
    statuses = [tracker.end("trace", "1", at(1)).status for _ in range(3)]
    assert statuses == ["ok", "orphan", "orphan"]


def test_sl22_too_many_open_spans_abandon_the_oldest() -> None:
    ids = numbered()
    tracker = SpanTracker(lambda: next(ids), SESSION, limit=2)
    tracker.start("request", "1", "request", at(0))
    tracker.start("request", "2", "request", at(1))
    third = tracker.start("request", "3", "request", at(5))
    abandoned = span(1, "request", "1", 0, 5, status="abandoned", error_type="given_up", error="more than 2 open")
    assert third.abandoned == (abandoned,)
    assert [each.key for each in tracker.open] == ["2", "3"]


def test_an_operation_for_which_nobody_waits_is_abandoned(tracker: SpanTracker) -> None:
    tracker.start("request", "1", "request", at(0))
    assert tracker.end("request", "1", at(9), Outcome("abandoned")) == span(1, "request", "1", 0, 9, status="abandoned")
    assert tracker.counts == SpanCounts(started=1, abandoned=1)


def test_the_peers_own_duration_and_id_count_for_more(tracker: SpanTracker) -> None:
    own = "53995c3f42cd8ad8"
    tracker.start("trace", "1", "trace", at(0), known_id=own, attributes={"rows": 1, "db": "x"})
    ended = tracker.end("trace", "1", at(100), duration_ns=3 * MS, attributes={"rows": 12})
    assert ended == span(0, "trace", "1", 0, 3, span_id=own, attributes={"rows": 12, "db": "x"})


def test_a_whole_span_began_when_its_duration_says(tracker: SpanTracker) -> None:
    assert tracker.whole("trace", "1", "trace", at(10), 4 * MS) == span(1, "trace", "1", 6, 4)
    assert tracker.counts == SpanCounts(started=1, finished=1)


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
        (SESSION, True),
        ("0" * 16, False),
        (SESSION.upper(), False),
        (SESSION[1:], False),
        ("", False),
        ("g" * 16, False),
    ],
)
def test_nx15_what_a_span_id_is(text: str, *, expected: bool) -> None:
    assert is_span_id(text) is expected


def test_an_id_that_is_none_is_not_taken_over(tracker: SpanTracker) -> None:
    assert tracker.start("trace", "1", "trace", at(0), known_id="../../etc").span.span_id == f"{1:016x}"
