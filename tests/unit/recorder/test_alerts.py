"""Which events become alerts, queues of channels that work, fail and hang, and what is reported of a failure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.support.builders import MONO_0_NS, event
from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock, FakeView
from wsmon.config.specs import AlertSpec
from wsmon.model.detectors.rules import RuleDetector
from wsmon.model.events import Event
from wsmon.model.profiles import Notable
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import MS_NS
from wsmon.recorder.alert_channels import AlertFailedError
from wsmon.recorder.alert_rules import RuleWatch
from wsmon.recorder.alerts import (
    AT_A_TIME,
    PLACES,
    Alert,
    AlertDispatcher,
    AlertFailure,
    AlertOrigin,
    ChannelQueue,
    alert_json,
)
from wsmon.recorder.run import self_events
from wsmon.recorder.sink_guard import SinkGuard

SOON_S = 5.0
ABOUT = event("incident.opened", 0, "feed", id=7, type="stall")


def alert(body: bytes = b"{}") -> Alert:
    return Alert(ABOUT, body, ABOUT.mono_ns)


class FakeChannel:
    """Keeps the alerts it is given; raises ``error`` where there is one; hangs while ``go_on`` is cleared."""

    def __init__(self) -> None:
        self.delivered: list[bytes] = []
        self.under_way = 0
        self.error: Exception | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def deliver(self, alert: bytes) -> None:
        self.under_way += 1
        await self.go_on.wait()
        self.under_way -= 1
        if self.error is not None:
            raise self.error
        self.delivered.append(alert)


class Stage:
    """A queue that runs, and the failures that it reported."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.failures: list[AlertFailure] = []
        self.queue = ChannelQueue("command", self.clock, self.failures.append, lambda *_delivered: None)
        self.channel = FakeChannel()
        self.queue.use(self.channel)

    async def settle(self) -> None:
        """Let the workers do what they can."""
        for _ in range(2 * PLACES):
            await asyncio.sleep(0)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with _running(Stage()) as stage:
        yield stage


@asynccontextmanager
async def _running(stage: Stage) -> AsyncIterator[Stage]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(stage.queue.run(), name="alert queue")
        yield stage
        task.cancel()


async def test_alerts_are_delivered_in_order(stage: Stage) -> None:
    for body in (b"1", b"2", b"3"):
        stage.queue.put(alert(body))
    await stage.settle()
    assert (stage.channel.delivered, stage.failures, stage.queue.warning) == ([b"1", b"2", b"3"], [], "")


async def test_without_a_way_nothing_waits(stage: Stage) -> None:
    stage.queue.use(None)
    for _ in range(2 * PLACES):
        stage.queue.put(alert())
    stage.queue.use(stage.channel)
    await stage.settle()
    assert (stage.channel.delivered, stage.failures) == ([], [])


async def test_a_failure_is_reported_shown_and_forgotten_when_an_alert_gets_through(stage: Stage) -> None:
    stage.channel.error = AlertFailedError("no luck")
    stage.queue.put(alert())
    await stage.settle()
    assert stage.failures == [AlertFailure("command", "no luck", ABOUT, 1, {"feed": 1})]
    assert stage.queue.warning == "an alert was not delivered: no luck"
    stage.queue.put(alert())
    await stage.settle()
    assert stage.queue.warning == "2 alerts were not delivered: no luck"
    stage.channel.error = None
    stage.queue.put(alert())
    await stage.settle()
    assert stage.queue.warning == ""


async def test_a_failure_is_no_longer_shown_after_ten_minutes_or_with_another_way(stage: Stage) -> None:
    stage.channel.error = AlertFailedError("no luck")
    stage.queue.put(alert())
    await stage.settle()
    stage.clock.advance(599)
    assert stage.queue.warning
    stage.clock.advance(2)
    assert stage.queue.warning == ""
    stage.queue.put(alert())
    await stage.settle()
    assert stage.queue.warning
    stage.queue.use(FakeChannel())
    assert stage.queue.warning == ""


