"""What an application has begun and not ended."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import MONO_0_NS, T0_NS, event
from wsmon.model.events import Event, EventName
from wsmon.model.spans import Instant
from wsmon.recorder import under_way
from wsmon.recorder.under_way import UnderWay

AT = Instant(T0_NS + 9_000_000_000, MONO_0_NS + 9_000_000_000)


def span(name: EventName, after_s: float, span_id: str, parent_id: str = "") -> Event:
    ids = {"span_id": span_id, "parent_id": parent_id}
    return event(name, after_s, "shop", size=0, type="work", meta={"kind": "client"}, **ids)


def test_spans_end_with_an_error_those_within_others_first() -> None:
    outer, inner = span("trace.request.start", 1, "1" * 16), span("trace.span.start", 2, "2" * 16, "1" * 16)
    done = span("trace.span.start", 3, "3" * 16, "1" * 16), span("trace.span.end", 4, "3" * 16, "1" * 16)
    found = UnderWay()
    found.see([outer, inner, *done])
    ended = {"ts_ns": AT.ts_ns, "mono_ns": AT.mono_ns, "status": "error", "error_type": "application_ended"}
    assert found.ends(AT, "it ended") == [
        msgspec.structs.replace(inner, name="trace.span.end", duration_ns=7_000_000_000, error="it ended", **ended),
        msgspec.structs.replace(outer, name="trace.request.end", duration_ns=8_000_000_000, error="it ended", **ended),
    ]


def test_connections_that_are_not_at_their_end_are_lost() -> None:
    up = event("connection.completed", 1, "a", from_status="connected", to_status="websocket_connected")
    down = event("connection.disconnected", 2, "b", from_status="websocket_connected", to_status="disconnected")
    found = UnderWay()
    assert not found
    found.see([up, msgspec.structs.replace(up, source=down.source), down])
    (lost,) = found.ends(AT, "it ended")
    assert found
    assert (lost.source, lost.name, lost.from_status, lost.to_status, lost.reason, lost.error_type, lost.meta) == (
        up.source, "connection.disconnected", "websocket_connected", "disconnected", "it ended", "application_ended",
        {"open": True},
    )  # fmt: skip


def test_nothing_is_under_way_once_all_has_ended() -> None:
    found = UnderWay()
    found.see([span("trace.span.start", 1, "1" * 16), span("trace.span.start", 1, ""), span("trace.log", 2, "4" * 16)])
    found.see([span("trace.span.end", 2, "1" * 16), span("trace.span.end", 2, "9" * 16)])
    assert (bool(found), found.ends(AT, "")) == (False, [])


def test_of_too_many_spans_the_newest_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_way, "MOST_SPANS", 2)
    found = UnderWay()
    found.see([span("trace.span.start", number, f"{number}" * 16) for number in (1, 2, 3)])
    assert [each.span_id[0] for each in found.ends(AT, "")] == ["3", "2"]
