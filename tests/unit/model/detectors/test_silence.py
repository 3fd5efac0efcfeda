"""Stalls and lost subscriptions: when an incident opens, and when it ends."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import SECOND_NS, at_ns, event, loss, source, usable
from tests.support.detectors import NAME, DetectorHarness, fact, incident_reasons, mono_ns
from wsmon.model.detectors.base import Expectation, Traffic
from wsmon.model.detectors.silence import StallDetector, SubscriptionDetector
from wsmon.model.events import Event, EventName, Meta


class Case:
    """A detector that expects data every 5 s on one connection, fed as the writer feeds it."""

    def __init__(self, expect_every_s: float = 5.0) -> None:
        self.detector = StallDetector()
        self.expect(expect_every_s)
        self._last_id = 0

    def expect(self, every_s: float) -> None:
        self.detector.configure({NAME: Expectation(every_s)})

    def see(self, event: Event) -> None:
        self._last_id += 1
        self.detector.observe(msgspec.structs.replace(event, id=self._last_id))

    def data(self, after_s: float, newest_id: int = 0) -> None:
        at_ns = mono_ns(after_s)
        self.detector.observe_traffic([Traffic(source(NAME), at_ns, at_ns, newest_id=newest_id, messages=1)])

    def sent(self, after_s: float) -> None:
        self.detector.observe_traffic([Traffic(source(NAME), mono_ns(after_s), messages=1)])

    def check(self, after_s: float) -> tuple[Event, ...]:
        found = self.detector.check(at_ns(after_s), mono_ns(after_s))
        for incident in found:
            self.see(incident)
        return found


UNUSED = (
    "; the server accepted the upgrade, but no messages have been exchanged since: possibly it waits for the client to "
    "speak first (set protocol, subscribe or send)"
)
SILENCE = 'a longer expect_every or silence = ["stall"]'


def opened_after(silent_ms: int) -> Meta:
    return {"evidence": [1], "silence": SILENCE, "silent_ms": silent_ms}


CLOSED: Meta = {"incident": 2, "evidence": [2]}


def stall(name: EventName, after_s: float, reason: str, meta: Meta, lasted_s: float | None = None) -> Event:
    lasted_ns = None if lasted_s is None else round(lasted_s * SECOND_NS)
    at = (at_ns(after_s), mono_ns(after_s))
    return Event(source(NAME), name, *at, type="stall", reason=reason, duration_ns=lasted_ns, meta=meta)


@pytest.fixture
def case() -> Case:
    case = Case()
    case.see(usable(0, NAME))
    return case


def test_silence_past_what_is_expected_opens_an_incident_once(case: Case) -> None:
    case.data(1)
    found = [case.check(6.0), case.check(6.2), case.check(6.4), case.check(60)]
    opened = stall("incident.opened", 6.2, "no data for 5.2 s (expected every 5 s)", opened_after(5200))
    assert found == [(), (opened,), (), ()]


def test_a_connection_that_never_sent_anything_stalls_from_its_opening(case: Case) -> None:
    reason = f"no data for 5.1 s (expected every 5 s){UNUSED}"
    assert case.check(5.1) == (stall("incident.opened", 5.1, reason, opened_after(5100)),)


def test_a_server_that_may_wait_for_the_client_is_not_told_as_that_once_something_was_sent(case: Case) -> None:
    case.sent(1)
    assert [found.reason for found in case.check(5.1)] == ["no data for 5.1 s (expected every 5 s)"]


def test_what_was_not_kept_may_have_been_a_message(case: Case) -> None:
    case.see(event("self.shed", 1, NAME))
    assert [found.reason for found in case.check(6.1)] == ["no data for 5.1 s (expected every 5 s)"]


def test_each_session_begins_without_messages(case: Case) -> None:
    case.data(1)
    case.see(loss(2, NAME))
    case.see(usable(10, NAME))
    assert [found.reason for found in case.check(15.5)] == [f"no data for 5.5 s (expected every 5 s){UNUSED}"]


def test_the_newest_event_before_the_silence_is_its_evidence(case: Case) -> None:
    case.data(1, newest_id=40)
    case.data(2, newest_id=44)
    (opened,) = case.check(8)
    assert (opened.meta or {})["evidence"] == [44]


def test_data_closes_the_incident_and_says_how_long_it_was(case: Case) -> None:
    case.check(6)
    case.data(41)
    assert case.check(41.1) == ()
    case.data(41.2)
    closed = stall("incident.closed", 41.3, "data again after 41 s", CLOSED, 35.3)
    assert [case.check(41.3), case.check(41.4)] == [(closed,), ()]


def test_data_that_is_always_a_little_late_is_one_incident(case: Case) -> None:
    found: list[Event] = []
    for number in range(100):
        found += case.check(number * 5.2)
        case.data(number * 5.2)
        found += case.check(number * 5.2 + 5.1)
    assert [each.name for each in found] == ["incident.opened"]


def test_data_that_is_rare_is_back_when_it_comes() -> None:
    case = Case(expect_every_s=600)
    case.see(usable(0, NAME))
    case.check(700)
    case.data(800)
    assert [each.reason for each in case.check(800.1)] == ["data again after 800 s"]


def test_the_next_silence_is_an_incident_of_its_own(case: Case) -> None:
    case.check(6)
    case.data(7)
    case.data(8)
    case.check(8.1)
    assert [found.name for found in case.check(14)] == ["incident.opened"]


def test_the_end_of_the_session_closes_the_incident(case: Case) -> None:
    case.check(6)
    case.see(loss(8, NAME))
    closed = stall("incident.closed", 8, "the session ended", CLOSED, 2)
    assert [case.check(8), case.check(60)] == [(closed,), ()]


def test_the_end_of_a_session_that_was_heard_is_no_incident(case: Case) -> None:
    case.data(1)
    case.see(loss(2, NAME))
    assert case.check(60) == ()


def test_data_of_the_session_before_does_not_count_for_the_next_one(case: Case) -> None:
    case.see(loss(2, NAME))
    case.see(usable(10, NAME))
    case.data(1)
    assert [found.reason for found in case.check(15.5)] == ["no data for 5.5 s (expected every 5 s)"]


def test_where_nothing_is_expected_nothing_stalls() -> None:
    case = Case(expect_every_s=0)
    case.see(usable(0, NAME))
    assert case.check(1_000) == ()


def test_what_is_expected_may_change_while_it_is_open() -> None:
    case = Case(expect_every_s=0)
    case.see(usable(0, NAME))
    case.expect(2.0)
    assert [found.reason for found in case.check(3)] == [f"no data for 3 s (expected every 2 s){UNUSED}"]


def test_time_in_which_we_did_not_read_is_no_silence(case: Case) -> None:
    case.data(1)
    case.see(event("self.backpressure", 2, NAME))
    assert case.check(30) == ()
    case.see(event("self.backpressure", 32, NAME, meta={"paused_ms": 30_000}))
    assert case.check(35.9) == ()
    assert [found.reason for found in case.check(36.1)] == ["no data for 5.1 s (expected every 5 s)"]


def test_other_events_of_the_connection_are_no_data(case: Case) -> None:
    case.see(event("error.occurred", 5, NAME, error_type="send_failed"))
    assert [found.name for found in case.check(5.5)] == ["incident.opened"]


def topic(name: EventName, of: str, after_s: float = 0, **fields: object) -> Event:
    return event(name, after_s, NAME, topic=of, **fields)


def test_lost_subscriptions_are_one_incident_until_all_are_back() -> None:
    harness = DetectorHarness(SubscriptionDetector())
    harness.see(*(topic("subscription.lost", name, reason="not restored") for name in "abcde"))
    (found,) = harness.check(1)
    assert found.reason == "5 subscriptions lost: a, b, c and 2 more (not restored)"
    assert (fact(found, "topics"), fact(found, "evidence")) == (["a", "b", "c", "d", "e"], [1, 2, 3, 4, 5])
    harness.see(*(topic("subscription.restored", name) for name in "abcd"))
    assert harness.check(2) == ()
    harness.see(topic("subscription.unsubscribe.completed", "e"))
    assert incident_reasons(harness.check(3)) == [("closed", "all are back")]


def test_a_refused_subscription_is_lost_and_one_broken_off_is_not() -> None:
    harness = DetectorHarness(SubscriptionDetector())
    harness.see(topic("subscription.subscribe.completed", "a", error_type="disconnected"))
    assert harness.check(1) == ()
    harness.see(topic("subscription.subscribe.completed", "a", error_type="refused", error="no such channel"))
    assert incident_reasons(harness.check(2)) == [("opened", "1 subscription lost: a (no such channel)")]
    harness.see(topic("subscription.subscribe.completed", "a"))
    assert incident_reasons(harness.check(3)) == [("closed", "all are back")]


def test_what_is_lost_and_back_between_two_looks_is_nothing() -> None:
    harness = DetectorHarness(SubscriptionDetector())
    harness.see(topic("subscription.lost", "a"), topic("subscription.restored", "a"))
    assert harness.check(1) == ()


def test_closing_the_connection_ends_lost_subscriptions() -> None:
    harness = DetectorHarness(SubscriptionDetector())
    harness.see(topic("subscription.lost", "a"))
    harness.check(1)
    harness.see(loss(2, NAME, to_status="closed"))
    assert harness.check_until(2, 9) == [("closed", "the connection ended")]


def suspended(after_s: float, lasted_s: float, asleep_s: float = 0) -> Event:
    meta = {"asleep_ms": asleep_s * 1_000} if asleep_s else None
    return event("self.suspended", after_s, "", duration_ns=round(lasted_s * SECOND_NS), meta=meta)


def test_d2_a_standstill_of_the_recorder_is_no_silence(case: Case) -> None:
    case.data(1)
    case.see(suspended(41, 38))
    # Two seconds of silence before it and three after it
    assert case.check(43.9) == ()
    (opened,) = case.check(44.2)
    assert opened.reason == "no data for 5.2 s (expected every 5 s)"


def test_d2_of_a_standstill_only_the_time_on_the_monotonic_clock_counts(case: Case) -> None:
    case.data(1)
    case.see(suspended(3, 7_200, asleep_s=7_200))
    assert case.check(5.9) == ()
    assert len(case.check(6.1)) == 1


def test_d1_messages_that_were_not_kept_are_no_silence(case: Case) -> None:
    case.data(1)
    case.see(event("self.shed", 31, NAME, meta={"name": "message.received", "events": 3_000}))
    assert case.check(35.9) == ()
    assert len(case.check(36.1)) == 1