async def test_a_mistake_of_ours_is_a_failure_like_any_other(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.channel.error = KeyError("oops")
    stage.queue.put(alert())
    await stage.settle()
    assert [failure.why for failure in stage.failures] == ["a wsmon bug; see recorder.log"]
    assert "KeyError" in caplog.text
    stage.channel.error = None
    stage.queue.put(alert(b"next"))
    await stage.settle()
    assert stage.channel.delivered == [b"next"]


async def test_one_that_hangs_does_not_delay_the_next(stage: Stage) -> None:
    hanging = stage.channel
    hanging.go_on.clear()
    stage.queue.put(alert(b"1"))
    await stage.settle()
    stage.queue.use(second := FakeChannel())
    stage.queue.put(alert(b"2"))
    await stage.settle()
    assert (hanging.under_way, second.delivered) == (1, [b"2"])


async def test_what_a_replaced_way_says_is_reported_and_not_shown(stage: Stage) -> None:
    old = stage.channel
    old.go_on.clear()
    old.error = AlertFailedError("too late")
    stage.queue.put(alert())
    await stage.settle()
    stage.queue.use(FakeChannel())
    old.go_on.set()
    await stage.settle()
    assert [failure.why for failure in stage.failures] == ["too late"]
    assert stage.queue.warning == ""


async def test_too_many_are_counted_and_the_count_is_reported_once(stage: Stage) -> None:
    stage.channel.go_on.clear()
    for _ in range(AT_A_TIME):
        stage.queue.put(alert())
    await stage.settle()
    for _ in range(PLACES + 9):
        stage.queue.put(alert())
    assert stage.queue.warning == f"9 alerts were not delivered: {PLACES} alerts are already waiting for the command"
    stage.channel.go_on.set()
    await stage.settle()
    assert stage.failures == [AlertFailure("command", f"{PLACES} others were already waiting", None, 9, {"feed": 9})]
    assert len(stage.channel.delivered) == AT_A_TIME + PLACES
    assert stage.queue.warning == ""


MISSING = AlertSpec(command=(Sensitive("/nonexistent/hunter22/alert"),))
STALL = event("incident.opened", 0, "feed", id=7, type="stall", reason="no data")


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
async def dispatcher(sink: RecordingSink) -> AsyncIterator[AlertDispatcher]:
    clock = FakeClock()
    guard = SinkGuard(self_events(sink, clock), clock, tuple)
    watch = partial(RuleWatch, lambda: FakeView(()), lambda: 0, RuleDetector(), clock)
    dispatcher = AlertDispatcher(
        AlertOrigin("box", "wsmon.toml", "store.db"), self_events(sink, clock), clock, watch, guard
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(dispatcher.run(), name="alerts")
        yield dispatcher
        task.cancel()


def about(*events: Event) -> list[Notable]:
    return [Notable(each, each.mono_ns) for each in events]


async def test_a_delivery_is_an_event_with_the_time_since_the_error(
    dispatcher: AlertDispatcher, sink: RecordingSink
) -> None:
    dispatcher.configure(AlertSpec(command=(Sensitive("/bin/true"),)), ())
    dispatcher.take([Notable(STALL, MONO_0_NS - 250 * MS_NS)])
    delivered = await sink.wait("self.alert.delivered")
    assert (delivered.source.connection, delivered.reason, delivered.error_type) == ("", "feed: stall: no data", "")
    assert delivered.duration_ns == 250 * MS_NS
    assert delivered.meta == {"way": "command", "connections": {"feed": 1}, "evidence": [7]}
    assert not delivered.is_problem


async def test_a_failure_is_an_event_of_the_recorder_that_names_the_incident_and_no_secret(
    dispatcher: AlertDispatcher, sink: RecordingSink
) -> None:
    dispatcher.configure(MISSING, ("hunter22",))
    dispatcher.take(about(STALL))
    failed = await sink.wait("self.alert.failed")
    why = "/nonexistent/[FILTERED]/alert cannot be started: No such file or directory"
    assert (failed.source.connection, failed.error_type, failed.error) == ("", "alert", why)
    assert failed.reason == f"{why}; not delivered: feed: stall: no data"
    assert failed.meta == {"way": "command", "lost": 1, "connections": {"feed": 1}, "evidence": [7]}
    assert failed.is_problem
    assert dispatcher.warning == f"an alert was not delivered: {why}"


async def test_only_news_are_told(dispatcher: AlertDispatcher, sink: RecordingSink) -> None:
    dispatcher.configure(MISSING, ())
    ended = event("incident.closed", 1, "feed", id=8, type="stall")
    storm = event("incident.opened", 2, "feed", id=9, type="storm", reason="5 reconnects")
    dispatcher.take(about(STALL, STALL, ended, storm))
    await sink.wait("self.alert.failed", 2)
    assert [failed.meta and failed.meta["evidence"] for failed in sink.events] == [[7], [9]]


async def test_without_ways_nothing_is_told_and_an_incident_that_is_known_stays_known(
    dispatcher: AlertDispatcher, sink: RecordingSink
) -> None:
    dispatcher.configure(AlertSpec(), ())
    dispatcher.take(about(STALL))
    dispatcher.configure(MISSING, ())
    dispatcher.take(about(STALL, event("incident.opened", 2, "other", id=9, type="stall")))
    await sink.wait("self.alert.failed")
    assert [failed.meta and failed.meta["evidence"] for failed in sink.events] == [[9]]


async def test_a_reload_that_leaves_a_way_as_it_is_leaves_its_warning(
    dispatcher: AlertDispatcher, sink: RecordingSink
) -> None:
    dispatcher.configure(MISSING, ())
    dispatcher.take(about(STALL))
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
    found = [event("incident.opened", 0, f"feed{number}", id=number, type="stall") for number in range(1, 101)]
    dispatcher.take(about(*found))
    await sink.wait("self.alert.failed", PLACES + 1)
    (overflow,) = (failed for failed in sink.events if failed.meta and not failed.meta["evidence"])
    lost = 100 - PLACES
    waiting = {f"feed{number}": 1 for number in range(PLACES + 1, 101)}
    assert overflow.meta == {"way": "command", "lost": lost, "connections": waiting, "evidence": []}
    assert overflow.reason == f"{PLACES} others were already waiting; not delivered: {lost} alerts"


ORIGIN = AlertOrigin("box", "/home/u/wsmon.toml", "/home/u/store.db")


def test_an_incident_tells_its_evidence_and_how_to_silence_it() -> None:
    meta = {"evidence": [3, 4], "silence": 'silence = ["stall"]'}
    opened = event("incident.opened", 0, "feed", id=7, type="stall", reason="no data for 30 s", meta=meta)
    told = json.loads(alert_json(opened, ORIGIN))
    assert told.pop("event") | {"ts": "", "trace_id": ""} == {
        "id": 7,
        "ts": "",
        "ts_ns": opened.ts_ns,
        "mono_ns": opened.mono_ns,
        "run": 1,
        "connection": "feed",
        "connection_id": opened.source.connection_id,
        "trace_id": "",
        "name": "incident.opened",
        "type": "stall",
        "reason": "no data for 30 s",
        "meta": meta,
    }
    assert told == {
        "schema": "wsmon.alert/1",
        "text": "feed: stall: no data for 30 s",
        "at": "2026-01-10T14:02:24.000000Z",
        "connection": "feed",
        "kind": "stall",
        "origin": {"host": "box", "configuration": "/home/u/wsmon.toml", "store": "/home/u/store.db"},
        "incident": {"id": 7, "kind": "stall", "evidence": [3, 4], "silence": 'silence = ["stall"]'},
    }


def test_an_error_is_no_incident_and_a_foreign_text_is_one_harmless_line() -> None:
    failed = event("error.occurred", 0, "feed", id=8, error_type="internal", error="bad\x1b[31m\nthing")
    told = json.loads(alert_json(failed, ORIGIN))
    assert (told["incident"], told["kind"], told["event"]["id"]) == (None, "internal", 8)
    assert told["text"].isprintable()
    assert "\x1b" not in told["text"]
