"""Statistics of connections over a period, key figures against their thresholds, and trends.

``stats --json`` prints ``Statistics``; the statistics pane shows a ``Trend``, the timeline pane ``Density``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from wsmon.model.snapshot import RelayedRoute
from wsmon.model.statuses import ConnectionStatus, Status
from wsmon.model.subscriptions import Subscriptions
from wsmon.model.units import SECOND_NS, FigureUnit, duration


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution in six numbers, in the unit of what was measured; percentiles are within 1.1 %."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Flow:
    """A quantity received and sent."""

    received: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The recorder's own pings and their outcome."""

    sent: int = 0
    answered: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Kpi:
    """One key figure against its threshold; ``_RULES`` defines what each is made from."""

    name: str
    value: float | None
    """In ``unit``; None where nothing was measured."""
    threshold: float | None
    """None where neither the configuration nor the profile has a target."""
    ok: bool | None
    """None where too little was measured to judge, or where there is no target."""
    samples: int
    """What the value is made from; of a share of time, the whole seconds of it."""
    budget_left: float | None
    """Share of the error budget, or of the time allowed, that is left; below 0: overdrawn; None: there is none, or
    ``ok`` is None."""
    is_floor: bool = False
    """The value must be above the threshold, not below."""
    unit: FigureUnit = "ms"
    is_of_time: bool = False
    """The value is a share of the time in which the connection was to be open, or a rate in that time."""
    why: str = ""
    """Why ``ok`` is None, or why it is False whatever the value; empty otherwise."""

    @property
    def basis(self) -> str:
        """What the value is made from, in words: ``12 samples``, ``9m of scheduled time``."""
        if self.is_of_time:
            return f"{duration(self.samples * SECOND_NS)} of scheduled time"
        return f"{self.samples:,} sample{'' if self.samples == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class ConnectionStatistics:
    """The statistics of one connection in a period, from rollups and transitions.

    Summaries are ``None`` where nothing was measured, because no data must not be shown as zero.
    """

    name: str
    group: str
    url: str
    status: ConnectionStatus
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
    """Of the transport: from TCP (TLS) to the end of the session."""
    ws_uptime_ms: float
    """Usable: from the end of the upgrade to the end of the session."""
    availability: float | None
    """Usable time / ``scheduled_ms``, 0…1; None where it never was to be open."""
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
    sequence: Mapping[str, int] = field(default_factory=dict)
    """Sequence numbers ``missing``, ``duplicates`` and ``reordered``, of incidents that have ended."""
    process_ms: Summary | None = None
    """Time from a request to its reply."""
    decode_ms: Summary | None = None
    """Time to read a message in its protocol."""
    encode_ms: Summary | None = None
    """The same for messages that were sent."""
    subscriptions: Subscriptions | None = None
    """At present; None for a period in the past."""
    feed_latency_ms: Summary | None = None
    """Delay beyond the fastest message of the last minutes."""
    feed_latency_uncertainty_ms: float | None = None
    """Delay that the fastest message itself may have had: the shortest round trip; None where none was measured."""
    reconnect_gap_ms: float | None = None
    """Mean time between two reconnections in one run; None where there were not two."""
    message_types: Mapping[str, int] | None = None
    """Messages by type, most frequent first; None where they were not asked for."""
    scheduled_ms: float = 0.0
    """Time in which a recorder ran and the connection was to be open."""
    stalled_ms: float | None = None
    """Of it, the time in which no data came although ``expect_every`` asked for some: the length of its stalls; None
    where no data is expected, so that silence is no stall."""
    down_since_ns: int | None = None
    """Wall time since which it is not open; None while it is open, and for a period in the past."""
    failing_since_ns: int | None = None
    """Wall time of the first loss or failure since it was last open for a while; None for a period in the past."""
    shed_messages: int = 0
    """Messages received that are not in the store, which took nothing: received = stored + shed."""
    failed_messages: int = 0
    """Messages that could not be parsed, and requests that failed."""
    recovered_errors: int = 0
    """Errors that are not critical, after which the connection was usable within a minute."""
    unrecovered_errors: int = 0
    """Those after which it was not; of the others it is not known."""
    alert_ms: Summary | None = None
    """Time from an error to the delivery of the alert about it, by each channel; None where none was delivered."""
    failed_alerts: int = 0
    """Alerts that a channel could not deliver."""
    kpis: tuple[Kpi, ...] = ()
    relay: tuple[RelayedRoute, ...] = ()
    """Where the relay that it comes through listens; empty = it is not relayed."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of several connections; the period is the one that the store could answer for."""

    since_ns: int
    until_ns: int
    connections: tuple[ConnectionStatistics, ...]


