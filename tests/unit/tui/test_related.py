"""What proves an event, and what came before it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.builders import event, loss, message
from tests.support.fake_ports import FakeView
from wsmon.model.events import Event, EventName, Json, Verdict
from wsmon.tui.related import (
    NO_PRIOR_EVENTS,
    EvidenceStep,
    EvidenceTrail,
    PriorEvents,
    evidence_of,
    has_prior_events,
    next_step,
    read_prior_events,
)


def view_of(*events: Event) -> tuple[FakeView, tuple[Event, ...]]:
    """A store of these events, and the events as they are in it."""
    view = FakeView(())
    view.add(*events)
    return view, view.events_after(0, len(events))


def said(after_s: float, connection: str = "deribit") -> Event:
    """A message that came in."""
    return message("{}", after_s, connection)


def failed(after_s: float, name: EventName = "connection.disconnected") -> Event:
    """A first attempt that never became usable, or a later one."""
    made = event(name, after_s, "deribit", from_status="connected", to_status="disconnected")
    return replace(made, status=401)


def failed_again(after_s: float) -> Event:
    """A later attempt of the same outage."""
    return failed(after_s, "connection.reconnect.failed")


def test_a_loss_has_the_last_message_that_its_own_session_received() -> None:
    view, stored = view_of(said(0), said(1), said(2, "coinbase"), message("{}", 3, "deribit", direction="out"), loss(5))
    assert read_prior_events(view, stored[-1]) == PriorEvents(message=stored[1])


def test_an_attempt_that_failed_has_the_loss_that_the_outage_began_with_and_what_was_said_before_that() -> None:
    view, stored = view_of(said(0), loss(1), failed_again(2), failed_again(3))
    assert read_prior_events(view, stored[-1]) == PriorEvents(message=stored[0], loss=stored[1])


def test_an_outage_that_began_with_a_first_attempt_has_no_loss_of_an_earlier_day() -> None:
    view, stored = view_of(said(0), loss(1), failed(86_400), failed_again(86_401))
    assert read_prior_events(view, stored[-1]) == NO_PRIOR_EVENTS


def test_a_connection_closed_by_us_is_no_loss() -> None:
    view, stored = view_of(said(0), replace(loss(1), to_status="closed"), failed_again(2))
    assert read_prior_events(view, stored[-1]) == NO_PRIOR_EVENTS
    assert read_prior_events(view, stored[1]) == PriorEvents(message=stored[0])


def test_only_ends_ask_for_what_was_before_them() -> None:
    assert [has_prior_events(each) for each in (loss(), failed(0), said(0), event("heartbeat.sent"))] == [
        True,
        True,
        False,
        False,
    ]


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
