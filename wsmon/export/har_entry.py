"""An entry of an HTTP Archive (HAR): what it says of a WebSocket session, read key by key.

The standard has no WebSockets; programs follow Chrome's ``_webSocketMessages``, each a little differently. What is
missing is left empty; what cannot be read costs its message or its entry alone.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import ip_address
from typing import cast
from urllib.parse import quote

from wsmon.export.import_session import MAX_CLOSE_CODE, Fault, connection_name, shown, wall_ns
from wsmon.model.events import CloseBy, Direction, Opcode
from wsmon.model.redact.masking import MASK, split_url
from wsmon.model.units import MS_NS

_OPCODES: dict[int, Opcode] = {1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
# Chrome: not a frame but the reason why the browser ended the connection
_ERROR_OPCODE = -1
_BINARY_OPCODE = 2
_DIRECTIONS: dict[str, Direction] = {
    "send": "out", "sent": "out", "outgoing": "out", "out": "out",
    "receive": "in", "received": "in", "incoming": "in", "in": "in",
}  # fmt: skip
_CLOSERS: tuple[CloseBy, ...] = ("peer", "us", "heartbeat", "network", "proxy", "refusal", "application")
_PHASES = ("dns", "connect", "ssl", "wait")
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_SESSION_ID = re.compile(r"[0-9a-f]{16}")
# Times of floats are exact to the microsecond
_EXACT_NS = 1_000
# An archive is of days, not of years: a phase or a whole entry that lasts longer is an error
_LONGEST_MS = 10**10
_SWITCHING = 101
_FIRST_STATUS, _LAST_STATUS = 100, 599
_CODE_BYTES = 2
# Of a message (RFC 6455, section 5.2), and of an integer in SQLite
_LARGEST_SIZE = 2**63 - 1
_CHROME = "WebInspector"

# How wsmon itself names and ascribes the errors that Chromium names
_NET_ERRORS: tuple[tuple[str, str, CloseBy], ...] = (
    ("ERR_CONNECTION_REFUSED", "tcp_refused", "network"),
    ("ERR_NAME_", "dns", "network"),
    ("ERR_ADDRESS_UNREACHABLE", "tcp_unreachable", "network"),
    ("ERR_INTERNET_DISCONNECTED", "tcp_unreachable", "network"),
    ("ERR_CONNECTION_TIMED_OUT", "open_timeout", "network"),
    ("ERR_TIMED_OUT", "open_timeout", "network"),
    ("ERR_CERT_", "tls_certificate", "us"),
    ("ERR_SSL_", "tls", "network"),
    ("ERR_CONNECTION_RESET", "reset", "network"),
    ("ERR_CONNECTION_CLOSED", "eof", "network"),
    ("ERR_EMPTY_RESPONSE", "eof", "network"),
    ("ERR_PROXY_", "proxy", "proxy"),
    ("ERR_TUNNEL_", "proxy", "proxy"),
)
_NET_ERROR = re.compile(r"net::(ERR_\w+)")
_RESPONSE_CODE = re.compile(r"response code:? (\d{3})")
# wsmon writes its own type before the text
_TYPED_ERROR = re.compile(r"([a-z][a-z0-9_]*)(?:: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HarFrame:
    """A message or a control frame."""

    ts_ns: int
    direction: Direction
    opcode: Opcode
    body: bytes | None
    """None = not in the file."""
    size: int
    truncated: bool
    code: int | None = None
    """Of a close frame whose keys have it."""
    reason: str = ""
    encoding: str = ""
    """The decoders that made the body; wsmon writes what they made."""


@dataclass(slots=True)
class HarEntry:
    """What an archive says of a session, and what of it cannot be read."""

    number: int
    url: str = ""
    name: str = ""
    start_ns: int = 0
    total_ms: float = 0.0
    status: int | None = None
    request_headers: list[tuple[str, str]] = field(default_factory=list)
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    address: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds, those that are known."""
    session_id: str = ""
    trace_id: str = ""
    frames: list[HarFrame] = field(default_factory=list)
    """Messages, pings and pongs, by time."""
    error_type: str = ""
    error: str = ""
    error_ns: int = 0
    """Time of the error, in archives that tell it."""
    is_closed: bool = False
    close_code: int | None = None
    close_by: CloseBy = ""
    close_reason: str = ""
    close_ns: int = 0
    """Time of the close frame, in archives that tell it."""
    remarks: list[str] = field(default_factory=list)
    """What is missing in the entry as a whole."""
    notes: Counter[tuple[str, int]] = field(default_factory=Counter)
    """What is wrong with messages, and what each costs (1 message or nothing) -> how many."""

    @property
    def is_open(self) -> bool:
        """Whether the upgrade succeeded."""
        return self.status == _SWITCHING or bool(self.frames) or (self.is_closed and self.close_code is not None)

    @property
    def place(self) -> str:
        """The URL without its query, in which a token may change with each session."""
        return re.split(r"[?#]", self.url, maxsplit=1)[0]

    @property
    def end_ns(self) -> int:
        """The latest time that the entry tells."""
        last_ns = self.frames[-1].ts_ns if self.frames else 0
        return max(self.start_ns + round(self.total_ms * MS_NS), last_ns, self.close_ns, self.error_ns)

    def faults(self) -> Iterator[Fault]:
        """Iterate over what could not be read."""
        for remark in self.remarks:
            yield Fault(self.number, remark, "entry", 0)
        for (problem, cost), count in self.notes.items():
            noun = "message" if count == 1 else "messages"
            yield Fault(self.number, f"{count:,} {noun}: {problem}", "message", cost * count)


