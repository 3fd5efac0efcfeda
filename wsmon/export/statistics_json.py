"""Statistics as ``stats --json`` prints them (CONTRACT.md, "JSON")."""

from __future__ import annotations

from wsmon.export.jsonl import rfc3339
from wsmon.model.events import Json
from wsmon.model.statistics import ConnectionStatistics, Flow, Kpi, Statistics, Summary

SCHEMA = "wsmon.stats/1"
_DECIMALS = 3
# of milliseconds: a microsecond
_SHARE_DECIMALS = 6


def statistics_document(statistics: Statistics) -> dict[str, Json]:
    """The whole answer; keys of what this version does not measure are absent."""
    return {
        "schema": SCHEMA,
        "since": rfc3339(statistics.since_ns),
        "until": rfc3339(statistics.until_ns),
        "connections": [connection_document(connection) for connection in statistics.connections],
    }


def connection_document(of: ConnectionStatistics) -> dict[str, Json]:
    """One connection; a distribution of nothing is empty, a time or share that does not exist is null.

    What it is subscribed to is known of now only: a period in the past has no such key.
    """
    document: dict[str, Json] = {
        "name": of.name,
        "url": of.url,
        "status": of.status,
        "stalled": of.stalled,
        "profile": of.profile,
        "trace_id": of.trace_id,
        "sessions": of.sessions,
        "connection_count": of.connection_count,
        "reconnection_count": of.reconnection_count,
        "reconnects_per_hour": _rounded(of.reconnects_per_hour, _DECIMALS),
        "reconnect_gap_ms": _rounded(of.reconnect_gap_ms, _DECIMALS),
        "total_uptime_ms": _rounded(of.total_uptime_ms, _DECIMALS),
        "ws_uptime_ms": _rounded(of.ws_uptime_ms, _DECIMALS),
        "availability": _rounded(of.availability, _SHARE_DECIMALS),
        "last_connected_at": _time(of.last_connected_ns),
        "last_disconnected_at": _time(of.last_disconnected_ns),
        "last_message_at": _time(of.last_message_ns),
        "connect_ms": _summary(of.connect_ms),
        "reconnect_ms": _summary(of.reconnect_ms),
        "rtt_ms": _summary(of.rtt_ms),
        "process_ms": _summary(of.process_ms),
        "decode_ms": _summary(of.decode_ms),
        "encode_ms": _summary(of.encode_ms),
        "feed_latency_ms": _summary(of.feed_latency_ms),
        "feed_latency_uncertainty_ms": of.feed_latency_uncertainty_ms,
        "message_size": _summary(of.message_size),
        "messages": _flow(of.messages),
        "bytes": _flow(of.bytes),
        "wire_bytes": _flow(of.wire_bytes),
        "heartbeats": {
            "sent": of.heartbeats.sent,
            "answered": of.heartbeats.answered,
            "missed": of.heartbeats.missed,
        },
        "errors": dict(of.errors),
        "close_codes": dict(of.close_codes),
        "incidents": dict(of.incidents),
        "kpis": [_kpi(kpi) for kpi in of.kpis],
    }
    if of.message_types is not None:
        document["message_types"] = dict(of.message_types)
    if of.subscriptions is not None:
        found = of.subscriptions
        document["subscriptions"] = {"active": found.active, "pending": found.pending, "lost": found.lost}
    return document


def _kpi(kpi: Kpi) -> dict[str, Json]:
    return {
        "name": kpi.name,
        "value": _rounded(kpi.value, _SHARE_DECIMALS if kpi.is_share else _DECIMALS),
        "threshold": kpi.threshold,
        "ok": kpi.ok,
        "samples": kpi.samples,
        "budget_left": _rounded(kpi.budget_left, _SHARE_DECIMALS),
    }


def _summary(summary: Summary | None) -> dict[str, Json]:
    if summary is None:
        return {}
    values = {
        "mean": summary.mean,
        "p50": summary.p50,
        "p95": summary.p95,
        "p99": summary.p99,
        "max": summary.max,
    }
    return {"count": summary.count, **{key: round(value, _DECIMALS) for key, value in values.items()}}


def _flow(flow: Flow) -> dict[str, Json]:
    return {"received": flow.received, "sent": flow.sent}


def _time(ts_ns: int | None) -> str | None:
    return None if ts_ns is None else rfc3339(ts_ns)


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)
