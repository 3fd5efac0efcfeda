"""What is said about sending: while it fails, after a loss, and when all is well."""

from __future__ import annotations

import pytest

from tests.tui.fakes import FakeClock
from wsmon.export.otlp import RecordKind
from wsmon.model.metrics import SignalTotals, SinkState
from wsmon.recorder.otlp_delivery import LOSS_SHOWN_NS, SinkHealth

ALL: tuple[RecordKind, ...] = ("spans", "logRecords", "metrics")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def health(clock: FakeClock) -> SinkHealth:
    made = SinkHealth((), clock)
    made.follow("http://c:4318", ALL)
    return made


def test_nothing_is_said_of_a_sink_that_nobody_asked_for(clock: FakeClock) -> None:
    health = SinkHealth((), clock)
    assert (health.warning, health.state()) == ("", None)


def test_it_is_well_until_something_fails(health: SinkHealth) -> None:
    assert health.warning == ""
    assert health.state() == SinkState(
        "otlp", is_up=True, signals=tuple(SignalTotals(name) for name in ("spans", "logs", "metrics"))
    )


def test_a_failure_is_said_with_its_age_and_what_waits(health: SinkHealth, clock: FakeClock) -> None:
    health.failed("spans", "answered 503")
    clock.advance(35)
    health.failed("spans", "did not answer within 10 s")
    health.wait("spans", 12_345)
    assert health.warning == (
        "otlp: spans not sent for 35 s: http://c:4318 did not answer within 10 s; 12,345 events wait"
    )
    for kind in ALL:
        health.failed(kind, "answered 503")
    assert health.warning.startswith("otlp: telemetry not sent for 35 s: ")


def test_it_is_well_again_when_records_arrive(health: SinkHealth) -> None:
    health.failed("spans", "answered 503")
    health.taken("spans", 7)
    assert health.warning == ""
    state = health.state()
    assert state is not None
    assert (state.is_up, state.signals[0]) == (True, SignalTotals("spans", 7, 0))


def test_a_loss_is_said_for_a_while_and_counted_for_ever(health: SinkHealth, clock: FakeClock) -> None:
    health.dropped("logRecords", 1_000, "http://c:4318 answered 400")
    health.dropped("logRecords", 234, "http://c:4318 answered 400")
    assert health.warning == "otlp: 1,234 logs were lost: http://c:4318 answered 400"
    clock.advance(LOSS_SHOWN_NS / 1e9 + 1)
    assert health.warning == ""
    health.dropped("logRecords", 1, "http://c:4318 answered 400")
    assert health.warning == "otlp: 1 logs were lost: http://c:4318 answered 400"
    state = health.state()
    assert state is not None
    assert state.signals[1] == SignalTotals("logs", 0, 1_235)


def test_another_collector_begins_well_and_what_was_counted_stays(health: SinkHealth) -> None:
    health.taken("spans", 3)
    health.failed("metrics", "answered 404")
    health.follow("http://d:4318", ("spans",))
    assert health.warning == ""
    assert health.state() == SinkState("otlp", is_up=True, signals=(SignalTotals("spans", 3, 0),))
    health.follow("", ())
    assert health.state() == SinkState("otlp", is_up=True, signals=(SignalTotals("spans", 3, 0),))
