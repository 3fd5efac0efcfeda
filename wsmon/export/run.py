"""Runs an export, whoever asked for it: the command line and the screen have this one way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal, assert_never, get_args

from wsmon.errors import UsageError
from wsmon.export.csv import csv_table
from wsmon.export.har import har
from wsmon.export.jsonl import json_trace, jsonl
from wsmon.export.otlp import otlp, otlp_logs
from wsmon.export.perfetto import perfetto
from wsmon.export.report import report
from wsmon.export.selection import Selection
from wsmon.export.sink import whole_database, whole_file
from wsmon.model.events import Event
from wsmon.model.snapshot import StoreBounds
from wsmon.model.units import SECOND_NS
from wsmon.ports import CopyableStore, StoreView
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query, Term

# The formats: their names, what their files end with, and which module writes them.

# Written piece by piece
TextFormat = Literal["jsonl", "json", "csv", "har", "otlp", "otlp-logs", "perfetto", "report"]
ExportFormat = Literal[TextFormat, "sqlite"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

_SUFFIXES: dict[ExportFormat, str] = {
    "sqlite": "db",
    "otlp": "otlp.json",
    "otlp-logs": "logs.json",
    "perfetto": "perfetto.json",
    "report": "html",
}


def suffix(name: ExportFormat) -> str:
    """What a file of the format ends with, its dot included."""
    return f".{_SUFFIXES.get(name, name)}"


def pieces(
    name: TextFormat, selection: Selection, period: tuple[int | None, int | None], ending: str = ""
) -> Iterator[bytes]:
    """The bytes of an export; the wall times of its period limit statistics, and ``.md`` makes a report Markdown."""
    match name:
        case "jsonl":
            return jsonl(selection.pages())
        case "csv":
            return csv_table(selection.pages())
        case "json":
            return json_trace(selection, selection.view.statistics(*period))
        case "har":
            return har(selection)
        case "otlp":
            return otlp(selection)
        case "otlp-logs":
            return otlp_logs(selection.pages())
        case "perfetto":
            return perfetto(selection)
        case "report":
            return report(selection, period, is_markdown=ending == ".md")
        case _:
            assert_never(name)


# What belongs to an incident: the events of its connection from its beginning to its end, and a while around.

PAGE_EVENTS = 200
_CLOSED = FieldTerm("name", (Exact("incident.closed"),))


@dataclass(frozen=True, slots=True)
class IncidentScope:
    """Which events these are."""

    terms: tuple[Term, ...]
    text: str
    """For people."""
    since_ns: int
    """Wall time."""
    until_ns: int | None
    """Wall time, not included; None = it goes on."""


def scope_of_incident(view: StoreView, opened_id: int, margin_ns: int) -> IncidentScope:
    """The scope of the incident that an event opened; raises ``UsageError`` where the event is none or is not kept."""
    opened = next(iter(view.events_by_id((opened_id,))), None)
    if opened is None:
        raise UsageError(f"there is no event {opened_id}", "`wsmon search name:incident.opened` lists incidents")
    if opened.name == "incident.closed" and isinstance(of := (opened.meta or {}).get("incident"), int):
        return scope_of_incident(view, of, margin_ns)
    if opened.name != "incident.opened":
        raise UsageError(
            f"event {opened_id} is no incident: {opened.name}", "`wsmon search name:incident.opened` lists incidents"
        )
    name = opened.source.connection
    terms = (FieldTerm("connection", (Exact(name),)),) if name else ()
    text = f"incident {opened_id}: {opened.type} of {name or 'wsmon'}"
    closed = _closed(view, opened)
    until_ns = None if closed is None else closed.ts_ns + margin_ns + 1
    return IncidentScope(terms, text, opened.ts_ns - margin_ns, until_ns)


def _closed(view: StoreView, opened: Event) -> Event | None:
    """The event that closed an incident; ``None`` while it goes on."""
    query = Query((_CLOSED, FieldTerm("type", (Exact(opened.type),))))
    after_id = opened.id
    while page := view.events_after(after_id, PAGE_EVENTS, query):
        for each in page:
            if (each.meta or {}).get("incident") == opened.id:
                return each
        after_id = page[-1].id
    return None


# A store of its own: a copy of the whole, or a new one with the selected events.

# At once, as the recorder does
COMMIT_EVENTS = 2_000

# How many events are done, and how many are written; what it raises ends the export
Step = Callable[[int, int], None]


def whole_store(store: CopyableStore, path: Path, bounds: StoreBounds, step: Step) -> None:
    """Copy everything into an empty file; progress is told in events though pages are copied."""
    events = bounds.last_id - bounds.oldest_id + 1 if bounds.last_id else 0

    def copied(pages: int, total: int) -> None:
        done = events * pages // max(1, total)
        step(done, done)

    store.copy(path, copied)


def part_of_store(store: CopyableStore, path: Path, selection: Selection, step: Step) -> None:
    """Make an empty file a store of the selected events, which keep their ids."""
    with store.excerpt(path) as excerpt:
        waiting: list[Event] = []
        for page in selection.pages():
            waiting += page
            if len(waiting) >= COMMIT_EVENTS:
                excerpt.write(waiting)
                waiting = []
            step(selection.seen, selection.written)
        if waiting:
            excerpt.write(waiting)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to write, how, and where."""

    format: ExportFormat
    target: Path | BinaryIO
    """A stream is written as it is; whoever made it closes it."""
    query: Query = EVERYTHING
    since_ns: int | None = None
    """Wall time; None = from the oldest event."""
    until_ns: int | None = None
    """Wall time, not included; None = up to the newest event."""
    limit: int | None = None
    """Only the newest so many."""
    first_id: int = 0
    last_id: int | None = None
    """A closed range of ids; None = the newest when it begins."""
    incident: int = 0
    """Id of the event that opened it: its connection, from its beginning to its end; 0 = none."""
    margin_s: float = 0.0
    """Before and after it."""
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class ExportReport:
    """How far an export is, or what it has written."""

    seen: int
    """Events looked at."""
    total: int
    """Events to look at."""
    written: int
    """Events written."""
    size_bytes: int


