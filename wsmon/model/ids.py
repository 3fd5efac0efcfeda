"""Identifiers of traces, sessions and spans; the random bytes arrive as an argument."""

from __future__ import annotations

from typing import NewType

ConnectionId = NewType("ConnectionId", str)
# a session: 16 hex digits, and the id of its span
TraceId = NewType("TraceId", str)
# all sessions of a connection in one run: 32 hex digits (W3C), or the user's own
SpanId = NewType("SpanId", str)
# 16 hex digits

TRACE_BYTES = 16
SPAN_BYTES = 8


def trace_id(random_bytes: bytes) -> TraceId:
    """A W3C trace id from 16 random bytes."""
    return TraceId(_hex(random_bytes, TRACE_BYTES))


def connection_id(random_bytes: bytes) -> ConnectionId:
    """A session's id from 8 random bytes."""
    return ConnectionId(_hex(random_bytes, SPAN_BYTES))


def span_id(random_bytes: bytes) -> SpanId:
    """A span's id from 8 random bytes."""
    return SpanId(_hex(random_bytes, SPAN_BYTES))


def _hex(random_bytes: bytes, length: int) -> str:
    """Lowercase hex; W3C forbids the id that is all zeros, so its last bit is set."""
    if len(random_bytes) != length:
        raise ValueError(f"an id needs {length} random bytes, not {len(random_bytes)}")
    return random_bytes.hex() if any(random_bytes) else f"{1:0{2 * length}x}"
