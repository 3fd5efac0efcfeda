"""Statistics of connections over a period, as ``stats --json`` prints them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from wsmon.model.statuses import Status
from wsmon.model.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution in six numbers, all in the unit of what was measured; percentiles within 1.1 %."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Flow:
    """One quantity both ways."""

    received: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """Pings of ours, and what became of them."""

    sent: int = 0
    answered: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Kpi:
    """One key figure against its threshold; ``wsmon.model.kpis`` says what each is made from."""

    name: str
    value: float | None
    """A share 0…1, or milliseconds; None where nothing was measured."""
    threshold: float
    ok: bool | None
    """None where nothing was measured."""
    samples: int
    budget_left: float | None
    """Part of what may go wrong, or of the time it may take, that is left; below 0: overdrawn; None: there is none."""
    is_floor: bool = False
    """The value must be above the threshold, not below."""
    is_share: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionStatistics:
    """What rollups and transitions hold about one connection in a period.

    Summaries are ``None`` where nothing was measured: no data is never drawn as zero.
    """

    name: str
    group: str
    url: str
    status: Status
    stalled: bool
    profile: str
    trace_id: str
    sessions: int
    """Sockets dialled."""
    connection_count: int
    """Sockets that became usable."""
    reconnection_count: int
    reconnects_per_hour: float | None
    """None while the period is shorter than a minute."""
    total_uptime_ms: float
    """transport: from TCP (TLS) up to the end."""
    ws_uptime_ms: float
    """usable: from the end of the upgrade to the end."""
    availability: float | None
    """Ws uptime / time the connection was wanted, 0…1; None where it was never wanted."""
    last_connected_ns: int | None
    last_disconnected_ns: int | None
    last_message_ns: int | None
    connect_ms: Summary | None
    reconnect_ms: Summary | None
    rtt_ms: Summary | None
    message_size: Summary | None
    messages: Flow
    bytes: Flow
    wire_bytes: Flow
    heartbeats: Heartbeats
    errors: Mapping[str, int]
    close_codes: Mapping[str, int]
    incidents: Mapping[str, int]
    process_ms: Summary | None = None
    """From a request to its reply."""
    decode_ms: Summary | None = None
    """What it took to read a message in its protocol."""
    encode_ms: Summary | None = None
    """The same of messages that were sent."""
    subscriptions: Subscriptions | None = None
    """Now; None of a period in the past."""
    feed_latency_ms: Summary | None = None
    """Beyond the fastest message of the last minutes."""
    feed_latency_uncertainty_ms: float | None = None
    """What the fastest message itself may have taken: the shortest round trip; None where none was measured."""
    reconnect_gap_ms: float | None = None
    """Mean time between two reconnections in one run; None where there were not two."""
    message_types: Mapping[str, int] | None = None
    """Messages by type, most frequent first; None where nobody asked."""
    failed_messages: int = 0
    """That could not be read, and requests that failed."""
    kpis: tuple[Kpi, ...] = ()


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of several connections; the period is what was really answered for."""

    since_ns: int
    until_ns: int
    connections: tuple[ConnectionStatistics, ...]


@dataclass(frozen=True, slots=True)
class Density:
    """Messages and errors by time, for a row under the timeline; equal buckets from ``since_ns``."""

    since_ns: int
    bucket_ns: int
    messages: tuple[int, ...]
    errors: tuple[int, ...]


# Key figures of a connection against the thresholds of its profile: the table of the telemetry guide.
#
# What was never measured has no value and breaches nothing. All comparisons are strict, as the guide's are: 99.9 % is
# not more than 99.9 %. Averages are exact, which percentiles are not. Of the guide's table, throughput has no
# threshold,
# and how often errors are handled is known of one protocol only: both are left out.

_DIALLING: Final[frozenset[Status]] = frozenset({"connecting", "connected"})
_GAVE_UP: Final = "retries_exhausted"
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Measured:
    """A figure and what it was made from; without samples it has no value."""

    total: float
    """Of the samples: how many succeeded or failed, or milliseconds."""
    samples: int

    @property
    def value(self) -> float | None:
        """The total a sample."""
        return self.total / self.samples if self.samples else None


