"""Exports of recorded stores, and recordings of frames to import."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import msgspec

from tests.support.builders import dialled, event, loss
from tests.support.recordings import FixedClock
from wsmon.export.run import ExportReport, ExportRequest, run_export
from wsmon.model.events import Event, Verdict
from wsmon.store.reader import Reader


def nova_session(connection: str = "nova") -> list[Event]:
    """initialized → connecting@900 → connected@1000 → websocket_connected@1050 → disconnected@1500 (case ST-06)."""
    at = {"connecting": 0.9, "connected": 1.0, "websocket_connected": 1.05, "disconnected": 1.5}
    return [
        dialled(at["connecting"], connection),
        event("connection.open", 1.0, connection, from_status="connecting", to_status="connected"),
        event("connection.completed", 1.05, connection, from_status="connected", to_status="websocket_connected"),
        loss(at["disconnected"], connection, code=1000),
    ]


def full_event() -> Event:
    """An event with a value in every field."""
    made = loss(1.5)
    return msgspec.structs.replace(
        made,
        source=msgspec.structs.replace(made.source, group="feeds"),
        direction="in",
        opcode="text",
        type="trade",
        topic="room:1",
        ref="7",
        size=2,
        wire_size=6,
        status=403,
        error_type="http_status",
        error="refused",
        verdict=Verdict("peer", "1008 policy violation", "it broke", "mend it", (3, 4)),
        span_id="a" * 16,
        parent_id="b" * 16,
        payload=b"hi",
        truncated=True,
        redacted=True,
        id=9,
    )


def exported(view: Reader, name: str = "jsonl", **fields: object) -> tuple[bytes, ExportReport]:
    """What a request for a format writes, and its report; ``fields`` are those of ``ExportRequest``."""
    stream = io.BytesIO()
    request = dataclasses.replace(ExportRequest(name, stream), **fields)  # type: ignore[arg-type]  # fields by name
    report = run_export(request, view)
    return stream.getvalue(), report


def report_text(store: Path, name: str = "report.html", **fields: Any) -> tuple[str, ExportReport]:
    """The report of a store, written to a file with this name beside it."""
    reader = Reader(store, FixedClock(60))
    target = store.with_name(name)
    report = run_export(ExportRequest("report", target, overwrite=True, **fields), reader)
    reader.close()
    return target.read_text(), report


def ids(lines: bytes) -> list[int]:
    """The ids of events in JSON lines."""
    return [json.loads(line)["id"] for line in lines.splitlines()]


def lines(*frames: dict[str, object] | bytes) -> list[bytes]:
    """A recording: a frame a line; bytes stand for themselves."""
    return [frame if isinstance(frame, bytes) else json.dumps(frame).encode() for frame in frames]


def frame(second: float, way: str, kind: str, data: object = "", **more: object) -> dict[str, object]:
    """A frame of a recording."""
    return {"ts": f"2026-01-10T14:02:{24 + second:09.6f}Z", "dir": way, "type": kind, "data": data, **more}


RECORDING = lines(
    frame(0, "out", "text", '{"op":"subscribe"}'),
    frame(1, "in", "binary", base64.b64encode(b"\xff").decode(), binary=True),
    b"not json",
    frame(1.5, "in", "ping", "hi"),
    frame(1.6, "out", "pong", "hi"),
    b"",
    frame(2, "sideways", "text"),
    frame(3, "in", "close", '{"code":1001,"reason":"bye"}'),
    frame(4, "out", "text", '{"token":"canary-1234567890"}'),
    frame(5, "out", "close", {"code": 1000}),
)
