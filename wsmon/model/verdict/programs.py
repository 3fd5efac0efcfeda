"""Known servers and proxies: how they end connections, and which of them answer a dial in place of the service.

They are recognised by their ``Server`` header, by other headers, and by their error pages.

Seen on loopback with a plain client, in November 2026: Uvicorn 0.54, Hypercorn 0.18, Daphne 4.2, Granian 2.8,
aiohttp 3.14, Tornado 6.6, websockets 17.4, autobahn 26.10, gunicorn 27 with flask-sock 0.7, nginx 1.22, HAProxy 2.6,
Varnish 7.1, lighttpd 1.4, h2o 2.2, Apache 2.4, Caddy 2.6, Prosody 0.12.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from wsmon.model.events import Event
from wsmon.model.http import response_header
from wsmon.model.sanitize import sanitize
from wsmon.model.verdict.close_codes import Advice
from wsmon.model.verdict.response_text import ResponseText, response_body

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
_IDLE: Final = "at its idle limit, when it stops, and when its backend is gone"
_IDLE_OR_GONE: Final = "at its idle limit, and when its backend is gone"
# The same without the idle limit, which ends no connection on which something was sent just before
_BUSY: Final[Mapping[str, str]] = {
    _IDLE: "when it stops, and when its backend is gone",
    _IDLE_OR_GONE: "when its backend is gone",
}

PROGRAMS: Final = (
    Program("Uvicorn", ("uvicorn",), {1012: _STOP, "fin": "when the application fails or returns"}),
    Program("Hypercorn", ("hypercorn", "hypercorn-h11", "hypercorn-h2", "hypercorn-h3"), {
        1011: f"{_STOP}, and when the application fails or returns",
    }),
    Program("Daphne", ("daphne",), {
        1000: "when its websocket_timeout, a limit on connection lifetime, expires",
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
    Program("Caddy", ("caddy",), {1001: "at its own stop or reload", "fin": "when its backend is gone"}),
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


class GatewayAnswer(NamedTuple):
    """What shows that a program before the service answered."""

    clause: str
    """As a part of the sentence."""
    advice: Advice | None = None
    """Where its words are known to have one meaning."""
    is_named: bool = True
    """Whether a header or the page names the program; else its words suggest it."""


class _Gateway(NamedTuple):
    """A program that may answer in place of the service."""

    name: str
    own_header: str = ""
    """A header that only answers of its own have, as ``name: beginning of the value``; empty: none."""
    passing_header: str = ""
    """A header of every answer that comes through it, in the same form."""
    page: str = ""
    """A regular expression for the part of its error pages that names it; empty: none."""
    may_serve: bool = False
    """Whether it may be the server of the service as well, so that its answer is one of the service."""


_GATEWAYS: Final = (
    _Gateway("the AWS load balancer (ALB)", own_header="server: awselb/"),
    _Gateway("CloudFront", "server: cloudfront", "via: .*cloudfront", r"generated by cloudfront"),
    _Gateway("Cloudflare", "cf-mitigated: ", "server: cloudflare", r"\|\s*cloudflare\s*</title>|cloudflare ray id"),
    _Gateway("AWS (API Gateway, or a service like it)", own_header="x-amzn-errortype: ", may_serve=True),
    _Gateway("Akamai", own_header="server: akamaighost"),
    _Gateway("Azure Application Gateway", page=r"<center>microsoft-azure-application-gateway/"),
    _Gateway("Varnish", "server: varnish", page=r"<p>varnish cache server</p>"),
    _Gateway("Kong", "server: kong/", "via: .*kong/", r"<title>kong error</title>"),
    _Gateway("Squid", own_header="x-squid-error: ", page=r"generated [^<]* by [^<]*\(squid"),
    _Gateway("ngrok", own_header="ngrok-error-code: "),
    _Gateway("Envoy", passing_header="server: (?:istio-)?envoy"),
    _Gateway("nginx", page=r"<center>nginx(?:/[\d.]+)?(?: \([^)<]*\))?</center>", may_serve=True),
    _Gateway("OpenResty", page=r"<center>openresty(?:/[\d.]+)?</center>", may_serve=True),
    _Gateway("Apache", page=r"<address>apache(?:/[^<]*)? server at [^<]*</address>", may_serve=True),
    _Gateway(
        "IIS", passing_header="server: microsoft-iis/", page=r"<title>iis [\d.]+ (?:detailed )?error", may_serve=True
    ),
    _Gateway("HTTP.sys of Windows", passing_header="server: microsoft-httpapi/"),
    _Gateway("lighttpd", page=r"<address>lighttpd(?:/[\d.]+)?</address>", may_serve=True),
    _Gateway("Fastly", page=r"\Afastly error: "),
    _Gateway("Imperva", page=r"incapsula incident id"),
)

_RULES: Final = "ask the operator of that proxy, or of the service, about its rules"
_DOWN: Final = "check whether its backend is running, or ask the service operator"
_NO_SERVER: Final = Advice("it reports that no backend is ready", _DOWN)


class _KnownText(NamedTuple):
    """A text that one program has built in, without its name."""

    start: str
    """The beginning of a part of the answer, in lower case."""
    name: str
    advice: Advice | None = None


_KNOWN_TEXTS: Final = (
    _KnownText(
        "upstream connect error or disconnect/reset before headers", "Envoy",
        Advice("it reports that its connection to the backend failed", _DOWN),
    ),
    _KnownText("no healthy upstream", "Envoy", _NO_SERVER),
    _KnownText(
        "cloudfront attempted to establish a connection with the origin, but either the attempt failed or the origin "
        "closed", "CloudFront",
        Advice("it could not connect to its backend, or the backend closed the connection", _DOWN),
    ),
    _KnownText(
        "upstream request timeout", "Envoy", Advice("it reports that the backend took too long to respond", _DOWN)
    ),
    _KnownText(
        "rbac: access denied", "Envoy",
        Advice("it reports that an access rule denies this", _RULES),
    ),
    _KnownText("no server is available to handle this request", "HAProxy", _NO_SERVER),
    _KnownText(
        "the server returned an invalid or incomplete response", "HAProxy",
        Advice("it reports an invalid response from the backend", _DOWN),
    ),
    _KnownText(
        "the server didn't respond in time", "HAProxy",
        Advice("it reports that the backend took too long to respond", _DOWN),
    ),
    _KnownText(
        "request forbidden by administrative rules", "HAProxy",
        Advice("it reports that a rule forbids this", _RULES),
    ),
    _KnownText("your browser sent an invalid request", "HAProxy"),
    _KnownText("no available server", "Traefik", _NO_SERVER),
    _KnownText(
        "no route matched with those values", "Kong",
        Advice("it reports that it has no route for this host and path", "check the host and path of the URL"),
    ),
    _KnownText("failure to get a peer from the ring-balancer", "Kong", _NO_SERVER),
    _KnownText("an invalid response was received from the upstream server", "Kong"),
    _KnownText(
        "default backend - 404", "the ingress controller of Kubernetes",
        Advice("it reports that it has no rule for this host and path", "check the host and path of the URL"),
    ),
)  # fmt: skip

# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
_CLOUDFLARE_STATUS: Final = {
    520: "its backend returned an empty or invalid response",
    521: "its backend refused the connection",
    522: "it could not establish a TCP connection to its backend in time",
    523: "it has no route to its backend",
    524: "its backend took too long to respond",
    525: "its TLS handshake with the backend failed",
    526: "the backend's certificate is not valid",
}
_CLOUDFLARE: Final = "Cloudflare"
_BANNED: Final = "it has banned the address of this machine"
_CLOUDFLARE_LIMIT: Final = 1015
_DIAL_LESS: Final = "connect less often: raise reconnect.initial, and open fewer connections at a time"
# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/
_CLOUDFLARE_CODES: Final = {
    1006: _BANNED,
    1007: _BANNED,
    1008: _BANNED,
    1009: "it blocks the country of this machine's address",
    1010: "it classified this client as a bot by its signature",
    _CLOUDFLARE_LIMIT: "its request limit was reached",
    1020: "its firewall rejected the request",
    1106: _BANNED,
}
_CLOUDFLARE_DOWN: Final = {
    1016: "it cannot resolve the address of its backend",
    1033: "its tunnel to the backend is down",
}

_UNSEEN: Final = "so it never reached the service"
_NOBODY_TOOK_IT: Final = (
    "no backend accepted the request, it is overloaded itself, or it is configured to respond this way, as for "
    "maintenance"
)
# What a status likely means that a program before the service gave by itself
_OWN_STATUS: Final[Mapping[int, tuple[str, str]]] = {
    403: (f"likely one of its rules rejected the request, {_UNSEEN}", "rules"),
    406: (f"likely one of its rules rejected the request, {_UNSEEN}", "rules"),
    429: (f"likely its request or connection limit was reached, {_UNSEEN}", "limit"),
    502: ("likely it got no valid response from its backend", "down"),
    503: (f"likely {_NOBODY_TOOK_IT}", "down"),
    504: ("likely its backend did not respond in time", "down"),
}

_SQUID: Final = "Squid"
_SQUID_UNREACHABLE: Final = "check that the server is running, and that this proxy can reach it"
_SQUID_NO_ANSWER: Final = Advice("it got no valid response from the server", _SQUID_UNREACHABLE)
_SQUID_LATE: Final = Advice("the server took too long to respond to it", _SQUID_UNREACHABLE)
_SQUID_RULE: Final = Advice(
    f"one of its rules rejected the request, {_UNSEEN}", "ask the operator of that proxy about its rules"
)
_SQUID_REQUEST: Final = Advice(
    "it does not accept this kind of request", "test without that proxy, or ask its operator to allow upgrades"
)
# Names of its error pages, https://wiki.squid-cache.org/Features/CustomErrors
_SQUID_ERRORS: Final[Mapping[str, Advice]] = {
    "ERR_CONNECT_FAIL": Advice("it could not connect to the server", _SQUID_UNREACHABLE),
    "ERR_CANNOT_FORWARD": Advice("it has no route to the server", _SQUID_UNREACHABLE),
    "ERR_SECURE_CONNECT_FAIL": Advice("its TLS handshake with the server failed", _SQUID_UNREACHABLE),
    "ERR_DNS_FAIL": Advice("it could not look up the host", "check the host of the URL, and the DNS of that proxy"),
    "ERR_ACCESS_DENIED": _SQUID_RULE,
    "ERR_FORWARDING_DENIED": _SQUID_RULE,
    "ERR_READ_TIMEOUT": _SQUID_LATE,
    "ERR_LIFETIME_EXP": _SQUID_LATE,
    "ERR_READ_ERROR": _SQUID_NO_ANSWER,
    "ERR_WRITE_ERROR": _SQUID_NO_ANSWER,
    "ERR_ZERO_SIZE_OBJECT": _SQUID_NO_ANSWER,
    "ERR_INVALID_RESP": _SQUID_NO_ANSWER,
    "ERR_INVALID_REQ": _SQUID_REQUEST,
    "ERR_INVALID_URL": _SQUID_REQUEST,
    "ERR_UNSUP_REQ": _SQUID_REQUEST,
}
# Error numbers of Linux, which Squid puts behind the name
_ERRNO: Final = {
    "101": "network unreachable",
    "104": "connection reset",
    "110": "timed out",
    "111": "connection refused",
    "113": "no route to host",
}
# https://ngrok.com/docs/errors/
_NGROK: Final = {
    "ERR_NGROK_3200": "the tunnel is offline: its agent is not running",
    "ERR_NGROK_8012": "the tunnel agent could not connect to its backend",
}


def gateway_answer(event: Event, text: ResponseText) -> GatewayAnswer | None:
    """Return which program before the service answered; ``None`` where nothing shows one."""
    known = _known_text(text)
    if own := _own_answer(event):
        return GatewayAnswer(own.clause, _advice(event, own, known))
    passed = _passed(event)
    if passed.name == _CLOUDFLARE and (event.status in _CLOUDFLARE_STATUS or _CLOUDFLARE_CODE.match(text.words)):
        return GatewayAnswer(f"{_CLOUDFLARE} itself responded ({passed.header})", _advice(event, passed, None))
    if known is None:
        return GatewayAnswer(passed.clause) if passed.name else None
    if known.name == passed.name:
        return GatewayAnswer(f"{passed.clause}, which wrote this text", known.advice)
    clause = f"the text is that of {known.name}: likely it responded, not the service"
    return GatewayAnswer(clause, known.advice, is_named=False)


class _Evidence(NamedTuple):
    """What names a program."""

    name: str = ""
    """Empty: nothing does."""
    clause: str = ""
    header: str = ""
    may_serve: bool = False
    """Whether the program may be the server of the service."""


def _own_answer(event: Event) -> _Evidence | None:
    """Return the program that only a header of its own answers, or its error page, names."""
    body = response_body(event)
    for gateway in _GATEWAYS:
        if gateway.own_header and (header := _header(event, gateway.own_header)):
            clause = f"{gateway.name} itself responded ({header})"
            return _Evidence(gateway.name, clause, header, gateway.may_serve)
        if gateway.page and re.search(gateway.page, body, re.IGNORECASE):
            return _Evidence(gateway.name, f"this is an error page of {gateway.name}", may_serve=gateway.may_serve)
    return None


def _passed(event: Event) -> _Evidence:
    """Return the program that the answer came through, or from."""
    for gateway in _GATEWAYS:
        if gateway.passing_header and (header := _header(event, gateway.passing_header)):
            return _Evidence(gateway.name, f"the response came through {gateway.name} ({header})", header)
    return _Evidence()


_CLOUDFLARE_CODE: Final = re.compile(r"error code: \d{3,4}\Z")


_CLOUDFLARE_PAGE_CODE: Final = re.compile(r"\berror(?: code)?:? ?(1\d{3})\b", re.IGNORECASE)


def _advice(event: Event, own: _Evidence, known: _KnownText | None) -> Advice | None:
    """Return what an answer of a program's own means: by its words, its codes, then by the status."""
    if own.name == _CLOUDFLARE and (advice := _of_cloudflare(event)):
        return advice
    if known is not None and known.name == own.name:
        return known.advice
    if own.name == _SQUID and (advice := _of_squid(event)):
        return advice
    if cause := _NGROK.get(response_header(event, "ngrok-error-code")):
        return Advice(cause, _DOWN)
    if own.may_serve or not isinstance(event.status, int) or event.status not in _OWN_STATUS:
        return None
    cause, kind = _OWN_STATUS[event.status]
    steps = {
        "rules": f"ask the service operator about its rules{_reference(event)}",
        "limit": _DIAL_LESS,
        "down": _DOWN,
    }
    return Advice(cause, steps[kind])


