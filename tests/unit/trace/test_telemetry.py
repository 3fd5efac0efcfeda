"""Telemetry: handlers of exact names, failures that are shown, and spans."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.applications import ListeningRecorder
from tests.support.stores import stored_events
from tests.support.tracing import KeptSink, service, until
from wsmon.model.events import Event
from wsmon.trace import Sink
from wsmon.trace.spans import current_span, record, span
from wsmon.trace.telemetry import FAILURE, Telemetry, TelemetryError, telemetry_of

Call = tuple[str, dict[str, Any], dict[str, Any], Any]


class Calls:
    """A handler that keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, name: str, measured: Mapping[str, Any], told: Mapping[str, Any], config: Any) -> None:
        self.calls.append((name, dict(measured), dict(told), config))

    @property
    def names(self) -> list[str]:
        return [call[0] for call in self.calls]


def failing(*_: object) -> None:
    raise LookupError("no metric of that name")


@pytest.fixture
def sink() -> KeptSink:
    return KeptSink()


@pytest.fixture
def telemetry(sink: KeptSink) -> Telemetry:
    return Telemetry(sink)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def recorded(store: Path) -> Iterator[Telemetry]:
    """Telemetry that reaches a recorder; the store is complete after the test's ``flush``."""
    sink = Sink(store)
    with ListeningRecorder(store):
        yield Telemetry(sink)
        sink.close()


def test_tg_01_one_of_three_names_calls_the_handler_once(telemetry: Telemetry) -> None:
    calls = Calls()
    names = ["connection.completed", "message.received", "error.occurred"]
    telemetry.attach_many("logger", names, calls, {"level": "info"})
    telemetry.execute("message.received", {"size": 17}, {"client_id": "feed", "type": "text"})
    assert calls.calls == [
        ("message.received", {"size": 17}, {"client_id": "feed", "type": "text"}, {"level": "info"}),
    ]


def test_tg_02_an_id_is_attached_once_and_may_be_attached_again_after_it_was_detached(telemetry: Telemetry) -> None:
    telemetry.attach("one", "a", Calls())
    with pytest.raises(TelemetryError, match="handler 'one' is attached already") as raised:
        telemetry.attach("one", "b", Calls())
    assert raised.value.problem == "already_exists"
    telemetry.detach("one")
    with pytest.raises(TelemetryError, match="handler 'one' is not attached") as raised:
        telemetry.detach("one")
    assert raised.value.problem == "not_found"
    telemetry.attach("one", "b", Calls())
    assert [each.names for each in telemetry.list_handlers()] == [("b",)]


def test_tg_03_a_handler_that_raises_is_detached_from_all_its_names_and_told_and_others_run(
    telemetry: Telemetry, sink: KeptSink
) -> None:
    calls, failures = Calls(), Calls()
    telemetry.attach_many("broken", ["a", "b"], failing, 7)
    telemetry.attach_many("sound", ["a", "b"], calls)
    telemetry.attach("watch", FAILURE, failures)
    telemetry.execute("a")
    telemetry.execute("b")
    assert calls.names == ["a", "b"]
    ((name, measured, told, _),) = failures.calls
    assert (name, sorted(measured)) == ("telemetry.handler.failure", ["monotonic_time", "system_time"])
    assert {key: told[key] for key in ("event_name", "handler_id", "handler_config", "kind")} == {
        "event_name": "a", "handler_id": "broken", "handler_config": 7, "kind": "error",
    }  # fmt: skip
    assert str(told["error"]) == "no metric of that name"
    assert [each.id for each in telemetry.list_handlers()] == ["sound", "watch"]
    assert [event.name for event in sink.events] == ["a", FAILURE, "b"]
    telemetry.attach("broken", "a", calls)


def test_a_handler_of_failures_that_fails_ends_there(telemetry: Telemetry, sink: KeptSink) -> None:
    telemetry.attach("broken", "a", failing)
    telemetry.attach("watch", FAILURE, failing)
    telemetry.execute("a")
    assert [(event.name, event.ref) for event in sink.events] == [("a", ""), (FAILURE, "broken"), (FAILURE, "watch")]
    assert telemetry.list_handlers() == []


def test_tg_04_a_prefix_and_a_longer_name_call_nothing(telemetry: Telemetry) -> None:
    calls = Calls()
    telemetry.attach("one", "message.decode", calls)
    telemetry.execute("message")
    telemetry.execute("message.decode.started")
    assert calls.calls == []


