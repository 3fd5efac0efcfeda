"""The formats: their names, what their files end with, and which module writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never, get_args

from wsmon.export.csv import csv_table
from wsmon.export.json import json_trace, passes
from wsmon.export.jsonl import jsonl
from wsmon.export.selection import Selection

TextFormat = Literal["jsonl", "json", "csv"]
# written piece by piece
ExportFormat = Literal[TextFormat, "sqlite"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

_SUFFIXES: dict[ExportFormat, str] = {"sqlite": "db"}


def suffix(name: ExportFormat) -> str:
    """What a file of the format ends with, its dot included."""
    return f".{_SUFFIXES.get(name, name)}"


def pieces(
    name: TextFormat, selection: Selection, period: tuple[int | None, int | None]
) -> tuple[Iterator[bytes], int]:
    """The bytes of an export, and how many events will be looked at for them; wall times limit its statistics."""
    match name:
        case "jsonl":
            return jsonl(selection.pages()), selection.ids
        case "csv":
            return csv_table(selection.pages()), selection.ids
        case "json":
            statistics = selection.view.statistics(*period)
            return json_trace(selection, statistics), selection.ids * passes(selection.query, statistics)
        case _:
            assert_never(name)
