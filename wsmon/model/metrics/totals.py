"""What happened on each connection since the recorder began, and how the connection is now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wsmon.model.statuses import Status


@dataclass(frozen=True, slots=True)
class Distribution:
    """Measurements: how many, their sum, and a log-bucket histogram (``wsmon.model.histogram``)."""

    count: int = 0
    sum: int = 0
    # nanoseconds, or bytes
    counts: Mapping[int, int] = field(default_factory=dict)
    above: Mapping[int, int] = field(default_factory=dict)
    # of the buckets that a bound of ``wsmon.model.metrics.bounds`` cuts: how many lie above it


@dataclass(frozen=True, slots=True)
class ConnectionTotals:
    """Of one connection of the configuration; seconds that are not over are not in it yet."""

    name: str
    group: str
    url: str
    # secrets masked
    profile: str
    protocol: str
    enabled: bool
    status: Status
    is_stalled: bool
    last_message_ns: int | None = None
    # wall
    counters: Mapping[str, int] = field(default_factory=dict)
    # by the names of the store's counters
    keyed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    # by dimension and key
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    # by metric
    folded: Mapping[str, int] = field(default_factory=dict)
    # counted under "other", by dimension: the keys had become too many
