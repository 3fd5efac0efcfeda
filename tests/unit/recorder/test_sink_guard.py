"""A fault in a sink becomes a warning and an event, not too many of them, and the sink runs again."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.errors import WsmonError
from wsmon.recorder.run import self_events
from wsmon.recorder.sink_guard import EVENT_GAP_NS, RESTART_S, WARNED_NS, SinkGuard


class Stage:
    """A guard over a fake clock, and what it emits."""

    def __init__(self) -> None:
        self.sink = RecordingSink()
        self.clock = FakeClock()
        self.pauses_s: list[float] = []
        self.guard = SinkGuard(self_events(self.sink, self.clock), self.clock, lambda: ("hunter22",), self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def on() -> Stage:
    return Stage()


def test_a2_a_fault_is_an_event_and_a_warning_without_secrets_and_control_characters(on: Stage) -> None:
    on.guard.failed("otlp", ValueError("no \x1b[31m hunter22"))
    (event,) = on.sink.events
    why = "ValueError: no ␛[31m [FILTERED]"
    assert (event.name, event.source.connection, event.status) == ("self.sink.failed", "", "error")
    assert (event.error_type, event.error, event.meta) == ("sink", why, {"sink": "otlp", "count": 1})
    assert event.reason == on.guard.warning == f"otlp failed: {why}; recording continues"
    assert event.is_problem


def test_a_warning_goes_after_ten_minutes(on: Stage) -> None:
    on.guard.failed("otlp", ValueError("no"))
    on.clock.advance(WARNED_NS / 1e9)
    assert on.guard.warning
    on.clock.advance(1)
    assert on.guard.warning == ""


def test_a_sink_that_fails_with_every_request_makes_one_event_a_minute(on: Stage) -> None:
    for _ in range(1_000):
        on.guard.failed("prometheus", RuntimeError("no"))
    on.guard.failed("otlp", RuntimeError("no"))
    on.clock.advance(EVENT_GAP_NS / 1e9)
    on.guard.failed("prometheus", RuntimeError("no"))
    assert [event.meta for event in on.sink.events] == [
        {"sink": "prometheus", "count": 1},
        {"sink": "otlp", "count": 1},
        {"sink": "prometheus", "count": 1_000},
    ]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (WsmonError("it is full", "empty it"), "it is full. empty it"),
        (FileNotFoundError(2, "No such file or directory", "/s/store.db"), "No such file or directory: /s/store.db"),
        (OSError("odd"), "OSError: odd"),
        (ExceptionGroup("two", [ExceptionGroup("one", [KeyError("x")])]), "KeyError: 'x'"),
    ],
)
def test_a_fault_is_told_in_the_words_of_its_cause(on: Stage, error: Exception, text: str) -> None:
    on.guard.failed("control", error)
    assert on.sink.events[0].error == text


async def test_a2_a_sink_that_fails_runs_again_until_it_ends(on: Stage) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RecursionError("too deep")

    await on.guard.keep("otlp", work)
    assert (runs, on.pauses_s) == (3, [RESTART_S, RESTART_S])


async def test_a_cancellation_ends_a_sink(on: Stage) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(on.guard.keep("otlp", asyncio.Event().wait), name="kept")  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
    assert (task.cancelled(), on.sink.events) == (True, [])
