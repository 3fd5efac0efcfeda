"""The lines that recorder and viewer exchange: JSON, one value a line, tagged by ``type``."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from wsmon.errors import WsmonError

# Raised when a line changes its meaning; a viewer of another protocol only looks
PROTOCOL = 1
# Longer lines are no messages of ours
LINE_LIMIT_BYTES = 64 * 1024

Action = Literal["reconnect", "disable", "enable", "reload", "stop"]


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first line, both ways."""

    protocol: int
    version: str
    schema: int
    run: int
    pid: int
    last_id: int
    digest: str = ""
    """Of the configuration the recorder runs."""


class Wake(msgspec.Struct, frozen=True, tag="wake"):
    """There are events up to ``last_id``; several commits may stand behind one wake-up."""

    last_id: int


class Sample(msgspec.Struct, frozen=True, tag="health"):
    """How the recorder is; the fields of ``model.snapshot.Health``."""

    waiting_events: int
    waiting_bytes: int
    commit_lag_ms: float
    events_shed: int
    is_paused: bool
    warning: str
    digest: str
    """Of the configuration in force."""
    rings: bool = False
    notifies: bool = False
    """``alerts.bell`` and ``alerts.desktop``: viewers do that; a recorder that does not say so has neither."""


class Command(msgspec.Struct, frozen=True, tag="command"):
    """What the operator wants; answered by a ``Reply`` with the same ``ref``."""

    ref: int
    action: Action
    connection: str = ""


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """What became of a command, in a sentence."""

    ref: int
    ok: bool
    text: str = ""


Message: TypeAlias = Hello | Wake | Sample | Command | Reply

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """One line, its newline included."""
    return _ENCODER.encode(message) + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line; ``WsmonError`` where it is none."""
    try:
        message: Message = _DECODER.decode(line)
    except msgspec.DecodeError as error:
        raise WsmonError(f"not a line of the control protocol: {error}") from error
    return message
