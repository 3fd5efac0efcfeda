"""MessageStream: the messages of a protocol that follow one another, whatever the borders of WebSocket messages.

A WebSocket message may hold several of them, and the last one may go on in the next. ``Protocol.split`` uses one stream
a direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from wsmon.model.events import Opcode
from wsmon.protocols.base import Part

# Messages of one WebSocket message that are read; the smallest ones take two bytes, and an event takes five hundred
MAX_PARTS = 4_096
# Messages behind these whose ends are looked for: each takes some microseconds
_MAX_SKIPPED = 8 * MAX_PARTS
# A longer message is not joined: its pieces are recorded, and the message is not decoded
MAX_HELD_BYTES = 4 * 1024 * 1024
# Of what came before a piece, in which the name of a credential may stand
BEFORE_BYTES = 4_096

# Returns where the message that begins at a place in a buffer ends. Of one that goes on: a place behind the buffer if
# its size is known, else -1. The last argument is the place up to which the end was looked for in vain
FindEnd: TypeAlias = Callable[[bytes | bytearray, int, int], int]

TOO_MANY_PARTS = f"more than {MAX_PARTS} messages in one of the WebSocket; the others are not read"


class MessageStream:
    """The messages of one direction of a session."""

    def __init__(self, find_end: FindEnd) -> None:
        self._find_end = find_end
        # The beginning of a message that goes on
        self._held = bytearray()
        self._opcode: Opcode = "binary"
        # Bytes to come of a message that is too long to be joined
        self._left_bytes = 0

    def feed(self, opcode: Opcode, payload: bytes) -> Sequence[Part] | None:
        """Return the messages that end in a WebSocket message and a piece of one that goes on; None if it is one."""
        size = len(payload)
        if not (self._held or self._left_bytes) and (not size or self._find_end(payload, 0, 0) == size):
            return None
        parts: list[Part] = []
        start = self._go_on(opcode, payload, parts)
        while start < size:
            end = self._find_end(payload, start, start)
            if not start < end <= size:
                self._hold(opcode, payload, start, end)
                parts.append(Part(opcode, payload[start:], is_partial=True))
                break
            if len(parts) >= MAX_PARTS:
                start = self._rest(opcode, payload, start, parts)
                continue
            parts.append(Part(opcode, payload[start:end]))
            start = end
        return parts

    def _go_on(self, opcode: Opcode, payload: bytes, parts: list[Part]) -> int:
        """Append what the message that went on has in this payload; return where the next one begins."""
        if self._left_bytes:
            end = min(self._left_bytes, len(payload))
            self._left_bytes -= end
            parts.append(Part(opcode, payload[:end], is_partial=True))
            return end
        held = self._held
        earlier = len(held)
        if not (earlier and payload):
            return 0
        before = bytes(held[-BEFORE_BYTES:])
        held += payload
        end = self._find_end(held, 0, earlier)
        if not earlier < end <= len(held):
            self._bound(end)
            parts.append(Part(opcode, payload, is_partial=True, before=before))
            return len(payload)
        whole = bytes(held[:end])
        held.clear()
        parts.append(Part(opcode if opcode == self._opcode else "binary", whole, earlier_bytes=earlier))
        return end - earlier

    def _hold(self, opcode: Opcode, payload: bytes, start: int, end: int) -> None:
        self._held += payload[start:]
        self._opcode = opcode
        self._bound(end - start if end > start else -1)

    def _bound(self, end: int) -> None:
        """Give a message up that is too long to be joined; of one whose size is not known, the rest is read anew."""
        if max(len(self._held), end) > MAX_HELD_BYTES:
            self._left_bytes = max(end - len(self._held), 0)
            self._held.clear()

    def _rest(self, opcode: Opcode, payload: bytes, start: int, parts: list[Part]) -> int:
        """Append all further messages that end in this payload as one part; return where the last of them ends.

        Where even these are too many, the next WebSocket message is taken to begin with a message.
        """
        first, size = start, len(payload)
        for _ in range(_MAX_SKIPPED):
            if start == size or not start < (end := self._find_end(payload, start, start)) <= size:
                break
            start = end
        else:
            start = size
        parts.append(Part(opcode, payload[first:start], error=TOO_MANY_PARTS))
        return start
