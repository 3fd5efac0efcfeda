"""Events as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.support.builders import message
from tests.support.exports import full_event
from wsmon.export.csv import COLUMNS, csv_table
from wsmon.model.events import Event


def table(events: tuple[Event, ...]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(csv_table([events])).decode(), newline="")))


def test_a_table_has_all_keys_in_every_row() -> None:
    first, second = table((full_event(), message(b"\xff")))
    assert tuple(first) == tuple(second) == COLUMNS
    assert (first["id"], first["truncated"], first["payload"], first["duration_ms"]) == ("9", "true", "hi", "400.0")
    assert json.loads(first["meta"])["received"] == {"code": 1008, "reason": "rate limit: 5 connections"}
    assert (second["payload"], second["payload_base64"], second["truncated"]) == ("", "/w==", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_begins_a_formula(start: str) -> None:
    assert table((message(f"{start}cmd|' /C calc'!A0"),))[0]["payload"].startswith(f"'{start}")


def test_blanks_quotes_and_lines_stay_in_their_cell() -> None:
    text = 'a,"b"\r\nc;\td'
    assert table((message(text), message("next")))[0]["payload"] == text


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("payload", ["a{}=1+1", 'a{}"=1+1"', "a{} =1+1", "a\n=1+1", "=1+1", "{}@x{}-1", '""=1"{}+1'])
def test_d13_no_cell_is_a_formula_whatever_the_separator_of_the_reader(separator: str, payload: str) -> None:
    octets = b"".join(csv_table([(message(payload.format(separator, separator)),)])).decode()
    for row in csv.reader(io.StringIO(octets, newline=""), delimiter=separator):
        if separator == ",":
            # There the quotes hold the payload together: it is one cell
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
        else:
            assert not [cell for cell in row if cell.strip(" \"'").startswith(("=", "+", "-", "@")) and "'" not in cell]


def test_d13_what_a_terminal_obeys_is_a_visible_escape() -> None:
    (row,) = table(
        (message("\x1b[31m \x9b1m \x07 \u202e \r\r\n \x7f é 👩\u200d💻", type="t\u2066", meta={"k": "\x9b\u202e"}),)
    )
    assert row["payload"] == "\\x1b[31m \\x9b1m \\x07 \\u202e \\x0d\r\n \\x7f é 👩\u200d💻"
    assert (row["type"], json.loads(row["meta"])) == ("t\\u2066", {"k": "\x9b\u202e"})
    assert "\x9b" not in row["meta"]
