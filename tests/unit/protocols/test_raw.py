"""Raw says nothing about anything."""

from __future__ import annotations

from wsmon.protocols.base import UNREAD
from wsmon.protocols.raw import RawState, decode


def test_every_message_is_unread_and_nothing_is_ever_due() -> None:
    state = RawState()
    state.at(1)
    assert decode("in", "text", b'{"type":"ping"}', state) is UNREAD
    assert decode("out", "binary", b"\xff", state) is UNREAD
    assert state.overdue(10**18) == ()