@dataclass(frozen=True, slots=True)
class Density:
    """Messages and errors by time, for a row under the timeline, in equal buckets from ``since_ns``."""

    since_ns: int
    bucket_ns: int
    messages: tuple[int, ...]
    errors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ActivityCell:
    """What happened on one connection in one step of time."""

    step: int
    """Index in ``Activity.steps``."""
    connection: str
    messages: Flow
    bytes: Flow
    errors: int
    disconnects: int
    """Losses of an open connection."""
    attempts: int
    opens: int


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened on connections by steps of time; a connection without traffic in a step has no cell for it."""

    since_ns: int
    until_ns: int
    step_s: int
    steps: tuple[tuple[int, int], ...]
    """From and until, wall time in nanoseconds; the first and the last one end with the period."""
    observed_s: tuple[float, ...]
    """For how many seconds of each step a recorder ran."""
    cells: tuple[ActivityCell, ...]


_DIALLING: Final[frozenset[Status]] = frozenset({"connecting", "connected"})
_GAVE_UP: Final = "retries_exhausted"
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})
# Below these a figure is no breach: the first of two dials that fails is no rate of 50 %
MIN_RATE_SAMPLES: Final = 10
MIN_DURATION_SAMPLES: Final = 3
MIN_SCHEDULED_S: Final = 60
TOO_FEW: Final = "too few samples"
NO_EXPECTATION: Final = "no data is expected: expect_every is not set"
NO_ERROR: Final = "no error occurred whose outcome is known"
NO_ALERT: Final = "no alert was sent by alerts.command or alerts.webhook"
NO_TARGET: Final = "no target is set"


class _Measured(NamedTuple):
    """A figure and the number of samples in it."""

    value: float | None
    """None without samples."""
    samples: int

    @classmethod
    def mean(cls, total: float, samples: int) -> _Measured:
        """Return the mean of samples, of which ``total`` succeeded or failed, or which took so many milliseconds."""
        return cls(total / samples if samples else None, samples)


@dataclass(frozen=True, slots=True)
class _KpiRule:
    """How a key figure is measured, and its threshold in the profile ``financial`` and in all others."""

    measure: Callable[[ConnectionStatistics], _Measured]
    financial: float | None
    standard: float | None
    """None: no target, unless the configuration has one."""
    is_floor: bool = False
    """The value must be above the threshold, not below."""
    unit: FigureUnit = "ms"
    is_of_time: bool = False
    """A share of time, or a rate in it; its samples are seconds."""
    no_samples: str = TOO_FEW
    """Why it is not known where there is no sample."""

    @property
    def min_samples(self) -> int:
        """Samples from which on the figure meets or breaches its threshold."""
        if self.is_of_time:
            return MIN_SCHEDULED_S
        return MIN_RATE_SAMPLES if self.unit == "share" else MIN_DURATION_SAMPLES


def _connected(connection: ConnectionStatistics) -> _Measured:
    """Dials that led to a usable session; one that is under way is neither a success nor a failure."""
    dials = max(0, connection.sessions - (connection.status in _DIALLING))
    return _Measured.mean(min(connection.connection_count, dials), dials)


def _reconnected(connection: ConnectionStatistics) -> _Measured:
    """Outages that a reconnect ended, of all that ended; the others ended because no attempt was left."""
    ended = connection.reconnect_ms.count if connection.reconnect_ms else 0
    return _Measured.mean(ended, ended + connection.errors.get(_GAVE_UP, 0))


def _failed_messages(connection: ConnectionStatistics) -> _Measured:
    """Messages that could not be parsed, and requests that failed."""
    return _Measured.mean(connection.failed_messages, connection.messages.received + connection.messages.sent)


def _available(connection: ConnectionStatistics) -> _Measured:
    """Share of the scheduled time in which the connection was open."""
    return _Measured(connection.availability, int(connection.scheduled_ms / 1_000))


def _stalled(connection: ConnectionStatistics) -> _Measured:
    """Share of the scheduled time in which data was expected and did not come."""
    if connection.stalled_ms is None or not connection.scheduled_ms:
        return _Measured(None, 0)
    share = min(1.0, connection.stalled_ms / connection.scheduled_ms)
    return _Measured(share, int(connection.scheduled_ms / 1_000))


def _recovered(connection: ConnectionStatistics) -> _Measured:
    """Errors after which the connection was usable within a minute, of those of which that is known."""
    recovered = connection.recovered_errors
    return _Measured.mean(recovered, recovered + connection.unrecovered_errors)


def _alerted(connection: ConnectionStatistics) -> _Measured:
    """Mean time to the delivery of an alert; one that was not delivered is a sample without a time."""
    delivered = _average(connection.alert_ms)
    return _Measured(delivered.value, delivered.samples + connection.failed_alerts)


def _throughput(connection: ConnectionStatistics) -> _Measured:
    """Messages received per second of the scheduled time."""
    scheduled_s = connection.scheduled_ms / 1_000
    rate = connection.messages.received / scheduled_s if scheduled_s else None
    return _Measured(rate, int(scheduled_s))


def _average(summary: Summary | None) -> _Measured:
    return _Measured(summary.mean, summary.count) if summary else _Measured(None, 0)


# The nine of WebSockexNova's telemetry guide, and two shares of time. The guide leaves the target of throughput to the
# application, and names one of the time to an alert for financial applications only
_RULES: Final[Mapping[str, _KpiRule]] = MappingProxyType(
    {
        "connection_success_rate": _KpiRule(_connected, 0.999, 0.99, is_floor=True, unit="share"),
        "connection_time_ms": _KpiRule(lambda connection: _average(connection.connect_ms), 500.0, 1_000.0),
        "reconnection_success_rate": _KpiRule(_reconnected, 0.99, 0.99, is_floor=True, unit="share"),
        "reconnection_time_ms": _KpiRule(lambda connection: _average(connection.reconnect_ms), 2_000.0, 5_000.0),
        "processing_time_ms": _KpiRule(lambda connection: _average(connection.process_ms), 10.0, 50.0),
        "message_error_rate": _KpiRule(_failed_messages, 0.0001, 0.001, unit="share"),
        # As strict as the success of dials: a connection that is not open, or is mute, is of no use
        "availability": _KpiRule(_available, 0.999, 0.99, is_floor=True, unit="share", is_of_time=True),
        "stalled_share": _KpiRule(_stalled, 0.001, 0.01, unit="share", is_of_time=True),
        "error_recovery_rate": _KpiRule(_recovered, 0.99, 0.99, is_floor=True, unit="share", no_samples=NO_ERROR),
        "error_to_alert_ms": _KpiRule(_alerted, 5_000.0, None, no_samples=NO_ALERT),
        "throughput_per_s": _KpiRule(_throughput, None, None, is_floor=True, unit="per_s", is_of_time=True),
    }
)
KPI_NAMES: Final = tuple(_RULES)
# Fields of ``ConnectionStatistics`` that are a ``Summary``; that of sizes is in bytes, the others in milliseconds
DISTRIBUTIONS: Final = (
    *("connect_ms", "reconnect_ms", "rtt_ms", "process_ms", "feed_latency_ms", "decode_ms", "encode_ms"),
    "message_size",
)
# What the values and thresholds of key figures are
KPI_UNITS: Final[Mapping[str, FigureUnit]] = MappingProxyType({name: rule.unit for name, rule in _RULES.items()})


def kpi_min_samples(name: str) -> int:
    """Return from how many samples on a key figure is judged; of a share of time, seconds."""
    return _RULES[name].min_samples


def kpis(connection: ConnectionStatistics, overrides: Mapping[str, float] = _NOTHING) -> tuple[Kpi, ...]:
    """Return all key figures of a connection, in the order of ``KPI_NAMES``.

    ``overrides`` are the configured thresholds, by name. A figure with too few samples breaches nothing, and one that
    was not measured has no value. Comparisons are strict, as in the guide: 99.9 % is not more than 99.9 %. Averages are
    exact, unlike percentiles.
    """
    return tuple(_kpi(name, rule, connection, overrides.get(name)) for name, rule in _RULES.items())


def _kpi(name: str, rule: _KpiRule, connection: ConnectionStatistics, override: float | None) -> Kpi:
    standing = rule.financial if connection.profile == "financial" else rule.standard
    threshold = standing if override is None else override
    value, samples = rule.measure(connection)
    ok, why = _judged(name, rule, connection, threshold)
    is_of_value = ok is not None and not why
    left = _budget_left(rule, value, threshold) if is_of_value and value is not None and threshold is not None else None
    return Kpi(name, value, threshold, ok, samples, left, rule.is_floor, rule.unit, rule.is_of_time, why)


def _judged(
    name: str, rule: _KpiRule, connection: ConnectionStatistics, threshold: float | None
) -> tuple[bool | None, str]:
    """Return whether a figure meets its target, and why that is not known or not asked of its value."""
    value, samples = rule.measure(connection)
    failed = connection.failed_alerts if name == "error_to_alert_ms" else 0
    if failed:
        # An alert that was not delivered is late by any target, however soon the others were
        why = f"{failed:,} alert{' was' if failed == 1 else 's were'} not delivered"
        return (None if threshold is None or samples < rule.min_samples else False), why
    if name == "stalled_share" and connection.stalled_ms is None:
        return None, NO_EXPECTATION
    if value is None or samples < rule.min_samples:
        return None, TOO_FEW if samples else rule.no_samples
    if threshold is None:
        return None, NO_TARGET
    return (value > threshold if rule.is_floor else value < threshold), ""


def _budget_left(rule: _KpiRule, value: float, threshold: float) -> float | None:
    """Return the share of the error budget, or of the time allowed, that is left; below 0: overdrawn."""
    if rule.unit == "per_s":
        return None
    spent, allowed = (1 - value, 1 - threshold) if rule.is_floor else (value, threshold)
    return 1 - spent / allowed if allowed > 0 else None


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of a duration in one bucket, in milliseconds."""

    p50: float
    p95: float
    p99: float