# Called from the thread of the export, a few times a second or more often; False ends it
Progress = Callable[[ExportReport], bool]


def go_on(_report: ExportReport) -> bool:
    """Nobody watches."""
    return True


def run_export(request: ExportRequest, view: CopyableStore, progress: Progress = go_on) -> ExportReport:
    """Write an export; what is committed when it begins is what it holds.

    Raises ``FileExistsError`` (see ``whole_file``), ``InterruptedError`` when it was ended, ``UsageError`` where there
    is no such incident: then no file is left.
    """
    if request.incident:
        request = _about_incident(request, view)
    if request.format == "sqlite":
        return _write_store(request, view, progress)
    selection = _selection(request, view)
    if isinstance(request.target, Path):
        with whole_file(request.target, overwrite=request.overwrite) as stream:
            return _write(request, request.format, selection, stream, progress)
    return _write(request, request.format, selection, request.target, progress)


def _about_incident(request: ExportRequest, view: StoreView) -> ExportRequest:
    """The period and the connection of the incident, within what else the request asks for."""
    scope = scope_of_incident(view, request.incident, round(request.margin_s * SECOND_NS))
    since_ns = max(scope.since_ns, request.since_ns or scope.since_ns)
    ends = [end for end in (scope.until_ns, request.until_ns) if end is not None]
    query = Query((*request.query.terms, *scope.terms), request.query.text or scope.text)
    return replace(request, query=query, since_ns=since_ns, until_ns=min(ends, default=None), incident=0, margin_s=0.0)


def _selection(request: ExportRequest, view: StoreView) -> Selection:
    return Selection(view, request.query, *_ids(request, view), request.limit)


def _ids(request: ExportRequest, view: StoreView) -> tuple[int, int]:
    """The closed range of ids that times and ids of a request leave."""
    bounds = view.bounds()
    first_id = max(1, bounds.oldest_id, request.first_id)
    last_id = bounds.last_id if request.last_id is None else min(bounds.last_id, request.last_id)
    if request.since_ns is not None:
        first_id = max(first_id, view.id_at(request.since_ns))
    if request.until_ns is not None:
        last_id = min(last_id, view.id_at(request.until_ns) - 1)
    return first_id, last_id


def _write(
    request: ExportRequest, name: TextFormat, selection: Selection, stream: BinaryIO, progress: Progress
) -> ExportReport:
    size_bytes = 0
    ending = request.target.suffix.lower() if isinstance(request.target, Path) else ""
    for part in pieces(name, selection, (request.since_ns, request.until_ns), ending):
        stream.write(part)
        size_bytes += len(part)
        _tell(progress, ExportReport(selection.seen, selection.total, selection.written, size_bytes))
    stream.flush()
    return ExportReport(selection.seen, selection.total, selection.written, size_bytes)


def _write_store(request: ExportRequest, store: CopyableStore, progress: Progress) -> ExportReport:
    """A store is written by its path: by pages where all of it is wanted, else event by event."""
    bounds = store.bounds()
    is_whole = replace(request, format="sqlite", target=Path(), overwrite=False) == ExportRequest("sqlite", Path())
    selection = _selection(request, store)
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
