"""Runs an export, whoever asked for it: the command line and the screen have this one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from wsmon.export.formats import ExportFormat, TextFormat, pieces
from wsmon.export.incident import scope_of_incident
from wsmon.export.selection import Selection
from wsmon.export.sink import whole_database, whole_file
from wsmon.export.sqlite import part_of_store, whole_store
from wsmon.model.durations import SECOND_NS
from wsmon.ports import CopyableStore, StoreView
from wsmon.query.ast import EVERYTHING, Query


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to write, how, and where."""

    format: ExportFormat
    target: Path | BinaryIO
    # a stream is written as it is; whoever made it closes it
    query: Query = EVERYTHING
    since_ns: int | None = None
    # wall time; None = from the oldest event
    until_ns: int | None = None
    # wall time, not included; None = up to the newest event
    limit: int | None = None
    # only the newest so many
    first_id: int = 0
    last_id: int | None = None
    # a closed range of ids; None = the newest when it begins
    incident: int = 0
    # id of the event that opened it: its connection, from its beginning to its end; 0 = none
    margin_s: float = 0.0
    # before and after it
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class ExportReport:
    """How far an export is, or what it has written."""

    seen: int
    # events looked at
    total: int
    # events to look at
    written: int
    # events written
    size_bytes: int


Progress = Callable[[ExportReport], bool]
# called from the thread of the export, a few times a second or more often; False ends it


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
