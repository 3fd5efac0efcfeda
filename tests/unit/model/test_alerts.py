from __future__ import annotations

import pytest

from tests.support.builders import event, loss, message
from wsmon.model.events import Event
from wsmon.model.profiles import AlertDeduplicator, alert_summary, is_alertable


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
    assert [announced.is_news(each) for each in seen] == [True, False, False, False, True, False]


def test_incidents_of_other_kinds_and_connections_are_news_of_their_own() -> None:
    announced = AlertDeduplicator()
    seen = [opened(), opened(kind="storm"), opened(connection="other"), closed(kind="storm"), opened()]
    assert [announced.is_news(each) for each in seen] == [True, True, True, False, False]


def test_a_critical_error_is_news_again_when_it_stayed_away_for_five_minutes() -> None:
    announced = AlertDeduplicator()
    seen = [failed(0), failed(299), failed(598), failed(898), failed(900), failed(900, "protocol")]
    assert [announced.is_news(each) for each in seen] == [True, False, False, True, False, True]


def test_the_summary_says_who_what_and_why() -> None:
    assert alert_summary(opened()) == "feed: stall: no data for 30 s"
    assert alert_summary(failed()) == "feed: send_failed: it did not work"
    assert alert_summary(event("incident.opened", connection="", type="backpressure")) == "backpressure"
