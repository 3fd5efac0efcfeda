"""Whatever somebody asks of a store, there is an answer: what is found, or why there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.queries import found_ids
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.errors import QueryError
from wsmon.query.predicate import matches
from wsmon.store.pages import NEXT_NS
from wsmon.store.reader import Reader
from wsmon.store.search import functions

DEEP = 10_000
EVENTS = 20


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    one = Reader(recorded(tmp_path / "store.db", [message("a" * 40 + f"b {n}") for n in range(EVENTS)]), FixedClock())
    yield one
    one.close()


def found(reader: Reader, text: str) -> int:
    """How many events match, by SQL and by the predicate."""
    query = parse(text)
    expected = [event.id for event in reader.events_after(0, EVENTS) if matches(query, event)]
    assert found_ids(reader, query, 1, EVENTS) == expected
    assert [i for each in reader.search(query, 1, EVENTS, newest_first=False) for i in each.ids] == expected
    return len(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NOT " * DEEP + "b", EVENTS),
        ("-" * DEEP + "b", EVENTS),
        ("-" * (DEEP + 1) + "b", 0),
        ("x" * 100_000, 0),
        ('"' + "(" * DEEP + '"', 0),
        ("[" * DEEP, 0),
        ("/" + "(?:" * 30 + "b" + ")" * 30 + "/", EVENTS),
    ],
    ids=["NOT", "minus", "odd minus", "long", "quoted", "pasted", "groups"],
)
def test_what_is_long_or_deep_and_has_a_meaning_is_answered(reader: Reader, text: str, expected: int) -> None:
    assert found(reader, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "(" * DEEP + "a" + ")" * DEEP,
        "-(" * DEEP + "a" + ")" * DEEP,
        " OR ".join(f"a{n}" for n in range(DEEP)),
        " ".join(f"a{n}" for n in range(DEEP)),
        "topic:" + ",".join(f"a{n}" for n in range(DEEP)),
        "$" + ".a" * DEEP,
        "/" + "(" * DEEP + ")" * DEEP + "/",
        "/" + "(?:" * 200 + "b" + ")" * 200 + "/i",
    ],
    ids=["parentheses", "negated", "OR", "AND", "values", "path", "long pattern", "groups"],
)
def test_what_is_too_much_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(QueryError, match=r"at most|too "):
        parse(text)


@pytest.mark.parametrize("text", ["/(a|aa)+$/", "text~/(a|aa)+$/", "-/(a|aa)+$/", "/(a|aa)+$/ OR zq"])
def test_a_pattern_that_would_never_end_is_ended_and_named(reader: Reader, text: str) -> None:
    with pytest.raises(QueryError, match=r"a pattern took longer than 20 ms at each of 3 events"):
        list(reader.search(parse(text), 1, EVENTS, newest_first=True))
    assert found(reader, "b") == EVENTS


def test_ids_far_apart_are_searched_as_quickly_as_they_are_few(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("needle")] * 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE event SET id = 10000000 WHERE id = 2")
        connection.execute("UPDATE meta SET value = 10000000 WHERE key = 'last_id'")
        connection.execute("INSERT INTO meta VALUES ('excerpt', 1)")
    reader = Reader(path, FixedClock())
    answers = list(reader.search(parse("needle"), 1, 10_000_000, newest_first=True))
    reader.close()
    assert [(list(each.ids), each.first_id, each.last_id) for each in answers] == [
        ([10_000_000], 9_999_985, 10_000_000),
        ([1], 1, 9_999_984),
    ]


class PassingClock(FixedClock):
    """Every look at it takes long enough for an answer."""

    def mono_ns(self) -> int:
        self.after_s += NEXT_NS / 1e9
        return super().mono_ns()


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_is_pruned_while_it_is_searched_counts_as_looked_at(tmp_path: Path, newest_first: bool) -> None:
    kept_from = 150
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message(str(n)) for n in range(200)])
        reader = Reader(tmp_path / "store.db", PassingClock())
        answers = reader.search(parse("text:*"), 1, 200, newest_first=newest_first)
        first = next(answers)
        recording.execute("DELETE FROM event WHERE id < ?", kept_from)
        recording.execute("UPDATE meta SET value = ? WHERE key = 'oldest_id'", kept_from)
        rest = list(answers)
        reader.close()
    found = sorted(event_id for each in rest for event_id in each.ids)
    looked_at = sorted((each.first_id, each.last_id) for each in (first, *rest))
    assert found == [n for n in range(kept_from, 201) if n not in first.ids]
    assert looked_at[0][0] == 1
    assert all(before[1] + 1 == after[0] for before, after in pairwise(looked_at))
    assert looked_at[-1][1] == 200


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), ZeroDivisionError()], ids=["signal", "defect"])
def test_what_a_function_raises_that_sqlite_called_comes_out_as_it_is(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    def fail(_value: object) -> bool:
        raise raised

    monkeypatch.setattr(functions, "path_predicate", lambda _leaf: fail)
    with pytest.raises(type(raised)) as caught:
        reader.events_after(0, 1, parse('$."a":1 OR $:*'))
    assert caught.value is raised
    assert found(reader, "b") == EVENTS
