"""Snapshots for viewers: the state of connections, recorder and store; ranges of sessions, progress of searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from wsmon.model.events import Event
from wsmon.model.profiles import ProfileName
from wsmon.model.ranges import StoreBounds
from wsmon.model.statuses import OPEN, ConnectionStatus


class RelayedRoute(msgspec.Struct, frozen=True):
    """Where applications connect to instead of a server."""

    listen: str
    """URL for applications."""
    upstream: str
    """URL of the server; secrets masked."""


# Routes of relays, by the names of the connections that come through them
Routes: TypeAlias = Mapping[str, tuple[RelayedRoute, ...]]
NO_ROUTES: Final[Routes] = MappingProxyType({})


class StoredSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a connection's configuration that a store keeps, as JSON in ``connection.spec``.

    A field but ``relay`` is copied from the field of ``ConnectionSpec`` that has the same name. Each has a default,
    which counts for stores that were written before the field existed.
    """

    group: str = ""
    url: str = ""
    """Secrets masked."""
    enabled: bool = True
    profile: ProfileName = "detailed"
    """Capture profile in force: ``self.config.reloaded`` changes it."""
    protocol: str = "auto"
    expect_every_s: float = 0.0
    """0 = silence is no stall."""
    allow_send: bool = False
    """Whether texts may be sent by hand."""
    kpi: dict[str, float] = {}
    """Thresholds by the names of ``wsmon.model.statistics``."""
    relay: tuple[RelayedRoute, ...] = ()
    """Where the relay that its connections come through listens; empty = it is not relayed."""


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The present state of one connection, according to the store."""

    name: str
    spec: StoredSpec
    trace_id: str
    connection_id: str
    """The newest session; empty before the first."""
    status: ConnectionStatus
    since_ns: int
    """Wall time of the newest transition."""
    stalled_since_ns: int | None = None
    """Wall time at which the silence began; None while data comes, or none is expected."""
    attempt: int = 0
    """Number of the dial that is under way or due; 0 while open."""
    next_attempt_ns: int | None = None
    """Wall time of the next dial; None where none is due."""
    sessions: int = 0
    """In this run."""
    last_connected_ns: int | None = None
    last_disconnected_ns: int | None = None
    failing_since_ns: int | None = None
    """Wall time of the first loss or failure since it was last open for a while; None while nothing failed."""
    last_message_ns: int | None = None
    rtt_ns: int | None = None
    """Round trip of the newest answered ping."""
    last_problem_id: int = 0
    """The event that explains the newest problem; 0 = never a problem."""

    @property
    def down_since_ns(self) -> int | None:
        """Wall time since which it is not open; None while it is open, or is not to be, or nothing failed.

        A connection that flaps is down only since its newest session ended, and failing for longer.
        """
        return down_since(self.status, self.failing_since_ns, self.last_disconnected_ns)

    @property
    def is_stalled(self) -> bool:
        """Whether it is open and no data came for longer than expected."""
        return self.status == "websocket_connected" and self.stalled_since_ns is not None


def down_since(status: ConnectionStatus, failing_since_ns: int | None, last_disconnected_ns: int | None) -> int | None:
    """Return the wall time since which a connection is not open; None while it is open, was closed by the user, or is
    none.
    """
    if status in (OPEN, "closed", "") or failing_since_ns is None:
        return None
    # An end before the first failure was one by the user, or of another run
    return max(failing_since_ns, last_disconnected_ns or 0)


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that has not ended."""

    event_id: int
    """The event that opened it."""
    kind: str
    sentence: str
    connection: str = ""
    """Empty: an incident of the recorder itself."""


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One line of the connections list."""

    state: ConnectionState
    messages_per_s: float
    """Mean over the last whole seconds (RATE_WINDOW_S)."""
    losses_per_hour: float
    """Losses in the last hour."""
    problem: Event | None
    """The event of ``last_problem_id``; None where there is none, or it is not kept."""
    incidents: tuple[OpenIncident, ...] = ()
    """Open incidents, the newest last, without stalls, which are in the state."""
    began: Event | None = None
    """The last loss since the connection began to fail; None where there was none, or it is not kept."""
    problem_ended_ns: int | None = None
    """Wall time at which the incident that ``problem`` opened ended; None where it goes on, or ``problem`` is none."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the recorder process, which the store does not hold."""

    waiting_events: int = 0
    waiting_bytes: int = 0
    commit_lag_ms: float = 0.0
    """Time from the first event of the newest batch to its commit."""
    events_shed: int = 0
    """In this run."""
    is_paused: bool = False
    """Sockets are not read, because the store is too slow."""
    warning: str = ""
    """For the header, e.g. "disk full: 1,204 messages not kept"; empty = no trouble."""
    rings: bool = False
    """Viewers ring the bell when an incident opens."""
    notifies: bool = False
    """Viewers send a desktop notification as well."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the screen shows continuously, except the rows of the log and the detail."""

    at_ns: int
    """Wall time."""
    bounds: StoreBounds
    connections: tuple[ConnectionRow, ...]
    """In the order of the configuration."""
    messages_per_s: tuple[int, ...]
    """Messages of all connections per second, oldest first, ending with the newest whole second."""
    incidents: tuple[OpenIncident, ...] = ()
    """All open incidents, stalls included, the newest last."""


EMPTY_SNAPSHOT = Snapshot(0, StoreBounds(), (), ())
