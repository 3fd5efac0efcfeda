"""CSV: events as a table with fixed columns, and no cell that a spreadsheet would execute or a terminal obey."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from wsmon.export.jsonl import EventDocument, event_document
from wsmon.model.events import Event, Json
from wsmon.model.sanitize import escape_json, spreadsheet_cell

# The keys of events in JSON, in their order
COLUMNS = EventDocument.__struct_fields__


def csv_table(pages: Iterable[tuple[Event, ...]]) -> Iterator[bytes]:
    """Write a line of headings, then a line for each event; a piece for each page."""
    yield _lines([COLUMNS])
    for page in pages:
        yield _lines(_row(event) for event in page)


def _row(event: Event) -> Iterator[str]:
    return map(_cell, msgspec.structs.astuple(event_document(event)))


def _cell(value: Json | Decimal) -> str:
    match value:
        case None:
            return ""
        case str():
            return spreadsheet_cell(value)
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case _:
            return spreadsheet_cell(escape_json(msgspec.json.encode(value, enc_hook=str)).decode())


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows as lines that end with CR LF (RFC 4180)."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
