"""The fields of an event with their names and units, in one order whatever the event. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

from wsmon.model import units as fmt
from wsmon.model.events import Event, Json
from wsmon.model.sanitize import sanitize
from wsmon.model.statuses import LABELS, OPEN, Status
from wsmon.model.units import MINUTE_NS, SECOND_NS
from wsmon.model.verdict import code_meaning, why
from wsmon.tui.event_text import describe, error_words, number
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.json_view import UNFOLDED, Folding, JsonNode
from wsmon.tui.related import NO_PRIOR_EVENTS, PriorEvents, evidence_of
from wsmon.tui.text import Line, Role, clip, left, wrap

TENTH_MS_NS = 100_000
LONG_NS = 10 * SECOND_NS
# Characters of the last message: enough for a warning; w shows the whole
SAID_LIMIT = 160
WHO = {
    "peer": "the peer",
    "us": "us",
    "heartbeat": "our heartbeat: no pong came in time",
    "network": "the network: no close frame came",
    "proxy": "the proxy",
    "refusal": "the server: it refused the upgrade",
}
# What has a place of its own; the rest of the metadata is listed as it is
SHOWN_META = frozenset(
    {
        "attempt", "attempts", "delay_ms", "next_attempt_ns", "received", "sent", "first", "last_in_ms", "last_out_ms",
        "open", "paused_ms", "fragments", "body", "url", "proxy", "peer", "local", "tls", "dns_ms", "tcp_ms", "tls_ms",
        "upgrade_ms", "subprotocol", "extensions", "redirects", "request_headers", "response_headers", "evidence",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DetailField:
    """A name of ours, and a value that may be foreign."""

    label: str
    value: str
    role: Role = "text"
    term: str = ""
    """Of a query for events with this value; empty where none can ask for it."""


def outcome_fields(event: Event) -> Iterator[DetailField]:
    """How it ended, how long it took, what is next."""
    meta = event.meta or {}
    if event.close_by:
        yield DetailField("Closed by", WHO[event.close_by], term=f"by:{event.close_by}")
    if event.close_code is not None:
        said = f"{event.close_code} {code_meaning(event.close_code)}".rstrip()
        yield DetailField("Code", said, "strong", f"code:{event.close_code}")
    if event.reason:
        said = f"“{event.reason}”" if event.close_by else event.reason
        yield DetailField("Reason", said, term=_equals("reason", event.reason))
    for key, label in (("received", "Received"), ("sent", "Sent")):
        frame = meta.get(key)
        if isinstance(frame, dict) and frame.get("code") is not None:
            first = ", first" if meta.get("first") == key else ""
            yield DetailField(label, f"close {frame['code']}{first}")
    if event.status is not None:
        label = "HTTP status" if isinstance(event.status, int) else "Result"
        yield DetailField(label, str(event.status), term=_equals("status", str(event.status)))
    if event.error_type:
        said = f"{error_words(event.error_type)} ({event.error_type})"
        yield DetailField("Error", said, "problem", _equals("error_type", event.error_type))
    if event.error:
        yield DetailField("Message", event.error, term=_equals("error", event.error))
    if event.duration_ns is not None:
        yield DetailField(_duration_label(event), _duration(event.duration_ns))
    yield from _attempt_fields(event)
    if evidence := evidence_of(event):
        yield DetailField("Evidence", f"{' '.join(f'#{each:,}' for each in evidence)} (w goes there)")
    if event.from_status or event.to_status:
        ends = (("from", event.from_status), ("to", event.to_status))
        term = " ".join(f"{name}:{status}" for name, status in ends if status)
        yield DetailField("Status", f"{_status(event.from_status)} → {_status(event.to_status)}", term=f"({term})")


def before_fields(event: Event, before: PriorEvents) -> Iterator[DetailField]:
    """The last message before an end, and of an attempt that failed the loss before it."""
    if (loss := before.loss) is not None:
        yield DetailField("Began with", f"{why(loss)} · #{loss.id:,}, {_ago(event, loss)}")
    if (message := before.message) is not None:
        said = describe(message)
        where = f"#{message.id:,}, {_ago(event, message)} (w goes there)"
        text = said.text if len(said.text) <= SAID_LIMIT else f"{said.text[:SAID_LIMIT]}…"
        yield DetailField("Last said", f"{said.what} {where}: {text}")


def _ago(event: Event, earlier: Event) -> str:
    """How long before it; by the clock that never steps, where both are of one run."""
    is_one_run = event.source.run == earlier.source.run
    passed_ns = event.mono_ns - earlier.mono_ns if is_one_run else event.ts_ns - earlier.ts_ns
    return f"{fmt.duration(max(0, passed_ns))} before"


def message_fields(event: Event) -> Iterator[DetailField]:
    """What was sent or received, and what became of it on its way here."""
    if event.direction:
        opcode = f"{event.opcode}, " if event.opcode else ""
        said = opcode + ("received" if event.direction == "in" else "sent")
        yield DetailField("Message", said, term=f"dir:{event.direction}")
    for label, value in (("Type", event.type), ("Topic", event.topic), ("Ref", event.ref)):
        if value:
            yield DetailField(label, value, term=_equals(label.lower(), value))
    if event.size is not None:
        exact = f" ({event.size:,} bytes)" if event.size >= fmt.KIB else ""
        wire = f", {fmt.size(event.wire_size)} on the wire" if event.wire_size is not None else ""
        yield DetailField("Size", f"{fmt.size(event.size)}{exact}{wire}", term=f"size:{event.size}")
    fragments = number(event, "fragments")
    if fragments is not None:
        yield DetailField("Fragments", f"{fragments:.0f}, joined")
    if event.truncated:
        kept = fmt.size(len(event.payload or b""))
        yield DetailField("Truncated", f"the first {kept} are kept (capture.payload_limit)", "caution", "is:truncated")
    if event.redacted:
        yield DetailField("Redacted", "credentials were masked before anything was stored", "caution", "is:redacted")


def handshake_fields(event: Event) -> Iterator[DetailField]:
    """Where the connection went, and how long each step of the way took."""
    meta = event.meta or {}
    for key, label in (("dns_ms", "DNS"), ("tcp_ms", "TCP"), ("tls_ms", "TLS"), ("upgrade_ms", "Upgrade")):
        took_ms = number(event, key)
        if took_ms is not None:
            yield DetailField(label, fmt.milliseconds(took_ms))
    for label, key in (("URL", "url"), ("Peer", "peer"), ("Local", "local"), ("Proxy", "proxy")):
        if meta.get(key):
            yield DetailField(label, words(meta[key]))
    if meta.get("subprotocol"):
        yield DetailField("Subprotocol", words(meta["subprotocol"]))
    if meta.get("extensions"):
        yield DetailField("Extensions", words(meta["extensions"]))
    if meta.get("redirects"):
        yield DetailField("Redirects", words(meta["redirects"]))
    tls = meta.get("tls")
    if isinstance(tls, dict):
        for key, value in tls.items():
            yield DetailField(f"TLS {key.replace('_', ' ')}", words(value))


def identity_fields(event: Event, zone: tzinfo | None) -> Iterator[DetailField]:
    """Which event it is, for whoever wants to find it again."""
    source = event.source
    yield DetailField("Time", full_time(event.ts_ns, zone))
    yield DetailField("Event", f"{event.id} {event.name}", term=f"name:{event.name}")
    for label, value in (
        ("Connection", source.connection),
        ("Group", source.group),
        ("Session", source.connection_id),
        ("Trace", source.trace_id),
        ("Span", event.span_id),
        ("Parent", event.parent_id),
    ):
        if value:
            yield DetailField(label, value, term=_equals(label.lower(), value))
    if source.run:
        yield DetailField("Run", str(source.run), term=f"run:{source.run}")


def other_fields(event: Event) -> Iterator[DetailField]:
    """Metadata that no other part shows."""
    for key, value in (event.meta or {}).items():
        if key not in SHOWN_META:
            yield DetailField(key.replace("_", " "), words(value))


def headers(event: Event, key: str) -> Iterator[tuple[str, str]]:
    """Names and values of the headers that a request or response had."""
    pairs = (event.meta or {}).get(key)
    for pair in pairs if isinstance(pairs, list | tuple) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2:
            yield words(pair[0]), words(pair[1])


def full_time(ts_ns: int, zone: tzinfo | None) -> str:
    """``2026-01-10 14:02:24.118000 UTC``."""
    at = datetime.fromtimestamp(ts_ns // SECOND_NS, zone)
    at = at if at.tzinfo is not None else at.astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts_ns % SECOND_NS // 1000:06d} {at:%Z}"


def words(value: Json) -> str:
    """A value of the metadata in words."""
    match value:
        case None:
            return fmt.NONE
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(words(each) for each in value) or fmt.NONE
        case dict():
            return ", ".join(f"{key} {words(each)}" for key, each in value.items())
    return str(value)


def _equals(name: str, value: str) -> str:
    """The term for a field that is exactly this text."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def _attempt_fields(event: Event) -> Iterator[DetailField]:
    attempt, attempts = number(event, "attempt"), number(event, "attempts")
    if attempt is not None and (attempt > 1 or event.from_status != OPEN):
        yield DetailField("Attempt", f"{attempt:.0f}")
    if attempts is not None:
        yield DetailField("Attempts", f"{attempts:.0f}")
    delay_ms = number(event, "delay_ms")
    if delay_ms is not None:
        yield DetailField("Next", f"in {fmt.duration(round(delay_ms * 1e6))}")
    for key, label in (("last_in_ms", "Last in"), ("last_out_ms", "Last out")):
        age_ms = number(event, key)
        if age_ms is not None:
            yield DetailField(label, f"a frame {fmt.milliseconds(age_ms)} before")
    paused_ms = number(event, "paused_ms")
    if paused_ms is not None:
        yield DetailField("Paused", fmt.milliseconds(paused_ms))


