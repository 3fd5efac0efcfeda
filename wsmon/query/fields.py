"""The fields of the search language: parser, predicate, SQL, completion and help read this one table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import msgspec

from wsmon.errors import QueryError
from wsmon.model.events import EVENT_NAMES, CloseBy, Event, Verdict, split_connection
from wsmon.model.incident_kinds import INCIDENT_KINDS
from wsmon.model.statuses import STATUSES, is_allowed
from wsmon.query.ast import FieldName

# prose: ":" looks for a part of the text; status: a number or a word; flag: one of several facts
Kind = Literal["text", "prose", "choice", "id", "number", "size", "duration", "time", "status", "flag"]

Operator = Literal[":", "=", "!=", "~", "!~", ">", ">=", "<", "<="]
OPERATORS: tuple[Operator, ...] = get_args(Operator)

_OF_TEXT: tuple[Operator, ...] = (":", "=", "!=", "~", "!~")
_OF_NUMBERS: tuple[Operator, ...] = (":", "=", "!=", ">", ">=", "<", "<=")
# The operators that fields of each kind accept
TAKES: Mapping[Kind, tuple[Operator, ...]] = MappingProxyType(
    {
        "text": _OF_TEXT,
        "prose": _OF_TEXT,
        "choice": _OF_TEXT,
        "id": _OF_NUMBERS,
        "number": _OF_NUMBERS,
        "size": _OF_NUMBERS,
        "duration": _OF_NUMBERS,
        "time": _OF_NUMBERS,
        "status": OPERATORS,
        "flag": (":", "=", "!="),
    }
)

# None and the empty text: the event has no value for the field
Value = str | int | float | None

CATEGORIES = tuple(dict.fromkeys(name.partition(".")[0] for name in EVENT_NAMES))
# The screen calls the status websocket_connected "open"
OPEN_ALIAS = {"open": "websocket_connected"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the search language: names, kind, how it is read from an event, and its line in the help."""

    name: FieldName
    aliases: tuple[str, ...]
    kind: Kind
    read: Callable[[Event], Value]
    meaning: str
    example: str
    choices: tuple[str, ...] = ()
    """All values there are; empty = any text."""
    is_of_notes: bool = False
    """Whether it is in the notes and not in the event: ``query/notes.py`` resolves it before the search."""


def _meta_number(key: str) -> Callable[[Event], Value]:
    def read(event: Event) -> Value:
        value = event.meta.get(key) if event.meta else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        # SQLite reads greater integers of JSON as REAL
        return value if abs(value) < 2**63 else float(value)

    return read


def _meta_text(event: Event) -> str:
    return "" if event.meta is None else msgspec.json.encode(event.meta, enc_hook=dict).decode()


def _url(event: Event) -> str:
    value = event.meta.get("url") if event.meta else None
    return value if isinstance(value, str) else ""


def verdict_text(verdict: Verdict | None) -> str:
    """Return the parts of a verdict as one text to search in; empty where there is no verdict."""
    return "" if verdict is None else f"{verdict.by} {verdict.code} {verdict.cause} {verdict.next}"


def notes_missing(name: FieldName) -> QueryError:
    """Return the error for a term on notes where no notes are available."""
    what = f"{name}: needs the notes of a recording, which are not available here"
    return QueryError(f"{name}:", 0, what, "use it in the log, search or export")


def _of_notes(name: FieldName) -> Callable[[Event], Value]:
    def read(_event: Event) -> Value:
        raise notes_missing(name)

    return read


def _payload(event: Event) -> str:
    return "" if event.payload is None else event.payload.decode("utf-8", "surrogateescape")


# Error types of operations that got no answer
UNANSWERED = ("timeout", "heartbeat_timeout")
FLAGS: Mapping[str, Callable[[Event], bool]] = MappingProxyType(
    {
        "redacted": lambda event: event.redacted,
        "truncated": lambda event: event.truncated,
        "illegal": lambda event: bool(
            event.from_status and event.to_status and not is_allowed(event.from_status, event.to_status)
        ),
        "problem": lambda event: event.is_problem,
        "unanswered": lambda event: event.error_type in UNANSWERED,
    }
)
# Flag -> kind of the incidents that it stands for
INCIDENT_FLAGS: Mapping[str, str] = MappingProxyType(
    {kind.query_flag: kind.name for kind in INCIDENT_KINDS if kind.query_flag}
)
# Every value of ``is:`` -> its meaning, for help and manual page
FLAG_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "problem": "errors, disconnects and incidents; not a connection closed as wanted",
        "redacted": "credentials were redacted",
        "truncated": "payload truncated before it was stored",
        "illegal": "invalid connection state change",
        "unanswered": "request or ping not answered in time",
        "gap": "incident: missing sequence numbers",
        "dup": "incident: duplicate messages",
        "stall": "incident: open connection with no data within the expected interval",
        "storm": "incident: too many connection attempts",
        "slow": "incident: slow responses or pongs",
    }
)