def test_handlers_are_listed_by_prefix(telemetry: Telemetry) -> None:
    telemetry.attach("one", "message.decode.started", failing)
    telemetry.attach("two", "messages", failing)
    telemetry.attach_many("three", ["message", "a", "a"], failing)
    assert [each.id for each in telemetry.list_handlers("message")] == ["one", "three"]
    assert [each.names for each in telemetry.list_handlers("a")] == [("message", "a")]


def test_tg_05_tg_06_durations_are_of_nanoseconds_and_sizes_of_bytes(recorded: Telemetry, store: Path) -> None:
    feed = {"client_id": "feed", "uri": "wss://feed.example/ws?token=hush"}
    recorded.execute("connection.started", {"system_time": 1}, feed)
    recorded.execute("connection.completed", {"duration": 250_000_000}, feed)
    text = "Hello, WebSocket!"
    recorded.execute("message.received", {"size": len(text)}, {"client_id": "feed", "type": "text"})
    recorded.execute("connection.disconnected", {"duration": 3}, {**feed, "reason": "server restart"})
    assert outline(until_stored(store, 4)) == [
        ("connection.started", "feed", "connecting", None, None),
        ("connection.completed", "feed", "websocket_connected", 250_000_000, None),
        ("message.received", "feed", None, None, 17),
        ("connection.disconnected", "feed", "disconnected", 3, None),
    ]
    events = [event for event in stored_events(store) if event.source.connection]
    assert len({event.source.connection_id for event in events}) == 1
    assert (events[2].type, events[2].opcode, events[2].direction) == ("text", "text", "in")
    assert events[1].meta == {"uri": "wss://feed.example/ws?token=[FILTERED]"}
    assert (events[3].reason, events[3].from_status) == ("server restart", "websocket_connected")
    # What leads from `connecting` to here, the guide has no name for
    assert events[1].from_status is None


def outline(events: list[Event]) -> list[tuple[object, ...]]:
    return [(each.name, each.source.connection, each.to_status, each.duration_ns, each.size) for each in events]


def until_stored(store: Path, count: int) -> list[Event]:
    def found() -> list[Event]:
        return [event for event in stored_events(store) if event.source.connection]

    until(lambda: len(found()) >= count)
    return found()


def test_values_of_any_kind_disturb_nothing(telemetry: Telemetry, sink: KeptSink) -> None:
    class Odd:
        def __str__(self) -> str:
            raise ValueError("no text")

    telemetry.execute("a", {"duration": "long", "size": True, "count": 3}, {"type": Odd(), "client_id": None})
    telemetry.execute("connection.completed", {"size": 3}, {"error": Odd(), "close_code": "x"})
    telemetry.execute("error.occurred", None, {"error": OSError("disk")})
    telemetry.execute("b", 7, "text")  # type: ignore[arg-type]
    first, second, third, fourth = sink.events
    assert (first.type, first.connection, first.meta) == ("Odd", "", {"duration": "long", "size": True, "count": 3})
    assert (second.error, second.meta) == ("Odd", {"size": 3, "close_code": "x"})
    assert (third.error_type, third.error) == ("OSError", "disk")
    assert (fourth.name, fourth.error_type) == ("b", "AttributeError")


def test_a_span_has_a_start_and_a_stop_with_one_context(telemetry: Telemetry, sink: KeptSink) -> None:
    calls = Calls()
    telemetry.attach_many("one", ["job.start", "job.stop", "job.exception"], calls)
    with telemetry.span("job", {"job": 7}) as span:
        telemetry.execute("note")
        span.measurements |= {"rows": 12, "duration": -1}
        span.metadata["result"] = "done"
    (start, _, told_start, _), (stop, measured, told_stop, _) = calls.calls
    assert (start, stop) == ("job.start", "job.stop")
    assert told_start["telemetry_span_context"] == told_stop["telemetry_span_context"]
    assert (told_start["job"], told_stop["job"], told_stop["result"]) == (7, 7, "done")
    assert (measured["rows"], measured["duration"] >= 0) == (12, True)
    began, note, ended = sink.events
    assert (began.name, began.type, ended.name, ended.outcome) == ("trace.span.start", "job", "trace.span.end", "ok")
    assert (note.trace_id, note.parent_id) == (began.trace_id, began.span_id)
    assert ended.meta == {"rows": 12, "job": 7, "result": "done"}
    telemetry.execute("after")
    assert sink.events[-1].trace_id == ""


