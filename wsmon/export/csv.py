"""Events as a table for spreadsheets: fixed columns, and no cell that a spreadsheet would execute."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from wsmon.export.jsonl import EventDocument, event_document
from wsmon.model.events import Event, Json

# The keys of JSON, in their order, all of them in every row
COLUMNS = EventDocument.__struct_fields__
# OWASP, "CSV injection": what makes Excel and LibreOffice evaluate a cell
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_table(pages: Iterable[tuple[Event, ...]]) -> Iterator[bytes]:
    """A line of headings, then a line an event; a piece a page."""
    yield _lines([COLUMNS])
    for page in pages:
        yield _lines(_row(event) for event in page)


def defused(text: str) -> str:
    """A text that stays text in a spreadsheet: an apostrophe before what would begin a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _row(event: Event) -> Iterator[str]:
    return map(_cell, msgspec.structs.astuple(event_document(event)))


def _cell(value: Json | Decimal) -> str:
    match value:
        case None:
            return ""
        case str():
            return defused(value)
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case _:
            return msgspec.json.encode(value, enc_hook=str).decode()


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Lines end with CR LF (RFC 4180): of line breaks in a cell, the module quotes those it writes itself."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