_ROWS = (
    Field("connection", ("conn",), "text", lambda e: e.source.connection, "name of the connection", "conn:binance-*"),
    Field(
        "recording",
        (),
        "text",
        lambda e: e.source.recording,
        "name of the recording, where several are open",
        "recording:eu-*",
    ),
    Field("group", (), "text", lambda e: e.source.group, "connection group", "group:exchanges"),
    Field(
        "session",
        ("connection_id",),
        "text",
        lambda e: e.source.connection_id,
        "session ID (one WebSocket session)",
        "session:9f0c2d1e8b7a6543",
    ),
    Field("run", (), "number", lambda e: e.source.run, "recorder run", "run:3"),
    Field(
        "trace", ("trace_id",), "text", lambda e: e.source.trace_id, "trace ID (supplied or generated)", "trace:4bf9*"
    ),
    Field("span", ("span_id",), "text", lambda e: e.span_id, "span ID, 16 hex digits", "span:00f067aa0ba902b7"),
    Field("parent", ("parent_id",), "text", lambda e: e.parent_id, "parent span ID", "parent:00f067aa0ba902b7"),
    Field("id", (), "id", lambda e: e.id, "event ID", "id:10..20"),
    Field("name", ("event",), "choice", lambda e: e.name, "event name", "name:connection.*", EVENT_NAMES),
    Field(
        "kind",
        ("category",),
        "choice",
        lambda e: e.category,
        "first part of the event name",
        "kind:message",
        CATEGORIES,
    ),
    Field("status", ("outcome",), "status", lambda e: e.status, "HTTP status or outcome", "status>=400"),
    Field(
        "from", ("from_status",), "choice", lambda e: e.from_status, "previous connection state", "from:open", STATUSES
    ),
    Field(
        "to",
        ("to_status", "state"),
        "choice",
        lambda e: e.to_status,
        "new connection state",
        "state:open->disconnected",
        STATUSES,
    ),
    Field("code", ("close_code",), "number", lambda e: e.close_code, "close code", "code:1006"),
    Field(
        "by",
        ("close_by",),
        "choice",
        lambda e: e.close_by,
        "closing side: peer, us (wsmon), application, …",
        "by:peer",
        tuple(filter(None, get_args(CloseBy))),
    ),
    Field(
        "verdict",
        (),
        "prose",
        lambda e: verdict_text(e.verdict),
        "diagnosed cause and suggested action",
        'verdict:"rate limit"',
    ),
    Field("reason", (), "prose", lambda e: e.reason, "close reason", 'reason:"rate limit"'),
    Field(
        "direction", ("dir",), "choice", lambda e: e.direction, "message direction: in or out", "dir:in", ("in", "out")
    ),
    Field(
        "opcode",
        ("op",),
        "choice",
        lambda e: e.opcode,
        "frame type",
        "-op:ping,pong",
        ("text", "binary", "ping", "pong", "close"),
    ),
    Field("type", (), "text", lambda e: e.type, "message type", "type:trade"),
    Field("topic", ("channel",), "text", lambda e: e.topic, "topic", "topic:room:*"),
    Field("ref", (), "text", lambda e: e.ref, "correlation (request) ID", "ref:42"),
    Field("size", (), "size", lambda e: e.size, "message size in bytes", "size>10kb"),
    Field("wire", ("wire_size",), "size", lambda e: e.wire_size, "size on the wire in bytes", "wire>=1mib"),
    Field(
        "duration",
        ("lat",),
        "duration",
        lambda e: e.duration_ns,
        "response time, ping RTT or handshake time",
        "lat>250ms",
    ),
    Field(
        "latency",
        ("latency_ms",),
        "number",
        _meta_number("latency_ms"),
        "feed latency in ms, sender's timestamp to receipt (for response time, use lat)",
        "latency>100",
    ),
    Field("seq", (), "number", _meta_number("seq"), "sequence number", "seq:100..200"),
    Field("gap", (), "number", _meta_number("missing"), "number of missing messages", "gap>=1"),
    Field("text", ("payload",), "prose", _payload, "payload text", 'text:"order rejected"'),
    Field("error_type", ("errtype",), "text", lambda e: e.error_type, "error type", "error_type:tls*"),
    Field("error", ("err",), "prose", lambda e: e.error, "error message", "err:certificate"),
    Field("meta", (), "prose", _meta_text, "other attributes, as JSON", "meta:nginx"),
    Field("url", (), "prose", _url, "URL", "url:staging"),
    Field(
        "is",
        (),
        "flag",
        lambda _e: None,
        "see Search flags",
        "is:problem",
        (*FLAGS, *INCIDENT_FLAGS),
    ),
    Field(
        "mark",
        ("marked",),
        "time",
        _of_notes("mark"),
        "time the event was marked (mark:* = any marked event)",
        "mark:*",
        is_of_notes=True,
    ),
    Field("note", (), "prose", _of_notes("note"), "note text", "note:asked", is_of_notes=True),
    Field("tag", (), "text", _of_notes("tag"), "#tag in the note", "tag:vendor", is_of_notes=True),
    Field(
        "ts",
        ("time",),
        "time",
        lambda e: e.ts_ns,
        "event time; see also since: and until:",
        "ts:13:00..13:05",
    ),
)
FIELDS: Mapping[FieldName, Field] = MappingProxyType({field.name: field for field in _ROWS})

