"""What the help says about the search language, and how words are completed."""

from __future__ import annotations

import pytest

from tests.support.queries import query
from wsmon.query.fields import FIELDS, GRAMMAR, completion, field_rows


def test_every_field_is_in_the_help() -> None:
    assert [row[0].split()[0] for row in field_rows()] == list(FIELDS)


@pytest.mark.parametrize("example", [example for examples, _ in GRAMMAR for example in examples.split("   ")])
def test_every_example_is_understood(example: str) -> None:
    assert query(example.replace("field", "type")).terms


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("conn", "connection:"),
        ("trade -con", "trade -connection:"),
        ("(dir", "(direction:"),
        ("dir:o", "dir:out"),
        ("name:connection.r", "name:connection.reconnect.attempt"),
        ("is:st", "is:stall"),
        ("sinc", "since:"),
        ("", ""),
        ("trade ", ""),
        ("nonsense", ""),
        ("type:tr", ""),
        ("dir:", ""),
    ],
)
def test_the_last_word_is_completed(text: str, whole: str) -> None:
    assert completion(text) == whole