def test_what_is_bracketed_within_a_span_belongs_to_it_without_a_request(telemetry: Telemetry, sink: KeptSink) -> None:
    with telemetry.span("job", {"client_id": "feed"}):
        with span("step") as step:
            record("db.get", 0.0)
        assert current_span() == (sink.events[0].trace_id, sink.events[0].span_id)
    with span("later"):
        record("call", 0.0)
    begun = {event.type: event for event in sink.events if event.name == "trace.span.start"}
    assert list(begun) == ["job", "step", "db.get"]
    assert {event.trace_id for event in sink.events} == {step.trace_id}
    assert (begun["step"].parent_id, begun["db.get"].parent_id) == (begun["job"].span_id, step.span_id)
    assert {event.connection for event in sink.events} == {"feed"}


def test_within_a_request_spans_of_a_telemetry_span_are_those_of_the_service(sink: KeptSink) -> None:
    tracer, requests, _ = service("shop")
    with tracer.span("request"), Telemetry(sink).span("job", {"client_id": "feed"}), span("step"):
        pass
    assert [event.type for event in requests.events] == ["request", "step", "step", "request"]
    assert [event.parent_id for event in requests.events[1:2]] == [sink.events[0].span_id]
    assert current_span() is None


def test_spans_nest_and_an_exception_goes_on(telemetry: Telemetry, sink: KeptSink) -> None:
    calls = Calls()
    telemetry.attach_many("one", ["outer.exception", "inner.exception"], calls)
    with pytest.raises(KeyError, match="gone"), telemetry.span("outer"), telemetry.span("inner"):
        raise KeyError("gone")
    assert calls.names == ["inner.exception", "outer.exception"]
    assert [call[2]["kind"] for call in calls.calls] == ["error", "error"]
    assert isinstance(calls.calls[0][2]["reason"], KeyError)
    outer, inner, inner_end, outer_end = sink.events
    assert (inner.parent_id, inner.trace_id, outer.parent_id) == (outer.span_id, outer.trace_id, "")
    assert (inner_end.error_type, inner_end.error, inner_end.outcome) == ("KeyError", "'gone'", "error")
    assert "test_telemetry.py:" in outer_end.reason


def test_a_span_decorates_functions_and_coroutines(telemetry: Telemetry, sink: KeptSink) -> None:
    span = telemetry.span("work", {"queue": "q"})

    @span
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    @telemetry.span("fetch")
    async def fetch(n: int) -> int:
        await asyncio.sleep(0)
        telemetry.execute("fetched", {}, {"n": n})
        return n

    async def both() -> list[int]:
        return list(await asyncio.gather(fetch(1), fetch(2)))

    assert (add(1, b=2), add(3, 4), add.__doc__) == (3, 7, "Add.")
    assert asyncio.run(both()) == [1, 2]
    ended = [event for event in sink.events if event.name == "trace.span.end"]
    assert [event.type for event in ended] == ["work", "work", "fetch", "fetch"]
    assert len({event.span_id for event in ended}) == 4
    # Each task has its own context
    parents = {event.parent_id for event in sink.events if event.name == "fetched"}
    assert parents == {event.span_id for event in ended[2:]}


def test_a_cancelled_task_is_an_exit_and_stays_cancelled(telemetry: Telemetry, sink: KeptSink) -> None:
    calls = Calls()
    telemetry.attach("one", "wait.exception", calls)

    async def wait() -> None:
        async with telemetry.span("wait"):
            await asyncio.Event().wait()

    async def cancel() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait(), 0.001)

    asyncio.run(cancel())
    assert [call[2]["kind"] for call in calls.calls] == ["exit"]
    assert sink.events[-1].error_type == "CancelledError"


def test_a_span_begins_once(telemetry: Telemetry) -> None:
    with telemetry.span("a") as span, pytest.raises(RuntimeError, match="begins once"):
        span.__enter__()


def test_threads_that_meet_a_failing_handler_tell_of_it_once(telemetry: Telemetry, sink: KeptSink) -> None:
    both = threading.Barrier(2)

    def fail(*_: object) -> None:
        both.wait(20)
        raise LookupError

    telemetry.attach("one", "a", fail)
    threads = [threading.Thread(target=telemetry.execute, args=("a",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(event.name == FAILURE for event in sink.events) == 1


def test_a_process_has_one_telemetry_for_a_store(store: Path) -> None:
    assert telemetry_of(store) is telemetry_of(store)
    telemetry_of(store).after_fork()
    telemetry_of(store).attach("one", "a", Calls())
    telemetry_of(store).detach("one")