def _duration(nanoseconds: int) -> str:
    """Milliseconds matter in handshakes; of a long session, whole seconds do."""
    if nanoseconds < TENTH_MS_NS:
        return f"{nanoseconds / 1_000:.1f} µs"
    if nanoseconds < LONG_NS:
        return fmt.milliseconds(nanoseconds / 1e6)
    exact = f" ({nanoseconds // SECOND_NS:,} s)" if nanoseconds >= MINUTE_NS else ""
    return f"{fmt.duration(nanoseconds)}{exact}"


def _duration_label(event: Event) -> str:
    if event.from_status == OPEN:
        return "Open for"
    if event.opcode in ("text", "binary"):
        return "Read in"
    return "RTT" if event.category == "heartbeat" else "Took"


def _status(status: Status | None) -> str:
    return LABELS[status] if status else fmt.NONE


# What the parts of the detail share: lines that know what they are about, and how they are written. Pure.

# Characters of one field: a reason has 123 bytes at most, an error body 4 KiB
VALUE_LIMIT = 4096
LABEL_WIDTH = 12
_IN_ASCII = str.maketrans({"“": '"', "”": '"', "→": "->", "–": "-", "×": "x"})

PayloadForm = Literal["decoded", "text", "hex"]
# Of the payload
FORMS: tuple[PayloadForm, ...] = ("decoded", "text", "hex")


