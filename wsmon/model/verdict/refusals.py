"""Upgrades that a server, or a gateway before it, refused by an HTTP response: the likely cause, and the next step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from wsmon.model import units as fmt
from wsmon.model.events import Certainty, Event
from wsmon.model.http import RETRY_AFTER_LIMIT_S, asked_retry_s, response_header
from wsmon.model.sanitize import sanitize
from wsmon.model.units import SECOND_NS
from wsmon.model.verdict.close_codes import Advice, Clue, read_clue
from wsmon.model.verdict.programs import gateway_answer
from wsmon.model.verdict.response_clues import (
    SUBPROTOCOL,
    ResponseReading,
    names_credential_there,
    names_subprotocol,
    read_response,
)
from wsmon.model.verdict.response_text import QUOTE_LIMIT, ResponseText, repeats_status, response_text

_CREDENTIALS = "check the credentials in the headers or URL: missing, wrong or expired"
_OVERLOAD = "no action needed if this is rare; if it lasts, ask the server operator whether it is up"

STATUS_ADVICE: Final[Mapping[int, Advice]] = {
    304: Advice(
        "likely a cache responded instead of the server: an upgrade is never “not modified”",
        "test without intermediate proxies and caches",
    ),
    400: Advice(
        "the server, or a proxy in front of it, does not accept the request as an upgrade",
        "compare the URL, Host, Origin and subprotocol with the service documentation",
    ),
    401: Advice("the server requires credentials that are missing or not accepted", _CREDENTIALS),
    402: Advice(
        "the service requires payment or a different plan",
        "check the plan and payments of your account",
    ),
    403: Advice(
        "the server does not allow this: possibly rights, Origin, address or country, a firewall in front of "
        "it, or host and path of the URL",
        "check what the credentials are allowed to do, the Origin header, host and path of the URL, and whether this "
        "address may connect",
    ),
    404: Advice("nothing found at this path", "check the path of the URL, and the host that serves it"),
    405: Advice(
        "this path does not accept GET, which an upgrade requires: likely not a WebSocket endpoint",
        "check the path of the URL",
    ),
    407: Advice("a proxy requires credentials", "put the proxy credentials in its URL"),
    408: Advice(
        "the server waited too long for the request",
        "check the network path for delays",
    ),
    409: Advice(
        "the request conflicts with existing state on the server, such as a connection with the same identity",
        "look for a second client with the same identity, or an old connection that is still open",
    ),
    410: Advice("the endpoint was removed", "look up the new address in the service documentation"),
    421: Advice(
        "this server does not serve the requested host",
        "check the host of the URL and the Host header",
    ),
    426: Advice(
        "possibly the server requires another protocol version, or something on the network path removed the Upgrade "
        "header",
        "check intermediate proxies, the Upgrade and Sec-WebSocket-Version headers of the response, and the path",
    ),
    429: Advice(
        "the server's limit on connection rate or connection count was reached",
        "connect less often: raise reconnect.initial; open fewer connections, and look for other clients with these "
        "credentials",
    ),
    451: Advice("the server may not serve this address for legal reasons", "ask the service operator"),
    500: Advice("internal server error", "report it to the server operator, with the time"),
    501: Advice("the server does not support WebSocket at this address", "check the host and path of the URL"),
    502: Advice(
        "a gateway in front of the server got no valid response from it: likely it is down, restarting or too slow",
        _OVERLOAD,
    ),
    503: Advice(
        "the server is temporarily unavailable: possibly restarting, overloaded or under maintenance", _OVERLOAD
    ),
    504: Advice("gateway timeout: the server did not respond", _OVERLOAD),
    511: Advice(
        "this network requires a login (captive portal)",
        "log in with a browser on this network",
    ),
}

_WEB_PAGE = Advice(
    "a web page was returned instead of a WebSocket: possibly the host or path is wrong, a proxy or CDN in front of "
    "the server does not forward Upgrade, or (mostly without TLS) it is the login page of a network",
    "check the host and path of the URL, and whether the proxy in front of the server forwards Upgrade and "
    "Connection; open the URL in a browser on this machine (https:// for wss://) to see the page",
)
_LOGIN_PAGE = Advice(
    "a login page was returned instead of a WebSocket: possibly the service or this network requires a login first",
    "send the credentials as the service documents (headers, URL); if the page belongs to the network, log in with a "
    "browser on this machine",
)
_LOGIN_REDIRECT = Advice(
    "the address looks like a login page: possibly the service requires a login first",
    "send the credentials as the service documents (headers, URL), and check the path of the URL",
)
REDIRECT_CLUES: Final = (
    Clue(
        ("more than",),
        Advice(
            "redirect loop: often to a login page and back",
            "follow the redirects manually (curl -v), and use the final address as the URL",
        ),
    ),
    Clue(
        ("leave tls",),
        Advice(
            "redirect from wss:// to ws:// refused",
            "find out what sends the redirect; if it is intended, use its address as the URL",
        ),
    ),
    Clue(
        ("no websocket url",),
        Advice("the redirect address is not usable", "report it to the server operator"),
    ),
)
_NO_ENDPOINT = Advice(
    "a plain HTTP response was returned instead of an upgrade: possibly this is not a WebSocket endpoint, or a proxy "
    "in front of it does not forward Upgrade",
    "check the host and path of the URL, and whether the proxy in front of the server forwards Upgrade and Connection",
)
_REDIRECT = Advice(
    "possibly the service has moved, or redirects clients that are not logged in",
    "use that address as the URL, if it is known and trusted, or allow it with redirects",
)
_REDIRECT_WITHOUT_LOCATION = Advice(
    "the server redirects without a target",
    "check the host and path of the URL, and whether the service requires a login first",
)
_CLIENT = Advice(
    "the server does not accept the request",
    "compare the URL and headers with the service documentation",
)
_SERVER = Advice("the server, or a gateway in front of it, failed", _OVERLOAD)


class Refusal(NamedTuple):
    """What an HTTP response says about a refused upgrade."""

    advice: Advice
    certainty: Certainty
    text: str = ""
    """What its body says, sanitised; empty where it says nothing beside the status."""


def explain_refusal(event: Event) -> Refusal:
    """Return the explanation of an upgrade that the server, or a gateway before it, refused by an HTTP response.

    What the response says comes first: its text, the program that names itself, what it asks for. The usual meaning of
    the status is told where none of these is clear, or where the status contradicts the text.
    """
    text = response_text(event)
    status = event.status if isinstance(event.status, int) else 0
    gateway = gateway_answer(event, text)
    said, reading = _statement(event, text, status)
    usual = _usual(event, text, status)
    certainty: Certainty = "stated"
    if reading is not None:
        advice = _subprotocol(event) if reading.advice == SUBPROTOCOL else reading.advice
        if not reading.is_plausible:
            certainty = "inferred"
            advice = _beside_status(advice, usual, status)
    elif gateway is not None and gateway.advice is not None:
        advice = gateway.advice
        certainty = "stated" if gateway.is_named else "inferred"
    elif said and status >= 400:
        advice = Advice(
            f"HTTP {status} usually means: {usual.cause}",
            f"{usual.next}; read the response text first",
        )
    else:
        advice = usual
    if reading is None and status >= 400:
        is_open = status in (400, 426, 501) and (not said or text.kind == "page")
        advice = with_subprotocol(advice, event, is_open or names_subprotocol(said))
    if reading is None and names_credential_there(said):
        advice = Advice(advice.cause, f"{advice.next} (subprotocols sets Sec-WebSocket-Protocol)")
    facts = [text.quoted(said), "" if gateway is None else gateway.clause, _challenge(event)]
    cause = "; ".join(filter(None, (*facts, advice.cause)))
    return Refusal(Advice(cause, f"{_wait(event)}{advice.next}"), certainty, said)


def with_subprotocol(advice: Advice, event: Event, may_be: bool) -> Advice:
    """Return the advice with the possibility that a subprotocol is missing, where none was offered.

    ``may_be``: servers that require a subprotocol refuse an upgrade without one so (Prosody with 501, Janus by hanging
    up).
    """
    if not may_be or _offered(event) != []:
        return advice
    cause = f"{advice.cause}; possibly it requires a subprotocol: none was offered"
    return Advice(cause, f"{advice.next}; if the service documents a subprotocol, put it into subprotocols")


def _offered(event: Event) -> list[str] | None:
    """Return the subprotocols that the upgrade offered; None where that is not known."""
    offered = (event.meta or {}).get("offered_subprotocols")
    return [str(each) for each in offered] if isinstance(offered, (list, tuple)) else None


def _subprotocol(event: Event) -> Advice:
    offered = _offered(event)
    if offered is None:
        return SUBPROTOCOL
    return Advice(f"{SUBPROTOCOL.cause}, and {', '.join(offered) or 'none'} was offered", SUBPROTOCOL.next)


def _beside_status(advice: Advice, usual: Advice, status: int) -> Advice:
    """Return what a text possibly means under a status that means something else."""
    return Advice(
        f"possibly {advice.cause}; HTTP {status} itself means: {usual.cause}",
        f"{advice.next}; if that is not it: {usual.next}",
    )


def _statement(event: Event, text: ResponseText, status: int) -> tuple[str, ResponseReading | None]:
    """Return the text of a response to quote, and its meaning where that is clear.

    Where it has none that is clear, the reason phrase and the challenge are read: the sentence has both anyway.
    """
    for part in text.parts if status >= 300 or text.kind != "page" else ():
        # Only the beginning is quoted
        if len(part) <= QUOTE_LIMIT and (reading := read_response(part, status, is_error_member=text.kind == "json")):
            return (part if text.kind == "page" else text.words), reading
    phrase = _own_phrase(event)
    if phrase and not repeats_status(phrase, status) and (reading := read_response(phrase, status)):
        return text.words, reading
    described = _DESCRIPTION.search(_challenge(event))
    return text.words, read_response(described[1], status) if described is not None else None


# RFC 6750, section 3
_DESCRIPTION: Final = re.compile(r'\berror_description="([^"]*)"', re.IGNORECASE)


def _own_phrase(event: Event) -> str:
    line = (event.meta or {}).get("status_line")
    return line.split(" ", 2)[2] if isinstance(line, str) and line.count(" ") > 1 else ""


def _challenge(event: Event) -> str:
    """Return how the response asks for credentials, as a fact; empty where it does not."""
    for name in ("WWW-Authenticate", "Proxy-Authenticate"):
        if asked := response_header(event, name):
            return f"it asks for credentials ({name}: {sanitize(asked, QUOTE_LIMIT)})"
    return ""


def _usual(event: Event, text: ResponseText, status: int) -> Advice:
    """Return the usual meaning of the status, and of where a redirect leads."""
    if event.error_type == "redirect_refused" or not status:
        advice = read_clue(REDIRECT_CLUES, event.error)
        return advice or (_LOGIN_REDIRECT if _leads_to_login(event) else _REDIRECT)
    if status < 300:
        return _page(event, text)
    if status in STATUS_ADVICE:
        return STATUS_ADVICE[status]
    if status < 400:
        if not response_header(event, "Location"):
            return _REDIRECT_WITHOUT_LOCATION
        return _LOGIN_REDIRECT if _leads_to_login(event) else _REDIRECT
    return _CLIENT if status < 500 else _SERVER


_LOGIN: Final = re.compile(
    r"(?:^|[/._-])(?:log-?in|sign-?in|sign_in|log_in|sso|oauth2?|saml2?|authorize)(?:$|[/._-])", re.IGNORECASE
)
_LOGIN_TITLE: Final = re.compile(r"\b(?:log ?in|sign ?in|log on)\b", re.IGNORECASE)


def _leads_to_login(event: Event) -> bool:
    """Return whether the path of a redirect names a login."""
    try:
        return _LOGIN.search(urlsplit(response_header(event, "Location")).path) is not None
    except ValueError:
        return False


def _page(event: Event, text: ResponseText) -> Advice:
    """Return the advice on a success that is no upgrade: a login or another web page, else no endpoint."""
    if text.kind == "page" and (text.has_password_field or _LOGIN_TITLE.search(text.words)):
        return _LOGIN_PAGE
    is_page = text.kind == "page" or "html" in response_header(event, "Content-Type").lower()
    return _WEB_PAGE if is_page else _NO_ENDPOINT


def _wait(event: Event) -> str:
    """Return the delay that ``Retry-After`` causes, as the start of the next step; empty without such a header."""
    asked = response_header(event, "Retry-After")
    asked_s = asked_retry_s(asked, event.ts_ns / SECOND_NS)
    if not asked_s:
        return ""
    wait_s = round(min(asked_s, RETRY_AFTER_LIMIT_S))
    how = "its maximum, out of what" if asked_s > RETRY_AFTER_LIMIT_S else "as"
    return f"wsmon waits {fmt.full_duration(wait_s * SECOND_NS)}, {how} the server asks (Retry-After: {asked}); "
