"""Rows that are read have the types and ranges of what a recorder writes."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import message
from wsmon.store.codec import EVENT_COLUMNS, SqlValue, event_row
from wsmon.store.validation import Count, Id, Ns, checked, checked_events


def row(**changes: SqlValue) -> tuple[SqlValue, ...]:
    """The row of a message, with other values in some columns."""
    values = dict(zip(EVENT_COLUMNS, event_row(7, 3, message(b"\xff", 1)), strict=True)) | changes
    return tuple(values.values())


def test_the_rows_of_a_recorder_pass_as_they_are() -> None:
    rows = [row(), row(payload="text"), row(payload=None), row(status=403), row(status="ok", name=33, to_status=5)]
    assert checked_events(rows) == rows
    assert checked([(1, "a", b"x", None)], tuple[Id, str, bytes, Ns | None]) == [(1, "a", b"x", None)]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": -1},
        {"id": 2**63 - 1},
        {"ts_ns": 2**63 - 1},
        {"ts_ns": None},
        {"mono_ns": "1"},
        {"name": 77},
        {"opcode": 3},
        {"flags": 256},
        {"size": -1},
        {"size": 0.5},
        {"topic": b"x"},
        {"to_status": 9},
        {"close_by": 0},
        {"close_code": 70_000},
        {"meta": 1},
        {"payload": 1},
        {"payload": 0.5},
    ],
)
def test_a_value_that_no_recorder_writes_is_refused(changes: dict[str, SqlValue]) -> None:
    with pytest.raises(msgspec.ValidationError):
        checked_events([row(**changes)])


@pytest.mark.parametrize("bad", [("1",), (-1,), (2**62 + 1,), (None,), (b"1",), (1.0,)])
def test_counts_are_whole_numbers_from_zero_on(bad: tuple[SqlValue, ...]) -> None:
    with pytest.raises(msgspec.ValidationError):
        checked([bad], tuple[Count])
