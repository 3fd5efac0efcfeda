"""Checks of texts in the configuration: URLs, names, headers, patterns.

Each raises ``FaultError``, whose sentence never repeats the text, since it may be secret.
"""

from __future__ import annotations

import ipaddress
import re
import warnings
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from wsmon import plugins
from wsmon.config.kinds import FaultError, nearest
from wsmon.errors import QueryError, UsageError
from wsmon.model.incident_kinds import INCIDENT_KINDS, is_rule
from wsmon.model.json_path import compile_path
from wsmon.model.measures import RANGE
from wsmon.model.redact.redactor import compile_pattern
from wsmon.model.sanitize import NAME_LIMIT_CHARS, is_connection_name
from wsmon.model.statistics import KPI_NAMES
from wsmon.query import patterns
from wsmon.query.notes import asks_notes
from wsmon.query.parser import ReferenceTime, parse
from wsmon.query.predicate import uses_field

MAX_NAME_CHARS = NAME_LIMIT_CHARS
MAX_TRACE_ID_CHARS = 128
# The longest request line that common servers and proxies accept
MAX_URL_CHARS = 8_192

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

# RFC 9110, section 5.6.2
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_HEADER_TEXT = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0]")
# \w allows internationalised names, which are encoded when they are dialled
_HOST_LABEL = re.compile(r"[\w-]{1,63}")

_RESERVED_HEADERS = {
    "connection": "wsmon sets this header",
    "upgrade": "wsmon sets this header",
    "sec-websocket-accept": "only servers send this header",
    "sec-websocket-extensions": "use compression instead",
    "sec-websocket-key": "wsmon generates a new one for each session",
    "sec-websocket-protocol": "use subprotocols instead",
    "sec-websocket-version": "wsmon sets this header",
}

_HEADERS_OF_A_POST = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"}
)


def connection_name(text: str) -> None:
    """Check for 1 to 64 ASCII letters, digits, ``. _ -``."""
    if len(text) > MAX_NAME_CHARS:
        raise FaultError(f"too long: {len(text)} characters", f"use at most {MAX_NAME_CHARS}")
    if not is_connection_name(text):
        raise FaultError("invalid name", "only letters, digits, '.', '_' and '-' are allowed")


def rule(text: str) -> None:
    """Check for a query of the search language without terms on notes, which the recorder does not have."""
    try:
        query = parse(text, ReferenceTime(0))
    except QueryError as error:
        raise FaultError(f"invalid query: {error.what} (column {error.column + 1})", error.hint) from None
    if not query:
        raise FaultError("query matches everything", "narrow it, e.g. is:problem or type:order $.qty>100")
    if asks_notes(query):
        raise FaultError("query uses bookmarks or notes, which are not available to a recorder")
    if uses_field(query, lambda field: field == "recording"):
        raise FaultError("query uses recording:, but a recorder has one recording", "remove it")


def printable(limit: int) -> Callable[[str], None]:
    """Return the check for texts of one line with at most ``limit`` characters."""

    def check(text: str) -> None:
        if len(text) > limit:
            raise FaultError(f"too long: {len(text)} characters", f"use at most {limit}")
        if not text.isprintable():
            raise FaultError("contains non-printable characters")

    return check


def websocket_url(text: str) -> None:
    """Check for an absolute ``ws://`` or ``wss://`` URL with a host and without a fragment."""
    parts = _url(text, ("ws", "wss"), {"http": "ws", "https": "wss"})
    if "#" in text:
        raise FaultError(
            "URL has a fragment, which is never sent", "remove the # and everything after it, or write # as %23"
        )
    _user_info(parts)


def http_url(text: str) -> None:
    """Check for an absolute ``http://`` or ``https://`` URL with a host."""
    _url(text, ("http", "https"), {"ws": "http", "wss": "https"})


def proxy(text: str) -> None:
    """Check for ``env``, or the URL of a proxy: a scheme, a host, optionally a port and a user."""
    if text == "env":
        return
    parts = _url(text, PROXY_SCHEMES, {"socks": "socks5h", "ws": "http", "wss": "https"})
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise FaultError("proxy URL must not have a path, query or fragment", "remove everything after the port")
    _user_info(parts)


def listen_address(text: str) -> None:
    """Check for ``HOST:PORT``; the host may be empty, port 0 is any free one."""
    address(text, least_port=0)


