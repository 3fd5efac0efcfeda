"""Pauses of the recorder before an end: what is said of them; the verdicts with them are in test_judge.py."""

from __future__ import annotations

import pytest

from tests.support.builders import MONO_0_NS, SECOND_NS, loss
from tests.support.verdicts import broken
from wsmon.model.verdict.history import History, Precursor
from wsmon.model.verdict.own_pauses import find_own_pause


def after_pause(lasted_s: float, *, missed_s: float = 0.0) -> History:
    """The history of a session whose reading was held back until second 0."""
    missed = Precursor(0, MONO_0_NS, round(missed_s * SECOND_NS)) if missed_s else None
    return History(pause=Precursor(7, MONO_0_NS, round(lasted_s * SECOND_NS)), missed=missed)


@pytest.mark.parametrize(
    ("lasted_s", "before_s", "when"),
    [(4.0, 0.05, "just before"), (4.0, 0.8, "0.8 s before"), (4.0, 19.0, "19 s before"), (4.0, 21.0, None),
     (2.1, 20.0, "20 s before"), (2.0, 20.1, None), (0.6, 1.0, None)],
)  # fmt: skip
def test_a_pause_says_how_long_before_the_end_it_was(lasted_s: float, before_s: float, when: str | None) -> None:
    pause = find_own_pause(broken("reset", after_s=before_s), after_pause(lasted_s))
    said = (
        None
        if when is None
        else f"{when}, wsmon itself stopped reading for {lasted_s} s because its store was too slow: "
    )
    assert (pause and pause.hint) == (said and f"{said}the other side possibly timed out")
    assert pause is None or pause.evidence == (7,)


def test_a_pause_counts_for_as_long_as_a_ping_was_waited_for() -> None:
    ended = broken("reset", after_s=8)
    assert find_own_pause(ended, after_pause(4.0, missed_s=5.0)) is None
    assert find_own_pause(ended, after_pause(4.0, missed_s=9.0)) is not None


def test_what_we_ended_ourselves_needs_no_pause() -> None:
    assert find_own_pause(broken("protocol", by="us", after_s=1), after_pause(4.0)) is None


@pytest.mark.parametrize(("reason", "is_named"), [("no pong for 5 s", True), ("no pong for 20 s", False)])
def test_a_pause_shorter_than_the_wait_that_the_peer_names_is_none_of_it(reason: str, *, is_named: bool) -> None:
    assert (find_own_pause(loss(1, code=1008, reason=reason), after_pause(4.0)) is not None) is is_named