class DetailRow(NamedTuple):
    """A line, and what it is about: a JSON value, or a field of the event."""

    line: Line
    node: JsonNode | None = None
    field: DetailField | None = None


@dataclass(frozen=True, slots=True)
class DetailLayout:
    """How lines are written."""

    width: int
    zone: tzinfo | None
    """None = local time."""
    glyphs: Glyphs
    form: PayloadForm = "decoded"
    folding: Folding = UNFOLDED
    """Of JSON."""
    before: PriorEvents = NO_PRIOR_EVENTS
    """What came before the event."""

    def clean(self, text: str, limit: int = VALUE_LIMIT) -> str:
        """Foreign text, safe and on one line; our own quotes and arrows in ASCII where that is asked for."""
        if self.glyphs.is_ascii:
            text = text[: limit + 1].translate(_IN_ASCII)
        return sanitize(text, limit, ascii_only=self.glyphs.is_ascii)

    def note(self, text: str) -> Iterator[DetailRow]:
        """A remark of ours."""
        return (DetailRow(((line, "caution"),)) for line in wrap(text, self.width))


def field_rows(fields: Iterable[DetailField], page: DetailLayout) -> Iterator[DetailRow]:
    """Labels in a column of their own; long values go on under themselves."""
    label_width = min(LABEL_WIDTH, page.width // 3)
    for field in fields:
        label = left(page.clean(field.label), label_width - 1, page.glyphs.cut) + " "
        for line in wrap(page.clean(field.value), page.width - label_width):
            yield DetailRow(((label, "dim"), (line, field.role)), field=field)
            label = " " * label_width


def heading(title: str, page: DetailLayout) -> Iterator[DetailRow]:
    """An empty line, and a title."""
    yield DetailRow(())
    yield DetailRow(((clip(title, page.width, page.glyphs.cut), "key-name"),))
