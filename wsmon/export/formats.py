"""Export formats: the one table that the export, the command line, the export dialog and the tests read.

A new format is a module with a function from a ``Selection`` to pieces of bytes; here, a function that imports it when
it is used, and a row; and a line in docs/operation.md. Listing the formats imports no writer: the help and the shell's
completion of a command line read this table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from wsmon.errors import UsageError
from wsmon.model.sanitize import escape_json

if TYPE_CHECKING:
    from pathlib import Path

    from wsmon.export.selection import Selection

# The formats that an import reads.
ImportFormat = Literal["jsonl", "har", "recording"]
IMPORT_FORMATS: tuple[ImportFormat, ...] = get_args(ImportFormat)

# Writes an export, piece by piece; an empty piece reports progress
Pieces: TypeAlias = "Callable[[Selection], Iterator[bytes]]"
# Writes an export as files below an empty folder; yields the bytes written since the last time
FolderPieces: TypeAlias = "Callable[[Selection, Path], Iterator[int]]"


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format of exports."""

    name: str
    suffix: str
    """Suffix of its files, the dot included; no other format has it."""
    description: str
    """What a file holds, for the help of ``wsmon export``: a phrase without a full stop."""
    pieces: Pieces | None
    """None = a SQLite database, which is written by its path and not as a stream."""
    result: str = "{events} events"
    """What was written, with the number of ``events``: for the sentence at the end of an export."""
    folder: FolderPieces | None = None
    """Writes the export as a folder of partitions; None = it is always one file."""
    variants: Mapping[str, Pieces] = field(default_factory=lambda: MappingProxyType({}))
    """Suffix of the target -> what writes the file instead of ``pieces``."""

    def written(self, events: int) -> str:
        """Return what was written, for users."""
        return self.result.format(events=f"{events:,}")

    def pieces_for(self, suffix: str) -> Pieces | None:
        """Return what writes a target with this suffix, in lower case; ``None`` for a SQLite database."""
        return self.variants.get(suffix, self.pieces)


def _jsonl(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.jsonl import jsonl

    return jsonl(selection.pages())


def _json(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.jsonl import json_trace

    return json_trace(selection)


def _csv(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.csv import csv_table

    return csv_table(selection.pages())


def _parquet(selection: Selection) -> Iterator[bytes]:
    with _pyarrow():
        from wsmon.export.parquet import parquet

    return parquet(selection)


def _parquet_folder(selection: Selection, folder: Path) -> Iterator[int]:
    with _pyarrow():
        from wsmon.export.parquet import parquet_folder

    return parquet_folder(selection, folder)


@contextmanager
def _pyarrow() -> Iterator[None]:
    """Import the writer of Parquet; raises ``UsageError`` where pyarrow is missing, which an extra installs."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "pyarrow":
            raise
        raise UsageError("Parquet export requires pyarrow", "install it with `pip install 'wsmon[parquet]'`") from error


def _har(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.har import har

    return har(selection)


def _otlp(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.otlp_spans import otlp

    return otlp(selection)


def _otlp_logs(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.otlp import otlp_logs

    return otlp_logs(selection.pages())


def _perfetto(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.perfetto import perfetto

    return perfetto(selection)


def _html_report(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.report import html_report

    return html_report(selection)


def _markdown_report(selection: Selection) -> Iterator[bytes]:
    from wsmon.export.report import markdown_report

    return markdown_report(selection)


def _escaped(pieces: Pieces) -> Pieces:
    """Return what writes JSON without characters that a terminal obeys; events as lines have been escaped already."""

    def write(selection: Selection) -> Iterator[bytes]:
        return map(escape_json, pieces(selection))

    return write


_ROWS = (
    ExportFormat("jsonl", ".jsonl", "one event per line", _jsonl),
    ExportFormat("json", ".json", "connections with host, port, statistics and events", _escaped(_json)),
    ExportFormat("csv", ".csv", "one row per event", _csv),
    ExportFormat(
        "parquet",
        ".parquet",
        "typed columns for DuckDB and Spark; partitioned by day and connection if FILE ends with /",
        _parquet,
        folder=_parquet_folder,
    ),
    ExportFormat("har", ".har", "HTTP Archive of sessions and messages, for browser tools", _escaped(_har)),
    ExportFormat("otlp", ".otlp.json", "OpenTelemetry traces", _escaped(_otlp)),
    ExportFormat("otlp-logs", ".logs.json", "OpenTelemetry logs", _escaped(_otlp_logs)),
    ExportFormat("perfetto", ".perfetto.json", "timeline for ui.perfetto.dev", _escaped(_perfetto)),
    ExportFormat(
        "report",
        ".html",
        "statistics, timeline and the cause of every disconnect, as HTML, or Markdown if FILE ends with .md",
        _html_report,
        result="a report on {events} events",
        variants=MappingProxyType({".md": _markdown_report}),
    ),
    ExportFormat("sqlite", ".db", "a store with SQL views, to open with `wsmon open` or query with SQL", None),
)
FORMATS: Mapping[str, ExportFormat] = MappingProxyType({row.name: row for row in _ROWS})
