"""Notes of a frame consumer, and frames to read: as ``websockets`` writes them, or broken on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from websockets.extensions import Extension
from websockets.frames import Frame, Opcode

from wsmon.engine.frame_scan import DataOpcode
from wsmon.relay.frame_reader import FrameReader, ReadClose
from wsmon.relay.inflater import agreed_extensions

Read: TypeAlias = tuple[object, ...]


class FrameNotes:
    """A ``FrameConsumer`` that notes every call, messages that come together one by one."""

    def __init__(self) -> None:
        self.read: list[Read] = []
        self.groups: list[int] = []

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        self.read.append((opcode, payload, wire_size, fragments))
        self.groups.append(1)

    def on_messages(self, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        self.read += [(opcode, payload, size, 1) for payload, size in zip(payloads, wire_sizes, strict=True)]
        self.groups.append(len(payloads))

    def on_unread(self, opcode: DataOpcode, size: int, wire_size: int, fragments: int, why: str) -> None:
        self.read.append(("unread", opcode, size, wire_size, fragments, why))

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        self.read.append(("ping", payload, wire_size))

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        self.read.append(("pong", payload, wire_size))

    def on_close(self, close: ReadClose) -> None:
        self.read.append(("close", close.code, close.reason))

    def on_fault(self, fault: Exception) -> None:
        self.read.append(("fault", type(fault).__name__, str(fault)))


def open_reader(
    notes: FrameNotes, *, is_masked: bool = False, limit_bytes: int = 100_000, extensions: str = ""
) -> FrameReader:
    """A reader of one direction, with the extensions of the answer to the upgrade."""
    agreed = agreed_extensions([extensions] if extensions else [])
    inflater = agreed.application if is_masked else agreed.server
    return FrameReader(
        notes, is_masked=is_masked, limit_bytes=limit_bytes, inflater=inflater, unknown_extension=agreed.unknown
    )


def read_from(pieces: Iterable[bytes], **options: object) -> list[Read]:
    """What a reader reports of these bytes."""
    notes = FrameNotes()
    reader = open_reader(notes, **options)  # type: ignore[arg-type]  # those of open_reader
    for piece in pieces:
        reader.feed(piece)
    reader.end()
    return notes.read


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = False, extensions: Sequence[Extension] = ()
) -> bytes:
    """One frame as the library writes it."""
    return Frame(Opcode(opcode), payload, fin).serialize(mask=mask, extensions=extensions)


def raw_frame(first: int, payload: bytes = b"", *, mask: bool = False) -> bytes:
    """One frame with any first byte, of fewer than 126 bytes; the masking key is zero, so that the payload stays."""
    return bytes((first, (0x80 if mask else 0) | len(payload))) + (bytes(4) if mask else b"") + payload
