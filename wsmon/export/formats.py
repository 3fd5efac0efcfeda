"""The formats: their names, what their files end with, and which module writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never, get_args

from wsmon.export.csv import csv_table
from wsmon.export.har import har
from wsmon.export.json import json_trace
from wsmon.export.jsonl import jsonl
from wsmon.export.otlp import otlp
from wsmon.export.otlp_logs import otlp_logs
from wsmon.export.perfetto import perfetto
from wsmon.export.report import report
from wsmon.export.selection import Selection

TextFormat = Literal["jsonl", "json", "csv", "har", "otlp", "otlp-logs", "perfetto", "report"]
# written piece by piece
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
