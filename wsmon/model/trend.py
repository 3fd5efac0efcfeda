"""How one connection went over a period: rates and latencies by time, sizes and types of its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of what was measured in a bucket, in milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Trend:
    """Equal buckets from ``since_ns`` on, as many as are needed; ``None`` where nothing is known, which is not zero."""

    connection: str
    since_ns: int
    bucket_ns: int
    messages: tuple[int | None, ...]
    # both ways
    rtt_ms: tuple[Spread | None, ...]
    latency_ms: tuple[Spread | None, ...]
    # of the feed
    sizes: Mapping[int, int]
    # messages by the power of two, in bytes, that they do not exceed; 0 = empty ones; smallest first
    types: Mapping[str, int]
    # messages by type, most frequent first
