"""Queries as conditions; that they find what the predicate finds is ``tests/property/test_query_sql.py``."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from tests.support.builders import event, message
from tests.support.queries import found_ids, query
from tests.support.recordings import FixedClock, recorded
from wsmon.errors import QueryError
from wsmon.model.events import Source
from wsmon.query.ast import EVERYTHING, Ids, Query
from wsmon.query.parser import MAX_INT
from wsmon.query.predicate import matches
from wsmon.store.reader import Reader
from wsmon.store.search.sql import Condition, compile_query

CONNECTIONS = {1: Source("orders", "live"), 2: Source("Orders-2"), 3: Source("trades")}


def compiled(text: str) -> Condition:
    return compile_query(query(text), CONNECTIONS, lambda _leaf: 7)


@pytest.mark.parametrize(
    ("text", "where", "parameters"),
    [
        ("dir:in", "flags & 3 IN (1)", ()),
        ("name:message.sent", "name IN (2)", ()),
        ("name:error.*", "name >= 20 AND name IN (70, 71)", ()),
        ("name:message.* -name:*.*.*", "name IN (1, 2, 9)", ()),
        ("id:1,5..7", "(((id >= ? AND id <= ?) IS TRUE) OR ((id >= ? AND id <= ?) IS TRUE))", (1, 1, 5, 7)),
        ("kind:error OR name:message.sent", "name IN (2, 70, 71) AND (name IN (70, 71) OR name IN (2))", ()),
        ("group:live", "coalesce((SELECT connection FROM source WHERE source.id = event.source), 0) IN (1)", ()),
        ("code:1006", "((close_code >= ? AND close_code <= ?) IS TRUE)", (1006, 1006)),
        ("size>1kb", "(size > ? IS TRUE)", (1000,)),
        ("$.qty>10", r"((instr(payload, ?) OR instr(payload, '\')) IS TRUE AND wsmon_leaf(7, payload))", ("qty",)),
        ("from:open", "coalesce(from_status, 0) IN (4)", ()),
        ("is:redacted", "flags & 8 <> 0", ()),
        ("conn:orders*", "coalesce((SELECT connection FROM source WHERE source.id = event.source), 0) IN (1, 2)", ()),
        ('verdict:"rate limit"', "CASE WHEN verdict IS NULL THEN 0 ELSE wsmon_leaf(7, verdict) END", ()),
        ('verdict=""', "CASE WHEN verdict IS NULL THEN 1 ELSE wsmon_leaf(7, verdict) END", ()),
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
    assert compile_query(EVERYTHING, {}, lambda _leaf: 7) == Condition("", (), 0, MAX_INT, is_indexed=False)
    assert compiled("").is_everything


def test_a_range_of_ids_bounds_the_search_and_is_no_condition() -> None:
    assert compiled("id:10..20 id:15..") == Condition("", (), 15, 20, is_indexed=False)


@pytest.mark.parametrize("text", ["conn:nobody", "name:zzz*", "name:message.* name:error.*", "trade conn:nobody"])
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
        ("name:connection.disconnected is:problem", "USING INDEX event_by_name"),
        ("conn:a", "USING INTEGER PRIMARY KEY"),
        ("name:message.*", "USING INTEGER PRIMARY KEY"),
    ],
)
def test_lifecycle_is_found_by_its_index(tmp_path: Path, text: str, plan: str) -> None:
    path = recorded(tmp_path / "store.db", [message("x", connection="a")], "a")
    condition = compile_query(query(text), {1: Source("a")}, lambda _leaf: 7)
    assert condition.is_indexed is ("event_by_name" in plan)
    index = "INDEXED BY event_by_name" if condition.is_indexed else ""
    store = sqlite3.connect(path)
    steps = store.execute(
        f"EXPLAIN QUERY PLAN SELECT * FROM event {index} WHERE id BETWEEN 1 AND 9 AND {condition.where} ORDER BY id",
        condition.parameters,
    ).fetchall()
    store.close()
    assert plan in steps[0][-1]


def test_ends_that_were_wanted_are_no_problems(tmp_path: Path) -> None:
    ends = [
        event("connection.disconnected", number, "a", to_status=to_status, close_code=code, error_type=error_type)
        for number, (to_status, code, error_type) in enumerate(
            product(("closed", "disconnected", None), (None, 1000, 1001, 1005, 1006, 1011, 4000), ("", "eof"))
        )
    ]
    path = recorded(tmp_path / "store.db", ends, "a")
    wanted = [number for number, each in enumerate(ends, 1) if not each.is_problem]
    assert wanted == [1, 3, 5, 7]
    with closing(Reader(path, FixedClock(100))) as reader:
        assert found_ids(reader, query("-is:problem"), 1, len(ends)) == wanted


def test_terms_on_notes_are_ids_by_then_or_refused_by_name() -> None:
    some = compile_query(Query((Ids(frozenset({7, 3})),)), CONNECTIONS, lambda _leaf: 7)
    assert some == Condition("id IN (3, 7)", (), 3, 7, is_indexed=False)
    none = compile_query(Query((Ids(frozenset()),)), CONNECTIONS, lambda _leaf: 7)
    assert none.first_id > none.last_id
    with pytest.raises(QueryError, match="tag: needs the notes of a recording"):
        compiled("tag:vendor")


LARGE = 2**63 + 2048


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (f"seq:{LARGE}", [2]),
        (f"seq>{2**63}", [2, 3]),
        (f"seq:{2**63}..{2**65}", [2, 3]),
        (f"seq<{2**63}", [1]),
        (f"$.seq:{LARGE}", [2]),
        (f"$.seq>{LARGE}", [3]),
        (f"$.seq:{LARGE}..{2**65}", [2, 3]),
        ("$.seq>5", [1, 2, 3, 4]),
        (f"$.text>{10**19}", [5]),
        (f"$.text:{10**19}..{10**19 + 1}", [5]),
        ("$.seq:8", [4]),
        ("$.p:null", [4]),
    ],
)
def test_p2_large_numbers_and_texts_that_json_does_not_allow_are_found(
    tmp_path: Path, text: str, ids: list[int]
) -> None:
    numbers = (7, LARGE, 2**64 + 4096)
    events = [message(f'{{"seq":{number}}}', meta={"seq": number}) for number in numbers]
    events.append(message('{"seq":7}\n{"seq":8}\n{"p":NaN}'))
    events.append(message(f'{{"text":"{10**19 + 1}"}}'))
    with closing(Reader(recorded(tmp_path / "store.db", events), FixedClock(100))) as reader:
        assert found_ids(reader, query(text), 1, 10) == ids
        stored = reader.events_by_id((1, 2, 3, 4, 5))
    assert [event.id for event in stored if matches(query(text), event)] == ids
