"""Incidents are opened once and closed once, and what closes one names what opened it."""

from __future__ import annotations

from tests.support.builders import SECOND_NS, at_ns, event, source
from tests.support.detectors import NAME, DetectorHarness, incident_reasons, mono_ns
from wsmon.model.detectors.base import MAX_EVIDENCE, Expectation, Incidents
from wsmon.model.detectors.reconnects import RetriesDetector, StormDetector
from wsmon.model.events import Event


def gave_up(after_s: float = 0) -> Event:
    return event("connection.transition", after_s, NAME, to_status="error", meta={"attempts": 5}, error="refused")


def test_an_incident_says_what_proves_it_and_how_to_silence_it() -> None:
    silence = StormDetector.kind.silence
    incidents = Incidents("storm", silence)
    incidents.open(source(NAME), "5 attempts", [3, 0, 7], {"attempts": 5})
    assert silence == 'a longer reconnect.initial, or retry delay of a relayed application or silence = ["storm"]'
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
    incidents = Incidents("gap", 'silence = ["gap"]')
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
    incidents = Incidents("gap", 'silence = ["gap"]')
    incidents.close(NAME, "never begun")
    incidents.open(source(NAME), "begun", [1])
    incidents.open(source(NAME), "begun again", [2])
    assert incident_reasons(incidents.take(at_ns(1), mono_ns(1))) == [("opened", "begun")]


def test_evidence_is_bounded_to_the_newest() -> None:
    incidents = Incidents("gap", 'silence = ["gap"]')
    incidents.open(source(NAME), "begun", range(1, 100))
    (opened,) = incidents.take(at_ns(1), mono_ns(1))
    assert (opened.meta or {})["evidence"] == list(range(100 - MAX_EVIDENCE, 100))


def test_a_silenced_kind_is_neither_found_nor_left_open() -> None:
    harness = DetectorHarness(RetriesDetector())
    harness.see(gave_up())
    assert incident_reasons(harness.check(0)) == [("opened", "gave up after 5 attempts: refused")]
    harness.expect(Expectation(silenced=frozenset({"retries_exhausted"})))
    assert incident_reasons(harness.check(1)) == [("closed", "detector disabled")]
    harness.see(gave_up(2))
    assert harness.check(2) == ()


def test_a_connection_that_left_the_configuration_has_no_incidents() -> None:
    harness = DetectorHarness(RetriesDetector())
    harness.see(gave_up())
    harness.check(0)
    harness.expect()
    assert incident_reasons(harness.check(1)) == [("closed", "detector disabled")]
    harness.see(gave_up(2))
    assert harness.check(2) == ()


def test_the_end_of_the_recorder_ends_what_is_open() -> None:
    harness = DetectorHarness(RetriesDetector())
    harness.see(gave_up())
    harness.check(0)
    assert harness.end(9) == [("closed", "the recorder stopped")]
