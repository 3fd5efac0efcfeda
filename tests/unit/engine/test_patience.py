"""How patient we are with peers that have to answer our close frame."""

from __future__ import annotations

from wsmon.engine.tap import CLOSING_BYTES, STOP_S, CloseDeadline, stop_deadline


def test_all_that_are_closed_together_share_what_is_read_meanwhile() -> None:
    assert stop_deadline(1) == CloseDeadline(STOP_S, CLOSING_BYTES)
    assert stop_deadline(50) == CloseDeadline(STOP_S, CLOSING_BYTES // 50)


def test_nothing_to_close_is_no_mistake() -> None:
    assert stop_deadline(0) == CloseDeadline(STOP_S, CLOSING_BYTES)
