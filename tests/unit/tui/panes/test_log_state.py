"""What the log shows, searches and jumps to, without a screen."""

from __future__ import annotations

import pytest

from tests.support.builders import T0_NS, loss, message, numbered, pong
from tests.support.fake_ports import FakeView
from wsmon.model.events import Event
from wsmon.model.notes import Bookmark
from wsmon.query.ast import EVERYTHING, Query, Word
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.panes.log_filter import PROBLEMS, Aim, FoundMatches, LogScope, Search, glance, run_search
from wsmon.tui.panes.log_state import CursorGoal, CursorPlace, LogState

NEEDLE = Query((Word("needle"),), "needle")
FOLLOWING = CursorPlace(20_000, 19, is_following=True)


def needles(count: int = 20_000) -> FakeView:
    """A store in which every hundredth event is a needle: 100, 200, ..."""
    return FakeView(numbered(message("needle" if number % 100 == 0 else "hay") for number in range(1, count + 1)))


def opened(view: FakeView) -> LogState:
    state = LogState()
    state.set_bounds(view.bounds())
    return state


def paused(event_id: int, y: int = 5) -> CursorPlace:
    return CursorPlace(event_id, y, is_following=False)


def glanced(state: LogState, view: FakeView) -> list[CursorGoal | None]:
    """Answer all questions that there are now; returns where the cursor goes."""
    return [state.take(glance(view, question)) for question in state.questions()]


def searched(state: LogState, view: FakeView) -> list[CursorGoal]:
    """Run all long searches that were handed out; returns where the cursor goes."""
    answers = [found for search in state.take_searches() for found in run_search(view, search, lambda: False)]
    return [goal for found in answers if (goal := state.take(found)) is not None]


def ids(state: LogState) -> list[int]:
    return [state.filter.rows.id_at(row) for row in range(len(state.filter.rows))]


def test_a_scope_is_pending_with_the_rows_before_until_its_newest_events_were_looked_at() -> None:
    view = needles()
    state = opened(view)
    state.restart(LogScope(NEEDLE))

    assert (state.is_pending, state.has_goal, len(ids(state)), state.take_searches()) == (True, True, 20_000, ())
    assert glanced(state, view) == [None]
    assert (state.is_pending, ids(state)[0], ids(state)[-1]) == (False, 15_100, 20_000)
    assert state.take_searches() == (Search(1, "filter", NEEDLE, 1, 15_000),)
    assert state.take_searches() == ()


def test_the_cursor_keeps_its_event_and_its_row_of_the_screen() -> None:
    view = needles()
    state = opened(view)
    state.restart(LogScope(NEEDLE))
    glanced(state, view)

    assert state.begin(paused(19_900, y=7)) == (19_900, 7)
    assert not state.has_goal


def test_an_event_that_the_search_has_still_to_reach_gets_the_cursor_then() -> None:
    view = needles()
    state = opened(view)
    state.restart(LogScope(NEEDLE))
    glanced(state, view)

    assert (state.begin(paused(400, y=7)), state.has_goal) == ((400, 7), True)
    assert searched(state, view) == [CursorGoal(400, 7)]
    assert (state.has_goal, ids(state)[:4]) == (False, [100, 200, 300, 400])


def test_another_scope_on_the_way_keeps_the_goal_and_not_the_cursor() -> None:
    view = needles()
    state = opened(view)
    for scope in (LogScope(NEEDLE), LogScope(NEEDLE, hides_heartbeats=True)):
        state.restart(scope)
        glanced(state, view)
        assert state.begin(paused(400 if scope == LogScope(NEEDLE) else 15_100, y=7)) == (400, 7)


def test_a_cursor_that_follows_has_no_goal() -> None:
    view = needles()
    state = opened(view)
    state.restart(LogScope(NEEDLE))
    glanced(state, view)
    state.begin(FOLLOWING)

    assert not state.has_goal


def test_an_event_asked_for_while_the_scope_is_pending_is_gone_to_afterwards() -> None:
    view = needles()
    state = opened(view)
    state.restart(LogScope(NEEDLE))
    state.postpone(19_800)
    glanced(state, view)
    state.begin(paused(20_000))

    assert [state.take_postponed(), state.take_postponed()] == [19_800, 0]


@pytest.mark.parametrize(
    ("event_id", "shown_id", "note"),
    [
        (19_900, 19_900, ""),
        (19_950, 20_000, "event #19,950 is hidden here; showing the nearest"),
        (450, 15_100, "looking for event #450"),
    ],
)
def test_a_note_says_where_the_cursor_came_to_instead(event_id: int, shown_id: int, note: str) -> None:
    view = needles()
    state = opened(view)
    state.restart(LogScope(NEEDLE))
    glanced(state, view)
    state.begin(FOLLOWING)
    state.arrived(event_id, shown_id)

    assert state.note == note
    state.moved()
    assert (state.note, state.has_goal) == ("", False)


def test_a_jump_to_what_is_near_takes_one_glance() -> None:
    view = needles()
    state = opened(view)

    assert state.jump(Aim(NEEDLE, "needle"), paused(19_950), newer=False) == 0
    assert glanced(state, view) == [CursorGoal(19_900)]
    assert (state.questions(), state.take_searches(), state.note) == ((), (), "")


def test_a_jump_while_following_starts_behind_all_events() -> None:
    view = needles()
    state = opened(view)
    state.jump(Aim(NEEDLE, "needle"), FOLLOWING, newer=True)

    assert glanced(state, view) == [CursorGoal(20_000)]


