"""Which sessions a selection touches, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import dialled, loss, message
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording, recorded
from tests.support.session_events import FIRST, SECOND, THIRD, of, opening, story
from wsmon.export.selection import Selection
from wsmon.export.sessions import ExportedSession, sessions
from wsmon.query.ast import EVERYTHING, Query
from wsmon.store.reader import Reader


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(recorded(tmp_path / "store.db", story(), "nova", "b", end_s=20), FixedClock())
    yield reader
    reader.close()


def told(session: ExportedSession) -> tuple[str, int, int, tuple[int, ...]]:
    """A session as its id, its range of ids, and the ids of the events about it."""
    about = (session.started, session.opened, session.completed, session.ended)
    return session.source.connection_id, session.first_id, session.last_id, tuple(one.id for one in about if one)


def found(view: Reader, first_id: int = 1, last_id: int = 17, query: Query = EVERYTHING) -> list[object]:
    return [told(one) for one in sessions(Selection(view, query, first_id, last_id)) if one is not None]


def test_sessions_come_by_their_end(view: Reader) -> None:
    assert found(view) == [(FIRST, 2, 14, (2, 3, 4, 14)), (SECOND, 16, 17, (16, 17)), (THIRD, 5, 17, (5, 6, 7))]


def test_one_that_began_before_is_known_from_its_beginning(view: Reader) -> None:
    assert found(view, 9, 12) == [(FIRST, 9, 12, (2, 3, 4)), (THIRD, 9, 12, (5, 6, 7))]
    assert found(view, 14, 14) == [(FIRST, 14, 14, (2, 3, 4, 14)), (THIRD, 14, 14, (5, 6, 7))]


def test_one_that_had_ended_is_no_part_of_it(view: Reader) -> None:
    assert found(view, 15, 15) == [(THIRD, 15, 15, (5, 6, 7))]


@pytest.mark.parametrize("are_pruned", [False, True], ids=["kept", "pruned"])
def test_after_the_last_end_there_is_no_session(tmp_path: Path, *, are_pruned: bool) -> None:
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write(of(FIRST, *opening(1), loss(2, "nova")))
        recording.write([message("reported", 3, "nova")])
        if are_pruned:
            recording.execute("DELETE FROM event WHERE id < 5")
            recording.execute("UPDATE meta SET value = 5 WHERE key = 'oldest_id'")
    reader = Reader(tmp_path / "store.db", FixedClock())
    assert found(reader, 5, reader.bounds().last_id) == []
    assert found(reader, reader.bounds().last_id + 1, reader.bounds().last_id) == []
    reader.close()


def test_connections_that_the_query_does_not_name_have_none(view: Reader) -> None:
    assert found(view, query=parse("conn:b hello")) == [(THIRD, 5, 17, (5, 6, 7))]


def test_one_that_was_cut_off_ends_where_the_next_begins(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", "nova") as recording:
        recording.write(of(FIRST, *opening(1), message("x", 2, "nova")))
    path = recorded(tmp_path / "store.db", of(SECOND, dialled(9, "nova"), message("y", 10, "nova")), "nova")
    reader = Reader(path, FixedClock())
    assert found(reader, last_id=6) == [(FIRST, 1, 4, (1, 2, 3)), (SECOND, 5, 6, (5,))]
    reader.close()


@pytest.mark.parametrize("has_ended", [False, True])
def test_one_whose_beginning_was_pruned_is_found(tmp_path: Path, has_ended: bool) -> None:
    events = of(FIRST, *opening(1), *(message(str(number), 2 + number, "nova") for number in range(5)))
    with Recording(tmp_path / "store.db", "nova", "silent") as recording:
        recording.write([*events, *(of(FIRST, loss(20, "nova")) if has_ended else [])])
        recording.execute("DELETE FROM event WHERE id < 5")
        recording.execute("UPDATE meta SET value = 5 WHERE key = 'oldest_id'")
        reader = Reader(tmp_path / "store.db", FixedClock())
        assert found(reader, 5, 7) == [(FIRST, 5, 7, ())]
        reader.close()
