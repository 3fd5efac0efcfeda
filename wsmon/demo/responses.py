"""Builds the HTTP answers to a request for an upgrade."""

from __future__ import annotations

import http
import logging
from collections.abc import Iterable, Sequence

from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from wsmon.demo.scenario import Accept, Handshake, Refuse

SWITCHING_PROTOCOLS = 101

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


def build_acceptance(protocol: ServerProtocol, request: Request, handshake: Accept) -> Response:
    """A 101 with the scenario's headers; what the library says where the request is none for an upgrade."""
    response = protocol.accept(request)
    if response.status_code == SWITCHING_PROTOCOLS:
        _set_headers(response.headers, handshake.headers)
    return response


def build_refusal(refusal: Refuse) -> Response:
    """The refusal as HTTP; the status' own phrase where the scenario gives none."""
    headers = Headers(
        [
            ("Connection", "close"),
            ("Content-Length", str(len(refusal.body))),
            ("Content-Type", "text/plain; charset=utf-8"),
        ]
    )
    _set_headers(headers, refusal.headers)
    return Response(refusal.status, _as_latin1(refusal.phrase) or _phrase(refusal.status), headers, refusal.body)


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _set_headers(headers: Headers, wanted: Iterable[tuple[str, str]]) -> None:
    for name, value in wanted:
        if name in headers:
            del headers[name]
        headers[name] = _as_latin1(value)


def _as_latin1(text: str) -> str:
    """``text`` so that it leaves as UTF-8: the library writes headers as ISO-8859-1."""
    return text.encode().decode("iso-8859-1")
