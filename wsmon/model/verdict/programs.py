"""How known servers and proxies end connections, recognised by their ``Server`` header.

Seen on loopback with a plain client, in November 2026: Uvicorn 0.54, Hypercorn 0.18, Daphne 4.2, Granian 2.8,
aiohttp 3.14, Tornado 6.6, websockets 17.4, autobahn 26.10, gunicorn 27 with flask-sock 0.7, nginx 1.22, HAProxy 2.6,
Varnish 7.1, lighttpd 1.4, h2o 2.2, Apache 2.4, Caddy 2.6, Prosody 0.12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

# How a connection ends: with a close code of the peer, or without a close frame
EndKind = int | Literal["fin", "reset"]


class Program(NamedTuple):
    """A program, and when it ends a connection in which way."""

    name: str
    products: tuple[str, ...]
    """Names of products in its ``Server`` header, in lower case and whole: ``Apache-Coyote`` is another program."""
    ends: Mapping[EndKind, str]
    """The occasions of each kind of end without a reason: ``at every stop or deploy``."""


_STOP: Final = "at every stop or deploy"
_IDLE: Final = "at its idle limit, when it stops, and when the server behind it is gone"
_IDLE_OR_GONE: Final = "at its idle limit, and when the server behind it is gone"
# The same without the idle limit, which ends no connection on which something was sent just before
_BUSY: Final[Mapping[str, str]] = {
    _IDLE: "when it stops, and when the server behind it is gone",
    _IDLE_OR_GONE: "when the server behind it is gone",
}

PROGRAMS: Final = (
    Program("Uvicorn", ("uvicorn",), {1012: _STOP, "fin": "when the application fails or returns"}),
    Program("Hypercorn", ("hypercorn", "hypercorn-h11", "hypercorn-h2", "hypercorn-h3"), {
        1011: f"{_STOP}, and when the application fails or returns",
    }),
    Program("Daphne", ("daphne",), {
        1000: "when its websocket_timeout, a limit on the lifetime, is over",
        1011: "when the application fails",
        "fin": f"{_STOP}, and for a message that is too big",
        "reset": "when a pong is missing, and after the 1011 for an application that failed",
    }),
    Program("Granian", ("granian",), {
        1005: "when the application fails, and for a message that is too big", "fin": _STOP,
    }),
    Program("aiohttp", ("aiohttp",), {"fin": f"{_STOP}, when the application fails, and when a pong is missing"}),
    Program("Tornado", ("tornadoserver",), {"fin": f"{_STOP}, and when the application fails"}),
    Program("gunicorn", ("gunicorn",), {"fin": _STOP}),
    Program("autobahn", ("autobahnpython",), {
        "fin": f"{_STOP}, when the application fails, and when a pong is missing",
        "reset": "for a message that is too big",
    }),
    Program("websockets", ("websockets",), {
        1001: _STOP, 1011: "when the application fails, and when a pong is missing",
    }),
    Program("nginx", ("nginx",), {"fin": _IDLE}),
    Program("HAProxy", ("haproxy",), {"fin": _IDLE}),
    Program("Varnish", ("varnish",), {"fin": _IDLE}),
    Program("lighttpd", ("lighttpd",), {"fin": _IDLE}),
    Program("h2o", ("h2o",), {"fin": _IDLE_OR_GONE}),
    Program("Apache", ("apache",), {"fin": _IDLE}),
    Program("Caddy", ("caddy",), {1001: "at its own stop or reload", "fin": "when the server behind it is gone"}),
)  # fmt: skip


_COMMENT: Final = re.compile(r"\([^)]*\)")


def habit(server: str, end: EndKind, *, is_busy: bool = False) -> str:
    """Return when the program of a ``Server`` header ends connections like this, as a clause; empty if unknown.

    ``is_busy`` leaves out idle limits: frames went just before.
    """
    # RFC 9110, section 10.2.4: products with versions, and comments
    products = {product.partition("/")[0] for product in _COMMENT.sub(" ", server.lower()).split()}
    for program in PROGRAMS:
        if not products.isdisjoint(program.products):
            occasions = program.ends.get(end, "")
            occasions = _BUSY.get(occasions, occasions) if is_busy else occasions
            return f"{program.name} (Server header) ends connections like this {occasions}" if occasions else ""
    return ""
