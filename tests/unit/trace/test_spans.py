"""Spans of an application: cases NX-09 … NX-12, NX-15 of nexus, threads and tasks, and the traceparent header."""

from __future__ import annotations

import asyncio
import contextvars
import re
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.builders import MONO_0_NS, T0_NS
from tests.support.tracing import service
from wsmon.trace import Telemetry
from wsmon.trace.requests import RequestTracer, TracedRequest
from wsmon.trace.spans import (
    TraceParent,
    current_span,
    inject,
    parse_traceparent,
    record,
    span,
    traceparent,
)

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{CALLER}-01"


def begun(tracer: RequestTracer, header: str = "") -> TracedRequest:
    return tracer.request("GET /orders", transport="http", method="GET", path="/orders?q=1", traceparent=header)


def test_nx_09_a_recorded_call_is_a_child_of_its_request_begun_before_now() -> None:
    tracer, sink, clock = service()
    with begun(tracer) as request:
        record("db.users.get", clock.mono_ns() / 1e9 - 0.005, ValueError("nope"))
        request.status = 200
    start, call, called, end = sink.events
    assert sink.said == [
        ("request.start", "GET /orders"),
        ("span.start", "db.users.get"),
        ("span.end", "db.users.get"),
        ("request.end", "GET /orders"),
    ]
    assert {event.trace_id for event in sink.events} == {request.trace_id}
    assert (call.parent_id, called.parent_id) == (start.span_id, start.span_id)
    assert call.span_id == called.span_id != start.span_id == end.span_id
    assert (called.error, called.error_type, called.outcome) == ("nope", "ValueError", "error")
    assert (called.meta, end.meta) == ({"kind": "client"}, {"transport": "http", "method": "GET", "path": "/orders"})
    assert called.duration_ms == pytest.approx(5, abs=0.001)
    assert T0_NS - call.ts_ns == MONO_0_NS - call.mono_ns == pytest.approx(5_000_000, abs=1_000)
    assert (end.status, end.outcome, end.error) == (200, "", "")


def test_nx_10_nested_spans_keep_their_order_and_parents() -> None:
    tracer, sink, clock = service()
    with begun(tracer), span("outer", {"rows": 12}) as outer:
        clock.advance(0.001)
        with span("inner") as inner:
            clock.advance(0.002)
            inner.set(hit=True)
    root = sink.events[0]
    assert sink.said[1:-1] == [
        ("span.start", "outer"), ("span.start", "inner"), ("span.end", "inner"), ("span.end", "outer"),
    ]  # fmt: skip
    assert [event.parent_id for event in sink.events[:-1]] == [
        "",
        root.span_id,
        outer.span_id,
        outer.span_id,
        root.span_id,
    ]
    assert {event.trace_id for event in sink.events} == {root.trace_id}
    assert [(event.duration_ms, event.meta) for event in sink.events[3:5]] == [
        (2.0, {"attributes": {"hit": True}}),
        (3.0, {"attributes": {"rows": 12}}),
    ]
    assert {event.connection for event in sink.events} == {"shop"}


