"""Intake: lines of JSON that applications report become events, checked, named and redacted as those of the engine."""

from __future__ import annotations

from collections.abc import Container, Hashable
from typing import Final

import msgspec

from wsmon.config.specs import CaptureSpec, Configuration
from wsmon.control.ingest import GreetingLine, IngestGreeting
from wsmon.engine.frames import cut, payload_limit_bytes
from wsmon.export.event_line import EventLine, Natural, event_name, event_of_line, wall_ns_of
from wsmon.export.import_session import connection_name
from wsmon.model.events import FREQUENT_NAMES, Event, EventName, Source
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.text_cleaner import TextCleaner
from wsmon.model.sanitize import NAME_LIMIT_CHARS
from wsmon.model.spans import Instant
from wsmon.model.statuses import SESSION_ENDS, Status, is_allowed
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock

# Of events that name no connection
DEFAULT_CONNECTION: Final = "app"
# Added to a name that the configuration has: two sources of one connection would contradict each other
SUFFIX: Final = ".app"
# Connections that applications may name in one run: each is a row of the screen, and watched by the detectors
MOST_CONNECTIONS: Final = 1_000
# How far a monotonic time and a wall time may lie apart where an application does not say when its machine was started
SAME_BOOT_NS: Final = 60 * SECOND_NS
# How far in the future a time may be: clocks of containers differ by less
FUTURE_NS: Final = 60 * SECOND_NS
# Of ids and correlation ids
ID_CHARS: Final = 128
_IDS: Final = ("connection_id", "trace_id", "span_id", "parent_id")
# What wsmon says itself, of itself and of what its detectors found
_OWN: Final = ("self", "incident")
_LIMIT_BYTES: Final = payload_limit_bytes(CaptureSpec())


class ReportedLine(EventLine, frozen=True, forbid_unknown_fields=True):
    """The keys of an event that an application reports."""

    seq: Natural | None = None
    """Number of the line, for clients that greeted."""


class _NumberedLine(msgspec.Struct, frozen=True):
    """The number of a line, whatever else is in it."""

    seq: Natural | None = None


_lines = msgspec.json.Decoder(ReportedLine)
_numbers = msgspec.json.Decoder(_NumberedLine)
_greetings = msgspec.json.Decoder(GreetingLine)
# What reading a line may raise
LINE_ERRORS: Final = (ValueError, OverflowError, RecursionError)


class Reporting:
    """One stream of lines, from a socket or a file: who reports, and what its lines have in common."""

    def __init__(self, read_at: Instant | None = None) -> None:
        """``read_at`` is the time of all lines together: their monotonic times have the distances of their wall times.

        Without it, each has its own.
        """
        self.read_at = read_at
        self.greeting: IngestGreeting | None = None
        # The source of the line before: events of a session share one value
        self.source: Source | None = None

    @property
    def owner(self) -> Hashable:
        """The process that reports, over all its streams; this stream where it has not greeted."""
        return self.greeting.client if self.greeting is not None else self

    def greet(self, line: bytes) -> IngestGreeting:
        """Take the greeting; raises ``ValueError`` where there was one, or the line is none."""
        if self.greeting is not None:
            raise ValueError("ingest: duplicate greeting")
        self.greeting = _greetings.decode(line).ingest
        return self.greeting


def number_of(line: bytes) -> int | None:
    """Return the number of a line, ``None`` where it has none; raises one of ``LINE_ERRORS`` where it is no object."""
    return _numbers.decode(line).seq


def decode_line(line: bytes) -> ReportedLine:
    """Return the keys of a line; raises one of ``LINE_ERRORS``, with the key that is wrong."""
    return _lines.decode(line)


