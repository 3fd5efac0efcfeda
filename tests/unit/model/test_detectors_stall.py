"""When silence is a stall, and when it is over."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import MONO_0_NS, SECOND_NS, at_ns, event, loss, source, usable
from wsmon.model.detectors.base import Expectation, Traffic
from wsmon.model.detectors.silence import StallDetector
from wsmon.model.events import Event, EventName, Meta

NAME = "feed"


def mono_ns(after_s: float) -> int:
    return MONO_0_NS + round(after_s * SECOND_NS)


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
        self.detector.observe_traffic(Traffic(source(NAME), at_ns, at_ns, newest_id=newest_id))

    def check(self, after_s: float) -> tuple[Event, ...]:
        found = self.detector.check(at_ns(after_s), mono_ns(after_s))
        for incident in found:
            self.see(incident)
        return found


SILENCE = 'a longer expect_every or silence = ["stall"]'
OPENED: Meta = {"evidence": [1], "silence": SILENCE}
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
    opened = stall("incident.opened", 6.2, "no data for 5.2 s; expected every 5 s", OPENED)
    assert found == [(), (opened,), (), ()]


def test_a_connection_that_never_sent_anything_stalls_from_its_opening(case: Case) -> None:
    assert case.check(5.1) == (stall("incident.opened", 5.1, "no data for 5.1 s; expected every 5 s", OPENED),)


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
    assert [found.reason for found in case.check(15.5)] == ["no data for 5.5 s; expected every 5 s"]


def test_where_nothing_is_expected_nothing_stalls() -> None:
    case = Case(expect_every_s=0)
    case.see(usable(0, NAME))
    assert case.check(1_000) == ()


def test_what_is_expected_may_change_while_it_is_open() -> None:
    case = Case(expect_every_s=0)
    case.see(usable(0, NAME))
    case.expect(2.0)
    assert [found.reason for found in case.check(3)] == ["no data for 3 s; expected every 2 s"]


def test_time_in_which_we_did_not_read_is_no_silence(case: Case) -> None:
    case.data(1)
    case.see(event("self.backpressure", 2, NAME))
    assert case.check(30) == ()
    case.see(event("self.backpressure", 32, NAME, meta={"paused_ms": 30_000}))
    assert case.check(35.9) == ()
    assert [found.reason for found in case.check(36.1)] == ["no data for 5.1 s; expected every 5 s"]


def test_other_events_of_the_connection_are_no_data(case: Case) -> None:
    case.see(event("error.occurred", 5, NAME, error_type="send_failed"))
    assert [found.name for found in case.check(5.5)] == ["incident.opened"]
