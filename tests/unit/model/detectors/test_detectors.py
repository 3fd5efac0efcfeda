"""The list of detectors: every kind of incident is found by one of them, and known wherever kinds are named."""

from __future__ import annotations

from collections import Counter

from tests.support.builders import event
from tests.support.detectors import NAME, DetectorHarness
from wsmon.model.detectors import DETECTORS, all_detectors
from wsmon.model.detectors.base import IncidentDetector
from wsmon.model.detectors.sequence import KINDS
from wsmon.model.incident_kinds import INCIDENT_KINDS


def test_every_kind_has_one_detector() -> None:
    of_one_kind = tuple(detector.kind for detector in DETECTORS if issubclass(detector, IncidentDetector))
    assert (*KINDS.values(), *of_one_kind) == INCIDENT_KINDS
    assert [name for name, number in Counter(kind.name for kind in INCIDENT_KINDS).items() if number > 1] == []
    assert [type(detector) for detector in all_detectors()] == list(DETECTORS)


def test_those_that_judge_traffic_are_given_it() -> None:
    assert {type(detector).__name__ for detector in all_detectors() if detector.reads_traffic} == {
        "ErrorsDetector", "SequenceDetector", "SlowDetector", "StallDetector", "TypesDetector",
    }  # fmt: skip


def test_detectors_that_saw_nothing_find_nothing() -> None:
    for detector in all_detectors():
        harness = DetectorHarness(detector)
        harness.see(event("error.occurred", 1, NAME, error_type="send_failed"))
        assert harness.check_until(0, 120, 10) == []
        assert harness.end(121) == []
