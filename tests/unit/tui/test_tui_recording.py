"""Whether somebody records: what is known, and from when on."""

from __future__ import annotations

from tests.builders import SECOND_NS, T0_NS
from wsmon.model.snapshot import Health
from wsmon.tui.panes.header import Recording
from wsmon.tui.recording import GRACE_NS, RecorderWatch


def test_nobody_is_said_to_be_gone_before_there_was_time_to_ask() -> None:
    watch = RecorderWatch(T0_NS, "wsmon")
    watch.see(None, T0_NS)
    assert watch.recording() == Recording(False, T0_NS, is_awaited=True)
    watch.see(None, T0_NS + GRACE_NS + 1)
    assert watch.recording() == Recording(False, T0_NS)


def test_who_has_answered_and_is_silent_is_gone_at_once() -> None:
    watch = RecorderWatch(T0_NS, "wsmon")
    watch.see(Health(), T0_NS)
    assert watch.recording() == Recording(True)
    watch.see(None, T0_NS + SECOND_NS)
    assert watch.recording() == Recording(False, T0_NS + SECOND_NS)


def test_without_a_way_to_ask_nobody_is_awaited() -> None:
    watch = RecorderWatch(T0_NS, "wsmon", has_control=False)
    watch.see(None, T0_NS)
    assert watch.recording() == Recording(False, T0_NS)
