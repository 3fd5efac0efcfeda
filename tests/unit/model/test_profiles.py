"""Capture profiles keep the rows they promise; alerts report an incident or a critical error once."""

from __future__ import annotations

import pytest

from tests.support.builders import event, loss, message
from wsmon.model.events import EVENT_NAMES, Event, EventName
from wsmon.model.profiles import (
    MAJOR_ERRORS,
    PROFILES,
    AlertDeduplicator,
    ProfileName,
    alert_summary,
    is_alertable,
    profile_of,
)

MESSAGES = {"message.received", "message.sent"}
HEARTBEATS = {"heartbeat.sent", "heartbeat.received", "heartbeat.responded"}
IN_STANDARD = {
    "message.batch_processed",
    "heartbeat.timeout",
    "heartbeat.failure",
    "connection.started",
    "connection.open",
    "connection.completed",
    "connection.disconnected",
    "connection.reconnect.attempt",
    "connection.reconnect.success",
    "connection.reconnect.failed",
    "connection.transition",
    "connection.protocol",
    "subscription.subscribe.started",
    "subscription.subscribe.completed",
    "subscription.unsubscribe.started",
    "subscription.unsubscribe.completed",
    "subscription.lost",
    "subscription.restored",
    "auth.started",
    "auth.completed",
    "auth.failed",
    "auth.refresh.started",
    "auth.refresh.completed",
    "error.occurred",
    "error.handled",
    "incident.opened",
    "incident.closed",
    "self.backpressure",
    "self.shed",
    "self.pruned",
    "self.config.reloaded",
    "self.clock.stepped",
    "self.suspended",
    "self.run.started",
    "self.run.ended",
    "self.alert.delivered",
    "self.alert.failed",
    "self.sink.failed",
    "self.plugin.failed",
    "self.lost",
    "self.store.tampered",
    "trace.lost",
}
IN_LIGHTWEIGHT = {
    "message.batch_processed",
    "heartbeat.timeout",
    "heartbeat.failure",
    "connection.reconnect.success",
    "connection.reconnect.failed",
    "auth.failed",
    "subscription.lost",
    "incident.opened",
    "incident.closed",
    "self.backpressure",
    "self.shed",
    "self.pruned",
    "self.config.reloaded",
    "self.clock.stepped",
    "self.suspended",
    "self.run.started",
    "self.run.ended",
    "self.alert.delivered",
    "self.alert.failed",
    "self.sink.failed",
    "self.plugin.failed",
    "self.lost",
    "self.store.tampered",
    "trace.lost",
}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("detailed", set(EVENT_NAMES)),
        ("financial", set(EVENT_NAMES)),
        ("standard", IN_STANDARD),
        ("lightweight", IN_LIGHTWEIGHT),
    ],
)
def test_rows_of_a_profile_where_nothing_goes_wrong(name: ProfileName, kept: set[str]) -> None:
    assert {each for each in EVENT_NAMES if PROFILES[name].keeps(event(each))} == kept


@pytest.mark.parametrize("name", PROFILES)
def test_a_change_of_status_is_a_row_in_every_profile(name: ProfileName) -> None:
    changes = [event(each, to_status="connecting") for each in EVENT_NAMES]
    assert all(PROFILES[name].keeps(change) for change in changes)
    assert PROFILES[name].keeps(loss())


def test_an_error_is_a_row_of_standard_whatever_it_is_about() -> None:
    failed = [event(each, error_type="json") for each in EVENT_NAMES]
    assert all(PROFILES["standard"].keeps(each) for each in failed)


def test_only_major_errors_are_rows_of_lightweight() -> None:
    types = sorted(MAJOR_ERRORS | {"json", "too_large", "unmatched_reply", "topic_closed", "dns", "jsonrpc"})
    kept = {each for each in types if PROFILES["lightweight"].keeps(event("error.occurred", error_type=each))}
    assert kept == {
        "protocol",
        "invalid_utf8",
        "message_too_big",
        "write_overflow",
        "send_failed",
        "internal",
        "classifier",
        "retries_exhausted",
    }
    assert not PROFILES["lightweight"].keeps(message(error_type="json"))


@pytest.mark.parametrize("name", ["subscription.subscribe.completed", "subscription.unsubscribe.completed"])
def test_lightweight_keeps_subscriptions_that_failed(name: EventName) -> None:
    outcomes = (event(name, status="ok"), event(name, status="error"), event(name, error_type="timeout"))
    assert [PROFILES["lightweight"].keeps(outcome) for outcome in outcomes] == [False, True, True]


def test_where_messages_are_rows() -> None:
    assert {name for name, profile in PROFILES.items() if profile.keeps_messages} == {"detailed", "financial"}


def test_only_financial_shows_all_metadata() -> None:
    assert [name for name, profile in PROFILES.items() if not profile.filters_metadata] == ["financial"]


@pytest.mark.parametrize("name", PROFILES)
def test_without_control_frames_a_profile_differs_in_healthy_heartbeats_only(name: ProfileName) -> None:
    whole, less = profile_of(name), profile_of(name, control_frames=False)
    assert whole is PROFILES[name]
    assert {each for each in EVENT_NAMES if whole.keeps(event(each)) and not less.keeps(event(each))} == (
        HEARTBEATS if whole.keeps_messages else set()
    )
    assert less.keeps_messages == whole.keeps_messages


def opened(after_s: float = 0.0, kind: str = "stall", connection: str = "feed") -> Event:
    return event("incident.opened", after_s, connection, type=kind, reason="no data for 30 s")


def closed(after_s: float = 0.0, kind: str = "stall", connection: str = "feed") -> Event:
    return event("incident.closed", after_s, connection, type=kind)


def failed(after_s: float = 0.0, error_type: str = "send_failed") -> Event:
    return event("error.occurred", after_s, "feed", error_type=error_type, error="it did not work")


@pytest.mark.parametrize("each", [opened(), closed(), failed(), failed(error_type="internal")])
def test_incidents_their_ends_and_critical_errors_are_notable(each: Event) -> None:
    assert is_alertable(each)


@pytest.mark.parametrize(
    "each",
    [
        message(),
        loss(),
        failed(error_type="json"),
        event("auth.failed", error_type="auth"),  # an incident says so
        event("self.alert.failed", connection="", error_type="alert"),  # would tell of itself for ever
    ],
)
def test_what_is_no_trouble_or_an_incident_anyway_is_not(each: Event) -> None:
    assert not is_alertable(each)


def test_an_incident_is_told_once_and_again_after_it_cleared() -> None:
    announced = AlertDeduplicator()
    seen = [opened(), opened(1), closed(2), closed(3), opened(4), opened(5)]
    assert [announced.is_new(each) for each in seen] == [True, False, False, False, True, False]


def test_incidents_of_other_kinds_and_connections_are_news_of_their_own() -> None:
    announced = AlertDeduplicator()
    seen = [opened(), opened(kind="storm"), opened(connection="other"), closed(kind="storm"), opened()]
    assert [announced.is_new(each) for each in seen] == [True, True, True, False, False]


def test_a_critical_error_is_news_again_when_it_stayed_away_for_five_minutes() -> None:
    announced = AlertDeduplicator()
    seen = [failed(0), failed(299), failed(598), failed(898), failed(900), failed(900, "protocol")]
    assert [announced.is_new(each) for each in seen] == [True, False, False, True, False, True]


def test_the_summary_says_who_what_and_why() -> None:
    assert alert_summary(opened()) == "feed: stall: no data for 30 s"
    assert alert_summary(failed()) == "feed: send_failed: it did not work"
    assert alert_summary(event("incident.opened", connection="", type="backpressure")) == "backpressure"
