"""Import: read files of events, archives or recordings into one store; what cannot be read is counted and named."""

from __future__ import annotations

import errno
import heapq
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, assert_never

import msgspec
from msgspec.structs import replace

from wsmon.errors import UsageError, WsmonError
from wsmon.export.formats import ImportFormat
from wsmon.export.import_har import har_events
from wsmon.export.import_jsonl import jsonl_events
from wsmon.export.import_recording import is_recording, recording_events
from wsmon.export.import_session import MONO_START_NS, Fault, Incoming, Part, connection_name, derived
from wsmon.export.import_source import STDIN, ImportSource, opened
from wsmon.model.events import Event, Json, Source

FAULTS_NAMED = 10
# A transaction
_BATCH_EVENTS = 2_000
# An archive begins with its one key, after blanks
_HAR = re.compile(rb'\s*\{\s*"log"\s*:')


class EventStore(Protocol):
    """A store that events are written to."""

    def write(self, events: tuple[Event, ...]) -> None:
        """Add events; ids and runs must ascend."""
        ...


@dataclass(frozen=True, slots=True)
class NamedFault:
    """A fault, and the file it is in."""

    file: str
    fault: Fault

    def __str__(self) -> str:
        if self.fault.part == "line":
            return f"{self.file}:{self.fault.line}: {self.fault.problem}"
        if not self.fault.line:
            return f"{self.file}: {self.fault.problem}"
        return f"{self.file}: entry {self.fault.line}: {self.fault.problem}"


@dataclass(slots=True)
class ImportReport:
    """The progress of an import, or its result."""

    events: int = 0
    faults: int = 0
    lost: Counter[Part] = field(default_factory=Counter)
    """What was left out: lines, entries, messages."""
    named: list[NamedFault] = field(default_factory=list)
    """The first ``FAULTS_NAMED`` faults."""
    formats: dict[str, ImportFormat] = field(default_factory=dict)
    """File, as its faults name it -> format."""
    read_bytes: int = 0
    """Read from the files so far, as they are on the disk."""
    total_bytes: int = 0
    """Size of the files; 0 = not known."""

    def note(self, file: str, fault: Fault) -> None:
        """Count a fault."""
        self.faults += 1
        if fault.lost:
            self.lost[fault.part] += fault.lost
        if len(self.named) < FAULTS_NAMED:
            self.named.append(NamedFault(file, fault))


# Called after each transaction; an exception that it raises ends the import
ImportProgress = Callable[[ImportReport], None]


def ignore_import_progress(_report: ImportReport) -> None:
    """Progress that is not shown."""


def import_files(
    paths: Sequence[str],
    name: ImportFormat | None,
    store: EventStore,
    progress: ImportProgress = ignore_import_progress,
) -> ImportReport:
    """Write all events of files to a store, by time; ``-`` is standard input.

    Events of one file keep their ids and runs; those of several get new ones, see ``merged``. A connection that two
    files have at the same time becomes two. Raises ``UsageError`` where a format is not known.
    """
    report = ImportReport()
    _refuse_twice(paths)
    with ExitStack() as stack:
        try:
            sources = [stack.enter_context(opened(path)) for path in paths]
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            raise UsageError(
                f"{len(paths):,} files are more than can be open at once", "raise the limit: ulimit -n"
            ) from error
        formats = [name or guessed_format(source) for source in sources]
        report.formats = {source.label: each for source, each in zip(sources, formats, strict=True)}
        report.total_bytes = sum(source.total_bytes for source in sources) if STDIN not in paths else 0
        streams = [
            _noted(_incoming(source, each), source.label, report) for source, each in zip(sources, formats, strict=True)
        ]
        events = streams[0] if len(streams) == 1 else merged(streams)
        batch: list[Event] = []

        def commit() -> None:
            try:
                store.write(tuple(batch))
            except OverflowError as error:
                # Sums of durations are integers of SQLite as well
                raise WsmonError(
                    "the times in the file are centuries apart, which is too far",
                    "leave out the lines or entries with wrong times",
                ) from error
            batch.clear()
            report.read_bytes = sum(source.read_bytes for source in sources)
            progress(report)

        progress(report)
        for event in events:
            batch.append(event)
            report.events += 1
            if len(batch) >= _BATCH_EVENTS:
                commit()
        if batch:
            commit()
    return report


def guessed_format(source: ImportSource) -> ImportFormat:
    """Return the format of a file, by its suffix or its beginning; raises ``UsageError`` where neither tells."""
    if source.suffix == ".har" or _HAR.match(source.head):
        return "har"
    line = next((line for line in source.head.splitlines() if line.strip()), b"").strip()
    if is_recording(line):
        return "recording"
    try:
        keys = set(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, RecursionError):
        keys = set()
    if "name" in keys or source.suffix == ".jsonl":
        return "jsonl"
    if not source.head:
        raise UsageError(f"{source.label} is empty", "import accepts exports of events, HTTP Archives and frame logs")
    raise UsageError(
        f"{source.label}: unknown format: not an export of events, an HTTP Archive or a frame log",
        "if it is one of these, set --format to jsonl, har or recording",
    )


