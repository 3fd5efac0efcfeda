"""The waterfall of an application's trace, read from the store that it reports to: case NX-14 of nexus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.fake_ports import FakeClock
from wsmon.clock import SystemClock
from wsmon.errors import WsmonError
from wsmon.trace import Sink, TraceEvent
from wsmon.trace.requests import RequestTracer
from wsmon.trace.trace_spans import TraceSpan, UnknownTraceError, waterfall

CALLER = "00f067aa0ba902b7"


class NowClock(FakeClock):
    """Time from now on, when the test says so."""

    def __init__(self) -> None:
        # Some seconds ago: a recorder takes no times of the future
        super().__init__(SystemClock.wall_ns() - 10_000_000_000, SystemClock.mono_ns() - 10_000_000_000)


def test_nx_14_a_trace_is_its_spans_with_offsets_durations_and_attributes(tmp_path: Path) -> None:
    store, clock = tmp_path / "store.db", NowClock()
    sink = Sink(store, own=True)
    tracer = RequestTracer("shop", sink=sink, clock=clock)
    header = f"00-{'1' * 32}-{CALLER}-01"
    with tracer.request("GET /orders", transport="http", path="/orders", traceparent=header) as root:
        clock.advance(0.002)
        with tracer.span("db", {"rows": 12}) as child:
            clock.advance(0.003)
        clock.advance(0.005)
        root.status = 200
    with tracer.span("job") as job:
        clock.advance(0.001)
        with tracer.span("step") as step:
            pass
        job.end("no such")
    stays = tracer.request("WS /feed", transport="websocket", path="/feed")
    assert sink.flush(20)
    assert waterfall("1" * 32, store) == (
        TraceSpan(
            root.span_id, CALLER, "GET /orders", "request", "shop", 0, 0.0, 10.0, 200, "", is_remote=True, attributes={}
        ),
        TraceSpan(
            child.span_id, root.span_id, "db", "span", "shop", 1, 2.0, 3.0, "ok", "", is_remote=False,
            attributes={"rows": 12},
        ),
    )  # fmt: skip
    assert [(row.span_id, row.status, row.error) for row in waterfall(job.trace_id, store)] == [
        (job.span_id, "error", "no such"),
        (step.span_id, "ok", ""),
    ]
    (under_way,) = waterfall(stays.trace_id, store)
    assert json.loads(msgspec.json.encode(under_way)) == {
        "spanId": stays.span_id, "parentId": "", "name": "WS /feed", "kind": "request", "connection": "shop",
        "depth": 0, "startMs": 0.0, "durationMs": None, "status": "open", "error": "", "remote": False, "attrs": {},
    }  # fmt: skip
    for unknown in ("2" * 32, ""):
        with pytest.raises(UnknownTraceError, match="no span of trace"):
            waterfall(unknown, store)
    with pytest.raises(WsmonError):
        waterfall("1" * 32, tmp_path / "missing.db")
    sink.close()


def test_a_session_that_another_program_opened_is_a_span_while_it_lives_and_after(tmp_path: Path) -> None:
    store, trace, session = tmp_path / "store.db", "3" * 32, "5e551011c0ffee11"
    sink = Sink(store, own=True)
    own: dict[str, Any] = {"connection": "feed", "connection_id": session, "trace_id": trace}
    sink.emit(
        TraceEvent(
            name="connection.started",
            from_status="initialized",
            to_status="connecting",
            parent_id=CALLER,
            meta={"remote": True},
            **own,
        )
    )
    assert sink.flush(20)
    (lives,) = waterfall(trace, store)
    assert (lives.span_id, lives.parent_id, lives.kind, lives.status, lives.duration_ms, lives.is_remote) == (
        session, CALLER, "session", "open", None, True,
    )  # fmt: skip
    sink.emit(
        TraceEvent(
            name="connection.disconnected",
            from_status="connecting",
            to_status="closed",
            close_by="us",
            meta={"open": True},
            **own,
        )
    )
    assert sink.flush(20)
    (ended,) = waterfall(trace, store)
    assert (ended.span_id, ended.parent_id, ended.status, ended.is_remote) == (session, CALLER, "ok", True)
    assert ended.duration_ms is not None
    sink.close()
