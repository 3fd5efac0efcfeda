from __future__ import annotations

import pytest

from tests.support.builders import event, loss, message
from wsmon.model.events import Event, Json, Verdict
from wsmon.tui.related import EvidenceStep, EvidenceTrail, evidence_of, next_step


def incident(*evidence: Json) -> Event:
    return event("incident.opened", id=9, type="gap", meta={"evidence": list(evidence)})


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (incident(4, 2, 4), (2, 4)),
        (incident(), ()),
        (incident(0, -1, "7", None, 9), ()),  # its own id proves nothing
        (event(meta={"evidence": "17"}), ()),
        (message(id=4), ()),
    ],
)
def test_evidence_is_ids_of_other_events(each: Event, expected: tuple[int, ...]) -> None:
    assert evidence_of(each) == expected


def test_a_trail_goes_from_the_incident_through_its_evidence_and_back() -> None:
    trail = EvidenceTrail(9, (2, 4))
    assert next_step(incident(2, 4), None) == EvidenceStep(trail, 2)
    assert next_step(message(id=2), trail) == EvidenceStep(trail, 4)
    assert next_step(message(id=4), trail) == EvidenceStep(trail, 9)
    assert next_step(incident(2, 4), trail) == EvidenceStep(trail, 2)


def test_off_the_trail_there_is_no_step() -> None:
    assert next_step(message(id=3), EvidenceTrail(9, (2, 4))) is None
    assert next_step(message(id=3), None) is None


def test_another_incident_begins_a_trail_of_its_own() -> None:
    assert next_step(incident(5), EvidenceTrail(20, (9,))) == EvidenceStep(EvidenceTrail(9, (5,)), 5)


def test_a_verdict_leads_through_the_losses_of_its_pattern() -> None:
    def lost(number: int, *evidence: int) -> Event:
        return loss(id=number, verdict=Verdict("network", "no close frame", "60 s", "ping", evidence))

    trail = EvidenceTrail(9, (2, 4))
    assert next_step(lost(9, 2, 4), None) == EvidenceStep(trail, 2)
    assert next_step(lost(2), trail) == EvidenceStep(trail, 4)
    assert next_step(lost(4, 2), trail) == EvidenceStep(trail, 9)
    assert next_step(lost(4, 2), None) == EvidenceStep(EvidenceTrail(4, (2,)), 2)
