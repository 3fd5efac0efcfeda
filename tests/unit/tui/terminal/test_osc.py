"""Clipboard sequences, and notices about incidents."""

from __future__ import annotations

from base64 import b64decode

from tests.support.builders import MONO_0_NS, SECOND_NS
from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import OpenIncident, Snapshot
from wsmon.tui.terminal.osc import (
    LIMIT_BASE64,
    IncidentNotices,
    clipboard_sequence,
    desktop_notification,
    incident_sentence,
)

# Sequences for the clipboard.


def test_a_text_goes_out_as_one_sequence() -> None:
    assert clipboard_sequence("día", "") == "\x1b]52;c;ZMOtYQ==\a"


def test_tmux_gets_it_plain_and_wrapped() -> None:
    assert clipboard_sequence("a", "tmux") == "\x1b]52;c;YQ==\a\x1bPtmux;\x1b\x1b]52;c;YQ==\a\x1b\\"


def test_screen_gets_it_in_chunks_that_join_to_the_whole() -> None:
    wrapped = clipboard_sequence("x" * 600, "screen")
    assert wrapped is not None
    chunks = wrapped.removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert max(map(len, chunks)) <= 252
    whole = "".join(chunks)
    assert b64decode(whole.removeprefix("\x1b]52;c;").removesuffix("\a")) == b"x" * 600


def test_what_no_terminal_takes_is_refused() -> None:
    longest = LIMIT_BASE64 // 4 * 3
    assert clipboard_sequence("x" * longest, "") is not None
    assert clipboard_sequence("x" * (longest + 3), "") is None


STALL = OpenIncident(7, "stall", "no data for 30 s", "feed")
GAVE_UP = OpenIncident(9, "retries_exhausted", "gave up after 3 attempts", "orders")


def snapshot(last_id: int, *incidents: OpenIncident) -> Snapshot:
    return Snapshot(0, StoreBounds(1, last_id), (), (), incidents)


def test_what_is_open_when_somebody_comes_is_no_news() -> None:
    watch = IncidentNotices()
    watch.see(snapshot(8, STALL))
    watch.see(snapshot(8, STALL))
    assert watch.take(MONO_0_NS) == ()


def test_what_opens_while_somebody_watches_is_news_once() -> None:
    watch = IncidentNotices()
    watch.see(snapshot(8, STALL))
    watch.see(snapshot(9, STALL, GAVE_UP))
    watch.see(snapshot(10, STALL, GAVE_UP))
    assert watch.take(MONO_0_NS) == (GAVE_UP,)
    assert watch.take(MONO_0_NS + 9 * SECOND_NS) == ()


def test_the_first_incident_of_an_empty_store_is_news() -> None:
    watch = IncidentNotices()
    watch.see(snapshot(0))
    watch.see(snapshot(7, STALL))
    assert watch.take(MONO_0_NS) == (STALL,)


def test_news_come_at_most_once_a_second_and_none_is_lost() -> None:
    watch = IncidentNotices()
    watch.see(snapshot(0))
    watch.see(snapshot(7, STALL))
    assert watch.take(MONO_0_NS) == (STALL,)
    watch.see(snapshot(9, STALL, GAVE_UP))
    again = OpenIncident(10, "stall", "no data for 30 s", "feed")
    assert watch.take(MONO_0_NS + SECOND_NS - 1) == ()
    watch.see(snapshot(10, GAVE_UP, again))
    assert watch.take(MONO_0_NS + SECOND_NS) == (GAVE_UP, again)


def test_the_sentence_is_the_newest_and_counts_the_others() -> None:
    assert incident_sentence((STALL,)) == "Stall on feed: no data for 30 s"
    assert incident_sentence((STALL, GAVE_UP)) == "Retries exhausted on orders: gave up after 3 attempts (and 1 more)"
    assert incident_sentence((OpenIncident(3, "backpressure", "slow"),)) == "Backpressure: slow"


def test_foreign_text_ends_no_sequence() -> None:
    said = incident_sentence((OpenIncident(3, "gap", "evil\a\x1b]52;c;eA==\a\nx", "feed"),))
    assert said.isprintable()
    assert desktop_notification("evil\a\x1b]52;c;eA==", "").count("\x1b") == 2


def test_the_desktop_is_told_in_both_dialects() -> None:
    assert desktop_notification("a: b; c", "") == "\x1b]9;wsmon: a: b, c\a\x1b]777;notify;wsmon;a: b, c\a"


def test_tmux_hands_both_on() -> None:
    assert desktop_notification("a", "tmux") == (
        "\x1bPtmux;\x1b\x1b]9;wsmon: a\a\x1b\\\x1bPtmux;\x1b\x1b]777;notify;wsmon;a\a\x1b\\"
    )