def _of_cloudflare(event: Event) -> Advice | None:
    if _header(event, "cf-mitigated: challenge"):
        return Advice(
            "it requires a browser challenge before it allows access",
            "ask the service operator to allow this client; reconnecting is unlikely to help before that",
        )
    found = _CLOUDFLARE_PAGE_CODE.search(response_body(event))
    code = int(found[1]) if found is not None else 0
    if code in _CLOUDFLARE_CODES:
        step = f"ask the service operator to allow this client{_reference(event)}"
        if code == _CLOUDFLARE_LIMIT:
            step = f"{_DIAL_LESS}; if it persists, {step}"
        return Advice(f"{_CLOUDFLARE_CODES[code]}, {_UNSEEN}", step)
    down = _CLOUDFLARE_DOWN.get(code)
    if down is None and isinstance(event.status, int):
        down = _CLOUDFLARE_STATUS.get(event.status)
    return None if down is None else Advice(down, _DOWN)


def _of_squid(event: Event) -> Advice | None:
    name, _, number = response_header(event, "X-Squid-Error").partition(" ")
    advice = _SQUID_ERRORS.get(name)
    why = _ERRNO.get(number)
    if advice is None or why is None or advice.next != _SQUID_UNREACHABLE:
        return advice
    return Advice(f"{advice.cause} ({why})", advice.next)


