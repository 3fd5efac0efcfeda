"""Export formats: the one table that the export, the command line, the export dialog and the tests read.

A new format is a module with a function from a ``Selection`` to pieces of bytes, a row here, and a line in
docs/operation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from wsmon.export.csv import csv_table
from wsmon.export.har import har
from wsmon.export.jsonl import json_trace, jsonl
from wsmon.export.otlp import otlp, otlp_logs
from wsmon.export.perfetto import perfetto
from wsmon.export.report import html_report, markdown_report
from wsmon.export.selection import Selection

# Writes an export, piece by piece; an empty piece reports progress
Pieces = Callable[[Selection], Iterator[bytes]]


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
    variants: Mapping[str, Pieces] = field(default_factory=lambda: MappingProxyType({}))
    """Suffix of the target -> what writes the file instead of ``pieces``."""

    def pieces_for(self, suffix: str) -> Pieces | None:
        """Return what writes a target with this suffix, in lower case; ``None`` for a SQLite database."""
        return self.variants.get(suffix, self.pieces)


_ROWS = (
    ExportFormat("jsonl", ".jsonl", "an event a line", lambda selection: jsonl(selection.pages())),
    ExportFormat("json", ".json", "connections with host, port, statistics and events", json_trace),
    ExportFormat("csv", ".csv", "a table", lambda selection: csv_table(selection.pages())),
    ExportFormat("har", ".har", "sessions and their messages, for browsers", har),
    ExportFormat("otlp", ".otlp.json", "OpenTelemetry traces", otlp),
    ExportFormat("otlp-logs", ".logs.json", "OpenTelemetry logs", lambda selection: otlp_logs(selection.pages())),
    ExportFormat("perfetto", ".perfetto.json", "the timeline, for ui.perfetto.dev", perfetto),
    ExportFormat(
        "report",
        ".html",
        "statistics, timeline and every loss explained, as HTML, or as Markdown where the file ends with .md",
        html_report,
        variants=MappingProxyType({".md": markdown_report}),
    ),
    ExportFormat("sqlite", ".db", "a store of its own for `wsmon open`, a copy of the whole or of a part", None),
)
FORMATS: Mapping[str, ExportFormat] = MappingProxyType({row.name: row for row in _ROWS})
