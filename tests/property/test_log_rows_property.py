from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from wsmon.tui.widgets.row_list import MatchRows


@given(st.lists(st.tuples(st.sampled_from(["newer", "older", "prune"]), st.integers(1, 30), st.randoms())))
def test_rows_are_the_matches_searched_and_kept(steps: list[tuple[str, int, object]]) -> None:
    """Against a plain sorted list."""
    rows = MatchRows(1000)
    known: list[int] = []
    for kind, size, chance in steps:
        assert hasattr(chance, "random")
        if kind == "newer":
            first = rows.searched_to + 1
            ids = [event_id for event_id in range(first, first + size) if chance.random() < 0.5]
            rows.append(array("q", ids), first, first + size - 1)
        elif kind == "older":
            last = rows.searched_from - 1
            ids = [event_id for event_id in range(last - size + 1, last + 1) if chance.random() < 0.5]
            rows.prepend(array("q", ids), last - size + 1, last)
        else:
            ids = []
            oldest = rows.searched_from + size
            rows.prune(oldest)
            known = [event_id for event_id in known if event_id >= oldest]
        known = sorted(known + ids)

        assert [rows.id_at(row) for row in range(len(rows))] == known
        for probe in (rows.searched_from, rows.searched_to, *known):
            assert rows.row_of(probe) == sum(1 for event_id in known if event_id < probe)