def read_entry(raw: object, number: int, creator: str, before_ns: int) -> HarEntry | None:
    """Read an entry; ``None`` where it is no WebSocket. Raises ``ValueError`` where it cannot be read at all.

    ``before_ns`` is the time of the entry before, for one that does not tell its own; 0 = not known.
    """
    if not isinstance(raw, dict):
        raise ValueError(f"the entry must be an object (got {shown(raw)})")
    request, response = _table(raw, "request"), _table(raw, "response")
    url = _text(request, "url")
    frames = raw.get("_webSocketMessages")
    try:
        parts = split_url(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        if _is_socket("", raw):
            raise ValueError(f"`url` must be a valid URL (got {shown(url)}): {error}") from error
        return None
    if not _is_socket(parts.scheme, raw):
        if not url:
            raise ValueError("`url` is missing")
        return None
    entry = HarEntry(number, _socket_url(url, parts.scheme))
    is_of_wsmon = creator == "wsmon"
    name = _text(raw, "_connection") if is_of_wsmon else ""
    entry.name = connection_name(name or parts.hostname or "", "websocket")
    _read_frames(entry, frames)
    _read_start(entry, raw, before_ns)
    entry.frames.sort(key=lambda frame: frame.ts_ns)
    if creator == _CHROME and entry.frames:
        # Chrome counts the time until the last message as waiting for the response
        entry.timings.pop("wait", None)
    status = response.get("status")
    if isinstance(status, int) and _FIRST_STATUS <= status <= _LAST_STATUS:
        entry.status = status
    entry.request_headers, entry.response_headers = _headers(request), _headers(response)
    entry.body = _text(_table(response, "content"), "text")
    entry.address = _address(_text(raw, "serverIPAddress"))
    if is_of_wsmon:
        entry.session_id = found[0] if (found := _SESSION_ID.fullmatch(_text(raw, "_connectionId"))) else ""
        entry.trace_id = _text(raw, "_traceId")
    _read_error(entry, response, is_of_wsmon)
    _read_close(entry, raw)
    if entry.is_open and not isinstance(frames, list):
        entry.remarks.append("the file contains no messages of this connection")
    return entry


def _is_socket(scheme: str, raw: Mapping[str, object]) -> bool:
    """Whether an entry is a WebSocket, or an attempt; proxies write the URL of its upgrade, which is one of HTTP."""
    if scheme in ("ws", "wss") or isinstance(raw.get("_webSocketMessages"), list):
        return True
    if raw.get("_resourceType") == "websocket":
        return True
    return ("upgrade", "websocket") in {
        (name.lower(), value.lower()) for name, value in _headers(_table(raw, "request"))
    }


def _socket_url(url: str, scheme: str) -> str:
    """The URL with the scheme of a WebSocket; masks of wsmon were escaped."""
    return (_SCHEMES.get(scheme, scheme) + url[len(scheme) :]).replace(quote(MASK), MASK)


def start_ns(raw: object) -> int:
    """Return when an entry began; 0 = it does not tell."""
    try:
        return wall_ns(raw.get("startedDateTime"), "`startedDateTime`") if isinstance(raw, dict) else 0
    except ValueError:
        return 0


def _read_start(entry: HarEntry, raw: Mapping[str, object], before_ns: int) -> None:
    """Read when the dial began: that is never after the first message."""
    first_ns = min((frame.ts_ns for frame in entry.frames), default=0)
    try:
        entry.start_ns = wall_ns(raw.get("startedDateTime"), "`startedDateTime`")
    except ValueError as error:
        # Chrome writes 1969-12-31T23:59:59 where the connection was refused, and times since the start of the machine
        entry.start_ns = first_ns or before_ns
        if not entry.start_ns:
            raise ValueError(str(error)) from error
        place = "its first message" if first_ns else "the previous entry"
        entry.remarks.append(f"{error}; placed at the time of {place}")
        return
    if first_ns:
        entry.start_ns = min(entry.start_ns, first_ns)
    _read_durations(entry, raw)


def _read_durations(entry: HarEntry, raw: Mapping[str, object]) -> None:
    entry.total_ms = _milliseconds(raw.get("time")) or 0.0
    timings = _table(raw, "timings")
    entry.timings = {key: value for key in _PHASES if (value := _milliseconds(timings.get(key))) is not None}


def _read_frames(entry: HarEntry, frames: object) -> None:
    if not isinstance(frames, list):
        return
    for raw in frames:
        try:
            if not isinstance(raw, dict):
                raise ValueError(f"the message must be an object (got {shown(raw)})")
            if raw.get("opcode") == _ERROR_OPCODE or raw.get("type") == "error":
                _read_error_frame(entry, raw)
                continue
            frame = _frame(entry, raw)
        except ValueError as error:
            entry.notes[str(error), 1] += 1
            continue
        if frame.opcode == "close":
            _read_close_frame(entry, frame)
        else:
            entry.frames.append(frame)


def _frame(entry: HarEntry, raw: Mapping[str, object]) -> HarFrame:
    """Read a frame; raises ``ValueError`` where it cannot be."""
    kind, opcode, data = raw.get("type"), raw.get("opcode"), raw.get("data")
    direction = _DIRECTIONS.get(kind.lower()) if isinstance(kind, str) else None
    if direction is None:
        raise ValueError(f"`type` must be send or receive (got {shown(kind)})")
    if opcode is None:
        entry.notes["`opcode` is missing, text was assumed", 0] += 1
        opcode = 1
    name = _OPCODES.get(opcode) if isinstance(opcode, int) and not isinstance(opcode, bool) else None
    if name is None:
        raise ValueError(f"`opcode` must be 1, 2, 8, 9 or 10 (got {shown(opcode)})")
    ts_ns = _frame_ns(entry, raw.get("time"))
    body: bytes | None = None
    if isinstance(data, str):
        body = _text_bytes(entry, data) if name == "text" else _bytes(entry, data)
    elif data is not None:
        raise ValueError(f"`data` must be a string (got {shown(data)})")
    elif name != "close":
        entry.notes["`data` is missing, so the content is unknown", 0] += 1
    size = raw.get("_size")
    is_sized = isinstance(size, int) and 0 <= size <= _LARGEST_SIZE
    code, reason = raw.get("code"), raw.get("reason")
    # Of wsmon: what a decoder made of a message, as text
    encoding = raw.get("_encoding")
    encoding = encoding if isinstance(encoding, str) and name == "text" else ""
    if encoding and raw.get("_opcode") == _BINARY_OPCODE:
        name = "binary"
    return HarFrame(
        ts_ns, direction, name, body,
        cast(int, size) if is_sized else len(body or b""),
        raw.get("_truncated") is True or (body is None and name in ("text", "binary")),
        _close_code(code), _whole(reason) if isinstance(reason, str) else "", _whole(encoding),
    )  # fmt: skip


def _frame_ns(entry: HarEntry, time: object) -> int:
    """The time of a frame: its own; where the file has none, that of the frame before."""
    if time is None and entry.frames:
        entry.notes["`time` is missing, placed right after the previous message", 0] += 1
        return entry.frames[-1].ts_ns
    ts_ns = wall_ns(time, "`time`")
    return round(ts_ns / _EXACT_NS) * _EXACT_NS if isinstance(time, Decimal | float) else ts_ns


def _text_bytes(entry: HarEntry, text: str) -> bytes:
    """A text as UTF-8; half a character, where an exporter cut the text, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        entry.notes["half a character (a lone surrogate), replaced by �", 0] += 1
        return _whole(text).encode()


def _bytes(entry: HarEntry, data: str) -> bytes:
    """The bytes of base64, which Chrome writes for everything but text; other text as it is."""
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return _text_bytes(entry, data)


def _read_error_frame(entry: HarEntry, raw: Mapping[str, object]) -> None:
    """Chrome: the reason why the browser failed the connection, at its time."""
    _take_error(entry, _text(raw, "data") or "an error without a text")
    try:
        entry.error_ns = wall_ns(raw.get("time"))
    except ValueError:
        entry.error_ns = 0


def _read_close_frame(entry: HarEntry, frame: HarFrame) -> None:
    """Code and reason of a close frame; of two, the first one says who began."""
    if entry.is_closed:
        return
    body = frame.body or b""
    entry.is_closed = True
    entry.close_by = "peer" if frame.direction == "in" else "us"
    entry.close_code, entry.close_reason, entry.close_ns = frame.code, frame.reason, frame.ts_ns
    if entry.close_code is None and len(body) >= _CODE_BYTES:
        entry.close_code = int.from_bytes(body[:_CODE_BYTES], "big")
        entry.close_reason = entry.close_reason or body[_CODE_BYTES:].decode("utf-8", "replace")


def _read_error(entry: HarEntry, response: Mapping[str, object], is_of_wsmon: bool) -> None:
    """Read why the connection failed: Chrome's ``_error``, Playwright's ``_failureText``."""
    text = _text(response, "_error") or _text(response, "_failureText")
    if is_of_wsmon and (found := _TYPED_ERROR.fullmatch(text)):
        entry.error_type, entry.error = found[1], found[2] or ""
    elif text and not entry.error:
        _take_error(entry, text)


def _take_error(entry: HarEntry, text: str) -> None:
    entry.error = text
    named = _NET_ERROR.search(text)
    if named is not None:
        for prefix, kind, by in _NET_ERRORS:
            if named[1].startswith(prefix):
                entry.error_type, entry.close_by = kind, by
                return
    if answered := _RESPONSE_CODE.search(text):
        entry.error_type, entry.close_by = "http_status", "refusal"
        if entry.status is None and _FIRST_STATUS <= int(answered[1]) <= _LAST_STATUS:
            entry.status = int(answered[1])
        return
    entry.error_type = "browser"


def _read_close(entry: HarEntry, raw: Mapping[str, object]) -> None:
    """Read how the session ended: HTTP Toolkit's ``_webSocketClose``, and what wsmon writes."""
    close = raw.get("_webSocketClose")
    if isinstance(close, dict):
        code = close.get("code")
        if entry.close_code is None:
            entry.close_code = _close_code(code)
            entry.close_reason = _text(close, "reason")
        entry.is_closed = True
        try:
            # Some versions count from the start of the program
            entry.close_ns = entry.close_ns or wall_ns(close.get("timestamp"))
        except ValueError:
            entry.close_ns = 0
    elif close == "aborted" and not entry.is_closed:
        entry.is_closed, entry.close_by = True, "network"
        entry.error = entry.error or "aborted: the file has no close frame"
    by = raw.get("_closeBy")
    if by in _CLOSERS:
        code = raw.get("_closeCode")
        entry.is_closed, entry.close_by = True, by
        entry.close_code = _close_code(code)
        entry.close_reason = _text(raw, "_closeReason")


def _close_code(code: object) -> int | None:
    """A close code; ``None`` where it is none, which two bytes would hold."""
    is_code = isinstance(code, int) and not isinstance(code, bool) and 0 <= code <= MAX_CLOSE_CODE
    return cast(int, code) if is_code else None


def _table(raw: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = raw.get(key)
    return found if isinstance(found, dict) else {}


def _text(raw: Mapping[str, object], key: str) -> str:
    found = raw.get(key)
    return _whole(found) if isinstance(found, str) else ""


def _whole(text: str) -> str:
    """The text without lone surrogates, which no store can keep."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _milliseconds(value: object) -> float | None:
    """A duration; ``None`` where it is not known, which the standard writes as -1."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value) if 0 <= value <= _LONGEST_MS else None


def _headers(message: Mapping[str, object]) -> list[tuple[str, str]]:
    found = message.get("headers")
    pairs = found if isinstance(found, list) else []
    return [(_text(one, "name"), _text(one, "value")) for one in pairs if isinstance(one, dict) and one.get("name")]


def _address(text: str) -> str:
    """An IP address; Chrome leaves it empty or puts brackets around it."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""
