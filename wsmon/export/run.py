"""Run an export: events of a store, in one of ``formats.FORMATS``, to a file or a stream.

The command line and the screen both call ``run_export``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from wsmon.errors import UsageError
from wsmon.export.formats import FORMATS, Pieces
from wsmon.export.selection import Selection
from wsmon.export.sink import whole_database, whole_file, whole_folder
from wsmon.model.events import Event
from wsmon.model.ranges import StoreBounds
from wsmon.model.statuses import SESSION_ENDS
from wsmon.model.units import SECOND_NS
from wsmon.ports import CopyableStore, StoreView
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query, Term

# Of the search for the end of an incident
PAGE_EVENTS = 200
# A transaction, as large as the recorder's
COMMIT_EVENTS = 2_000

_CLOSED = FieldTerm("name", (Exact("incident.closed"),))
# Events looked at, events written; an exception that it raises ends the export
CopyProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export, in which format, and where to."""

    format: str
    """A name of ``formats.FORMATS``."""
    target: Path | BinaryIO
    """A file, or a stream, which the caller closes."""
    query: Query = EVERYTHING
    since_ns: int | None = None
    """Start of the period, wall time; None = from the oldest event."""
    until_ns: int | None = None
    """End of the period, wall time, not included; None = up to the newest event."""
    limit: int | None = None
    """Only so many of the newest matches; None = all."""
    first_id: int = 0
    last_id: int | None = None
    """End of the closed range of ids; None = the newest event when the export begins."""
    incident: int = 0
    """Id of the event that opened an incident, or of a loss: export its connection while it lasted; 0 = neither."""
    margin_s: float = 0.0
    """Time before and after the incident that is exported too."""
    overwrite: bool = False
    """Whether a file that exists is replaced."""
    subject: str = ""
    """What the export is about, for the title of a report; empty = the connections that the query allows."""
    is_folder: bool = False
    """Whether the target is a folder to be made, of partitions; only formats that have ``folder``."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The progress of an export, or its result."""

    seen: int
    """Events looked at."""
    total: int
    """Events to look at."""
    written: int
    """Events written."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ExportCount:
    """How many events an export would hold."""

    events: int
    is_whole: bool
    """Whether all were counted."""


# Called in the thread of the export, a few times a second or more often; False ends the export
Progress = Callable[[ExportReport], bool]


def ignore_progress(_report: ExportReport) -> bool:
    """Progress that is not shown, and never ends the export."""
    return True


def run_export(request: ExportRequest, view: CopyableStore, progress: Progress = ignore_progress) -> ExportReport:
    """Write an export of what is committed when it begins, and return how much it holds.

    Raises ``FileExistsError`` (see ``whole_file``), ``InterruptedError`` when ``progress`` ended it, and ``UsageError``
    where there is no such incident; then no file is left.
    """
    if request.incident:
        request = _about_incident(request, view)
    if request.is_folder:
        return _write_folder(request, view, progress)
    suffix = request.target.suffix.lower() if isinstance(request.target, Path) else ""
    pieces = FORMATS[request.format].pieces_for(suffix)
    if pieces is None:
        return _write_store(request, view, progress)
    selection = selection_of(request, view)
    if isinstance(request.target, Path):
        with whole_file(request.target, overwrite=request.overwrite) as stream:
            return _write(pieces, selection, stream, progress)
    return _write(pieces, selection, request.target, progress)


def count_events(request: ExportRequest, view: StoreView) -> Iterator[ExportCount]:
    """Yield how many events an export would hold, as they are counted; the last count is whole.

    Raises ``UsageError`` where there is no such incident.
    """
    if request.incident:
        request = _about_incident(request, view)
    selection = selection_of(request, view)
    if not request.query or not selection.ids:
        yield ExportCount(selection.ids, is_whole=True)
        return
    events = 0
    with closing(view.search(request.query, selection.first_id, selection.last_id, newest_first=True)) as search:
        for found in search:
            events += len(found.ids)
            yield ExportCount(events, is_whole=False)
    yield ExportCount(events, is_whole=True)


def _about_incident(request: ExportRequest, view: StoreView) -> ExportRequest:
    """The request narrowed to the period and the connection of its incident."""
    scope = scope_of_incident(view, request.incident, round(request.margin_s * SECOND_NS))
    since_ns = max(scope.since_ns, request.since_ns or scope.since_ns)
    ends = [end for end in (scope.until_ns, request.until_ns) if end is not None]
    query = Query((*request.query.terms, *scope.terms), request.query.text or scope.text)
    return replace(
        request,
        query=query,
        since_ns=since_ns,
        until_ns=min(ends, default=None),
        incident=0,
        margin_s=0.0,
        subject=scope.text,
    )


def selection_of(request: ExportRequest, view: StoreView) -> Selection:
    """Return the events that a request selects, of those committed now."""
    period = (request.since_ns, request.until_ns)
    return Selection(view, request.query, *_ids(request, view), request.limit, period, request.subject)


def _ids(request: ExportRequest, view: StoreView) -> tuple[int, int]:
    """The closed range of ids within both the period and the range of ids of a request."""
    bounds = view.bounds()
    first_id = max(1, bounds.oldest_id, request.first_id)
    last_id = bounds.last_id if request.last_id is None else min(bounds.last_id, request.last_id)
    if request.since_ns is not None:
        first_id = max(first_id, view.id_at(request.since_ns))
    if request.until_ns is not None:
        last_id = min(last_id, view.id_at(request.until_ns) - 1)
    return first_id, last_id


def _write(pieces: Pieces, selection: Selection, stream: BinaryIO, progress: Progress) -> ExportReport:
    size_bytes = 0
    for piece in pieces(selection):
        stream.write(piece)
        size_bytes += len(piece)
        _tell(progress, ExportReport(selection.seen, selection.total, selection.written, size_bytes))
    stream.flush()
    return ExportReport(selection.seen, selection.total, selection.written, size_bytes)


def _write_folder(request: ExportRequest, view: StoreView, progress: Progress) -> ExportReport:
    """Write a folder of partitions, which is there whole or not at all."""
    writer = FORMATS[request.format].folder
    if writer is None or not isinstance(request.target, Path):
        raise UsageError(f"{request.format} is one file", "--format parquet writes a folder")
    selection = selection_of(request, view)
    size_bytes = 0
    with whole_folder(request.target) as folder:
        for written in writer(selection, folder):
            size_bytes += written
            _tell(progress, ExportReport(selection.seen, selection.total, selection.written, size_bytes))
    return ExportReport(selection.seen, selection.total, selection.written, size_bytes)


def _write_store(request: ExportRequest, store: CopyableStore, progress: Progress) -> ExportReport:
    """Write a SQLite database: a copy of its pages where all of the store is wanted, else event by event."""
    bounds = store.bounds()
    is_whole = replace(request, format="sqlite", target=Path(), overwrite=False) == ExportRequest("sqlite", Path())
    selection = selection_of(request, store)
    report = ExportReport(0, selection.ids, 0, 0)
    with whole_database(request.target, overwrite=request.overwrite) as path:

        def step(seen: int, written: int) -> None:
            nonlocal report
            report = ExportReport(seen, selection.ids, written, path.stat().st_size)
            _tell(progress, report)

        if is_whole:
            whole_store(store, path, bounds, step)
        else:
            part_of_store(store, path, selection, step)
        return replace(report, size_bytes=path.stat().st_size)


def _tell(progress: Progress, report: ExportReport) -> None:
    if not progress(report):
        raise InterruptedError("the export was ended")


def whole_store(store: CopyableStore, path: Path, bounds: StoreBounds, step: CopyProgress) -> None:
    """Copy the whole store into an empty file; progress is converted from pages to events."""
    events = bounds.last_id - bounds.oldest_id + 1 if bounds.last_id else 0

    def copied(pages: int, total: int) -> None:
        done = events * pages // max(1, total)
        step(done, done)

    store.copy(path, copied)


def part_of_store(
    store: CopyableStore, path: Path, selection: Selection, step: CopyProgress, earlier: Sequence[Event] = ()
) -> None:
    """Write the selected events, with their ids, into an empty file that becomes a store.

    ``earlier`` events have lower ids than the selection; they come first.
    """
    with store.excerpt(path) as excerpt:
        waiting: list[Event] = [*earlier]
        for page in selection.pages():
            waiting += page
            if len(waiting) >= COMMIT_EVENTS:
                excerpt.write(waiting)
                waiting = []
            step(selection.seen, selection.written)
        if waiting:
            excerpt.write(waiting)


@dataclass(frozen=True, slots=True)
class IncidentSelection:
    """The events around an incident or a loss: those of its connection while it lasted, with a margin."""

    terms: tuple[Term, ...]
    text: str
    """Description for users."""
    since_ns: int
    """Wall time."""
    until_ns: int | None
    """Wall time, not included; None = the incident goes on."""
    opened: Event
    """The event that opened the incident, or the loss."""
    closed: Event | None = None
    """The event that closed the incident; None for a loss too."""


def scope_of_incident(view: StoreView, opened_id: int, margin_ns: int) -> IncidentSelection:
    """Return the events around the incident that an event opened or closed, or around a loss.

    Raises ``UsageError`` where the event is neither.
    """
    opened = next(iter(view.events_by_id((opened_id,))), None)
    if opened is None:
        raise UsageError(f"there is no event {opened_id}", "`wsmon search name:incident.opened` lists incidents")
    if opened.name == "incident.closed" and isinstance(of := (opened.meta or {}).get("incident"), int):
        return scope_of_incident(view, of, margin_ns)
    name = opened.source.connection
    terms = (FieldTerm("connection", (Exact(name),)),) if name else ()
    if opened.category == "connection" and opened.to_status in SESSION_ENDS:
        text = f"disconnect {opened_id} of {name}"
        return IncidentSelection(terms, text, opened.ts_ns - margin_ns, opened.ts_ns + margin_ns + 1, opened)
    if opened.name != "incident.opened":
        raise UsageError(
            f"event {opened_id} is not an incident: {opened.name}",
            "`wsmon search name:incident.opened` lists incidents",
        )
    text = f"incident {opened_id}: {opened.type} of {name or 'wsmon'}"
    closed = _closed(view, opened)
    until_ns = None if closed is None else closed.ts_ns + margin_ns + 1
    return IncidentSelection(terms, text, opened.ts_ns - margin_ns, until_ns, opened, closed)


def _closed(view: StoreView, opened: Event) -> Event | None:
    """The event that closed an incident; None = it goes on."""
    query = Query((_CLOSED, FieldTerm("type", (Exact(opened.type),))))
    after_id = opened.id
    while page := view.events_after(after_id, PAGE_EVENTS, query):
        for each in page:
            if (each.meta or {}).get("incident") == opened.id:
                return each
        after_id = page[-1].id
    return None
