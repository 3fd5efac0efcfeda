"""A lane under ways that work, fail, hang and crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.builders import event
from tests.tui.fakes import FakeClock
from wsmon.recorder.alert_channels import AlertFailedError
from wsmon.recorder.alerts import AT_A_TIME, PLACES, Alert, AlertFailure, ChannelQueue

SOON_S = 5.0
ABOUT = event("incident.opened", 0, "feed", id=7, type="stall")


def alert(body: bytes = b"{}") -> Alert:
    return Alert(ABOUT, body)


class FakeWay:
    """Keeps what it is given; what it is told to raise, it raises; while it is held, it hangs."""

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
    """A lane that runs, and what it reported."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.failures: list[AlertFailure] = []
        self.lane = ChannelQueue("command", self.clock, self.failures.append)
        self.way = FakeWay()
        self.lane.use(self.way)

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
        task = group.create_task(stage.lane.run(), name="lane")
        yield stage
        task.cancel()


async def test_alerts_are_delivered_in_order(stage: Stage) -> None:
    for body in (b"1", b"2", b"3"):
        stage.lane.put(alert(body))
    await stage.settle()
    assert (stage.way.delivered, stage.failures, stage.lane.warning) == ([b"1", b"2", b"3"], [], "")


async def test_without_a_way_nothing_waits(stage: Stage) -> None:
    stage.lane.use(None)
    for _ in range(2 * PLACES):
        stage.lane.put(alert())
    stage.lane.use(stage.way)
    await stage.settle()
    assert (stage.way.delivered, stage.failures) == ([], [])


async def test_a_failure_is_reported_shown_and_forgotten_when_an_alert_gets_through(stage: Stage) -> None:
    stage.way.error = AlertFailedError("no luck")
    stage.lane.put(alert())
    await stage.settle()
    assert stage.failures == [AlertFailure("command", "no luck", ABOUT, 1)]
    assert stage.lane.warning == "an alert was not delivered: no luck"
    stage.lane.put(alert())
    await stage.settle()
    assert stage.lane.warning == "2 alerts were not delivered: no luck"
    stage.way.error = None
    stage.lane.put(alert())
    await stage.settle()
    assert stage.lane.warning == ""


async def test_a_failure_is_no_longer_shown_after_ten_minutes_or_with_another_way(stage: Stage) -> None:
    stage.way.error = AlertFailedError("no luck")
    stage.lane.put(alert())
    await stage.settle()
    stage.clock.advance(599)
    assert stage.lane.warning
    stage.clock.advance(2)
    assert stage.lane.warning == ""
    stage.lane.put(alert())
    await stage.settle()
    assert stage.lane.warning
    stage.lane.use(FakeWay())
    assert stage.lane.warning == ""


async def test_a_mistake_of_ours_is_a_failure_like_any_other(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.way.error = KeyError("oops")
    stage.lane.put(alert())
    await stage.settle()
    assert [failure.why for failure in stage.failures] == ["a mistake in wsmon; recorder.log has its place"]
    assert "KeyError" in caplog.text
    stage.way.error = None
    stage.lane.put(alert(b"next"))
    await stage.settle()
    assert stage.way.delivered == [b"next"]


async def test_one_that_hangs_does_not_delay_the_next(stage: Stage) -> None:
    hanging = stage.way
    hanging.go_on.clear()
    stage.lane.put(alert(b"1"))
    await stage.settle()
    stage.lane.use(second := FakeWay())
    stage.lane.put(alert(b"2"))
    await stage.settle()
    assert (hanging.under_way, second.delivered) == (1, [b"2"])


async def test_what_a_replaced_way_says_is_reported_and_not_shown(stage: Stage) -> None:
    old = stage.way
    old.go_on.clear()
    old.error = AlertFailedError("too late")
    stage.lane.put(alert())
    await stage.settle()
    stage.lane.use(FakeWay())
    old.go_on.set()
    await stage.settle()
    assert [failure.why for failure in stage.failures] == ["too late"]
    assert stage.lane.warning == ""


async def test_too_many_are_counted_and_the_count_is_reported_once(stage: Stage) -> None:
    stage.way.go_on.clear()
    for _ in range(AT_A_TIME):
        stage.lane.put(alert())
    await stage.settle()
    for _ in range(PLACES + 9):
        stage.lane.put(alert())
    assert stage.lane.warning == f"9 alerts were not delivered: {PLACES} alerts wait for the command"
    stage.way.go_on.set()
    await stage.settle()
    assert stage.failures == [AlertFailure("command", f"{PLACES} others waited already", None, 9)]
    assert len(stage.way.delivered) == AT_A_TIME + PLACES
    assert stage.lane.warning == ""
