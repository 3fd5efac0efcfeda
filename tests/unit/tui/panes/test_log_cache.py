"""Events and lines of the log, kept by id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from typing import TypeVar

import pytest

from tests.support.builders import event, message, numbered, usable
from tests.support.fake_ports import FakeView
from wsmon.errors import StoreError, WsmonError
from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query, Regex, Word
from wsmon.query.patterns import PatternTooSlowError
from wsmon.tui.panes.log_cache import KEPT_BYTES, KEPT_LINES, LoadedRows, LogCache, read_rows
from wsmon.tui.panes.log_line import LineStyle
from wsmon.tui.panes.log_status import InSight
from wsmon.tui.text import RoleStyles
from wsmon.tui.theme import DEFAULT_THEME, ThemeLibrary

Result = TypeVar("Result")
STYLES = RoleStyles(ThemeLibrary().themes[DEFAULT_THEME].variables)


class Cached:
    """A cache over a store in memory, that reads when the test says so."""

    def __init__(self, events: list[Event], width: int = 60) -> None:
        self.view = FakeView(numbered(events))
        self.ended: list[WsmonError | None] = []
        self._reads: list[Callable[[], None]] = []
        self.cache = LogCache(self._submit, self.ended.append)
        self.cache.restyle(LineStyle(zone=UTC))
        self.cache.resize(width)

    def _submit(self, kind: str, read: Callable[[StoreView], Result], deliver: Callable[[Result], None]) -> None:
        self._reads.append(lambda: deliver(read(self.view)))

    def answer(self) -> None:
        """Answer what was asked."""
        (read,) = self._reads
        self._reads.clear()
        read()

    def load(self, *ids: int, above_id: int = 0, current_id: int = 0) -> None:
        """Have rows read at once, where they lack something."""
        self.cache.load(ids, above_id, current_id)
        if self.cache.is_loading:
            self.answer()

    def lines(self, *ids: int, above_id: int = 0) -> list[str | None]:
        """Draw rows; None = there is no line of it."""
        self.cache.draw(ids, above_id, STYLES)
        strips = [self.cache.line_of(event_id) for event_id in ids]
        return [strip.text.rstrip() if strip is not None else None for strip in strips]


def letters(count: int) -> list[Event]:
    """Messages a, b, c, ... a second apart."""
    return [message(chr(ord("a") + number), number) for number in range(count)]


def test_rows_are_read_once_and_only_those_that_lack() -> None:
    made = Cached(letters(6))
    made.load(1, 2, 3)
    made.load(2, 3, 4, 5)
    made.load(1, 2, 3, 4, 5)

    assert made.view.calls == ["events_after"] * 2
    assert [(line or "").split()[4] for line in made.lines(1, 2, 3, 4, 5)] == ["a", "b", "c", "d", "e"]


def test_rows_that_are_no_range_are_read_by_their_ids_and_so_is_the_event_under_the_cursor() -> None:
    made = Cached(letters(6))
    made.load(2, 5, current_id=6)

    assert made.view.calls == ["events_by_id"]
    assert [made.cache.event(event_id) is not None for event_id in range(1, 7)] == [
        False,
        True,
        False,
        False,
        True,
        True,
    ]


def test_while_a_read_is_under_way_no_other_one_begins() -> None:
    made = Cached(letters(6))
    made.cache.load((1, 2), 0, 0)
    made.cache.load((3, 4), 0, 0)
    assert (made.cache.is_loading, made.ended) == (True, [])
    made.answer()

    assert (made.cache.is_loading, made.ended, made.cache.event(3)) == (False, [None], None)


def test_an_event_that_was_pruned_is_no_longer_kept() -> None:
    made = Cached(letters(6))
    made.view.prune(4)
    made.load(2, 3)

    assert made.lines(2, 3) == ["pruned"] * 2
    assert made.cache.event(2) is None
    made.load(2, 3)
    assert made.view.calls == ["events_after"]


def test_lines_that_were_not_read_are_left_out() -> None:
    made = Cached(letters(6))
    made.load(1)

    assert not made.cache.draw((1, 2), 0, STYLES)
    assert made.cache.draw((1,), 0, STYLES)
    assert made.cache.line_of(2) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda cache: cache.restyle(replace(cache.style, chosen=())),
        lambda cache: cache.highlight(Query((Word("a"),), "a")),
        lambda cache: cache.resize(40),
        lambda cache: cache.clear_lines(),
        lambda cache: cache.mark(frozenset({1, 2})),
    ],
    ids=["style", "highlight", "width", "all", "marks"],
)
def test_lines_are_drawn_anew_without_a_read(change: Callable[[LogCache], None]) -> None:
    made = Cached(letters(3))
    made.load(1, 2)
    made.lines(1, 2)
    change(made.cache)
    assert [made.cache.line_of(1), made.cache.line_of(2)] == [None, None]
    made.load(1, 2)

    assert (made.view.calls, None in made.lines(1, 2)) == (["events_after"], False)


def test_only_lines_whose_mark_differs_are_drawn_anew() -> None:
    made = Cached(letters(3))
    made.cache.mark(frozenset({1}))
    made.load(1, 2, 3)
    made.lines(1, 2, 3)
    made.cache.mark(frozenset({1, 2}))

    assert [made.cache.line_of(event_id) is None for event_id in (1, 2, 3)] == [False, True, False]


def test_times_between_lines_need_the_row_above() -> None:
    made = Cached(letters(6))
    made.cache.restyle(LineStyle("delta", UTC))
    made.load(3, 4, above_id=2)

    assert made.cache.event(2) is not None
    assert [(line or "")[:12].strip() for line in made.lines(3, 4, above_id=2)] == ["+1.000 s"] * 2
    made.cache.forget_line(3)
    assert [(line or "")[:12].strip() for line in made.lines(3, 4)] == ["–", "+1.000 s"]


def test_times_since_a_session_was_usable_are_read_with_the_rows_and_again_for_another_drawing() -> None:
    made = Cached([usable(1), message("a", 3)])
    made.cache.restyle(LineStyle("open", UTC))
    made.load(2)
    assert (made.lines(2)[0] or "")[:12].strip() == "+2.000 s"
    made.cache.clear_lines()

    assert made.cache.event(2) is None
    made.load(2)
    assert made.view.calls == ["events_after", "sessions"] * 2


def test_a_read_begun_before_all_events_were_forgotten_is_left_out() -> None:
    made = Cached([usable(1), message("a", 3)])
    made.cache.load((1, 2), 0, 0)
    made.cache.restyle(LineStyle("open", UTC))
    made.answer()

    assert (made.ended, made.cache.event(2)) == ([None], None)


def test_a_read_that_fails_ends_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Cached(letters(3))
    error = StoreError("the store is gone")

    def fail(*_: object) -> tuple[Event, ...]:
        raise error

    monkeypatch.setattr(made.view, "events_after", fail)
    made.load(1, 2)

    assert (made.ended, made.cache.is_loading, made.lines(1, 2)) == ([error], False, [None, None])


def test_old_events_give_way_to_new_ones() -> None:
    made = Cached([message("a") for _ in range(KEPT_LINES + 10)])
    made.load(*range(1, 11))
    made.load(*range(11, KEPT_LINES + 11))

    assert (made.cache.event(10), made.cache.event(11) is None) == (None, False)


def test_large_events_give_way_sooner_but_never_those_just_read() -> None:
    made = Cached([message("a" * (KEPT_BYTES // 4)) for _ in range(12)])
    made.load(1, 2, 3)
    made.load(4, 5)
    assert [made.cache.event(event_id) is None for event_id in range(1, 6)] == [True, False, False, False, False]
    made.load(*range(6, 13))

    assert [made.cache.event(event_id) is None for event_id in range(1, 13)] == [True] * 5 + [False] * 7


def test_what_lines_leave_out_is_counted_when_they_were_drawn() -> None:
    made = Cached([message("a", truncated=True), message("b", redacted=True), message("c")])
    made.load(1, 2, 3)
    assert made.cache.in_sight((1, 2, 3)) == InSight()
    made.lines(1, 2, 3)

    assert (made.cache.in_sight((1, 2, 3)), made.cache.in_sight((3,))) == (InSight(1, 1), InSight())


def test_a_pattern_that_is_too_slow_raises_once_and_highlights_no_more() -> None:
    made = Cached([message("a" * 400 + "!") for _ in range(2)])
    made.cache.highlight(Query((Regex("(a|aa)+$"),), "slow"))
    made.load(1, 2)
    with pytest.raises(PatternTooSlowError):
        made.lines(1, 2)

    assert None not in made.lines(1, 2)
    made.cache.highlight(EVERYTHING)
    assert made.cache.line_of(1) is not None


def test_events_of_no_session_need_no_session() -> None:
    view = FakeView(numbered([event("self.run.started", 1, "")]))

    assert isinstance(read_rows(view, (1,), has_sessions=True), LoadedRows)
    assert view.calls == ["events_after"]
