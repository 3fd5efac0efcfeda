"""Runs an export, whoever asked for it: the command line and the screen have this one way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, assert_never, get_args

from wsmon.export.csv import csv_table
from wsmon.export.json import json_trace, passes
from wsmon.export.jsonl import jsonl
from wsmon.export.selection import Selection
from wsmon.export.sink import whole_file
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query

ExportFormat = Literal["jsonl", "json", "csv"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


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


def run_export(request: ExportRequest, view: StoreView, progress: Progress = go_on) -> ExportReport:
    """Write an export; what is committed when it begins is what it holds.

    Raises ``FileExistsError`` (see ``whole_file``), ``InterruptedError`` when it was ended: then no file is left.
    """
    ids = _ids(request, view)
    if isinstance(request.target, Path):
        with whole_file(request.target, overwrite=request.overwrite) as stream:
            return _write(request, view, ids, stream, progress)
    return _write(request, view, ids, request.target, progress)


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
    request: ExportRequest, view: StoreView, ids: tuple[int, int], stream: BinaryIO, progress: Progress
) -> ExportReport:
    selection = Selection(view, request.query, *ids, request.limit)
    pieces, total = _pieces(request, selection)
    size_bytes = 0
    for piece in pieces:
        stream.write(piece)
        size_bytes += len(piece)
        if not progress(ExportReport(selection.seen, total, selection.written, size_bytes)):
            raise InterruptedError("the export was ended")
    stream.flush()
    return ExportReport(selection.seen, total, selection.written, size_bytes)


def _pieces(request: ExportRequest, selection: Selection) -> tuple[Iterator[bytes], int]:
    """The bytes of an export, and how many events will be looked at for them."""
    match request.format:
        case "jsonl":
            return jsonl(selection.pages()), selection.ids
        case "csv":
            return csv_table(selection.pages()), selection.ids
        case "json":
            statistics = selection.view.statistics(request.since_ns, request.until_ns)
            return json_trace(selection, statistics), selection.ids * passes(selection.query, statistics)
        case _:
            assert_never(request.format)
