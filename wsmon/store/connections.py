"""Connection rows: the stored configuration and the present state; subscription rows, written and read."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from wsmon.model.events import Event, Meta
from wsmon.model.profiles import PROFILES, Profile, profile_of
from wsmon.model.snapshot import NO_ROUTES, RelayedRoute, Routes, StoredSpec
from wsmon.model.statuses import OPEN, Status
from wsmon.model.subscriptions import MAX_TOPICS, Subscription, SubscriptionLedger, Subscriptions, TopicState
from wsmon.store.codec import NO_STATUS, STATUS_CODES, MultiRowInsert, SqlValue, storable
from wsmon.store.validation import ConnectionStatusCode, Count, Id, Ns, checked

# Readers need no configuration
if TYPE_CHECKING:
    from wsmon.config.specs import ConnectionSpec

# Of a connection that is in no configuration, only in events
_UNCONFIGURED = StoredSpec()


@dataclass(slots=True)
class ConnectionRecord:
    """One row of ``connection``, field by field a column; schema.py says what they mean."""

    id: int
    name: str
    position: int = 0
    configured: bool = False
    status: int = STATUS_CODES["initialized"]
    since_ns: int = 0
    stalled_since_ns: int | None = None
    attempt: int = 0
    next_attempt_ns: int | None = None
    source: int | None = None
    trace_id: str = ""
    sessions: int = 0
    last_connected_ns: int | None = None
    last_disconnected_ns: int | None = None
    failing_since_ns: int | None = None
    last_message_ns: int | None = None
    rtt_ns: int | None = None
    last_problem_id: int = 0
    spec: StoredSpec = _UNCONFIGURED


COLUMNS = tuple(field.name for field in fields(ConnectionRecord))
_CONNECTION = MultiRowInsert("INSERT OR REPLACE", "connection", COLUMNS)
SET_HEARD = "UPDATE connection SET last_message_ns = ? WHERE id = ?"
# All but the spec, which is written as JSON
_values = attrgetter(*COLUMNS[:-1])
_SELECT_CONNECTIONS = f"SELECT {', '.join(COLUMNS)} FROM connection"
_CONNECTION_ROW = GenericAlias(
    tuple,
    (
        *(Id, str, int, int, ConnectionStatusCode, Ns, Ns | None, Count, Ns | None, Id | None, str, Count),
        *(Ns | None, Ns | None, Ns | None, Ns | None, Ns | None, Id, str),
    ),
)
_SPEC_FIELDS = tuple(name for name in StoredSpec.__struct_fields__ if name != "relay")
_spec_of = msgspec.json.Decoder(StoredSpec).decode


def spec_of(column: str) -> StoredSpec:
    """Decode the column ``connection.spec``; raises ``msgspec.DecodeError``."""
    return _spec_of(column)


def stored_spec(spec: ConnectionSpec, relay: tuple[RelayedRoute, ...] = ()) -> StoredSpec:
    """Select what is stored of the configuration of a connection, and of the relay that it comes through."""
    fields_of_spec: dict[str, Any] = {name: getattr(spec, name) for name in _SPEC_FIELDS}
    return StoredSpec(**(fields_of_spec | {"url": spec.url.masked, "kpi": dict(spec.kpi)}), relay=relay)


class Connections:
    """The rows of all connections of a store, by name; a name keeps its id for ever."""

    def __init__(self, connection: sqlite3.Connection, *, keeps_all: bool = False) -> None:
        self._connection = connection
        # Every event is a row, whatever the capture profiles say
        self._keeps_all = keeps_all
        self._by_name = {
            row[1]: ConnectionRecord(*(*row[:-1], spec_of(row[-1])))
            for row in checked(connection.execute(_SELECT_CONNECTIONS), _CONNECTION_ROW)
        }
        self._next_id = 1 + max((record.id for record in self._by_name.values()), default=0)
        self._changed: dict[int, ConnectionRecord] = {}
        # Connections with messages since their rows were written, and whether the last ``write`` wrote those of all
        self._heard: dict[int, ConnectionRecord] = {}
        self._are_heard_written = False
        # Names of the configuration in force; empty before the first one of this run
        self._configured: frozenset[str] = frozenset()
        self._without_control_frames: set[str] = set()
        # Names that applications report events of in this run, with their places among them
        self._adopted: dict[str, int] = {}

    @property
    def has_changed(self) -> bool:
        """Whether there are rows to write, beside those of connections with messages alone."""
        return bool(self._changed)

    def get(self, name: str) -> ConnectionRecord:
        """Return the row of a name, which is made where the store has none."""
        record = self._by_name.get(name)
        if record is None:
            record = self._by_name[name] = ConnectionRecord(self._next_id, name)
            self._next_id += 1
            self.change(record)
        return record

    def find(self, name: str) -> ConnectionRecord | None:
        """Return the row of a name; None where the store has none."""
        return self._by_name.get(name)

    def all(self) -> Iterable[ConnectionRecord]:
        """Every connection, in no particular order."""
        return self._by_name.values()

    def change(self, record: ConnectionRecord) -> None:
        """Mark a row as changed, to be written with the next commit."""
        self._changed[record.id] = record

    def hear(self, record: ConnectionRecord, ts_ns: int) -> None:
        """Take note of the newest message of a connection, to be written when the rollups have it."""
        record.last_message_ns = ts_ns
        self._heard[record.id] = record

    def configure(self, specs: Sequence[ConnectionSpec], now_ns: int, routes: Routes = NO_ROUTES) -> None:
        """Use a configuration; connections that it does not name are no longer configured.

        A connection that was configured before keeps its capture profile until the event about the reload (``adjust``):
        this call comes between any two events, the reload has its place among them.
        """
        for record in self._by_name.values():
            if record.configured:
                record.configured = False
                self.change(record)
        for position, spec in enumerate(specs):
            record = self.get(spec.name)
            record.position = position
            stored = stored_spec(spec, routes.get(spec.name, ()))
            if spec.name in self._configured:
                stored = msgspec.structs.replace(stored, profile=record.spec.profile)
            else:
                self._keep_control_frames(spec.name, is_kept=spec.capture.control_frames)
            record.spec = stored
            record.configured = True
            record.status = record.status or STATUS_CODES["initialized"]
            record.since_ns = record.since_ns or now_ns
            self.change(record)
        self._configured = frozenset(spec.name for spec in specs)
        for name in self._adopted:
            self._show(self.get(name))

    def adopt(self, name: str, group: str, now_ns: int) -> bool:
        """Show a connection that an application reports events of among the configured ones, behind them.

        Returns whether it is new in this run. Its group is the first that is named; a configuration overrides both.
        """
        if name in self._adopted:
            return False
        self._adopted[name] = len(self._adopted)
        record = self.get(name)
        if name not in self._configured:
            if record.status == STATUS_CODES["initialized"]:
                # Until a transition is reported: what has only requests is no connection that has not started
                record.status = NO_STATUS
            record.spec = StoredSpec(group=group)
            record.since_ns = record.since_ns or now_ns
            self._show(record)
        return True

    def of_configuration(self) -> list[ConnectionRecord]:
        """The connections of the configuration, in its order."""
        return sorted((self._by_name[name] for name in self._configured), key=attrgetter("position"))

    def of_applications(self) -> list[ConnectionRecord]:
        """The connections that applications report, in the order in which they appeared in this run."""
        return [self._by_name[name] for name in self._adopted if name not in self._configured]

    def adjust(self, record: ConnectionRecord, change: Meta) -> None:
        """Apply the capture profile in the ``meta`` of ``self.config.reloaded``."""
        capture = change.get("capture")
        profile = next((name for name in PROFILES if name == change.get("profile")), record.spec.profile)
        record.spec = msgspec.structs.replace(record.spec, profile=profile)
        if isinstance(capture, Mapping) and "control_frames" in capture:
            self._keep_control_frames(record.name, is_kept=bool(capture["control_frames"]))
        self.change(record)

    def profile(self, record: ConnectionRecord) -> Profile:
        """The capture profile in force: which events of a connection become rows."""
        if self._keeps_all:
            return PROFILES["detailed"]
        return profile_of(record.spec.profile, control_frames=record.name not in self._without_control_frames)

    def move_to(self, connection: sqlite3.Connection) -> None:
        """Write all rows into another store."""
        self._connection = connection
        self._changed = {record.id: record for record in self._by_name.values()}

    def write(self, *, are_journaled: bool) -> None:
        """Write the changed rows; they stay marked until ``committed``, since the commit may fail.

        ``are_journaled``: the times of the newest messages are in the journal. Their rows, of several hundred bytes
        each, are then left to the commit that has the rollups of these messages.
        """
        values: list[SqlValue] = []
        for record in self._changed.values():
            values += _values(record)
            values.append(msgspec.json.encode(record.spec).decode())
        _CONNECTION.write(self._connection, values)
        self._are_heard_written = not are_journaled
        if self._are_heard_written:
            heard = ((record.last_message_ns, key) for key, record in self._heard.items() if key not in self._changed)
            self._connection.executemany(SET_HEARD, heard)

    def committed(self) -> None:
        """Forget the changes."""
        self._changed.clear()
        if self._are_heard_written:
            self._heard.clear()

    def _show(self, record: ConnectionRecord) -> None:
        """Show an adopted connection that is not configured."""
        if record.name not in self._configured:
            record.configured = True
            record.position = len(self._configured) + self._adopted[record.name]
            self.change(record)

    def _keep_control_frames(self, name: str, *, is_kept: bool) -> None:
        if is_kept:
            self._without_control_frames.discard(name)
        else:
            self._without_control_frames.add(name)


# No request of a ledger times out here: its outcome is an event as well, and only events are followed
_NEVER_NS = 2**62

_SUBSCRIPTION = MultiRowInsert("INSERT OR REPLACE", "subscription", ("connection", "topic", "status", "since_ns"))
_DELETE = "DELETE FROM subscription WHERE connection = ? AND topic = ?"
_SUBSCRIPTION_ROW = tuple[Id, Literal["active", "pending", "lost"], str]
_SELECT = "SELECT connection, status, topic FROM subscription ORDER BY connection, topic"
_SELECT_TOPICS = f"""
SELECT topic, subscription.status, subscription.since_ns FROM subscription
JOIN connection ON connection.id = subscription.connection WHERE name = ? ORDER BY topic LIMIT {MAX_TOPICS}
"""


class SubscriptionRows:
    """The subscription rows of one run, which follow its events as the engine's ledger does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # By connection
        self._ledgers: defaultdict[int, SubscriptionLedger] = defaultdict(lambda: SubscriptionLedger(_NEVER_NS))
        # Status and since when (wall), by connection and topic; None where the row goes
        self._changed: dict[tuple[int, str], tuple[str, int] | None] = {}

    def fold(self, event: Event, connection_id: int) -> None:
        """Fold an event of the category ``subscription``."""
        if event.topic:
            ledger = self._ledgers[connection_id]
            ledger.apply(event, event.mono_ns)
            self._change(connection_id, event.topic, ledger.subscription(event.topic), event.ts_ns)

    def fold_status(self, event: Event, to_status: Status, connection_id: int) -> None:
        """Fold the start or the end of a session."""
        ledger = self._ledgers.get(connection_id)
        if ledger is None:
            return
        before = ledger.snapshot()
        if to_status == OPEN:
            ledger.session_began(event.mono_ns)
        else:
            ledger.session_ended(event.mono_ns)
        for topic in (*before.active, *before.pending, *before.lost):
            self._change(connection_id, topic, ledger.subscription(topic), event.ts_ns)

    def move_to(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """Write all rows into another store."""
        self._connection = connection
        for connection_id, ledger in self._ledgers.items():
            known = ledger.snapshot()
            for topic in (*known.active, *known.pending, *known.lost):
                self._change(connection_id, topic, ledger.subscription(topic), now_ns)

    def write(self) -> None:
        """Write what changed since the last commit; it stays changed until ``committed``."""
        gone = [key for key, row in self._changed.items() if row is None]
        kept: list[SqlValue] = []
        for (connection_id, topic), row in self._changed.items():
            if row is not None:
                kept += (connection_id, topic, *row)
        self._connection.executemany(_DELETE, gone)
        _SUBSCRIPTION.write(self._connection, kept)

    def committed(self) -> None:
        """Forget the changes."""
        self._changed.clear()

    def _change(self, connection_id: int, topic: str, known: Subscription | None, ts_ns: int) -> None:
        status = _status(known)
        self._changed[connection_id, storable(topic)] = (status, ts_ns) if status else None


def subscriptions(connection: sqlite3.Connection) -> Mapping[int, Subscriptions]:
    """Read the active, pending and lost topics of each connection, by its id; topics in alphabetical order."""
    topics: defaultdict[int, dict[str, list[str]]] = defaultdict(lambda: {"active": [], "pending": [], "lost": []})
    for connection_id, status, topic in checked(connection.execute(_SELECT), _SUBSCRIPTION_ROW):
        topics[connection_id][status].append(topic)
    return {connection_id: _of(lists) for connection_id, lists in topics.items()}


def topics(connection: sqlite3.Connection, name: str) -> tuple[TopicState, ...]:
    """Read the topics of a connection, in alphabetical order."""
    rows = checked(connection.execute(_SELECT_TOPICS, (name,)), tuple[str, Literal["active", "pending", "lost"], Ns])
    return tuple(TopicState(*row) for row in rows)


def _of(lists: Mapping[str, Iterable[str]]) -> Subscriptions:
    return Subscriptions(tuple(lists["active"]), tuple(lists["pending"]), tuple(lists["lost"]))


def _status(known: Subscription | None) -> str:
    """The column ``status``; empty where no row is kept."""
    if known is None:
        return ""
    if known.is_active:
        return "active"
    if known.status == "requested" or known.is_interrupted:
        return "pending"
    return "lost" if known.status == "lost" else ""
