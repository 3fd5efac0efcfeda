"""Whatever happens in whatever order: every span that begins ends once, and the counts agree; so does the ledger."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.events import SpanId
from wsmon.model.spans import Instant, Span, SpanTracker, waterfall
from wsmon.model.subscriptions import EXPIRY_NS, SubscriptionLedger
from wsmon.protocols.base import Happening

LIMIT = 4
TOPICS = 5
KEYS = st.sampled_from("abcdef")
ACTS = st.lists(st.tuples(st.sampled_from(["start", "end", "whole", "close"]), KEYS), max_size=60)
NOTES = (
    Happening("subscription.subscribe.started"),
    Happening("subscription.subscribe.completed", status="ok"),
    Happening("subscription.subscribe.completed", status="error", error_type="timeout"),
    Happening("subscription.subscribe.completed", status="error", reason="no"),
    Happening("subscription.unsubscribe.completed", status="ok"),
    Happening("subscription.lost"),
    Happening("subscription.restored"),
)


@given(ACTS)
def test_every_span_that_begins_ends_once(acts: list[tuple[str, str]]) -> None:
    numbers = count(1)
    tracker = SpanTracker(lambda: next(numbers).to_bytes(8), limit=LIMIT)
    began: list[str] = []
    ended: list[Span] = []
    for step, (act, key) in enumerate(acts):
        at = Instant(step, step)
        match act:
            case "start":
                started = tracker.start("request", key, "request", at)
                began.append(started.span.span_id)
                ended += started.abandoned
            case "end":
                ended.append(tracker.end("request", key, at))
            case "whole":
                ended.append(tracker.whole("request", key, "request", at, 1))
                began.append(ended[-1].span_id)
            case _:
                ended += tracker.close_all(at)
        assert len(tracker.open) <= LIMIT
        orphans = sum(span.status == "orphan" for span in ended)
        assert len(began) == len(tracker.open) + len(ended) - orphans
    ended += tracker.close_all(Instant(99, 99))
    finished = [span.span_id for span in ended if span.status != "orphan"]
    assert sorted(finished) == sorted(began)
    assert len({span.span_id for span in ended}) == len(ended)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 5)), max_size=12))
def test_a_waterfall_shows_every_span_once_and_starts_at_zero(made: list[tuple[int, int, int]]) -> None:
    spans = {str(own): Span(SpanId(str(own)), str(parent), "", "", "", at, at) for own, parent, at in made}
    bars = waterfall(spans.values())
    assert sorted(bar.span.span_id for bar in bars) == sorted(spans)
    assert [bar.offset_ns for bar in bars] == sorted(bar.offset_ns for bar in bars)
    assert min((bar.offset_ns for bar in bars), default=0) == min((bar.depth for bar in bars), default=0) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*NOTES, "began", "ended", "expire"]), st.integers(0, TOPICS), st.integers(0, EXPIRY_NS)
        ),
        max_size=60,
    )
)
def test_a_ledger_shows_each_topic_once_and_stays_small(steps: list[tuple[Happening | str, int, int]]) -> None:
    ledger = SubscriptionLedger(limit=TOPICS - 1)
    now_ns = 0
    for step, topic, pause_ns in steps:
        now_ns += pause_ns
        changes = ledger.expire(now_ns)
        match step:
            case Happening():
                happening = Happening(step.name, topic=str(topic), status=step.status, reason=step.reason)
                changes += ledger.apply(happening, now_ns)
            case "began":
                ledger.session_began(now_ns)
            case "ended":
                ledger.session_ended(now_ns)
        shown = ledger.snapshot()
        everywhere = (*shown.active, *shown.pending, *shown.lost)
        assert len(everywhere) == len(set(everywhere)) < TOPICS
        lost = [change.topic for change in changes if change.name == "subscription.lost"]
        assert len(lost) == len(set(lost))
    ledger.session_began(now_ns)
    ledger.expire(now_ns + EXPIRY_NS)
    assert ledger.snapshot().pending == ()