class Intake:
    """Makes events of lines. One for a recording; ``configure`` it before the first line."""

    def __init__(self, clock: Clock, boot_id: str) -> None:
        self._clock = clock
        self._boot_id = boot_id
        self._configured: Container[str] = frozenset()
        self._connections: set[str] = set()
        # Which process has a connection under way under a name, and under which name it goes where another one had
        self._owners: dict[str, Hashable] = {}
        self._rows: dict[tuple[Hashable, str], str] = {}
        self._cleaner = TextCleaner(Redactor(filters_metadata=True))

    def configure(self, configuration: Configuration) -> None:
        """Use the secrets and the names of a configuration from now on."""
        self._configured = frozenset(connection.name for connection in configuration.recorded)
        self._cleaner = TextCleaner(Redactor(secrets=configuration.secrets, filters_metadata=True))

    def event(self, line: ReportedLine, reporting: Reporting) -> Event:
        """Return the event of a line, ready to be stored; raises ``ValueError`` with the key that is wrong."""
        for key in ("id", "run", "verdict"):
            if getattr(line, key) is not None:
                raise ValueError(f"{key}: assigned by the recorder, leave it out")
        if line.name.partition(".")[0] in _OWN:
            raise ValueError(f"name: {line.name!r} is reserved for wsmon's own events")
        name = event_name(line)
        ts_ns, mono_ns = self._times(line, reporting)
        source = self._source(line, reporting)
        event = event_of_line(line, source, name or "trace.log", ts_ns, mono_ns, 0)
        size = _size(line, event.name, event.payload)
        if event.to_status is not None:
            self._own(source.connection, event.to_status, reporting.owner)
        cleaned = self._cleaned(event, line, is_own_name=name is not None)
        return msgspec.structs.replace(cleaned, size=size)

    def release(self, reporting: Reporting) -> None:
        """Let others have the names of a process that has ended."""
        owner = reporting.owner
        self._owners = {name: each for name, each in self._owners.items() if each != owner}
        self._rows = {key: name for key, name in self._rows.items() if key[0] != owner}

    def _own(self, name: str, status: Status, owner: Hashable) -> None:
        """Note that a process has a connection under way, or at its end."""
        if status not in SESSION_ENDS:
            self._owners[name] = owner
        elif self._owners.get(name) == owner:
            del self._owners[name]

    def _row(self, name: str, line: ReportedLine, owner: Hashable) -> str:
        """Return the name of a connection; ``NAME-2``, … where another process has one under way under the same name.

        Two processes would contradict each other: one row has one status.
        """
        if (owner, name) in self._rows:
            return self._rows[owner, name]
        if line.to_status is None or self._owners.get(name, owner) == owner:
            return name
        number, free = 1, name
        while self._owners.get(free, owner) != owner:
            number += 1
            suffix = f"-{number}"
            free = self._name(name[: NAME_LIMIT_CHARS - len(suffix)] + suffix)
        self._rows[owner, name] = free
        return free

    def _times(self, line: ReportedLine, reporting: Reporting) -> tuple[int, int]:
        """Wall and monotonic time. Without a monotonic time of this boot, it follows from the distance to now."""
        now_ns, mono_now_ns = reporting.read_at or (self._clock.wall_ns(), self._clock.mono_ns())
        ts_ns = wall_ns_of(line)
        if ts_ns is None:
            ts_ns = now_ns
        elif ts_ns > now_ns + FUTURE_NS:
            raise ValueError("ts: in the future, according to the clock of this machine")
        derived_ns = max(0, mono_now_ns - max(0, now_ns - ts_ns))
        if line.mono_ns is None or line.mono_ns > mono_now_ns:
            return ts_ns, derived_ns
        boot = reporting.greeting.boot if reporting.greeting else ""
        is_kept = boot == self._boot_id if boot else abs(line.mono_ns - derived_ns) <= SAME_BOOT_NS
        return ts_ns, line.mono_ns if is_kept else derived_ns

    def _source(self, line: ReportedLine, reporting: Reporting) -> Source:
        greeting = reporting.greeting
        named = line.connection or (greeting.connection if greeting else "")
        group = line.group or (greeting.group if greeting else "")
        source = Source(
            self._row(self._name(connection_name(named, DEFAULT_CONNECTION)), line, reporting.owner),
            connection_name(group, "unnamed") if group else "",
            line.trace_id,
            line.connection_id,
        )
        for key in _IDS:
            if len(text := getattr(line, key)) > ID_CHARS or not text.isprintable():
                raise ValueError(f"{key}: an id has at most {ID_CHARS} printable characters")
        if reporting.source != source:
            reporting.source = source
        assert reporting.source is not None
        return reporting.source

    def _name(self, name: str) -> str:
        """Return the name of a connection that the configuration has not; raises ``ValueError`` for one too many."""
        number, base = 1, name
        while name in self._configured:
            suffix = SUFFIX if number == 1 else f"{SUFFIX}{number}"
            name, number = base[: NAME_LIMIT_CHARS - len(suffix)] + suffix, number + 1
        if name not in self._connections:
            if len(self._connections) >= MOST_CONNECTIONS:
                raise ValueError(f"connection: applications have already used {MOST_CONNECTIONS:,} names in this run")
            self._connections.add(name)
        return name

    def _cleaned(self, event: Event, line: ReportedLine, *, is_own_name: bool) -> Event:
        """Return it with credentials masked, its payload cut, and the name of the application's event as its type."""
        if not is_own_name:
            meta = {**(event.meta or {}), "type": line.type} if line.type else event.meta
            event = msgspec.structs.replace(event, type=line.name, meta=meta)
        cleaned = self._cleaner.clean_event(event)
        payload, is_cut, meta = cleaned.payload, False, cleaned.meta
        if payload is not None and len(payload) > _LIMIT_BYTES:
            payload, is_cut = cut(payload, _LIMIT_BYTES, "binary" if line.payload is None else "text"), True
        if event.from_status and event.to_status and not is_allowed(event.from_status, event.to_status):
            meta = {**(meta or {}), "illegal": True}
        return msgspec.structs.replace(cleaned, payload=payload, truncated=event.truncated or is_cut, meta=meta)


def _size(line: ReportedLine, name: EventName, payload: bytes | None) -> int | None:
    """The size of an event; those that are rare have none."""
    if name in FREQUENT_NAMES:
        return len(payload or b"") if line.size is None else line.size
    if line.size is not None:
        raise ValueError(f"size: not allowed for {line.name}")
    return None