@dataclass(frozen=True, slots=True)
class _Rule:
    """A figure, and where it must lie."""

    measure: Callable[[ConnectionStatistics], _Measured]
    financial: float
    standard: float
    is_floor: bool = False
    """It must be above the threshold, not below."""
    is_share: bool = False
    """0…1; the others are milliseconds."""


def _connected(of: ConnectionStatistics) -> _Measured:
    """Dials that led to a usable session; one that is still under way is neither a success nor a failure."""
    dials = max(0, of.sessions - (of.status in _DIALLING))
    return _Measured(min(of.connection_count, dials), dials)


def _reconnected(of: ConnectionStatistics) -> _Measured:
    """Outages that ended; the others ended in giving up. One that lasts is neither."""
    ended = of.reconnect_ms.count if of.reconnect_ms else 0
    return _Measured(ended, ended + of.errors.get(_GAVE_UP, 0))


def _failed_messages(of: ConnectionStatistics) -> _Measured:
    """Messages that could not be read, and requests that failed."""
    return _Measured(of.failed_messages, of.messages.received + of.messages.sent)


def _average(summary: Summary | None) -> _Measured:
    return _Measured(summary.mean * summary.count, summary.count) if summary else _Measured(0.0, 0)


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "connection_success_rate": _Rule(_connected, 0.999, 0.99, is_floor=True, is_share=True),
        "connection_time_ms": _Rule(lambda of: _average(of.connect_ms), 500.0, 1_000.0),
        "reconnection_success_rate": _Rule(_reconnected, 0.99, 0.99, is_floor=True, is_share=True),
        "reconnection_time_ms": _Rule(lambda of: _average(of.reconnect_ms), 2_000.0, 5_000.0),
        "processing_time_ms": _Rule(lambda of: _average(of.process_ms), 10.0, 50.0),
        "message_error_rate": _Rule(_failed_messages, 0.0001, 0.001, is_share=True),
    }
)
KPI_NAMES: Final = tuple(_RULES)
# Whose thresholds are 0…1; those of the others are milliseconds
KPI_SHARES: Final = frozenset(name for name, rule in _RULES.items() if rule.is_share)


def kpis(of: ConnectionStatistics, overrides: Mapping[str, float] = _NOTHING) -> tuple[Kpi, ...]:
    """All key figures of a connection, in the order of ``KPI_NAMES``.

    ``overrides`` are thresholds of the configuration by name. Profiles but ``financial`` have the thresholds of
    ``standard``.
    """
    return tuple(_kpi(name, rule, of, overrides.get(name)) for name, rule in _RULES.items())


def _kpi(name: str, rule: _Rule, of: ConnectionStatistics, override: float | None) -> Kpi:
    standing = rule.financial if of.profile == "financial" else rule.standard
    threshold = standing if override is None else override
    measured = rule.measure(of)
    value = measured.value
    if value is None:
        return Kpi(name, None, threshold, None, 0, None, rule.is_floor, rule.is_share)
    ok = value > threshold if rule.is_floor else value < threshold
    left = _budget_left(rule, value, threshold)
    return Kpi(name, value, threshold, ok, measured.samples, left, rule.is_floor, rule.is_share)


def _budget_left(rule: _Rule, value: float, threshold: float) -> float | None:
    """The part that is left of what may go wrong, or of the time that it may take; below 0: overdrawn."""
    spent, allowed = (1 - value, 1 - threshold) if rule.is_floor else (value, threshold)
    return 1 - spent / allowed if allowed > 0 else None


# How one connection went over a period: rates and latencies by time, sizes and types of its messages.


@dataclass(frozen=True, slots=True)
class Percentiles:
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
    """Both ways."""
    rtt_ms: tuple[Percentiles | None, ...]
    latency_ms: tuple[Percentiles | None, ...]
    """Of the feed."""
    sizes: Mapping[int, int]
    """Messages by the power of two, in bytes, that they do not exceed; 0 = empty ones; smallest first."""
    types: Mapping[str, int]
    """Messages by type, most frequent first."""
