"""Raw says nothing about anything."""

from __future__ import annotations

from wsmon.protocols.base import UNREAD
from wsmon.protocols.configured import State, classify


def test_every_message_is_unread_and_nothing_is_ever_due() -> None:
    state = State()
    state.at(1)
    assert classify("in", "text", b'{"type":"ping"}', state) is UNREAD
    assert classify("out", "binary", b"\xff", state) is UNREAD
    assert state.overdue(10**18) == ()
