"""Events as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.support.builders import message
from tests.support.exports import full_event
from wsmon.export.csv import COLUMNS, csv_table, defused
from wsmon.model.events import Event


def table(events: tuple[Event, ...]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(csv_table([events])).decode(), newline="")))


def test_a_table_has_all_keys_in_every_row() -> None:
    first, second = table((full_event(), message(b"\xff")))
    assert tuple(first) == tuple(second) == COLUMNS
    assert (first["id"], first["truncated"], first["payload"], first["duration_ms"]) == ("9", "true", "hi", "400.0")
    assert json.loads(first["meta"])["received"] == {"code": 1008, "reason": "rate limit: 5 connections"}
    assert (second["payload"], second["payload_base64"], second["truncated"]) == ("", "/w==", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_a_formula(start: str) -> None:
    assert defused(f"{start}1+1") == f"'{start}1+1"
    assert table((message(f"{start}cmd|' /C calc'!A0"),))[0]["payload"].startswith(f"'{start}")


def test_blanks_quotes_and_lines_stay_in_their_cell() -> None:
    text = 'a,"b"\r\nc;\x00d'
    assert table((message(text), message("next")))[0]["payload"] == text
