"""How patient we are with peers that have to answer our close frame."""

from __future__ import annotations

from wsmon.engine.tap import CLOSING_BYTES, STOP_S, Patience, patience_of_stop


def test_all_that_are_closed_together_share_what_is_read_meanwhile() -> None:
    assert patience_of_stop(1) == Patience(STOP_S, CLOSING_BYTES)
    assert patience_of_stop(50) == Patience(STOP_S, CLOSING_BYTES // 50)


def test_nothing_to_close_is_no_mistake() -> None:
    assert patience_of_stop(0) == Patience(STOP_S, CLOSING_BYTES)
