"""What a viewer paints from: immutable values, made at a bounded rate from what is committed."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from wsmon.model.events import Event
from wsmon.model.profiles import ProfileName
from wsmon.model.statuses import Status


class StoredSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a connection's configuration that a store keeps, as JSON in ``connection.spec``.

    A field is copied from the field of ``ConnectionSpec`` that has the same name. Each has a default, which counts for
    stores that were written before the field existed.
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
    kpi: dict[str, float] = {}
    """Thresholds by the names of ``wsmon.model.statistics``."""


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """How one connection is now, as far as the store says."""

    name: str
    spec: StoredSpec
    trace_id: str
    connection_id: str
    """Of the newest session; empty before the first."""
    status: Status
    since_ns: int
    """Wall time of the newest transition."""
    stalled_since_ns: int | None = None
    """Wall time the silence began; None while data comes, or none is expected."""
    attempt: int = 0
    """Of the dial that is under way or waited for; 0 while open."""
    next_attempt_ns: int | None = None
    """Wall time of the next dial."""
    sessions: int = 0
    """In this run."""
    last_connected_ns: int | None = None
    last_disconnected_ns: int | None = None
    failing_since_ns: int | None = None
    """Wall time of the first loss or failure since it last was open for a while; None while nothing failed."""
    last_message_ns: int | None = None
    rtt_ns: int | None = None
    """Of the newest answered ping."""
    last_problem_id: int = 0
    """Event that explains why it is not well, or was not; 0 = never a problem."""

    @property
    def is_stalled(self) -> bool:
        """Open, and nothing came for longer than expected."""
        return self.status == "websocket_connected" and self.stalled_since_ns is not None


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """What a detector found and what is not over."""

    event_id: int
    """Of the event that opened it."""
    kind: str
    sentence: str
    connection: str = ""
    """empty: the recorder's own."""


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One line of the connections list."""

    state: ConnectionState
    messages_per_s: float
    """Mean over the last whole seconds (RATE_WINDOW_S)."""
    losses_per_hour: float
    """Losses in the last hour."""
    problem: Event | None
    """The event that explains, if there is one."""
    incidents: tuple[OpenIncident, ...] = ()
    """That are not over, the newest last; stalls are in the state."""
    began: Event | None = None
    """The last loss since it began to fail; None where it was not lost since, or that is not kept."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the recorder itself is; what the file cannot say."""

    waiting_events: int = 0
    waiting_bytes: int = 0
    commit_lag_ms: float = 0.0
    """From the first event of a batch to its commit, newest batch."""
    events_shed: int = 0
    """In this run."""
    is_paused: bool = False
    """Sessions wait for the store."""
    warning: str = ""
    """e.g. "disk full: 1,204 messages not kept"; empty = well."""
    rings: bool = False
    """Viewers ring the bell when an incident opens."""
    notifies: bool = False
    """And tell the desktop."""


@dataclass(frozen=True, slots=True)
class StoreBounds:
    """Which events a store holds."""

    oldest_id: int = 0
    """The oldest id kept; 0 = none yet."""
    last_id: int = 0
    """The newest id ever given."""
    run: int = 0
    """The newest run."""
    size_bytes: int = 0
    """Of the file and its write-ahead log."""

    @property
    def events(self) -> int:
        """How many events are kept: ids have no holes."""
        return self.last_id - self.oldest_id + 1 if self.oldest_id else 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything on the screen but the log's rows and the detail."""

    at_ns: int
    bounds: StoreBounds
    connections: tuple[ConnectionRow, ...]
    """In the order of the configuration."""
    messages_per_s: tuple[int, ...]
    """Of all connections, one number a second, oldest first, newest whole second last."""
    incidents: tuple[OpenIncident, ...] = ()
    """All that are not over, stalls included, the newest last."""


EMPTY_SNAPSHOT = Snapshot(0, StoreBounds(), (), ())


# Where the events of a session lie, and when it became usable.


class SessionRange(NamedTuple):
    """One socket, from dial to end."""

    connection_id: str
    first_id: int
    """Of its events."""
    last_id: int
    open_id: int = 0
    """Of the event that made it usable; 0 = it never was."""
    open_mono_ns: int = 0


# How far a search has come: what it found in the stretch of events that it looked at since it last said so.


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """A stretch of a search, that joins the one before it."""

    ids: array[int]
    """Of the matches (``array('q')``), ascending."""
    first_id: int
    last_id: int
    """All events of this closed range of ids were looked at."""
    reached_ns: int = 0
    """Wall time of the event at the end that the search goes on from; 0 = there is none."""
