"""The matching events of a range of ids, page by page."""

from __future__ import annotations

from pathlib import Path

from tests.support.builders import message
from tests.support.exports import exported, ids
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording
from wsmon.export.selection import PAGE_EVENTS, WINDOW_IDS, Selection
from wsmon.query.ast import EVERYTHING
from wsmon.store.reader import Reader


def test_pages_and_windows_meet_without_gap_or_double(tmp_path: Path) -> None:
    many = 2 * WINDOW_IDS + PAGE_EVENTS + 1
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x")] * many)
        reader = Reader(tmp_path / "store.db", FixedClock())
        assert ids(exported(reader)[0]) == list(range(1, many + 1))
        assert ids(exported(reader, limit=WINDOW_IDS + 7)[0]) == list(range(many - WINDOW_IDS - 6, many + 1))
        reader.close()


def test_it_counts_ids_looked_at_and_events_that_matched(view: Reader) -> None:
    selection = Selection(view, parse("conn:nova"), 2, 9)
    found = [event.id for page in selection.pages() for event in page]
    assert (found, selection.seen, selection.total, selection.written) == ([2, 3, 4, 5], 8, 8, 4)


def test_the_newest_are_selected_by_moving_the_first_id(view: Reader) -> None:
    assert Selection(view, EVERYTHING, 1, 15, limit=4).first_id == 12
    assert Selection(view, parse("conn:nova"), 1, 15, limit=2).first_id == 4
    assert Selection(view, EVERYTHING, 1, 15, limit=99).first_id == 1
    assert Selection(view, EVERYTHING, 1, 15, limit=0).ids == 0


def test_pages_are_narrowed_by_terms_and_ids_and_context_is_not_written(view: Reader) -> None:
    selection = Selection(view, EVERYTHING, 1, 12)
    of_nova = parse("conn:nova").terms
    assert [event.id for page in selection.pages(of_nova, (3, 99)) for event in page] == [3, 4, 5]
    assert [event.id for page in selection.context(parse("conn:b")) for event in page] == list(range(6, 13))
    assert selection.written == 3
