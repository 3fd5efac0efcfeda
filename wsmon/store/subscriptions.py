"""The ``subscription`` rows: the topics that each connection has, waits for or lost, as its newest run says."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping

from wsmon.model.events import Event
from wsmon.model.statuses import OPEN, Status
from wsmon.model.subscriptions import Ledger, Subscription, Subscriptions
from wsmon.store.codec import Value, storable
from wsmon.store.multirow import MultiRow

_NEVER_NS = 2**62
# what became of a request in the end is an event too: this ledger follows events, not the clock

_SUBSCRIPTION = MultiRow("INSERT OR REPLACE", "subscription", ("connection", "topic", "status", "since_ns"))
_DELETE = "DELETE FROM subscription WHERE connection = ? AND topic = ?"
_SELECT = "SELECT connection, status, topic FROM subscription ORDER BY connection, topic"


class SubscriptionRows:
    """Follows the subscriptions of one run through their events, as the engine's ledger does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ledgers: defaultdict[int, Ledger] = defaultdict(lambda: Ledger(_NEVER_NS))
        # by connection
        self._changed: dict[tuple[int, str], tuple[str, int] | None] = {}
        # status and since when (wall), by connection and topic; None where the row goes

    def fold(self, event: Event, connection_id: int) -> None:
        """Take what a ``subscription`` event says."""
        if event.topic:
            ledger = self._ledgers[connection_id]
            ledger.apply(event, event.mono_ns)
            self._change(connection_id, event.topic, ledger.subscription(event.topic), event.ts_ns)

    def fold_status(self, event: Event, to_status: Status, connection_id: int) -> None:
        """Take the beginning or the end of a session."""
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

    def write(self) -> None:
        """Write what changed since the last commit; it stays changed until ``committed``."""
        gone = [key for key, row in self._changed.items() if row is None]
        kept: list[Value] = []
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
    """What each connection has, waits for and lost, by its id; the topics in alphabetical order."""
    topics: defaultdict[int, dict[str, list[str]]] = defaultdict(lambda: {"active": [], "pending": [], "lost": []})
    for connection_id, status, topic in connection.execute(_SELECT):
        topics[connection_id][status].append(topic)
    return {connection_id: _of(lists) for connection_id, lists in topics.items()}


def _of(lists: Mapping[str, Iterable[str]]) -> Subscriptions:
    return Subscriptions(tuple(lists["active"]), tuple(lists["pending"]), tuple(lists["lost"]))


def _status(known: Subscription | None) -> str:
    """The column ``status``; empty where there is nothing to keep."""
    if known is None:
        return ""
    if known.is_active:
        return "active"
    if known.status == "requested" or known.is_interrupted:
        return "pending"
    return "lost" if known.status == "lost" else ""