Extreme = Literal["process", "rtt", "size", "connect", "reconnect"]
"""Measurements whose greatest value leads to the event that has it: response time, round trip, message size, …"""


@dataclass(frozen=True, slots=True)
class MessageType:
    """The messages of one type in a period."""

    name: str
    count: int
    mean_bytes: float | None
    """Mean size of the newest ones; None where none is among the newest messages of the store."""
    last_ns: int | None
    """Wall time of the newest one, at least to the start of the bucket that counts it; None of a sum of types."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Rates and durations of one connection over a period, and the sizes and types of its messages.

    The buckets are equal and start at ``since_ns``; one is ``None`` where nothing is known, which is not zero.
    """

    connection: str
    since_ns: int
    bucket_ns: int
    messages: tuple[int | None, ...]
    """Received and sent."""
    rtt_ms: tuple[Percentiles | None, ...]
    latency_ms: tuple[Percentiles | None, ...]
    """Feed latency: delay beyond the fastest message of the last minutes."""
    sizes: Mapping[int, int]
    """Messages by the power of two, in bytes, that they do not exceed; 0 = empty ones; smallest first."""
    types: tuple[MessageType, ...]
    """Most frequent first; a sum of the rest comes last."""
    bytes: tuple[int | None, ...] = ()
    """Of messages, received and sent."""
    heartbeats: tuple[int | None, ...] = ()
    """Pings of the recorder that were answered; they are no messages."""
    missed: tuple[int | None, ...] = ()
    """Pings of the recorder that were not answered in time."""
