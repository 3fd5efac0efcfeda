"""No protocol: a frame is a frame, and says nothing about itself; texts of the configuration are sent as they are."""

from __future__ import annotations

from collections.abc import Sequence

from wsmon.model.block import PlainColumns, PlainReading
from wsmon.model.events import Direction, Opcode
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, Happening, Outbox, Protocol, ProtocolClient
from wsmon.protocols.configured import auth_message, is_auth_over, waits_for_auth


class RawState:
    """Nothing to remember, and nothing to wait for."""

    __slots__ = ()

    def at(self, now_ns: int) -> None:
        """Ignore the time: nothing depends on it."""

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return nothing: no answer is awaited."""
        return ()


def decode(_direction: Direction, _opcode: Opcode, _payload: bytes, _state: RawState) -> Decoded:
    """Return an empty result, whatever the message."""
    return UNREAD


def read_plain(payloads: Sequence[bytes]) -> PlainReading:
    """Return nothing of any message: all are plain."""
    nothing = [""] * len(payloads)
    return PlainReading(PlainColumns(nothing, nothing, nothing))


def opening(options: ClientOptions, _state: RawState) -> Outbox:
    """Return the authentication and the topics as they are."""
    return auth_message(options) + (() if waits_for_auth(options) else options.reveal_topics())


def answer(decoded: Decoded, options: ClientOptions, _state: RawState) -> Outbox:
    """Return the topics, once an authentication that is recognised is over."""
    return options.reveal_topics() if waits_for_auth(options) and is_auth_over(decoded) else ()


PROTOCOL = Protocol("raw", RawState, decode, read_plain, client=ProtocolClient(opening, answer))
