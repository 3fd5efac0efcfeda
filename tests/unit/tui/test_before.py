"""What came before a connection ended."""

from __future__ import annotations

from msgspec.structs import replace

from tests.support.builders import event, loss, message
from tests.support.fake_ports import FakeView
from wsmon.model.events import Event, EventName
from wsmon.tui.related import NO_PRIOR_EVENTS, PriorEvents, has_prior_events, read_prior_events


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
