"""Tracer: the states of one connection of an application, their history and statistics, and their export."""

from __future__ import annotations

import copy
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from wsmon.errors import WsmonError
from wsmon.model.events import EventName
from wsmon.model.statuses import OPEN, SESSION_ENDS, STATUSES, Status
from wsmon.trace.events import TraceEvent, json_value
from wsmon.trace.history import BLOCK, TracedTransition, TransitionHistory
from wsmon.trace.sink import Sink, sink_of

if TYPE_CHECKING:
    from pathlib import Path

    from wsmon.ports import Clock

# Reconnections of which the time is kept, for frequencies over a window
RECONNECTIONS: Final = 10_000
_MS_NS: Final = 1_000_000
_MINUTE_NS: Final = 60 * 1_000 * _MS_NS
# Beyond any time
_EVER_NS: Final = 2**62
_FILE_MODE: Final = 0o600
# What wsmon calls a transition to a status
_NAMES: Final[Mapping[str, EventName]] = {
    "connecting": "connection.started",
    "connected": "connection.open",
    OPEN: "connection.completed",
    "disconnected": "connection.disconnected",
    "error": "connection.disconnected",
    "closed": "connection.disconnected",
    "reconnecting": "connection.reconnect.attempt",
}


class UnsafePathError(WsmonError):
    """A path that an export may not be written to."""


class TraceStatistics(msgspec.Struct, frozen=True):
    """What the transitions of a trace add up to; durations are of the monotonic clock."""

    trace_id: str
    connection_count: int
    """Times the transport came up (status ``connected``)."""
    reconnection_count: int
    """Times it went to ``reconnecting``."""
    total_uptime_ms: float
    """Time with a transport, the present session included; at least 1 for each session that ended."""
    ws_uptime_ms: float
    """Time in status ``websocket_connected``."""
    last_connected_at: int | None
    """Wall time, milliseconds since 1970; None = never."""
    last_disconnected_at: int | None
    reconnects_per_minute: float | None
    """In the window; None where it is shorter than a minute."""
    reconnects_per_hour: float | None
    reconnect_gap_ms: float | None
    """Mean time between two reconnections; None where there were not two."""


