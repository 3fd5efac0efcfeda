"""A text in the lines of a detail."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import loss, message
from wsmon.model.events import Event
from wsmon.tui.glyphs import UNICODE
from wsmon.tui.panes.detail import matching_lines
from wsmon.tui.panes.detail_fields import DetailLayout, DetailRow
from wsmon.tui.panes.detail_payload import decode_payload, detail_rows


def rows_of(each: Event, width: int = 40) -> list[DetailRow]:
    return list(detail_rows(each, decode_payload(each), DetailLayout(width, UTC, UNICODE)))


def lines_at(rows: list[DetailRow], needle: str) -> list[str]:
    return ["".join(part for part, _ in rows[number].line).strip() for number in matching_lines(rows, needle)]


def test_case_does_not_count_and_nothing_is_nowhere() -> None:
    rows = rows_of(loss(0))
    assert lines_at(rows, "DERIBIT") == ["✕ Loss of deribit           14:02:24.000", "Connection  deribit"]
    assert matching_lines(rows, "") == ()
    assert matching_lines(rows, "nothing like it") == ()


def test_a_text_that_goes_over_the_end_of_a_line_is_found_where_it_begins() -> None:
    rows = rows_of(message('{"note":"' + "many words that go on and on " * 4 + 'end"}', type="x" * 60))
    assert len(lines_at(rows, "on and on many")) == 3
    assert len(lines_at(rows, "x" * 50)) == 1
    rows = rows_of(message("plain " * 20 + "needle in a haystack"), width=30)
    assert len(lines_at(rows, "in a haystack")) == 1


def test_two_fields_are_not_one_text() -> None:
    assert lines_at(rows_of(message("x", type="ab", topic="cd")), "abtopic") == []


@given(st.text(alphabet="ab ", min_size=1, max_size=200), st.integers(0, 199), st.integers(1, 12))
def test_whatever_stands_on_one_line_is_found(text: str, start: int, length: int) -> None:
    rows = [DetailRow(((line, "text"),)) for line in text.split(" ")]
    needle = text[start : start + length].split(" ")[0]
    found = matching_lines(rows, needle)
    assert bool(needle) == bool(found)
    assert {number for number, row in enumerate(rows) if needle and needle in row.line[0][0]} <= set(found)
