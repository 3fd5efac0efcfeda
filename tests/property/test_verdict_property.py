"""Whatever happens in whatever order, judging it never fails, and a verdict is whole."""

from __future__ import annotations

from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import source
from tests.support.verdicts import VerdictHarness
from wsmon.model.events import EVENT_NAMES, CloseBy, Event
from wsmon.model.statuses import SESSION_ENDS, Status

# With long texts and many events, most examples grow beyond what Hypothesis keeps: it makes ten for each that it tries
TEXT = st.text(max_size=40)
MOST_EVENTS = 12
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
META_KEYS = ("url", "last_in_ms", "last_out_ms", "paused_ms", "response_headers", "body", "code_meaning", "attempt")
TEXTS = TEXT | st.sampled_from(["rate limit", "certificate has expired", "redirect", "stall"])
TYPES = st.sampled_from(
    ["", "dns", "tls", "tls_certificate", "proxy", "http_status", "redirect_refused", "open_timeout", "handshake",
     "eof", "reset", "heartbeat_timeout", "retries_exhausted", "internal", "protocol", "unheard of"]
)  # fmt: skip
STATUSES = st.none() | st.sampled_from(get_args(Status))
EVENTS = st.builds(
    Event,
    source=st.sampled_from([source("a"), source("b")]),
    name=st.sampled_from(EVENT_NAMES),
    ts_ns=st.integers(0, 2**62),
    mono_ns=st.integers(0, 2**62),
    size=st.none() | st.just(0),
    type=TEXTS,
    duration_ns=st.none() | st.integers(-1, 2**62),
    status=st.none() | st.integers(-1, 1000) | TEXTS,
    from_status=STATUSES,
    to_status=STATUSES,
    close_code=st.none() | st.integers(0, 65_535),
    close_by=st.sampled_from(get_args(CloseBy)),
    reason=TEXTS,
    error_type=TYPES,
    error=TEXTS,
    meta=st.none() | st.dictionaries(st.sampled_from(META_KEYS), ANYTHING, max_size=4),
)


@given(st.lists(EVENTS, max_size=MOST_EVENTS))
def test_any_events_can_be_judged(events: list[Event]) -> None:
    harness = VerdictHarness()
    for number, event in enumerate(events, 1):
        verdict = harness.judge(event)
        if verdict is None:
            continue
        assert verdict.by
        assert verdict.cause
        assert verdict.next
        assert all(0 < each < number for each in verdict.evidence)
        assert event.to_status in SESSION_ENDS


@given(st.lists(EVENTS, max_size=MOST_EVENTS))
def test_verdicts_depend_on_the_events_alone(events: list[Event]) -> None:
    first, second = VerdictHarness(), VerdictHarness()
    assert [first.judge(each) for each in events] == [second.judge(msgspec.structs.replace(each)) for each in events]
