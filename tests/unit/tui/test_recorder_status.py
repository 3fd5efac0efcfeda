"""RecorderStatus: whether a recorder runs, since when, and which time the panes are about."""

from __future__ import annotations

from tests.support.builders import SECOND_NS, T0_NS
from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import Health
from wsmon.tui.panes.bars import Recording
from wsmon.tui.recorder_status import GRACE_NS, RecorderStatus

DAY_NS = 86_400 * SECOND_NS
HELD = StoreBounds(1, 100, run=1)


def watch(*, has_control: bool = True) -> RecorderStatus:
    return RecorderStatus(T0_NS, "wsmon", has_control=has_control)


def test_while_a_recorder_answers_the_screen_is_about_now() -> None:
    seen = watch()
    seen.find(100, T0_NS - DAY_NS)
    seen.see(Health(), T0_NS)
    assert seen.shown_ns(HELD, T0_NS + SECOND_NS) == T0_NS + SECOND_NS
    assert seen.recording(HELD) == Recording(is_on=True)


def test_a_recording_that_was_over_before_is_shown_as_of_its_end() -> None:
    seen = watch()
    seen.see(None, T0_NS)
    assert seen.shown_ns(HELD, T0_NS) == T0_NS  # the newest event is not known yet
    seen.find(100, T0_NS - DAY_NS)
    assert seen.shown_ns(HELD, T0_NS) == T0_NS - DAY_NS
    assert seen.recording(HELD) == Recording(is_on=False, since_ns=T0_NS - DAY_NS, is_over=True)
    assert seen.sentence(None, HELD, T0_NS + 3 * SECOND_NS) == ""
    grown = StoreBounds(1, HELD.last_id + 1, run=1)
    assert not seen.recording(grown).is_over


def test_a_recorder_gets_a_moment_to_answer_where_the_newest_event_is_young() -> None:
    seen = watch()
    seen.find(100, T0_NS - SECOND_NS)
    seen.see(None, T0_NS)
    assert seen.shown_ns(HELD, T0_NS + SECOND_NS) == T0_NS + SECOND_NS
    assert seen.shown_ns(HELD, T0_NS + 3 * SECOND_NS) == T0_NS - SECOND_NS


def test_a_recorder_that_goes_leaves_the_screen_at_the_moment_it_went() -> None:
    seen = watch()
    seen.find(100, T0_NS - DAY_NS)
    seen.see(Health(), T0_NS)
    seen.see(None, T0_NS + 60 * SECOND_NS)
    seen.see(None, T0_NS + 99 * SECOND_NS)
    went_ns = T0_NS + 60 * SECOND_NS
    assert seen.shown_ns(HELD, T0_NS + 99 * SECOND_NS) == went_ns
    assert seen.recording(HELD) == Recording(is_on=False, since_ns=went_ns)
    seen.see(Health(), T0_NS + 100 * SECOND_NS)
    assert seen.shown_ns(HELD, T0_NS + 100 * SECOND_NS) == T0_NS + 100 * SECOND_NS


def test_a_store_that_grows_is_about_now_whoever_records_it() -> None:
    seen = watch(has_control=False)
    seen.find(100, T0_NS - DAY_NS)
    assert seen.shown_ns(HELD, T0_NS) == T0_NS - DAY_NS
    assert seen.shown_ns(StoreBounds(1, 101, run=1), T0_NS) == T0_NS


def test_nobody_is_said_to_be_gone_before_there_was_time_to_ask() -> None:
    seen = watch()
    seen.see(None, T0_NS)
    seen.find(100, T0_NS - SECOND_NS)
    assert seen.recording(HELD) == Recording(False, T0_NS - SECOND_NS, is_awaited=True)
    seen.see(None, T0_NS + GRACE_NS + 1)
    assert seen.recording(HELD) == Recording(False, T0_NS - SECOND_NS, is_over=True)


def test_who_has_answered_and_is_silent_is_gone_at_once() -> None:
    seen = watch()
    seen.see(Health(), T0_NS)
    assert seen.recording(HELD) == Recording(True)
    seen.see(None, T0_NS + SECOND_NS)
    assert seen.recording(HELD) == Recording(False, T0_NS + SECOND_NS)


def test_without_a_way_to_ask_nobody_is_awaited() -> None:
    seen = watch(has_control=False)
    seen.see(None, T0_NS)
    assert seen.recording(HELD) == Recording(False, T0_NS)