_REFERENCE_HEADERS: Final = ("CF-RAY", "X-Amz-Cf-Id", "X-Azure-Ref")
_PAGE_REFERENCE: Final = re.compile(
    r"\b(?:reference|incident id|support id)[\s#:&;]*?[#:]\s*([\w.-]{4,80})", re.IGNORECASE
)


def _reference(event: Event) -> str:
    """Return the number under which the operator finds this answer, as the end of a step; empty without one."""
    for name in _REFERENCE_HEADERS:
        if value := response_header(event, name):
            return f", and name {name} {sanitize(value, _HEADER_LIMIT)}"
    found = _PAGE_REFERENCE.search(html.unescape(response_body(event)))
    return "" if found is None else f", and name the reference {sanitize(found[1], _HEADER_LIMIT)}"


def _known_text(text: ResponseText) -> _KnownText | None:
    for part in text.parts:
        lower = part.lower().replace("’", "'")
        for known in _KNOWN_TEXTS:
            if lower.startswith(known.start):
                return known
    return None


def _header(event: Event, wanted: str) -> str:
    """Return a header as ``Name: value`` if it is as ``name: regular expression`` says; else empty."""
    name, _, pattern = wanted.partition(": ")
    value = response_header(event, name)
    is_it = value and re.match(pattern, value, re.IGNORECASE)
    return f"{name.title()}: {sanitize(value, _HEADER_LIMIT)}" if is_it else ""


# Characters of a header in a sentence
_HEADER_LIMIT: Final = 80
