"""The backend of traces: pairing by suffix and id, counts, export and reset."""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.fake_ports import FakeClock
from tests.support.tracing import KeptSink
from wsmon.errors import UsageError
from wsmon.trace.backend import BackendStats, TraceBackend, trace_key


class Keys(enum.Enum):
    TASK = "task_id"


class Broken(Mapping[str, Any]):
    """A mapping of the application that cannot be read."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise OSError("the payload is gone")

    def __len__(self) -> int:
        return 1


@pytest.fixture
def sink() -> KeptSink:
    return KeptSink()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backend(sink: KeptSink, clock: FakeClock) -> TraceBackend:
    return TraceBackend(sink, connection="worker", instance_id="host-1", clock=clock)


def traces(backend: TraceBackend) -> dict[str, Any]:
    found: dict[str, Any] = backend.export()["traces"]
    return found


def counts(backend: TraceBackend) -> tuple[int, int, int, int, int]:
    stats = backend.stats()
    return stats.active, stats.finished, stats.orphaned, stats.abandoned, stats.generic


def test_tk_01_tk_10_a_start_and_its_end_are_a_trace_with_a_duration(
    backend: TraceBackend, sink: KeptSink, clock: FakeClock
) -> None:
    assert backend.handle_event("connection.started", {"operation": "c1"})
    clock.advance(0.25)
    assert backend.handle_event("connection.completed", {"operation": "c1", "rows": 3})
    ((key, trace),) = traces(backend).items()
    assert (key, trace["status"], trace["duration"]) == ("operation_c1", "success", 0.25)
    assert (trace["event_name"], trace["finish"]) == ("connection.started", {"operation": "c1", "rows": 3})
    began, ended = sink.events
    assert (began.name, ended.name) == ("trace.span.start", "trace.span.end")
    assert (ended.type, ended.ref, ended.outcome, ended.duration_ms) == ("connection", "operation_c1", "ok", 250.0)
    assert (began.span_id, began.trace_id) == (ended.span_id, ended.trace_id)
    assert ended.connection == "worker"


def test_tk_02_a_failure_keeps_its_payload_and_its_error(backend: TraceBackend, sink: KeptSink) -> None:
    backend.handle_event("task.started", {"task_id": 7})
    backend.handle_event("task.failed", {"task_id": 7, "error": TimeoutError("no answer"), "attempt": 3})
    trace = traces(backend)["task_7"]
    assert (trace["status"], trace["finish"]) == (
        "error", {"task_id": 7, "error": "TimeoutError: no answer", "attempt": 3},
    )  # fmt: skip
    ended = sink.events[-1]
    assert (ended.outcome, ended.error_type, ended.error) == ("error", "failed", "TimeoutError: no answer")


def test_tk_03_before_and_after_are_one_timed_span_and_what_has_no_pair_is_kept(
    backend: TraceBackend, sink: KeptSink, clock: FakeClock
) -> None:
    of = {"operation": "c1"}
    backend.handle_event("x.started", of)
    backend.handle_event("x.before_handle", of)
    clock.advance(0.1)
    backend.handle_event("x.after_handle", of)
    backend.handle_event("x.after_check", of)
    backend.handle_event("x.before_store", of)
    backend.handle_event("x.completed", of)
    spans = traces(backend)["operation_c1"]["spans"]
    assert [(span["event_name"], span["duration"]) for span in spans] == [
        ("x.before_handle", 0.1), ("x.after_check", None), ("x.before_store", None),
    ]  # fmt: skip
    root = sink.events[0]
    handled = [event for event in sink.events if event.type == "x.handle"]
    assert [(event.name, event.parent_id) for event in handled] == [
        ("trace.span.start", root.span_id), ("trace.span.end", root.span_id),
    ]  # fmt: skip
    assert [event.outcome for event in sink.events if event.type == "x.store"] == ["", "abandoned"]
    assert {event.trace_id for event in sink.events} == {root.trace_id}


def test_tk_04_an_end_or_a_part_without_a_beginning_is_an_orphan(backend: TraceBackend, sink: KeptSink) -> None:
    assert backend.handle_event("task.completed", {"task_id": 1})
    assert backend.handle_event("task.before_handle", {"task_id": 1})
    assert traces(backend) == {}
    assert counts(backend) == (0, 0, 2, 0, 0)
    assert [(event.name, event.outcome) for event in sink.events] == [
        ("trace.span.end", "orphan"), ("task.before_handle", "orphan"),
    ]  # fmt: skip


@pytest.mark.parametrize("payload", ["str", None, 123, ["task_id"]])
def test_tk_05_a_payload_that_is_no_mapping_is_refused(backend: TraceBackend, sink: KeptSink, payload: object) -> None:
    assert backend.handle_event("task.started", payload) is False
    assert sink.events == []


def test_tk_06_a_mistake_is_logged_and_recorded_and_the_next_event_is_taken(
    backend: TraceBackend, sink: KeptSink, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert backend.handle_event("task.started", Broken()) is False
    assert "'task.started' was not handled" in caplog.text
    (told,) = sink.events
    assert (told.name, told.topic, told.error_type) == ("trace.backend.failure", "task.started", "OSError")
    assert backend.handle_event("task.started", {"task_id": 1})


def test_tk_07_an_unknown_name_is_generic(backend: TraceBackend, sink: KeptSink) -> None:
    assert backend.handle_event("foo.bar", {"a": 1})
    assert backend.handle_event("task.start_requested")
    assert {key: trace["status"] for key, trace in traces(backend).items()} == {
        "generic_1": "generic", "generic_2": "generic",
    }  # fmt: skip
    assert [(event.name, event.meta) for event in sink.events] == [
        ("foo.bar", {"a": 1}),
        ("task.start_requested", None),
    ]


def test_tk_08_a_task_comes_before_a_step_before_an_operation_whatever_the_keys_are() -> None:
    whole = {"task_id": 1, "workflow_step_id": 2, "operation": "o"}
    assert [trace_key("x.started", {key: whole[key] for key in keys}).key for keys in (
        ("task_id", "workflow_step_id", "operation"), ("workflow_step_id", "operation"), ("operation",), (),
    )] == ["task_1", "step_2", "operation_o", ""]  # fmt: skip
    backend = TraceBackend(KeptSink())
    backend.handle_event("x.started", {":task_id": 1})
    backend.handle_event("y.started", {Keys.TASK: 2})
    assert list(traces(backend)) == ["task_1", "task_2"]


def test_tk_09_a_second_start_of_a_key_keeps_both_and_flags_the_first(backend: TraceBackend, clock: FakeClock) -> None:
    backend.handle_event("task.started", {"task_id": 1, "n": 1})
    clock.advance(1)
    backend.handle_event("task.started", {"task_id": 1, "n": 2})
    found = traces(backend)
    assert {key: (trace["status"], trace["payload"]["n"]) for key, trace in found.items()} == {
        "task_1": ("abandoned", 1), "task_1#2": ("active", 2),
    }  # fmt: skip
    assert found["task_1"]["reason"] == "begun again before it ended"
    assert counts(backend) == (1, 0, 0, 1, 0)


def test_tk_11_a_name_with_failed_in_it_is_no_failure(backend: TraceBackend) -> None:
    backend.handle_event("payment_failed.started", {"operation": "p"})
    backend.handle_event("payment_failed.completed", {"operation": "p"})
    assert traces(backend)["operation_p"]["status"] == "success"


def test_tk_12_the_end_of_a_step_leaves_its_task_open(backend: TraceBackend, sink: KeptSink) -> None:
    backend.handle_event("task.started", {"task_id": 1})
    backend.handle_event("step.started", {"task_id": 1, "workflow_step_id": 2})
    backend.handle_event("step.started", {"task_id": 1, "step_id": 3})
    backend.handle_event("step.completed", {"task_id": 1, "workflow_step_id": 2})
    assert {key: trace["status"] for key, trace in traces(backend).items()} == {
        "step_2": "success", "step_3": "active", "task_1": "active",
    }  # fmt: skip
    task, step, *_ = sink.events
    assert (step.parent_id, step.trace_id) == (task.span_id, task.trace_id)


def test_tk_13_what_ended_is_not_active(backend: TraceBackend, clock: FakeClock) -> None:
    for number in range(5):
        backend.handle_event("task.started", {"task_id": number})
    for number in range(3):
        backend.handle_event("task.completed", {"task_id": number})
    backend.handle_event("foo.bar", {})
    clock.advance(2.5)
    assert backend.stats() == BackendStats(2, 3, 0, 0, 1, 2.5, "host-1")


def test_a_cancelled_trace_is_abandoned(backend: TraceBackend, sink: KeptSink) -> None:
    backend.handle_event("task.started", {"task_id": 1})
    backend.handle_event("task.cancelled", {"task_id": 1})
    assert counts(backend) == (0, 0, 0, 1, 0)
    assert (sink.events[-1].outcome, sink.events[-1].reason) == ("abandoned", "task.cancelled")


def test_tk_14_an_export_is_a_copy_with_its_envelope(backend: TraceBackend, clock: FakeClock) -> None:
    tags = ["a"]
    backend.handle_event("task.started", {"task_id": 1, "deep": {"tags": tags}})
    tags.append("changed by the application")
    clock.advance(1)
    first = backend.export()
    first["traces"]["task_1"]["payload"]["deep"]["tags"].append("changed by the reader")
    first["traces"].clear()
    second = backend.export()
    assert second["traces"]["task_1"]["payload"]["deep"] == {"tags": ["a"]}
    metadata = second["metadata"]
    assert {key: metadata[key] for key in ("backend", "instance_id", "trace_count", "left_out")} == {
        "backend": "trace", "instance_id": "host-1", "trace_count": 1, "left_out": 0,
    }  # fmt: skip
    assert metadata["created_at"] < metadata["exported_at"]


def test_tk_15_a_reset_is_confirmed_and_may_be_of_one_connection(backend: TraceBackend, clock: FakeClock) -> None:
    backend.handle_event("task.started", {"task_id": 1})
    backend.handle_event("task.started", {"task_id": 2, "connection": "other"})
    backend.handle_event("task.completed", {"task_id": 2, "connection": "other"})
    with pytest.raises(UsageError, match="a reset would forget 2 traces"):
        backend.reset()
    assert len(traces(backend)) == 2
    clock.advance(1)
    assert backend.reset(confirmed=True, connection="other") == 1
    assert list(traces(backend)) == ["task_1"]
    assert backend.reset(confirmed=True) == 1
    assert backend.export()["metadata"]["trace_count"] == 0
    clock.advance(1)
    assert backend.stats() == BackendStats(0, 0, 0, 0, 0, 2.0, "host-1")


def test_what_a_reset_forgets_has_an_end_in_the_recording(backend: TraceBackend, sink: KeptSink) -> None:
    backend.handle_event("task.started", {"task_id": 1})
    backend.reset(confirmed=True)
    assert (sink.events[-1].name, sink.events[-1].outcome, sink.events[-1].reason) == (
        "trace.span.end", "abandoned", "reset",
    )  # fmt: skip


def test_tk_16_ten_threads_lose_nothing(sink: KeptSink) -> None:
    backend = TraceBackend(sink)

    def work(worker: int) -> None:
        for number in range(1_000):
            backend.handle_event("task.started", {"task_id": f"{worker}-{number}"})
            backend.handle_event("task.completed", {"task_id": f"{worker}-{number}"})

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert counts(backend) == (0, 10_000, 0, 0, 0)
    assert len(traces(backend)) == 10_000
    assert len({event.span_id for event in sink.events}) == 10_000


def test_tk_21_credentials_are_masked_in_an_export(backend: TraceBackend) -> None:
    backend.handle_event("task.started", {"task_id": 1, "password": "hunter2", "in": [{"api_key": "k", "n": 1}]})
    assert traces(backend)["task_1"]["payload"] == {
        "task_id": 1, "password": "[FILTERED]", "in": [{"api_key": "[FILTERED]", "n": 1}],
    }  # fmt: skip


def test_memory_is_bounded_and_what_is_left_out_is_counted(sink: KeptSink) -> None:
    backend = TraceBackend(sink, most_open=2, most_kept=3)
    for number in range(7):
        backend.handle_event("task.started", {"task_id": number})
    assert counts(backend) == (2, 0, 0, 5, 0)
    exported = backend.export()
    assert list(exported["traces"]) == ["task_2", "task_3", "task_4", "task_5", "task_6"]
    assert exported["metadata"]["left_out"] == 2


def test_a_start_without_an_id_is_a_trace_of_its_own(backend: TraceBackend) -> None:
    backend.handle_event("task.started")
    backend.handle_event("task.started", {"task_id": ""})
    backend.after_fork()
    assert list(traces(backend)) == ["trace_1", "trace_2"]


def test_a_trace_that_the_application_names_is_kept(backend: TraceBackend, sink: KeptSink) -> None:
    backend.handle_event("task.started", {"task_id": 1, "correlation_id": "order-7"})
    backend.handle_event("step.started", {"task_id": 1, "workflow_step_id": 2})
    backend.handle_event("connection.reconnect.attempt", {"operation": "c1", "client_id": "feed"})
    backend.handle_event("connection.reconnect.success", {"operation": "c1"})
    assert [event.trace_id for event in sink.events[:2]] == ["order-7", "order-7"]
    assert (sink.events[-1].outcome, sink.events[-1].connection) == ("ok", "feed")
