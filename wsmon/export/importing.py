"""Import: read a file of events (JSON lines, HTTP Archive, recording) into a store; faults are counted and named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, assert_never

import msgspec

from wsmon.errors import UsageError
from wsmon.export.formats import ImportFormat
from wsmon.export.import_har import har_events
from wsmon.export.import_jsonl import Fault, Incoming, jsonl_events, recording_events
from wsmon.model.events import Event

FAULTS_NAMED = 10
# A transaction
_BATCH_EVENTS = 2_000
# Read from the start of a file, to guess its format
_LOOK_BYTES = 64 * 1024


class EventStore(Protocol):
    """A store that events are written to."""

    def write(self, events: tuple[Event, ...]) -> None:
        """Add events; ids and runs must ascend."""
        ...


@dataclass(slots=True)
class ImportReport:
    """The result of an import."""

    events: int = 0
    faults: int = 0
    named: list[Fault] = field(default_factory=list)
    """The first ``FAULTS_NAMED`` faults."""


def import_file(path: Path, name: ImportFormat | None, store: EventStore) -> ImportReport:
    """Write all events of a file to a store; raises ``UsageError`` where its format is not known."""
    report = ImportReport()
    with path.open("rb") as stream:
        batch: list[Event] = []
        for one in _incoming(stream, name or guessed_format(path), path.stem):
            if isinstance(one, Fault):
                report.faults += 1
                if len(report.named) < FAULTS_NAMED:
                    report.named.append(one)
                continue
            batch.append(one)
            report.events += 1
            if len(batch) >= _BATCH_EVENTS:
                store.write(tuple(batch))
                batch.clear()
        if batch:
            store.write(tuple(batch))
    return report


def guessed_format(path: Path) -> ImportFormat:
    """Return the format of a file, by its suffix or its first line; raises ``UsageError`` where neither tells."""
    if path.suffix == ".har":
        return "har"
    with path.open("rb") as stream:
        head = stream.read(_LOOK_BYTES)
    if head.lstrip().startswith(b'{"log"'):
        return "har"
    line = next((line for line in head.splitlines() if line.strip()), b"")
    try:
        keys = set(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, RecursionError):
        keys = set()
    if "name" in keys:
        return "jsonl"
    if {"ts", "dir", "type"} <= keys:
        return "recording"
    if path.suffix == ".jsonl":
        return "jsonl"
    raise UsageError(f"what {path} is cannot be told from its first line", "--format jsonl, har or recording says it")


def _incoming(stream: BinaryIO, name: ImportFormat, stem: str) -> Iterator[Incoming]:
    lines: Iterable[bytes] = stream
    match name:
        case "jsonl":
            return jsonl_events(lines)
        case "recording":
            return recording_events(lines, stem)
        case "har":
            return har_events(stream.read())
        case _:
            assert_never(name)
