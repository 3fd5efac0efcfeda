"""Queries as conditions; that they find what the predicate finds is ``tests/property/test_query_sql.py``."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.builders import message
from tests.recordings import recorded
from wsmon.query.ast import EVERYTHING
from wsmon.query.parser import MAX_ID, parse
from wsmon.store.compile_sql import Condition, compile_query

CONNECTIONS = {1: "orders", 2: "Orders-2", 3: "trades"}


def compiled(text: str) -> Condition:
    return compile_query(parse(text), CONNECTIONS)


@pytest.mark.parametrize(
    ("text", "where", "parameters"),
    [
        ("dir:in", "flags & 3 IN (1)", ()),
        ("name:message.sent", "name IN (2)", ()),
        ("name:error.*", "name >= 20 AND name IN (70, 71)", ()),
        ("name:message.* -name:*.*.*", "name IN (1, 2, 9)", ()),
        ("id:1,5..7", "(id BETWEEN ? AND ? OR id BETWEEN ? AND ?)", (1, 1, 5, 7)),
        ("conn:orders*", "coalesce((SELECT connection FROM source WHERE source.id = event.source), 0) IN (1, 2)", ()),
        (
            "-conn:trades",
            "NOT (coalesce((SELECT connection FROM source WHERE source.id = event.source), 0) IN (3))",
            (),
        ),
    ],
)
def test_fields_become_conditions_over_integers(text: str, where: str, parameters: tuple[int, ...]) -> None:
    condition = compiled(text)
    assert (condition.where, condition.parameters) == (where, parameters)


def test_everything_has_no_condition() -> None:
    assert compile_query(EVERYTHING, {}) == Condition("", (), 0, MAX_ID, is_indexed=False)
    assert compiled("").is_everything


def test_a_range_of_ids_bounds_the_search_and_is_no_condition() -> None:
    assert compiled("id:10..20 id:15..") == Condition("", (), 15, 20, is_indexed=False)


@pytest.mark.parametrize("text", ["conn:nobody", "name:nothing", "name:message.* name:error.*", "trade conn:nobody"])
def test_what_cannot_match_reads_nothing(text: str) -> None:
    condition = compiled(text)
    assert condition.first_id > condition.last_id


@pytest.mark.parametrize("text", ["'; DROP TABLE event --", '"%_\\\\"', "conn:';--", "a\x00b"])
def test_what_a_user_types_is_never_part_of_the_statement(text: str) -> None:
    condition = compiled(text)
    assert text.strip('"') not in condition.where
    assert "DROP" not in condition.where
    assert condition.where.count("?") == len(condition.parameters)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("name:connection.*", "USING INDEX event_by_name"),
        ("name:error.occurred refused", "USING INDEX event_by_name"),
        ("-name:message.* -name:heartbeat.*", "USING INDEX event_by_name"),
        ("conn:a", "USING INTEGER PRIMARY KEY"),
        ("name:message.*", "USING INTEGER PRIMARY KEY"),
    ],
)
def test_lifecycle_is_found_by_its_index(tmp_path: Path, text: str, plan: str) -> None:
    path = recorded(tmp_path / "store.db", [message("x", connection="a")], "a")
    condition = compile_query(parse(text), {1: "a"})
    assert condition.is_indexed is ("event_by_name" in plan)
    index = "INDEXED BY event_by_name" if condition.is_indexed else ""
    store = sqlite3.connect(path)
    steps = store.execute(
        f"EXPLAIN QUERY PLAN SELECT * FROM event {index} WHERE id BETWEEN 1 AND 9 AND {condition.where} ORDER BY id",
        condition.parameters,
    ).fetchall()
    store.close()
    assert plan in steps[0][-1]
