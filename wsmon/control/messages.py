"""Messages of the control socket between recorder and viewer: JSON, one value a line, tagged by ``type``."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from wsmon.errors import WsmonError

# Version of the protocol, raised when a message changes its meaning; a viewer of another version sends no commands
PROTOCOL = 1
# Longer lines are refused
LINE_LIMIT_BYTES = 64 * 1024

Action = Literal["reconnect", "disable", "enable", "reload", "send", "stop"]


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first line of both sides."""

    protocol: int
    version: str
    schema: int
    run: int
    pid: int
    last_id: int
    digest: str = ""
    """Digest of the configuration that the recorder runs."""


class Wake(msgspec.Struct, frozen=True, tag="wake"):
    """Events up to ``last_id`` are committed; one wake-up may stand for several commits."""

    last_id: int


class Sample(msgspec.Struct, frozen=True, tag="health"):
    """A sample of the recorder's health; the fields of ``model.snapshot.Health``."""

    waiting_events: int
    waiting_bytes: int
    commit_lag_ms: float
    events_shed: int
    is_paused: bool
    warning: str
    digest: str
    """Digest of the configuration in force."""
    rings: bool = False
    """``alerts.bell``: viewers ring the terminal bell. Absent in samples of older recorders, as is ``notifies``."""
    notifies: bool = False
    """``alerts.desktop``: viewers show notifications of the desktop."""


# A number beyond 64 bits can be read, but not be sent back
_Ref = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Command(msgspec.Struct, frozen=True, tag="command"):
    """A command of the user; answered by a ``Reply`` with the same ``ref``."""

    ref: _Ref
    action: Action
    connection: str = ""
    text: str = ""
    """What ``send`` sends, as one text message; ``${secret:NAME}`` stands for the value that the recorder knows."""
    data: bytes = b""
    """What ``send`` sends as one binary message, as it is, in the place of a text."""


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """The outcome of a command, in a sentence."""

    ref: int
    ok: bool
    text: str = ""
    kept: str = ""
    """Of ``send``: the text, with what is masked in the recording masked; a history may keep it."""


Message: TypeAlias = Hello | Wake | Sample | Command | Reply

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return a message as one line, its newline included."""
    return _ENCODER.encode(message) + b"\n"


def decode(line: bytes) -> Message:
    """Return the message of one line; raises ``WsmonError`` where it is none."""
    try:
        message: Message = _DECODER.decode(line)
    # Numbers without end, and values nested without end, are no decode errors to msgspec
    except (ValueError, OverflowError, RecursionError) as error:
        raise WsmonError(f"invalid control message: {error}") from error
    return message