class Tracer:
    """Takes the transitions of one connection; any thread may call.

    Each goes into the store, where the connection has a timeline, statistics and incidents like all others, and into a
    history of its own. A transition that ``wsmon.model.statuses`` does not allow is taken, and flagged in the store; so
    is one of a status that wsmon does not have, as an event without a place on the timeline.
    """

    def __init__(
        self,
        trace_id: str | None = None,
        *,
        connection: str = "app",
        group: str = "",
        host: str = "",
        port: int | None = None,
        store: str | os.PathLike[str] = "",
        own: bool = False,
        sink: Sink | None = None,
        export_dir: str | os.PathLike[str] = "exports",
        clock: Clock | None = None,
        history_block: int = BLOCK,
    ) -> None:
        """Begin a trace; ``trace_id`` None: 32 random hex digits (W3C), else any correlation id.

        ``store`` and ``own`` are those of ``Sink``: with ``own``, the tracer's process holds the store. ``host`` and
        ``port`` are of the peer, for exports, which are written below ``export_dir`` alone.
        """
        if clock is None:
            from wsmon.clock import SystemClock

            clock = SystemClock()
        # Imported now: it takes longer to load than what an application needs that traces none
        from wsmon.model.uptime import UptimeSums

        self.trace_id = os.urandom(16).hex() if trace_id is None else trace_id
        self.connection = connection
        self._group = group
        self._host = host
        self._port = port
        self._export_dir = os.fspath(export_dir)
        self._clock = clock
        self._sink = sink_of(store, own=own) if sink is None else sink
        # Guards all below
        self._lock = threading.RLock()
        self._history = TransitionHistory(history_block)
        self._sums = UptimeSums(-_EVER_NS, _EVER_NS)
        self._before: Any = None
        self._started_mono_ns = clock.mono_ns()
        # Monotonic times
        self._reconnections: deque[int] = deque(maxlen=RECONNECTIONS)
        # The session that is under way
        self._connection_id = ""

    def transition(
        self, event_type: str, from_status: str, to_status: str, metadata: Mapping[str, object] | None = None
    ) -> None:
        """Take a transition that happened now. ``metadata`` may hold anything; its ``reason`` and ``close_code`` are
        those of the event.
        """
        from wsmon.model.uptime import StatusChange

        meta = dict(metadata or {})
        with self._lock:
            ts_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
            self._history.add(TracedTransition(event_type, from_status, to_status, ts_ns // _MS_NS, meta))
            # Other statuses are neither up nor wanted to be: what they mean is the application's affair
            change = StatusChange(ts_ns, mono_ns, 1, cast(Status, to_status))
            if self._before is not None:
                self._sums.add(self._before, change, is_cut=False)
            self._sums.count(self._before, change)
            self._before = change
            if to_status == "reconnecting":
                self._reconnections.append(mono_ns)
            self._emit(event_type, from_status, to_status, meta, ts_ns, mono_ns)

    def history(self, first: int = 0, limit: int = BLOCK) -> list[TracedTransition]:
        """Return at most ``limit`` transitions from the ``first`` on (0 = the oldest), in their order."""
        with self._lock:
            return self._history.page(first, limit)

    def __len__(self) -> int:
        """Return the number of transitions in the history."""
        with self._lock:
            return len(self._history)

    def statistics(self, window_s: float | None = None) -> TraceStatistics:
        """Return the sums of all transitions until now; frequencies are of the last ``window_s`` seconds, or of all."""
        from wsmon.model.uptime import StatusChange

        with self._lock:
            now_ns, mono_now_ns = self._clock.wall_ns(), self._clock.mono_ns()
            sums = copy.copy(self._sums)
            if self._before is not None:
                sums.add(self._before, StatusChange(now_ns, mono_now_ns, 1, "closed"), is_cut=True)
            found = sums.total()
            lived_ns = mono_now_ns - self._started_mono_ns
            window_ns = lived_ns if window_s is None else min(lived_ns, round(window_s * 1_000 * _MS_NS))
            count = (
                found.reconnections
                if window_ns == lived_ns
                else sum(at_ns > mono_now_ns - window_ns for at_ns in self._reconnections)
            )
            per_minute = count * _MINUTE_NS / window_ns if window_ns >= _MINUTE_NS else None
        return TraceStatistics(
            self.trace_id,
            found.connections,
            found.reconnections,
            found.total_ns / _MS_NS,
            found.ws_ns / _MS_NS,
            _ms(found.last_connected_ns),
            _ms(found.last_disconnected_ns),
            per_minute,
            None if per_minute is None else per_minute * 60,
            None if found.reconnection_gap_ns is None else found.reconnection_gap_ns / _MS_NS,
        )

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write host, port, statistics and all transitions to a file of JSON, whole or not at all.

        Raises ``UnsafePathError`` for a path with ``..``, without the suffix ``.json``, or that leads out of the folder
        of exports, also by a link; ``OSError`` where it cannot be written, or its folder is missing.
        """
        target = self._safe(os.fspath(path))
        part = target.with_name(f"{target.name}.{os.getpid()}")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
        try:
            with os.fdopen(fd, "wb") as file:
                for piece in self._document():
                    file.write(piece)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until all transitions are stored or spooled; returns whether that came true in time."""
        return self._sink.flush(timeout_s)

    def _document(self) -> Iterator[bytes]:
        with self._lock:
            head = {
                "host": self._host,
                "port": self._port,
                "statistics": msgspec.structs.asdict(self.statistics()),
                "left_out": self._history.dropped,
            }
            yield json_value(head)[:-1] + b',"events":['
            separator = b"\n"
            for line in self._history.json_lines():
                yield separator + line
                separator = b",\n"
        yield b"]}\n"

    def _safe(self, named: str) -> Path:
        # Imported now: an application that exports nothing needs it not
        from pathlib import Path

        path = Path(named)
        folder = Path(os.path.realpath(self._export_dir))
        target = Path(os.path.realpath(path))
        if ".." in path.parts:
            problem = "it has a `..`"
        elif target.suffix != ".json" or path.suffix != ".json":
            problem = "its suffix is not .json"
        elif folder not in target.parents:
            problem = f"it is not below {folder}"
        else:
            return target
        raise UnsafePathError(f"nothing is exported to {path}: {problem}")

    def _emit(
        self, event_type: str, from_status: str, to_status: str, meta: dict[str, object], ts_ns: int, mono_ns: int
    ) -> None:
        common: dict[str, Any] = {
            "ts_ns": ts_ns,
            "mono_ns": mono_ns,
            "connection": self.connection,
            "group": self._group,
            "trace_id": self.trace_id,
        }
        if from_status not in STATUSES or to_status not in STATUSES:
            said = {"from_status": from_status, "to_status": to_status, "type": event_type}
            self._sink.emit(TraceEvent(name="transition", meta={**meta, **said}, **common))
            return
        if not self._connection_id and to_status in ("connecting", "connected", OPEN):
            self._connection_id = os.urandom(8).hex()
        reason, code = meta.get("reason"), meta.get("close_code")
        self._sink.emit(
            TraceEvent(
                name=_NAMES.get(to_status, "connection.transition"),
                type=event_type,
                connection_id=self._connection_id,
                from_status=from_status,
                to_status=to_status,
                reason=reason if isinstance(reason, str) else "",
                close_code=code if isinstance(code, int) and 0 <= code < 65_536 else None,
                meta=meta or None,
                **common,
            )
        )
        if to_status in SESSION_ENDS:
            self._connection_id = ""


def _ms(ns: int | None) -> int | None:
    return None if ns is None else ns // _MS_NS