# The fields, beside the payload, that a bare word is searched in
WORD_PLACES: Mapping[str, Callable[[Event], str]] = MappingProxyType(
    {
        "connection": lambda event: split_connection(event.source.connection)[1],
        "name": lambda event: event.name,
        "type": lambda event: event.type,
        "topic": lambda event: event.topic,
        "reason": lambda event: event.reason,
        "error_type": lambda event: event.error_type,
        "error": lambda event: event.error,
    }
)

_BY_NAME: Mapping[str, Field] = MappingProxyType(
    {name: field for field in FIELDS.values() for name in (field.name, *field.aliases)}
)
SINCE, UNTIL = "since", "until"
# Every name that may stand before an operator
KNOWN_NAMES = (*_BY_NAME, SINCE, UNTIL)


def find(name: str) -> Field | None:
    """Return the field with this name or alias, case ignored; ``None`` where there is none."""
    return _BY_NAME.get(name.lower())


def nearest(name: str) -> str:
    """Return the known name that is most like an unknown one; empty where none is similar."""
    return next(iter(difflib.get_close_matches(name.lower(), KNOWN_NAMES, n=1)), "")


# The forms of the search language for the help page: (example, meaning)
GRAMMAR: tuple[tuple[str, str], ...] = (
    ("rate limit", "all words must match (in payload, reason, error or names)"),
    ('"rate limit"', "exact phrase"),
    ("a OR b   (a b) OR c", "a or b; terms without OR between them must all match"),
    ("-ping   NOT (a b)", "exclude"),
    (r"/seq\":\s*\d{7}/i", "regular expression; i: ignore case"),
    ("$.data.qty>=10", "JSON path in the payload"),
    ("field:value,other", "any of these; * and ? are wildcards"),
    ("field:*   field!=value", "has any value; has a value other than this"),
    ("field~text field~/regex/", "contains text; matches regex"),
    ("size>10kb   lat:10ms..1s", "units: b kb mb kib mib, us ms s m h d"),
    ("since:-15m   until:14:02", "time range; also accepts RFC 3339, today, yesterday"),
    ("state:open->disconnected", "a state change"),
)


def field_rows() -> tuple[tuple[str, str, str], ...]:
    """Return a row of the help for every field: its names, its meaning, an example."""
    return tuple((" ".join((field.name, *field.aliases)), field.meaning, field.example) for field in FIELDS.values())


def completion(text: str) -> str:
    """Return the query with its last word completed to a field name or a value; empty where nothing fits."""
    start = max(text.rfind(sign) for sign in " (-!,") + 1
    word = text[start:]
    name, colon, part = word.partition(":")
    if not colon:
        found = next((each for each in KNOWN_NAMES if word and each.startswith(word.lower())), "")
        return f"{text[:start]}{found}:" if found else ""
    field = find(name)
    if field is None or not part or ":" not in TAKES[field.kind]:
        return ""
    value = next((choice for choice in field.choices if choice.startswith(part.lower())), "")
    return f"{text[:start]}{name}:{value}" if value else ""
