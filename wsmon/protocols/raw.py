"""No protocol: a frame is a frame, and says nothing about itself."""

from __future__ import annotations

from wsmon.model.events import Direction, Opcode
from wsmon.protocols.reading import UNREAD, Note, Reading


class State:
    """Nothing to remember, and nothing to wait for."""

    __slots__ = ()

    def at(self, now_ns: int) -> None:
        """Time changes nothing here."""

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """Nothing ever is."""
        return ()


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:  # noqa: ARG001 - the signature of every classifier
    """The empty reading, whatever the message."""
    return UNREAD
