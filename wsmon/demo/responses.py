"""Builds the HTTP answers to a request for an upgrade."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from wsmon.demo.steps import Accept, Handshake, Refuse
from wsmon.model.http import status_phrase

QUIET = logging.Logger("wsmon.demo")  # noqa: LOG001  # kept out of the tree: the terminal belongs to the screen
QUIET.disabled = True


def server_protocol(handshake: Handshake) -> ServerProtocol:
    """The library's side of one TCP connection; a handshake that does not accept needs nothing negotiated."""
    accept = handshake if isinstance(handshake, Accept) else Accept()

    def select(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((Subprotocol(name) for name in accept.subprotocols if name in offered), None)

    return ServerProtocol(
        extensions=[ServerPerMessageDeflateFactory()] if accept.compression else None,
        select_subprotocol=select,
        logger=QUIET,
    )


def encode_acceptance(response: Response, handshake: Accept) -> bytes:
    """The library's 101 with the scenario's headers in it."""
    headers = _merged(response.headers.raw_items(), handshake.headers.items())
    return _encode(response.status_code, response.reason_phrase, headers, b"")


def encode_refusal(refusal: Refuse) -> bytes:
    """The refusal; with the status' own phrase where the scenario gives none."""
    own = (
        ("Connection", "close"),
        ("Content-Length", str(len(refusal.body_octets))),
        ("Content-Type", "text/plain; charset=utf-8"),
    )
    phrase = refusal.phrase or status_phrase(refusal.status) or "Unknown"
    return _encode(refusal.status, phrase, _merged(own, refusal.headers.items()), refusal.body_octets)


def _merged(own: Iterable[tuple[str, str]], wanted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    wanted = tuple(wanted)
    replaced = {name.lower() for name, _ in wanted}
    return [*(pair for pair in own if pair[0].lower() not in replaced), *wanted]


def _encode(status: int, phrase: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """HTTP as it leaves, in UTF-8; nothing is refused, where the library would."""
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode() + body