def address(text: str, least_port: int = 1) -> None:
    """Check for ``HOST:PORT``; the host may be empty."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not least_port <= int(port) <= 65_535:
        raise FaultError("expected HOST:PORT", 'e.g. "127.0.0.1:9464"')
    if host:
        _host(host.removeprefix("[").removesuffix("]"))


def route_path(text: str) -> None:
    """Check for the path of a URL."""
    if not text.startswith("/"):
        raise FaultError("must start with /", 'e.g. "/feed"')
    if "?" in text or "#" in text or _SPACE_OR_CONTROL.search(text):
        raise FaultError("must be a path, without a query", "the query of an application is passed on")


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of ``HOST:PORT``; loopback where the host is empty."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is reached from this machine alone; names other than localhost may mean anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_name(text: str) -> None:
    """Check for the name of a host, or an IP address."""
    _host(text)


def field_name(text: str) -> None:
    """Check for a field name of HTTP."""
    if not _TOKEN.fullmatch(text):
        raise FaultError("invalid header name", "only letters, digits and hyphens are allowed")


def kpi_name(text: str) -> None:
    """Check for the name of a key figure that has a threshold."""
    if text not in KPI_NAMES:
        raise FaultError("unknown KPI", f"use one of {', '.join(KPI_NAMES)}")


def incident_kind(text: str) -> None:
    """Check for a kind of incident, or that of a rule of the user; whether there is such a rule is checked later."""
    if is_rule(text):
        connection_name(text.partition(":")[2])
    elif text not in (names := tuple(each.name for each in INCIDENT_KINDS)):
        near = nearest(text, names)
        raise FaultError("unknown incident kind", f"did you mean {near!r}?" if near else "`wsmon detectors` lists them")


def thresholds(kind: str, values: Mapping[str, object]) -> None:
    """Check the thresholds of a kind of incident against each other: one that ends it lies below one that opens it."""
    (incident,) = (each for each in INCIDENT_KINDS if each.name == kind)
    in_force = {each.name: values.get(each.name, each.default) for each in incident.thresholds}
    for each in incident.thresholds:
        lower, upper = in_force[each.name], in_force.get(each.below)
        if isinstance(lower, (int, float)) and isinstance(upper, (int, float)) and lower >= upper:
            shown = f"{each.written(lower)} ≥ {each.written(upper)}"
            hint = "otherwise the incident would open and close repeatedly"
            raise FaultError(f"{each.name} must be less than {each.below}", hint, shown)


def header_name(text: str) -> None:
    """Check for a field name of HTTP that is not reserved for the handshake."""
    field_name(text)
    lower = text.lower()
    hint = _RESERVED_HEADERS.get(lower) or ("wsmon sets this header" if lower.startswith("sec-websocket-") else "")
    if hint:
        raise FaultError("header belongs to the handshake", hint)


def relayed_header_name(text: str) -> None:
    """Check for a field name of HTTP that a relay may replace: those of the handshake are the application's."""
    field_name(text)
    if text.lower() in _RESERVED_HEADERS or text.lower().startswith("sec-websocket-"):
        raise FaultError("header belongs to the handshake", "the application sets this header")


def sent_header_name(text: str) -> None:
    """Check for a field name of HTTP that requests to a collector do not set themselves."""
    field_name(text)
    if text.lower() in _HEADERS_OF_A_POST:
        raise FaultError("header is part of the request", "wsmon sets this header")


# Schemes of Authorization (RFC 9110, section 11.1) and those of services that follow it
_AUTH_SCHEMES = frozenset({"bearer", "basic", "digest", "token", "apikey", "api-key"})


def header_value(text: str) -> None:
    """Check for a field value of HTTP: no line break or other control character but the tab.

    The faults show nothing of the value: which headers carry credentials is not known yet.
    """
    if "\r" in text or "\n" in text:
        raise FaultError("contains a line break", "headers must be a single line", "")
    if not _HEADER_TEXT.fullmatch(text):
        raise FaultError("contains a control character", "", "")
    if text.strip().lower() in _AUTH_SCHEMES:
        raise FaultError(f"no credential after {text.strip()}", "the referenced value may be empty", "")
    if text != text.strip():
        raise FaultError("leading or trailing space", "remove it; HTTP ignores it", "")


def bearer_token(text: str) -> None:
    """Check for a credential of ``Authorization: Bearer`` (RFC 6750, section 2.1)."""
    if not _BEARER.fullmatch(text):
        raise FaultError("invalid token", "use letters, digits and - . _ ~ + / only, without spaces", "")