def merged(streams: Sequence[Iterator[Event]]) -> Iterator[Event]:
    """Iterate over the events of several files by time, with new ids; each file stays in its own order.

    Files of the same time are one run; one that begins when all before it are over is the next run.
    """
    owners: dict[str, _File] = {}
    files = [_File(stream, owners) for stream in streams]
    zero_ns: int | None = None
    mono_ns = 0
    run = 0
    merge = heapq.merge(*(file.events() for file in files), key=lambda one: one[1].ts_ns)
    for new_id, (file, event) in enumerate(merge, 1):
        if zero_ns is None:
            zero_ns = event.ts_ns - MONO_START_NS
        mono_ns = max(mono_ns, event.ts_ns - zero_ns)
        if not file.run:
            # Sessions that a file does not end are over with it, unless another one goes on
            run += all(one.is_over for one in files if one.run)
            file.run = run
        yield file.adopted(event, new_id, mono_ns)


class _File:
    """One of several files: the names and ids that its events get."""

    def __init__(self, stream: Iterator[Event], owners: dict[str, _File]) -> None:
        """``owners``: connection -> the file whose events it has, shared by all files."""
        self._stream = stream
        self._owners = owners
        self.is_over = False
        """Whether all its events were taken."""
        self.run = 0
        """The run that its events are in; 0 = none was taken yet."""
        # Ids in the file and new ids, both ascending
        self._old_ids = array("q")
        self._new_ids = array("q")
        self._names: dict[str, str] = {}
        self._sources: dict[Source, Source] = {}

    def events(self) -> Iterator[tuple[_File, Event]]:
        """Iterate over the file's own events."""
        for event in self._stream:
            yield self, event
        self.is_over = True

    def adopted(self, event: Event, new_id: int, mono_ns: int) -> Event:
        """Return an event of the file with its new id, source and references."""
        self._old_ids.append(event.id)
        self._new_ids.append(new_id)
        verdict, meta = event.verdict, event.meta
        return replace(
            event,
            id=new_id,
            mono_ns=mono_ns,
            source=self._source(event.source),
            verdict=None if verdict is None else replace(verdict, evidence=self._ids(verdict.evidence)),
            meta=None if meta is None else {key: self._value(key, value) for key, value in meta.items()},
        )

    def _source(self, source: Source) -> Source:
        found = self._sources.get(source)
        if found is None:
            name = self._name(source.connection) if source.connection else ""
            found = replace(source, connection=name, run=self.run)
            if name != source.connection:
                # Ids of another connection, which the other file may have too
                trace, session = source.trace_id, source.connection_id
                found = replace(
                    found,
                    trace_id=derived(16, name, trace) if trace else "",
                    connection_id=derived(8, name, session) if session else "",
                )
            self._sources[source] = found
        return found

    def _name(self, connection: str) -> str:
        """The name of a connection: its own, unless a file that is not over yet has one of this name."""
        if connection not in self._names:
            name, number = connection, 1
            while (owner := self._owners.get(name)) is not None and not owner.is_over and owner is not self:
                number += 1
                name = f"{connection}-{number}"
            self._owners[name] = self
            self._names[connection] = name
        return self._names[connection]

    def _value(self, key: str, value: Json) -> Json:
        """A value of ``meta``; those of incidents refer to events."""
        if key == "incident" and isinstance(value, int):
            return next(iter(self._ids((value,))), None)
        if key == "evidence" and isinstance(value, list | tuple):
            return list(self._ids(tuple(one for one in value if isinstance(one, int))))
        return value

    def _ids(self, old: tuple[int, ...]) -> tuple[int, ...]:
        """The new ids of events of the file; those that it has not are left out."""
        places = ((one, bisect_left(self._old_ids, one)) for one in old)
        return tuple(
            self._new_ids[place] for one, place in places if place < len(self._old_ids) and self._old_ids[place] == one
        )


def _refuse_twice(paths: Sequence[str]) -> None:
    """Raise ``UsageError`` where a file is named twice: its sessions would be two connections."""
    seen: dict[tuple[int, int] | str, str] = {}
    for path in paths:
        if path == STDIN:
            key: tuple[int, int] | str = STDIN
        else:
            status = Path(path).stat()
            key = (status.st_dev, status.st_ino)
        if key in seen:
            raise UsageError(f"{path} is the same file as {seen[key]}", "name each file once")
        seen[key] = path


def _noted(incoming: Iterator[Incoming], label: str, report: ImportReport) -> Iterator[Event]:
    """Iterate over the events alone; faults go to the report."""
    for one in incoming:
        if isinstance(one, Fault):
            report.note(label, one)
        else:
            yield one


def _incoming(source: ImportSource, name: ImportFormat) -> Iterator[Incoming]:
    match name:
        case "jsonl":
            return jsonl_events(source.lines())
        case "recording":
            return recording_events(source.lines(), connection_name(source.stem, "recording"))
        case "har":
            return _archive(source)
        case _:
            assert_never(name)


def _archive(source: ImportSource) -> Iterator[Incoming]:
    archive = source.whole()
    try:
        yield from har_events(archive)
    except UsageError as error:
        raise UsageError(f"{source.label}: {error.what}", error.hint) from error
    if source.damage:
        yield Fault(0, source.damage, "entry", 0)
