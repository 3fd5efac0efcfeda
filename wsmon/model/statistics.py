"""Statistics of connections over a period, as ``stats --json`` prints them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    # a share 0…1, or milliseconds; None where nothing was measured
    threshold: float
    ok: bool | None
    # None where nothing was measured
    samples: int
    budget_left: float | None
    # part of what may go wrong, or of the time it may take, that is left; below 0: overdrawn; None: there is none
    is_floor: bool = False
    # the value must be above the threshold, not below
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
    # sockets dialled
    connection_count: int
    # sockets that became usable
    reconnection_count: int
    reconnects_per_hour: float | None
    # None while the period is shorter than a minute
    total_uptime_ms: float
    # transport: from TCP (TLS) up to the end
    ws_uptime_ms: float
    # usable: from the end of the upgrade to the end
    availability: float | None
    # ws uptime / time the connection was wanted, 0…1; None where it was never wanted
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
    # from a request to its reply
    decode_ms: Summary | None = None
    # what it took to read a message in its protocol
    encode_ms: Summary | None = None
    # the same of messages that were sent
    subscriptions: Subscriptions | None = None
    # now; None of a period in the past
    feed_latency_ms: Summary | None = None
    # beyond the fastest message of the last minutes
    feed_latency_uncertainty_ms: float | None = None
    # what the fastest message itself may have taken: the shortest round trip; None where none was measured
    reconnect_gap_ms: float | None = None
    # mean time between two reconnections in one run; None where there were not two
    message_types: Mapping[str, int] | None = None
    # messages by type, most frequent first; None where nobody asked
    failed_messages: int = 0
    # that could not be read, and requests that failed
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