def test_a_jump_may_start_elsewhere_than_at_the_cursor() -> None:
    view = needles()
    state = opened(view)
    state.jump(Aim(NEEDLE, "needle"), paused(19_950), newer=True, from_id=299)

    assert glanced(state, view) == [CursorGoal(300)]


def test_a_jump_to_what_is_far_says_so_and_searches() -> None:
    events: list[Event] = [loss() if number == 3 else message("hay") for number in range(1, 20_001)]
    view = FakeView(numbered(events))
    state = opened(view)
    state.jump(PROBLEMS, paused(20_000), newer=False)

    assert (glanced(state, view), state.note) == ([None], "looking for a problem")
    assert searched(state, view) == [CursorGoal(3)]


def test_a_newer_jump_replaces_the_one_before() -> None:
    view = needles()
    state = opened(view)
    state.jump(Aim(NEEDLE, "needle"), paused(19_950), newer=False)
    (before,) = state.questions()
    state.jump(Aim(NEEDLE, "needle"), paused(19_950), newer=True)

    assert state.take(glance(view, before)) is None
    assert glanced(state, view) == [CursorGoal(20_000)]


@pytest.mark.parametrize(
    ("scope", "note"),
    [
        (LogScope(), "no older problem"),
        (LogScope(NEEDLE), "no older problem matching needle (Esc clears the search)"),
        (LogScope(NEEDLE, is_in_context=True), "no older problem"),
    ],
)
def test_where_there_is_nothing_to_jump_to_it_says_what_may_hide_it(scope: LogScope, note: str) -> None:
    view = needles(300)
    state = opened(view)
    state.restart(scope)
    glanced(state, view)
    state.jump(PROBLEMS, paused(250), newer=False)
    glanced(state, view)

    assert state.note == note


def test_before_the_first_event_there_is_nothing_to_read() -> None:
    view = needles(300)
    state = opened(view)

    assert (state.jump(PROBLEMS, paused(1), newer=False), state.questions()) == (0, ())
    assert state.note == "no older problem"


def test_a_known_match_is_jumped_to_without_a_read() -> None:
    view = needles(300)
    state = opened(view)
    state.restart(LogScope(NEEDLE, is_in_context=True))
    glanced(state, view)

    assert state.jump(Aim(NEEDLE, "match"), paused(250), newer=False) == 200
    assert state.questions() == ()


def test_halting_ends_every_search_under_way_once() -> None:
    view = needles()
    state = opened(view)
    state.restart(LogScope(NEEDLE, is_in_context=True, hides_heartbeats=True))
    glanced(state, view)
    assert [search.purpose for search in state.take_searches()] == ["filter", "matches"]
    state.halt()
    state.halt()

    assert state.take_searches() == (Search(0, "filter", EVERYTHING, 1, 0), Search(0, "matches", EVERYTHING, 1, 0))


def test_events_that_come_are_asked_for_until_all_were_looked_at() -> None:
    view = needles(300)
    state = opened(view)
    state.restart(LogScope(NEEDLE))
    glanced(state, view)
    state.set_bounds(view.add(message("needle"), *[message("hay")] * 6_000, message("needle")))
    rounds = 0
    while state.questions():
        glanced(state, view)
        rounds += 1

    assert (rounds, ids(state)) == (2, [100, 200, 300, 301, 6_302])


def test_after_a_failure_everything_is_shown_and_nothing_waits() -> None:
    view = needles(300)
    state = opened(view)
    state.restart(LogScope(NEEDLE))
    state.jump(PROBLEMS, paused(250), newer=False)
    state.fail()

    assert (state.is_pending, state.questions(), len(ids(state)), state.query) == (False, (), 300, NEEDLE)


def test_a_failure_to_catch_up_keeps_what_was_found() -> None:
    view = needles(300)
    state = opened(view)
    state.restart(LogScope(NEEDLE))
    glanced(state, view)
    state.set_bounds(view.add(message("needle")))
    state.fail()

    assert ids(state) == [100, 200, 300]
    glanced(state, view)
    assert ids(state) == [100, 200, 300, 301]


def test_terms_on_notes_are_answered_from_the_marks() -> None:
    view = needles(300)
    state = opened(view)
    (event,) = view.events_by_id((7,))
    assert not state.set_marks((Bookmark(event, T0_NS),), "")
    state.restart(LogScope(parse("mark:*", ReferenceTime(T0_NS))))
    glanced(state, view)

    assert (ids(state), state.query.text) == ([7], "mark:*")
    assert state.set_marks((), "")


def test_where_the_marks_cannot_be_read_everything_is_shown_and_it_says_why() -> None:
    view = needles(300)
    state = opened(view)
    state.set_marks((), "the notes are damaged")
    state.restart(LogScope(parse("mark:*", ReferenceTime(T0_NS))))

    assert (len(ids(state)), state.note) == (300, "the notes are damaged; showing everything")


def test_heartbeats_are_left_out_and_counted() -> None:
    view = FakeView(numbered([message(), pong(), loss()]))
    state = opened(view)
    state.restart(LogScope(hides_heartbeats=True))
    glanced(state, view)

    assert (ids(state), state.filter.hidden_heartbeats) == ([1, 3], 1)


def test_a_stale_answer_is_left_out() -> None:
    view = needles(300)
    state = opened(view)
    state.restart(LogScope(Query((Word("hay"),), "hay")))
    stale: list[FoundMatches] = [glance(view, question) for question in state.questions()]
    state.restart(LogScope(NEEDLE))
    for found in stale:
        state.take(found)

    assert state.is_pending
