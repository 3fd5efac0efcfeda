"""A protocol and a decoder for wsmon: lines with bars, as a house might have invented them, also as hexadecimal.

    HELLO|user|password     WELCOME, or DENIED|reason
    SUB|id|topic            OK|id, or ERR|id|text
    PUB|topic|content
    PING                    PONG

docs/plugins.md of wsmon says what each attribute of ``PROTOCOL`` and ``DECODER`` means.
"""

from __future__ import annotations

import re

from wsmon.decoders.base import DecodeError, Decoder, too_large
from wsmon.model.events import Event
from wsmon.protocols.base import (
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Outbox,
    Protocol,
    ProtocolClient,
)

KINDS = ("HELLO", "WELCOME", "DENIED", "SUB", "OK", "ERR", "PUB", "PING", "PONG")
# Subscriptions that wait for an answer; whatever a peer sends, no more are remembered
MOST_WAITING = 1_000
# What a mask has to hide, on the bytes of a message
_PASSWORD = re.compile(rb"(?<=^HELLO\|)([^|]*\|)(.+)", re.DOTALL)


class State:
    """Topics by the ids of the subscriptions that wait for their answers, in one session."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.topics: dict[str, str] = {}

    def at(self, now_ns: int) -> None:
        """Set the time of the messages that follow."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return nothing: wsmon ends what is still open at the end of the session."""
        return ()


def decode(direction: str, opcode: str, payload: bytes, state: State) -> Decoded:
    """Read one message: its columns, and what it says happened."""
    if opcode != "text":
        return UNREAD
    kind, *fields = payload.decode("utf-8", "replace").split("|", 2)
    first, second = (*fields, "", "")[:2]
    match kind:
        case "HELLO":
            return Decoded(kind, happenings=(Happening("auth.started", "auth", "start", "hello", kind),))
        case "WELCOME":
            return Decoded(kind, happenings=(Happening("auth.completed", "auth", "end", "hello", kind, status="ok"),))
        case "DENIED":
            failed = Happening(
                "auth.failed", "auth", "end", "hello", kind, status="error", error_type="denied", error=first
            )
            return Decoded(kind, happenings=(failed,))
        case "SUB":
            if len(state.topics) < MOST_WAITING:
                state.topics[first] = second
            started = Happening("subscription.subscribe.started", "subscribe", "start", first, kind, second, first)
            return Decoded(kind, second, first, happenings=(started,))
        case "OK" | "ERR":
            topic = state.topics.pop(first, "")
            error = "refused" if kind == "ERR" else ""
            ended = Happening(
                "subscription.subscribe.completed", "subscribe", "end", first, kind, topic, first,
                status="error" if error else "ok", error_type=error, error=second if error else "",
            )  # fmt: skip
            return Decoded(kind, topic, first, happenings=(ended,))
        case "PUB":
            return Decoded(kind, first)
        case "PING":
            name = "heartbeat.received" if direction == "in" else "heartbeat.sent"
            return Decoded(kind, happenings=(Happening(name, "heartbeat", "start", direction, kind),))
        case "PONG":
            asked = "in" if direction == "out" else "out"
            answered = Happening("heartbeat.responded", "heartbeat", "end", asked, kind, status="ok")
            return Decoded(kind, happenings=(answered,))
    return Decoded(error_type="barline", error="no line of this protocol")


def mask(_opcode: str, payload: bytes) -> tuple[bytes, bool]:
    """Hide the password of a HELLO; return the message, and whether anything was hidden."""
    masked, count = _PASSWORD.subn(rb"\1[FILTERED]", payload)
    return masked, bool(count)


def recognise_url(url: HandshakeUrl) -> str:
    """Say why a URL is of this protocol, for ``protocol = "auto"``."""
    return "the path ends in /barline" if url.path.endswith("/barline") else ""


def recognise(sample: MessageSample) -> str:
    """Say why a message is of this protocol; only what no other one sends."""
    is_login = sample.opcode == "text" and sample.payload.startswith(b"HELLO|")
    return "a message is a HELLO" if is_login else ""


def dissect(event: Event, payload: bytes) -> Anatomy | None:
    """Take a stored message apart for the screen; None where it is of another protocol."""
    if event.type not in KINDS or not payload.startswith(event.type.encode()):
        return None
    kind, *fields = payload.decode("utf-8", "replace").split("|")
    return Anatomy(f"Barline {kind}", tuple((f"Field {number}", text) for number, text in enumerate(fields, 1)))


def opening(options: ClientOptions, _state: State) -> Outbox:
    """Return what wsmon sends first: the login, and a SUB for each topic."""
    auth = options.reveal_auth()
    login = (f"HELLO|{auth.get('user', '')}|{auth.get('password', '')}",) if auth else ()
    return (*login, *(f"SUB|{number}|{topic}" for number, topic in enumerate(options.reveal_topics(), 1)))


def answer(decoded: Decoded, options: ClientOptions, _state: State) -> Outbox:
    """Return what wsmon sends after a message: the answer to a PING, where it may."""
    return ("PONG",) if options.answers and decoded.type == "PING" else ()


PROTOCOL = Protocol(
    "barline",
    State,
    decode,
    subprotocols=("barline",),
    offered_subprotocols=("barline",),
    recognise_url=recognise_url,
    recognise=recognise,
    dissect=dissect,
    new_masks=lambda _state: {"out": mask},
    client=ProtocolClient(opening, answer),
    close_codes={4001: "the password was wrong"},
)


def unhex(payload: bytes, _state: None, room_bytes: int) -> bytes:
    """Return the bytes that hexadecimal digits are."""
    if len(payload) // 2 > room_bytes:
        raise too_large(room_bytes)
    try:
        return bytes.fromhex(payload.decode())
    except ValueError:
        raise DecodeError("it is not hexadecimal") from None


DECODER = Decoder("hexline", unhex, takes_text=True)
