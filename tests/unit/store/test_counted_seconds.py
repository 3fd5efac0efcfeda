"""Messages without rows: which event stands for them, and when; what the next recorder does for one that died."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import SECOND_NS, at_ns, dialled, loss, message, source, usable
from tests.support.captured import BATCH, NAME, configure, counters_of_seconds, meta, names, rows, switched
from tests.support.stores import Recording, recording
from wsmon.model.events import Event
from wsmon.model.profiles import ProfileName


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Recording]:
    with recording(tmp_path / "store.db") as made:
        yield made


def test_the_end_of_a_session_says_what_it_had_said_before(one: Recording) -> None:
    configure(one, "standard")
    received, sent = message("one", 0.1, NAME, type="tick"), message("four", 0.3, NAME, direction="out")
    one.commit(dialled(0, NAME), usable(0.1, NAME), received, sent, loss(0.9, NAME), now_s=0.9)
    counted = rows(one)[2]
    assert (counted.name, counted.meta, counted.ts_ns, counted.size, counted.source.connection_id) == (
        BATCH,
        meta((1, 3), (1, 4)),
        at_ns(0.9),
        0,
        source(NAME).connection_id,
    )
    assert one.rows("SELECT first_id, last_id FROM session") == [(1, 4)]


def test_a_second_is_told_when_it_is_over_and_nothing_of_it_comes_any_more(one: Recording) -> None:
    configure(one, "standard")
    one.commit(usable(0, NAME), message("ab", 0.1, NAME), now_s=0.5)
    one.commit(message("abc", 0.99, NAME), message("x", 1.0, NAME), now_s=1.02)
    assert names(one) == ["connection.completed"]
    one.commit(now_s=1.3)
    assert [(each.name, each.meta, each.ts_ns) for each in rows(one)[1:]] == [(BATCH, meta((2, 5), (0, 0)), at_ns(1.3))]
    one.commit(now_s=2.1)
    assert rows(one)[2].meta == meta((1, 1), (0, 0), after_s=1)
    one.commit(now_s=9)
    assert len(rows(one)) == 3


def test_sessions_have_seconds_of_their_own(one: Recording) -> None:
    configure(one, "standard")
    other = message("other", 0.5, NAME, source=source(NAME, session="b" * 16))
    one.commit(message("abc", 0.4, NAME), other, now_s=0.5)
    one.commit(now_s=1.5)
    assert [(each.source.connection_id, (each.meta or {})["total_size"]) for each in rows(one)] == [
        (source(NAME).connection_id, 3),
        ("b" * 16, 5),
    ]


def test_the_end_of_the_run_leaves_nothing_uncounted(one: Recording) -> None:
    configure(one, "lightweight")
    one.commit(message("abc", 0.4, NAME), now_s=0.5)
    one.fold.close_seconds(at_ns(0.6), 0, is_end=True)
    one.commit(now_s=0.6)
    assert [(each.name, each.meta) for each in rows(one)] == [(BATCH, meta((1, 3), (0, 0)))]
    assert counters_of_seconds(one) == [(at_ns(0) // SECOND_NS, 1, 1)]


def died_and_restored(path: Path, profile: ProfileName, *events: Event, now_s: float) -> list[Event]:
    """What the next recorder tells for one that died after it had committed these."""
    with recording(path) as died:
        configure(died, profile)
        died.commit(*events, now_s=now_s)
    with recording(path, after_s=60) as next_one:
        before = len(rows(next_one))
        next_one.fold.restore(next_one.database.lost_seconds)
        next_one.commit(now_s=60)
        assert counters_of_seconds(next_one)[-1] == (at_ns(60) // SECOND_NS, 2, 0)  # rows, and no message twice
        return rows(next_one)[before:]


def test_what_a_recorder_counted_and_did_not_live_to_tell_is_told_by_the_next_one(tmp_path: Path) -> None:
    said = (dialled(0, NAME), usable(0.1, NAME), message("abc", 0.2, NAME), message("de", 1.4, NAME, direction="out"))
    told = died_and_restored(tmp_path / "store.db", "standard", *said, now_s=1.5)
    assert [(each.name, each.meta) for each in told] == [
        (BATCH, meta((1, 3), (0, 0))),
        (BATCH, meta((0, 0), (1, 2), after_s=1)),
    ]
    assert {each.source.connection_id for each in told} == {source(NAME).connection_id}
    assert [each.ts_ns for each in told] == [at_ns(60)] * 2


def test_what_was_told_before_it_died_is_not_told_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with recording(path) as died:
        configure(died, "lightweight")
        died.commit(dialled(0, NAME), usable(0.1, NAME), message("abc", 0.2, NAME), now_s=0.3)
        died.commit(now_s=1.2)
        died.commit(now_s=1.5)
        assert names(died)[-1] == BATCH
        died.commit(message("defg", 2.2, NAME), now_s=2.3)
    with recording(path, after_s=60) as next_one:
        next_one.fold.restore(next_one.database.lost_seconds)
        next_one.commit(now_s=60)
        told = [each.meta for each in rows(next_one) if each.name == BATCH]
    assert told == [meta((1, 3), (0, 0)), meta((1, 4), (0, 0), after_s=2)]


def test_messages_that_are_rows_need_no_other_recorder(tmp_path: Path) -> None:
    said = (dialled(0, NAME), usable(0.1, NAME), message("abc", 0.2, NAME), message("{", 0.3, NAME, error_type="json"))
    path = tmp_path / "store.db"
    with recording(path) as died:
        configure(died, "detailed")
        died.commit(*said, now_s=0.5)
    with recording(path, after_s=60) as next_one:
        assert next_one.database.lost_seconds == ()


def test_messages_that_were_rows_before_a_switch_are_not_told_again(tmp_path: Path) -> None:
    switch = switched(0.3, "detailed", "standard")
    path = tmp_path / "store.db"
    with recording(path) as died:
        configure(died, "detailed")
        before, after = message("abc", 0.2, NAME), message("de", 0.4, NAME)
        died.commit(dialled(0, NAME), usable(0.1, NAME), before, switch, after, now_s=0.5)
    with recording(path, after_s=60) as next_one:
        (lost,) = next_one.database.lost_seconds
    assert (lost.source.connection, lost.second, tuple(lost.counts)) == (NAME, at_ns(0) // SECOND_NS, (1, 2, 0, 0))