def test_nx_11_only_the_first_end_counts_whichever_thread_comes_first() -> None:
    tracer, sink, _ = service()
    with tracer.span("job") as job:
        job.end()
        job.end("too late")
    threads = [threading.Thread(target=job.end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sink.said == [("span.start", "job"), ("span.end", "job")]
    assert sink.events[1].outcome == "ok"


def test_nx_12_a_span_without_a_request_has_a_trace_of_its_own_and_without_a_tracer_no_events() -> None:
    tracer, sink, _ = service()
    with tracer.span("job") as job:
        assert current_span() == (job.trace_id, job.span_id)
        with span("step") as step:
            pass
    assert re.fullmatch("[0-9a-f]{32}", job.trace_id)
    assert (job.parent_id, step.parent_id, step.trace_id) == ("", job.span_id, job.trace_id)
    assert len(sink.events) == 4
    with span("nowhere") as nowhere:
        assert current_span() is None
        nowhere.set(rows=1)
        record("call", 0.0)
    assert re.fullmatch("[0-9a-f]{32}", nowhere.trace_id)
    assert (nowhere.parent_id, len(sink.events)) == ("", 4)


def test_an_exception_ends_a_span_as_its_error_and_goes_on() -> None:
    tracer, sink, _ = service()

    class TextlessError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(LookupError), tracer.span("job"):
        raise LookupError("no such order")
    with pytest.raises(TextlessError), tracer.span("job"):
        raise TextlessError
    assert [(event.outcome, event.error_type, event.error) for event in sink.events[1::2]] == [
        ("error", "LookupError", "no such order"),
        ("error", "TextlessError", ""),
    ]
    assert current_span() is None


async def test_functions_of_both_kinds_have_a_span_a_call() -> None:
    tracer, sink, _ = service()

    @tracer.span("double")
    def double(number: int) -> int:
        return number * 2

    @tracer.span("later")
    async def later(number: int) -> int:
        await asyncio.sleep(0)
        return double(number)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(later(n), name=f"later {n}") for n in range(3)]
    assert [task.result() for task in tasks] == [0, 2, 4]
    parents = {event.span_id: event.parent_id for event in sink.events}
    traces = {event.trace_id for event in sink.events}
    assert (len(parents), len(traces), sorted(parents.values()).count("")) == (6, 3, 3)
    assert (double.__name__, later.__name__) == ("double", "later")

    async with tracer.span("block") as block:
        assert current_span() == (block.trace_id, block.span_id)

    def generator() -> Iterator[int]:
        yield 1

    async def asynchronous() -> AsyncIterator[int]:
        yield 1

    for function in (generator, asynchronous):
        with pytest.raises(TypeError, match="a generator has no span"):
            tracer.span("pages")(function)


async def test_threads_belong_to_the_span_whose_context_they_run_in() -> None:
    tracer, sink, _ = service()
    with tracer.span("job") as job:
        await asyncio.to_thread(record, "inherited", 0.0)
        with_copy = threading.Thread(target=contextvars.copy_context().run, args=(record, "copied", 0.0))
        without = threading.Thread(target=contextvars.Context().run, args=(record, "lost", 0.0))
        for thread in (with_copy, without):
            thread.start()
            thread.join()
    assert [event.type for event in sink.events if event.parent_id == job.span_id][::2] == ["inherited", "copied"]


def test_telemetry_and_spans_of_a_request_are_one_trace() -> None:
    tracer, sink, _ = service()
    telemetry = Telemetry(sink)
    with begun(tracer) as request, telemetry.span("checkout"), span("db") as inner:
        assert inner.trace_id == request.trace_id
    parents = {event.type: event.parent_id for event in sink.events}
    ids = {event.type: event.span_id for event in sink.events}
    assert parents == {"GET /orders": "", "checkout": request.span_id, "db": ids["checkout"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEADER.replace("00-", "01-", 1),
        f"00-{TRACE}-{CALLER}",
        f"00-{TRACE[1:]}-{CALLER}-01",
        f"00-{TRACE}-{CALLER[1:]}-01",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-g{TRACE[1:]}-{CALLER}-01",
        f"00-{TRACE.upper()}-{CALLER}-01",
        f"00-{TRACE}-{CALLER}-01-",
        f"00-{TRACE}-{CALLER}-0g",
        f" {HEADER}",
        f"00-{TRACE[:-1]}١-{CALLER}-01",
    ],
)
def test_nx_15_a_traceparent_that_is_none_to_the_letter_is_refused(text: str) -> None:
    assert parse_traceparent(text) is None


def test_nx_15_a_traceparent_names_trace_and_span() -> None:
    assert parse_traceparent(HEADER) == TraceParent(TRACE, CALLER, is_sampled=True)
    assert parse_traceparent(f"00-{TRACE}-{CALLER}-00") == TraceParent(TRACE, CALLER, is_sampled=False)


@pytest.mark.parametrize(("header", "is_remote"), [(HEADER, True), ("", False), ("00-nonsense", False)])
def test_nx_16_a_request_inherits_the_trace_of_its_caller_or_begins_one(header: str, is_remote: bool) -> None:
    tracer, sink, _ = service()
    request = tracer.request("GET /", transport="http", path="/", traceparent=header)
    assert re.fullmatch("[0-9a-f]{32}", request.trace_id)
    assert (request.is_remote, request.trace_id == TRACE) == (is_remote, is_remote)
    assert request.parent_id == (CALLER if is_remote else "")
    assert (sink.events[0].meta or {}).get("remote", False) is is_remote


def test_a_call_tells_the_current_span_unless_its_headers_name_one() -> None:
    tracer, _, _ = service()
    headers: dict[str, str] = {}
    inject(headers)
    assert (headers, traceparent()) == ({}, "")
    with begun(tracer, HEADER), span("call") as call:
        inject(headers)
        assert headers == {"traceparent": f"00-{TRACE}-{call.span_id}-01"}
        kept = {"Traceparent": "theirs"}
        inject(kept)
        assert kept == {"Traceparent": "theirs"}
