"""Incidents are opened once and closed once, and what closes one names what opened it."""

from __future__ import annotations

from tests.support.builders import SECOND_NS, at_ns, event, source
from tests.support.detectors import NAME, Watching, mono_ns, told
from wsmon.model.detectors import all_detectors
from wsmon.model.detectors.base import INCIDENT_KINDS, MOST_EVIDENCE, Expectation, Incidents
from wsmon.model.detectors.reconnects import RetriesDetector
from wsmon.model.events import Event


def gave_up(after_s: float = 0) -> Event:
    return event("connection.transition", after_s, NAME, to_status="error", meta={"attempts": 5}, error="refused")


def test_an_incident_says_what_proves_it_and_how_to_silence_it() -> None:
    incidents = Incidents("storm", "a longer reconnect.initial")
    incidents.open(source(NAME), "5 attempts", [3, 0, 7], {"attempts": 5})
    silence = 'a longer reconnect.initial or silence = ["storm"]'
    assert incidents.take(at_ns(1), mono_ns(1)) == (
        Event(
            source(NAME),
            "incident.opened",
            at_ns(1),
            mono_ns(1),
            type="storm",
            reason="5 attempts",
            meta={"evidence": [3, 7], "silence": silence, "attempts": 5},
        ),
    )


def test_an_end_waits_for_the_id_of_its_beginning() -> None:
    incidents = Incidents("gap")
    incidents.open(source(NAME), "begun", [1])
    incidents.close(NAME, "ended", {"missing": 2})
    (opened,) = incidents.take(at_ns(1), mono_ns(1))
    assert incidents.take(at_ns(2), mono_ns(2)) == ()
    incidents.observe(event(opened.name, 1, NAME, type="gap", id=41))
    assert incidents.take(at_ns(3), mono_ns(3)) == (
        Event(
            source(NAME),
            "incident.closed",
            at_ns(3),
            mono_ns(3),
            type="gap",
            reason="ended",
            duration_ns=2 * SECOND_NS,
            meta={"incident": 41, "evidence": [41], "missing": 2},
        ),
    )
    assert incidents.take(at_ns(4), mono_ns(4)) == ()


def test_what_is_open_is_not_opened_again_and_what_is_not_is_not_closed() -> None:
    incidents = Incidents("gap")
    incidents.close(NAME, "never begun")
    incidents.open(source(NAME), "begun", [1])
    incidents.open(source(NAME), "begun again", [2])
    assert told(incidents.take(at_ns(1), mono_ns(1))) == [("opened", "begun")]


def test_evidence_is_bounded_to_the_newest() -> None:
    incidents = Incidents("gap")
    incidents.open(source(NAME), "begun", range(1, 100))
    (opened,) = incidents.take(at_ns(1), mono_ns(1))
    assert (opened.meta or {})["evidence"] == list(range(100 - MOST_EVIDENCE, 100))


def test_a_silenced_kind_is_neither_found_nor_left_open() -> None:
    watching = Watching(RetriesDetector())
    watching.see(gave_up())
    assert told(watching.check(0)) == [("opened", "gave up after 5 attempts: refused")]
    watching.expect(Expectation(silenced=frozenset({"retries_exhausted"})))
    assert told(watching.check(1)) == [("closed", "it is no longer watched")]
    watching.see(gave_up(2))
    assert watching.check(2) == ()


def test_a_connection_that_left_the_configuration_has_no_incidents() -> None:
    watching = Watching(RetriesDetector())
    watching.see(gave_up())
    watching.check(0)
    watching.expect()
    assert told(watching.check(1)) == [("closed", "it is no longer watched")]
    watching.see(gave_up(2))
    assert watching.check(2) == ()


def test_the_end_of_the_recorder_ends_what_is_open() -> None:
    watching = Watching(RetriesDetector())
    watching.see(gave_up())
    watching.check(0)
    assert watching.end(9) == [("closed", "the recorder ended")]


def test_every_kind_has_one_detector() -> None:
    found = [detector.kind for detector in all_detectors() if hasattr(detector, "kind")]
    assert sorted([*found, "gap", "duplicate", "reorder"]) == sorted(INCIDENT_KINDS)


def test_detectors_that_saw_nothing_find_nothing() -> None:
    for detector in all_detectors():
        watching = Watching(detector)
        watching.see(event("error.occurred", 1, NAME, error_type="send_failed"))
        assert watching.check_until(0, 120, 10) == []
        assert watching.end(121) == []
