"""What becomes an alert, by which way, and what is said of one that failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.support.builders import event
from tests.support.engines import RecordingSink
from tests.tui.fakes import FakeClock, FakeView
from wsmon.config.specs import AlertSpec
from wsmon.model.detectors.rules import RuleDetector
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.alert_rules import RuleWatch
from wsmon.recorder.alerts import PLACES, AlertDispatcher, AlertOrigin
from wsmon.recorder.run import self_events

MISSING = AlertSpec(command=(Sensitive("/nonexistent/hunter22/alert"),))
STALL = event("incident.opened", 0, "feed", id=7, type="stall", reason="no data")


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
async def dispatcher(sink: RecordingSink) -> AsyncIterator[AlertDispatcher]:
    clock = FakeClock()
    watch = partial(RuleWatch, lambda: FakeView(()), lambda: 0, RuleDetector(), clock)
    dispatcher = AlertDispatcher(AlertOrigin("box", "wsmon.toml", "store.db"), self_events(sink, clock), clock, watch)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(dispatcher.run(), name="alerts")
        yield dispatcher
        task.cancel()


async def test_a_failure_is_an_event_of_the_recorder_that_names_the_incident_and_no_secret(
    dispatcher: AlertDispatcher, sink: RecordingSink
) -> None:
    dispatcher.configure(MISSING, ("hunter22",))
    dispatcher.take([STALL])
    failed = await sink.wait("self.alert.failed")
    why = "/nonexistent/[FILTERED]/alert cannot be started: No such file or directory"
    assert (failed.source.connection, failed.error_type, failed.error) == ("", "alert", why)
    assert failed.reason == f"{why}; not delivered: feed: stall: no data"
    assert failed.meta == {"way": "command", "lost": 1, "evidence": [7]}
    assert failed.is_problem
    assert dispatcher.warning == f"an alert was not delivered: {why}"


async def test_only_news_are_told(dispatcher: AlertDispatcher, sink: RecordingSink) -> None:
    dispatcher.configure(MISSING, ())
    ended = event("incident.closed", 1, "feed", id=8, type="stall")
    storm = event("incident.opened", 2, "feed", id=9, type="storm", reason="5 reconnects")
    dispatcher.take([STALL, STALL, ended, storm])
    await sink.wait("self.alert.failed", 2)
    assert [failed.meta and failed.meta["evidence"] for failed in sink.events] == [[7], [9]]


async def test_without_ways_nothing_is_told_and_an_incident_that_is_known_stays_known(
    dispatcher: AlertDispatcher, sink: RecordingSink
) -> None:
    dispatcher.configure(AlertSpec(), ())
    dispatcher.take([STALL])
    dispatcher.configure(MISSING, ())
    dispatcher.take([STALL, event("incident.opened", 2, "other", id=9, type="stall")])
    await sink.wait("self.alert.failed")
    assert [failed.meta and failed.meta["evidence"] for failed in sink.events] == [[9]]


async def test_a_reload_that_leaves_a_way_as_it_is_leaves_its_warning(
    dispatcher: AlertDispatcher, sink: RecordingSink
) -> None:
    dispatcher.configure(MISSING, ())
    dispatcher.take([STALL])
    await sink.wait("self.alert.failed")
    dispatcher.configure(AlertSpec(command=MISSING.command, bell=False, desktop=True), ())
    assert dispatcher.warning
    assert (dispatcher.rings, dispatcher.notifies) == (False, True)
    dispatcher.configure(AlertSpec(), ())
    assert dispatcher.warning == ""
    assert (dispatcher.rings, dispatcher.notifies) == (True, False)


async def test_alerts_that_found_no_place_are_counted_in_an_event(
    dispatcher: AlertDispatcher, sink: RecordingSink
) -> None:
    dispatcher.configure(MISSING, ())
    dispatcher.take([event("incident.opened", 0, f"feed{number}", id=number, type="stall") for number in range(1, 101)])
    await sink.wait("self.alert.failed", PLACES + 1)
    (overflow,) = (failed for failed in sink.events if failed.meta and not failed.meta["evidence"])
    lost = 100 - PLACES
    assert overflow.meta == {"way": "command", "lost": lost, "evidence": []}
    assert overflow.reason == f"{PLACES} others waited already; not delivered: {lost} alerts"
