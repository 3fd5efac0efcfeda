"""Upgrades that a server, or a gateway before it, refused by an HTTP response: the likely cause, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.http import RETRY_AFTER_LIMIT_S, response_header, retry_after_s
from wsmon.model.units import SECOND_NS
from wsmon.model.verdict.close_codes import Advice, Clue, read_clue

_CREDENTIALS = "check the credentials in headers or URL: missing, wrong or expired"
_OVERLOAD = "nothing to do if it is rare; if it lasts, ask the operator of the server whether it is up"

STATUS_ADVICE: Final[Mapping[int, Advice]] = {
    304: Advice(
        "a cache answered instead of the server: an upgrade is never “not modified”",
        "test without the proxies and caches on the way",
    ),
    400: Advice(
        "the server, or a proxy before it, does not accept the request as an upgrade",
        "compare URL, Host, Origin and subprotocol with what the service documents; the body may say more",
    ),
    401: Advice("the server wants credentials that it did not get or does not accept", _CREDENTIALS),
    403: Advice(
        "the server does not allow this: rights, Origin, address or country, or a firewall in front of it",
        "check what the credentials are allowed to do, the Origin header, and whether this address may connect",
    ),
    404: Advice("there is nothing at this path", "check the path of the URL, and which host serves it"),
    405: Advice("this path is no WebSocket endpoint", "check the path of the URL"),
    407: Advice("a proxy wants credentials", "put the credentials of the proxy into its URL"),
    408: Advice(
        "the server waited too long for the request",
        "check the path between here and there for delays",
    ),
    410: Advice("the endpoint was removed", "look up the new address in the documentation of the service"),
    421: Advice(
        "this server does not serve the host that was asked for",
        "check the host of the URL and the Host header",
    ),
    426: Advice(
        "the server wants another version of the protocol, or something on the way removed the Upgrade header",
        "check the proxies on the way, the Upgrade and Sec-WebSocket-Version headers of the answer, and the path",
    ),
    429: Advice(
        "the server limits how often one may connect, and the limit was reached",
        "dial less often: raise reconnect.initial, and open fewer connections at a time",
    ),
    451: Advice("the server may not serve this address for legal reasons", "ask the operator of the service"),
    500: Advice("the server met an error of its own", "report it to the operator of the server, with the time"),
    501: Advice("the server does not speak WebSocket at this address", "check host and path of the URL"),
    502: Advice(
        "a gateway before the server got no proper answer from it: it is down, or it restarts",
        _OVERLOAD,
    ),
    503: Advice("the server is overloaded or under maintenance", _OVERLOAD),
    504: Advice("a gateway before the server waited for it in vain", _OVERLOAD),
    511: Advice(
        "the network here wants a login before it lets anything through",
        "open a web page in a browser on this network, and log in",
    ),
}

_PORTAL = Advice(
    "a web page answered instead of the service: the login page of a network, or a web server at this address",
    "open the URL with https:// in a browser on this machine, and log in or correct the host and the path",
)
REDIRECT_CLUES: Final = (
    Clue(
        ("more than",),
        Advice(
            "the server sends us in circles: often to a login, and back",
            "follow the redirects by hand (curl -v), and use the address that answers as the URL",
        ),
    ),
    Clue(
        ("leave tls",),
        Advice(
            "the server, or something on the way, leads out of TLS, and wsmon never follows there",
            "find out who sends the redirect; if it is meant, use its address as the URL",
        ),
    ),
    Clue(
        ("no websocket url",),
        Advice("the address that the server names cannot be used", "report it to the operator of the server"),
    ),
)
_NO_ENDPOINT = Advice(
    "an ordinary HTTP server answered: this is not a WebSocket endpoint",
    "check host and path of the URL",
)
_REDIRECT = Advice(
    "the service has moved, or sends those who are not logged in to another page",
    "use that address as the URL, if it is known and trusted, or allow it with redirects",
)
_REDIRECT_WITHOUT_LOCATION = Advice(
    "the server redirects, and does not say where to",
    "check host and path of the URL, and whether the service wants a login first",
)
_CLIENT = Advice(
    "the server does not accept the request",
    "compare URL and headers with what the service documents; the body may say more",
)
_SERVER = Advice("the server, or a gateway before it, failed", _OVERLOAD)


def advice_on_refusal(event: Event) -> Advice:
    """Return the advice on an upgrade that the server, or a gateway before it, refused by its HTTP status."""
    status = event.status if isinstance(event.status, int) else None
    if status is None or event.error_type == "redirect_refused":
        return read_clue(REDIRECT_CLUES, event.error) or _REDIRECT
    known = STATUS_ADVICE.get(status) or _advice_on_class(status, event)
    advice = with_subprotocol(known, event, status in (400, 426, 501))
    return Advice(advice.cause, f"{_wait(event)}{advice.next}")


def with_subprotocol(advice: Advice, event: Event, may_be: bool) -> Advice:
    """Return the advice with what it has to do with the subprotocol: stated by the answer, or possible.

    ``may_be``: servers that require a subprotocol refuse an upgrade without one so (Prosody with 501, Janus by hanging
    up).
    """
    offered = (event.meta or {}).get("offered_subprotocols")
    if not isinstance(offered, (list, tuple)):
        return advice
    texts = [event.error, str((event.meta or {}).get("body", "")), str((event.meta or {}).get("status_line", ""))]
    is_stated = any(word in text.lower() for text in texts for word in _SUBPROTOCOL_WORDS)
    names = ", ".join(str(each) for each in offered)
    step = 'put the one that the service documents into subprotocols, as in subprotocols = ["mqtt"]'
    if is_stated:
        given = f"{names} was offered" if names else "none was offered"
        return Advice(f"the answer of the server is about the subprotocol, and {given}", step)
    if names or not may_be:
        return advice
    cause = f"{advice.cause}; possibly it requires a subprotocol: none was offered"
    return Advice(cause, f"{advice.next}; if the service documents a subprotocol, put it into subprotocols")


_SUBPROTOCOL_WORDS: Final = ("subprotocol", "sub-protocol", "sec-websocket-protocol")


def _advice_on_class(status: int, event: Event) -> Advice:
    """Return the advice on a status that ``STATUS_ADVICE`` lacks, by its class."""
    if status < 300:
        return _page(event)
    if status < 400:
        return _REDIRECT if response_header(event, "Location") else _REDIRECT_WITHOUT_LOCATION
    return _CLIENT if status < 500 else _SERVER


def _wait(event: Event) -> str:
    """Return the delay that ``Retry-After`` causes, as the start of the next step; empty without such a header."""
    asked = response_header(event, "Retry-After")
    wait_s = retry_after_s(asked, event.ts_ns / SECOND_NS)
    if not wait_s:
        return ""
    how = "its longest, of what" if wait_s == RETRY_AFTER_LIMIT_S else "as"
    return f"wsmon waits {fmt.duration(round(wait_s) * SECOND_NS)}, {how} the server asks (Retry-After: {asked}); "


def _page(event: Event) -> Advice:
    """Return the advice on a success that is no upgrade: a captive portal if it is a web page, else no endpoint."""
    body = (event.meta or {}).get("body")
    start = body[:512].lstrip().lower() if isinstance(body, str) else ""
    is_html = "html" in response_header(event, "Content-Type").lower() or start.startswith(("<!doctype html", "<html"))
    return _PORTAL if is_html else _NO_ENDPOINT
