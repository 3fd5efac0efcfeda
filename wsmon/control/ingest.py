"""Messages between a recorder and the applications that report events to it: JSON, one value a line.

An application dials the control socket and sends events, one a line, with the keys of ``search --json``; the line
before them may be a greeting. The first line that the recorder sends is its ``Hello``, as to viewers. Lines are counted
from 1, the greeting and empty ones too.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from wsmon.errors import WsmonError

# Longer lines are answered with an error, and the next one is read
INGEST_LINE_BYTES = 1024 * 1024


class IngestGreeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The process that reports events."""

    client: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16,64}$")]
    """Random, of this process alone: its numbered lines count once, over connections and recorders."""
    pid: int = 0
    version: str = ""
    """Of the program or library that reports."""
    connection: str = ""
    """Of lines that name none; "app" where this is empty too."""
    group: str = ""
    boot: str = ""
    """Boot id of the machine (/proc/sys/kernel/random/boot_id): monotonic times of another boot say nothing."""


class GreetingLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a process that numbers its lines (key ``seq``, strictly rising); answered by an ``Ack``."""

    ingest: IngestGreeting


class Ack(msgspec.Struct, frozen=True):
    """Lines up to ``seq`` are committed, or were refused."""

    acked: int


class LineFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that was refused; it will be refused again."""

    line: int
    error: str
    """What is wrong, with the key."""
    seq: int = 0
    """Of the line; 0 = it has none that can be read."""


class IngestAnswer(msgspec.Struct, frozen=True):
    """Any line of the recorder, as an application reads it: the fields of one of the above have values."""

    type: str = ""
    acked: int | None = None
    line: int = 0
    error: str = ""
    seq: int = 0


class IngestStart(msgspec.Struct, frozen=True):
    """The keys that tell an application from a viewer, by its first line."""

    name: msgspec.Raw = msgspec.Raw()
    ingest: msgspec.Raw = msgspec.Raw()


_ENCODER = msgspec.json.Encoder()
_ANSWERS = msgspec.json.Decoder(IngestAnswer)
_STARTS = msgspec.json.Decoder(IngestStart)


def encode_ingest(message: GreetingLine | Ack | LineFault) -> bytes:
    """Return a message as one line, its newline included."""
    return _ENCODER.encode(message) + b"\n"


def decode_answer(line: bytes) -> IngestAnswer:
    """Return what the recorder answered; raises ``WsmonError`` where the line is no answer."""
    try:
        return _ANSWERS.decode(line)
    except (ValueError, OverflowError, RecursionError) as error:
        raise WsmonError(f"not a recorder response: {error}") from error


def is_from_application(first_line: bytes) -> bool:
    """Whether the first line of a client is that of an application: an event, or a greeting."""
    try:
        start = _STARTS.decode(first_line)
    except (ValueError, OverflowError, RecursionError):
        return False
    return bool(bytes(start.name) or bytes(start.ingest))
