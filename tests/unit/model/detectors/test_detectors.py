"""The list of detectors: every kind of incident is found by one of them, and known wherever kinds are named."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.support.builders import event
from tests.support.detectors import NAME, DetectorHarness
from wsmon.model.detectors import DETECTORS, INCIDENT_KINDS, all_detectors
from wsmon.model.detectors.base import NO_THRESHOLDS
from wsmon.query.fields import INCIDENT_FLAGS

ALERTS = Path(__file__).parents[4] / "docs" / "alerts.md"


def test_every_kind_has_one_detector() -> None:
    assert [name for name, number in Counter(kind.name for kind in INCIDENT_KINDS).items() if number > 1] == []
    assert [type(detector) for detector in all_detectors()] == list(DETECTORS)


def test_those_that_judge_traffic_are_given_it() -> None:
    assert {type(detector).__name__ for detector in all_detectors() if detector.reads_traffic} == {
        "ErrorsDetector", "SequenceDetector", "SlowDetector", "StallDetector", "TypesDetector",
    }  # fmt: skip


def test_the_kinds_are_those_of_the_contract() -> None:
    assert {kind.name for kind in INCIDENT_KINDS} == {
        "stall", "storm", "gap", "duplicate", "reorder", "slow", "errors", "retries_exhausted", "auth", "subscription",
        "certificate", "peer_changed", "types", "backpressure", "shed",
    }  # fmt: skip


def test_flags_of_queries_stand_for_kinds() -> None:
    assert INCIDENT_FLAGS == {"stall": "stall", "storm": "storm", "gap": "gap", "dup": "duplicate", "slow": "slow"}


def test_every_kind_is_documented_with_its_thresholds_and_the_setting_that_avoids_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.*?) ?\| (.*?) ?\|$", ALERTS.read_text(), re.MULTILINE)
    documented = [(name, opens_when, *(cell.replace("`", "") for cell in others)) for name, opens_when, *others in rows]
    assert documented == [
        (
            kind.name,
            kind.describe(NO_THRESHOLDS),
            ", ".join(f"{each.name} = {each.written(each.default)}" for each in kind.thresholds),
            kind.avoided_by,
        )
        for kind in INCIDENT_KINDS
    ]


def test_every_kind_says_when_it_opens_and_what_its_thresholds_are() -> None:
    for kind in INCIDENT_KINDS:
        assert kind.opens_when
        assert all(each.doc.isprintable() and not each.doc.endswith(".") for each in kind.thresholds)
        names = [each.name for each in kind.thresholds]
        assert len(set(names)) == len(names)
        values = kind.in_force(NO_THRESHOLDS)
        assert all(not each.below or values[each.name] < values[each.below] for each in kind.thresholds)


def test_detectors_that_saw_nothing_find_nothing() -> None:
    for detector in all_detectors():
        harness = DetectorHarness(detector)
        harness.see(event("error.occurred", 1, NAME, error_type="send_failed"))
        assert harness.check_until(0, 120, 10) == []
        assert harness.end(121) == []
