"""Fragments of a message, until it is whole (RFC 6455, section 5.4)."""

from __future__ import annotations

from typing import NamedTuple

from websockets.frames import Frame, Opcode

from wsmon.engine.listener import DataOpcode

MAX_FRAGMENTS = 4096
# the library's own limit for recv(): empty fragments count nothing towards the size of a message


class Joined(NamedTuple):
    """A message that came in fragments."""

    opcode: DataOpcode
    payload: bytes
    wire_size: int
    # bytes of all its frames
    fragments: int


class Fragments:
    """The fragments of one message; other messages cannot come in between."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        # payloads of the frames so far
        self._opcode: DataOpcode = "text"
        self._wire_size = 0

    @property
    def are_too_many(self) -> bool:
        """Whether the message must be given up."""
        return len(self.parts) >= MAX_FRAGMENTS

    def add(self, frame: Frame, wire_size: int) -> Joined | None:
        """Add a frame of so many bytes; the message, where this was its last."""
        if frame.opcode is not Opcode.CONT:
            self._opcode = "text" if frame.opcode is Opcode.TEXT else "binary"
            self._wire_size = 0
        self.parts.append(bytes(frame.data))
        self._wire_size += wire_size
        if not frame.fin:
            return None
        joined = Joined(self._opcode, b"".join(self.parts), self._wire_size, len(self.parts))
        self.parts.clear()
        return joined