def subprotocol(text: str) -> None:
    """Check for a token of HTTP."""
    if not _TOKEN.fullmatch(text):
        raise FaultError("invalid subprotocol", "use letters, digits and . _ - + only, without spaces or commas", "")


def origin(text: str) -> None:
    """Check for a scheme and a host without blanks, or ``null``."""
    if _SPACE_OR_CONTROL.search(text):
        raise FaultError("contains a space or a control character", 'e.g. "https://example.com"')
    if text != "null" and "://" not in text:
        raise FaultError("missing scheme", 'e.g. "https://example.com"')


def json_path(text: str) -> None:
    """Check for a path into a JSON document: ``$.data.seq``."""
    if not text.startswith("$"):
        raise FaultError("path must start with $", 'e.g. "$.data.seq"')
    try:
        compile_path(text)
    except ValueError as error:
        raise FaultError(f"invalid path: {error}", 'e.g. "$.data.seq"') from None


def installed_protocols() -> tuple[str, ...]:
    """Return the names of the protocols that installed packages add."""
    return tuple(plugin.name for plugin in plugins.installed("wsmon.protocols"))


def installed_decoders() -> tuple[str, ...]:
    """Return the names of the decoders that installed packages add."""
    return tuple(plugin.name for plugin in plugins.installed("wsmon.decoders"))


def place(text: str) -> None:
    """Check for a place in a message: a path, or a regular expression."""
    if text.startswith("$"):
        json_path(text)
        return
    try:
        patterns.check(text)
    except ValueError as error:
        raise FaultError(str(error), 'paths begin with $, e.g. "$.data.seq"') from None


def sequence_path(text: str) -> None:
    """Check for a path, or for those of the first and the last number of a range: ``$.first..$.last``."""
    first, _, last = text.partition(RANGE)
    json_path(first)
    if last:
        json_path(f"${last}")


def pattern(text: str) -> None:
    """Check for a regular expression that does not match the empty text."""
    try:
        with warnings.catch_warnings():
            # Of sets that may change their meaning in a later Python
            warnings.simplefilter("ignore", FutureWarning)
            compiled = compile_pattern(text)
    except UsageError as error:
        raise FaultError(f"invalid regular expression: {error.__cause__}") from None
    if compiled.match(b""):
        raise FaultError("pattern matches the empty string, so it would match everywhere", "use + instead of *")


def key_press(text: str) -> None:
    """Check for one key press, or several with commas between."""
    if _SPACE_OR_CONTROL.search(text):
        raise FaultError("contains a space or a control character", 'e.g. "slash" or "ctrl+f,slash"')


def _url(text: str, schemes: tuple[str, ...], wanted: dict[str, str]) -> SplitResult:
    if len(text) > MAX_URL_CHARS:
        raise FaultError(f"too long: {len(text)} characters", f"use at most {MAX_URL_CHARS}", "")
    if _SPACE_OR_CONTROL.search(text):
        raise FaultError("contains a space or a control character", "use %20 for a space", "")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise FaultError("invalid URL", f"e.g. {schemes[-1]}://host/path", "") from None
    if parts.scheme not in schemes or "://" not in text:
        raise _wrong_scheme(text, parts.scheme, schemes, wanted)
    if not parts.hostname:
        raise FaultError("missing host", f"e.g. {parts.scheme}://host:port")
    _port(parts)
    _host(parts.hostname)
    return parts


def _wrong_scheme(text: str, scheme: str, schemes: tuple[str, ...], wanted: dict[str, str]) -> FaultError:
    choices = " or ".join((", ".join(schemes[:-1]), schemes[-1]))
    if "://" not in text:
        return FaultError("missing scheme", f"start it with {choices}://")
    better = wanted.get(scheme)
    hint = f"use {better}://" if better else f"use {choices}"
    return FaultError(f"scheme must be {choices}", hint)


def _port(parts: SplitResult) -> None:
    """Check the port; the faults show nothing of it, since it may be a password whose host is missing."""
    try:
        port = parts.port
    except ValueError:
        raise FaultError("port must be a number from 1 to 65535", "", "") from None
    if port == 0:
        raise FaultError("port 0 is not a valid destination", "", "")
    if parts.netloc.endswith(":"):
        raise FaultError("missing port after the colon", "", "")


def _host(host: str) -> None:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise FaultError("invalid IPv6 address") from None
        return
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise FaultError("invalid host", "use a host name or an IP address")


def _user_info(parts: SplitResult) -> None:
    if parts.username is not None and parts.password is None:
        raise FaultError("user name without a password", "use user:password@host, or an Authorization header", "")
