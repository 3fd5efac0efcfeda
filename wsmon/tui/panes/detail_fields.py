"""Fields of an event with their labels and units, in the same order for every event, and their rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, NamedTuple

from wsmon.model import units as fmt
from wsmon.model.ends import code_meaning, leg_of, why
from wsmon.model.events import Event, Json
from wsmon.model.statuses import LABELS, OPEN, Status
from wsmon.model.units import MINUTE_NS, SECOND_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.event_text import describe, error_words, number
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.json_view import UNFOLDED, Folding, JsonNode
from wsmon.tui.related import NO_PRIOR_EVENTS, PriorEvents, evidence_of
from wsmon.tui.text import Line, Role, clip, left, wrap
from wsmon.tui.times import full_time

TENTH_MS_NS = 100_000
LONG_NS = 10 * SECOND_NS
# Characters of the last message before an end: enough for a warning; w shows all of it
LAST_MESSAGE_LIMIT = 160
WHO = {
    "peer": "peer",
    "us": "wsmon",
    "heartbeat": "wsmon: no pong in time",
    "network": "the network: no close frame",
    "proxy": "the proxy",
    "refusal": "the server: upgrade refused",
    "application": "the application",
}
# Metadata with a field of its own; the rest is listed as it is
SHOWN_META = frozenset(
    {
        "attempt", "attempts", "delay_ms", "next_attempt_ns", "received", "sent", "first", "last_in_ms", "last_out_ms",
        "open", "paused_ms", "fragments", "part", "parts", "partial", "joined_size", "masked", "body", "url", "proxy",
        "encoding", "continues", "raw_base64",
        "peer", "local", "tls", "dns_ms", "tcp_ms", "tls_ms", "upgrade_ms", "subprotocol", "extensions", "redirects",
        "request_headers", "response_headers", "evidence", "silent_ms",
    }
)  # fmt: skip


# What the metadata that is listed as it is means
META_LABELS = {"silence": "To mute"}
# Error types that are the format in which a message could not be read
PARSERS = frozenset(
    {"json", "jsonrpc", "mqtt", "nats", "stomp", "phoenix", "graphql-ws", "socketio", "nexus", "sockjs"}
)
PayloadForm = Literal["decoded", "text", "hex"]
FORMS: tuple[PayloadForm, ...] = ("decoded", "text", "hex")
# Characters of one field: a reason has 123 bytes at most, an error body 4 KiB
VALUE_LIMIT = 4096
LABEL_WIDTH = 13
_IN_ASCII = str.maketrans({"“": '"', "”": '"', "→": "->", "–": "-", "×": "x"})

# Cells of the names of decoders; a file that was imported may say anything
_ENCODING_LIMIT = 64


@dataclass(frozen=True, slots=True)
class DetailField:
    """A label, which is wsmon's, and a value, which may be foreign text."""

    label: str
    value: str
    role: Role = "text"
    term: str = ""
    """Term of a query for events with this value; empty where there is none."""


class DetailRow(NamedTuple):
    """A line, with the JSON value or the field of the event that it belongs to."""

    line: Line
    node: JsonNode | None = None
    field: DetailField | None = None


@dataclass(frozen=True, slots=True)
class DetailLayout:
    """Width, time zone, glyphs and forms in which the rows of an event are written."""

    width: int
    zone: tzinfo | None
    """None = local time."""
    glyphs: Glyphs
    form: PayloadForm = "decoded"
    folding: Folding = UNFOLDED
    """Which containers of JSON are folded."""
    before: PriorEvents = NO_PRIOR_EVENTS
    """Last message before the event, and the loss before a failed attempt."""
    by_now: str = ""
    """Of the event that opened an incident: what the incident, still open, has found by now; empty = no more."""

    def clean(self, text: str, limit: int = VALUE_LIMIT) -> str:
        """Return foreign text made safe, on one line; wsmon's quotes and arrows in ASCII where the glyphs are."""
        if self.glyphs.is_ascii:
            text = text[: limit + 1].translate(_IN_ASCII)
        return cell_text(text, limit, ascii_only=self.glyphs.is_ascii)

    def note(self, text: str) -> Iterator[DetailRow]:
        """Yield the rows of a remark of wsmon's."""
        return (DetailRow(((line, "caution"),)) for line in wrap(text, self.width))


def field_rows(fields: Iterable[DetailField], layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield the rows of fields: labels in one column, values in the next, where long ones are wrapped."""
    label_width = min(LABEL_WIDTH, layout.width // 3)
    for field in fields:
        label = left(layout.clean(field.label), label_width - 1, layout.glyphs.cut) + " "
        for line in wrap(layout.clean(field.value), layout.width - label_width):
            yield DetailRow(((label, "dim"), (line, field.role)), field=field)
            label = " " * label_width


def heading_rows(title: str, layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield an empty row, and a title."""
    yield DetailRow(())
    yield DetailRow(((clip(title, layout.width, layout.glyphs.cut), "key-name"),))


def outcome_fields(event: Event, by_now: str = "") -> Iterator[DetailField]:
    """Yield how it ended, what has been found by now, how long it took, and what is next."""
    meta = event.meta or {}
    if event.close_by:
        yield DetailField("Closed by", WHO[event.close_by], term=f"by:{event.close_by}")
    if event.close_code is not None:
        code = f"{event.close_code} {code_meaning(event.close_code)}".rstrip()
        yield DetailField("Code", code, "strong", f"code:{event.close_code}")
    if event.reason:
        reason = f"“{event.reason}”" if event.close_by else event.reason
        yield DetailField("Reason", reason, term=_equals("reason", event.reason))
    if by_now:
        yield DetailField("So far", by_now, "problem")
    received, sent = ("Server", "Application") if leg_of(event) else ("Received", "Sent")
    for key, label in (("received", received), ("sent", sent)):
        frame = meta.get(key)
        if isinstance(frame, dict) and frame.get("code") is not None:
            first = ", first" if meta.get("first") == key else ""
            yield DetailField(label, f"close {frame['code']}{first}")
    if event.status is not None:
        label = "HTTP status" if isinstance(event.status, int) else "Result"
        yield DetailField(label, str(event.status), term=_equals("status", str(event.status)))
    if event.error_type:
        yield DetailField("Error", _error(event.error_type), "problem", _equals("error_type", event.error_type))
    if event.error:
        label = "Parse error" if event.error_type in PARSERS else "Message"
        yield DetailField(label, event.error, term=_equals("error", event.error))
    if event.duration_ns is not None:
        yield DetailField(_duration_label(event), _duration(event.duration_ns))
    yield from _attempt_fields(event)
    if evidence := evidence_of(event):
        yield DetailField("Evidence", f"{' '.join(f'#{each:,}' for each in evidence)} (press w)")
    if event.from_status or event.to_status:
        ends = (("from", event.from_status), ("to", event.to_status))
        term = " ".join(f"{name}:{status}" for name, status in ends if status)
        yield DetailField("Status", f"{_status(event.from_status)} → {_status(event.to_status)}", term=f"({term})")


def before_fields(event: Event, before: PriorEvents) -> Iterator[DetailField]:
    """Yield the last message before an end, and of an attempt that failed the loss before it."""
    if (loss := before.loss) is not None:
        yield DetailField("Began with", f"{why(loss)} · #{loss.id:,}, {_ago(event, loss)}")
    if (message := before.message) is not None:
        described = describe(message)
        where = f"#{message.id:,}, {_ago(event, message)} {'the disconnect' if loss is not None else 'close'} (press w)"
        text = described.text
        if len(text) > LAST_MESSAGE_LIMIT:
            text = f"{text[:LAST_MESSAGE_LIMIT]}…"
        yield DetailField("Last message", f"{described.what} {where}: {text}")


def _ago(event: Event, earlier: Event) -> str:
    """Return how long before the event it was; by the monotonic clock where both are of one run."""
    is_one_run = event.is_on_clock_of(earlier)
    passed_ns = event.mono_ns - earlier.mono_ns if is_one_run else event.ts_ns - earlier.ts_ns
    return f"{_duration(max(0, passed_ns))} before"


def _parts(event: Event) -> Iterator[DetailField]:
    """Yield which message of its frame it is, and whether it goes on or began in another."""
    part, parts = number(event, "part"), number(event, "parts")
    if part is not None and parts is not None:
        yield DetailField("Part", f"{part:.0f} of {parts:.0f} in one frame")
    if (event.meta or {}).get("partial") is True:
        yield DetailField("Partial", "a piece of a message that spans frames")
    joined = number(event, "joined_size")
    if joined is not None:
        yield DetailField("Joined", f"{fmt.size(int(joined))}, begun in an earlier frame")


def message_fields(event: Event) -> Iterator[DetailField]:
    """Yield what was sent or received, and whether it was joined, cut or masked."""
    if event.direction:
        opcode = f"{event.opcode}, " if event.opcode else ""
        what = opcode + ("received" if event.direction == "in" else "sent")
        yield DetailField("Message", what, term=f"dir:{event.direction}")
    if event.encoding:
        continues = ", continues in a later message" if (event.meta or {}).get("continues") is True else ""
        kept = ", bytes received in meta.raw_base64" if "raw_base64" in (event.meta or {}) else ""
        yield DetailField("Decoded", f"from {cell_text(event.encoding, _ENCODING_LIMIT)}{continues}{kept}")
    for label, value in (("Type", event.type), ("Topic", event.topic), ("Ref", event.ref)):
        if value:
            yield DetailField(label, value, term=_equals(label.lower(), value))
    if event.size is not None:
        exact = f" ({event.size:,} bytes)" if event.size >= fmt.KIB else ""
        # Of a frame with several messages, the first one has its size on the wire
        is_first = (number(event, "part") or 1) == 1
        wire = f", {fmt.size(event.wire_size)} on the wire" if event.wire_size is not None and is_first else ""
        yield DetailField("Size", f"{fmt.size(event.size)}{exact}{wire}", term=f"size:{event.size}")
    yield from _parts(event)
    fragments = number(event, "fragments")
    if fragments is not None:
        yield DetailField("Fragments", f"{fragments:.0f}, joined")
    if event.truncated:
        kept = fmt.size(len(event.payload or b""))
        yield DetailField("Truncated", f"first {kept} stored (capture.payload_limit)", "caution", "is:truncated")
    if event.redacted:
        yield DetailField("Redacted", "credentials, before they were stored", "caution", "is:redacted")
    if (event.meta or {}).get("masked") == "budget":
        rest = "rest of the message, or all of it: scanning it for credentials took too long"
        yield DetailField("Redacted", rest, "caution")


def handshake_fields(event: Event) -> Iterator[DetailField]:
    """Yield how long each step of the handshake took, and the addresses of both ends."""
    meta = event.meta or {}
    for key, label in (("dns_ms", "DNS"), ("tcp_ms", "TCP"), ("tls_ms", "TLS"), ("upgrade_ms", "Upgrade")):
        took_ms = number(event, key)
        if took_ms is not None:
            yield DetailField(label, fmt.milliseconds(took_ms))
    for label, key in (("URL", "url"), ("Peer", "peer"), ("Local", "local"), ("Proxy", "proxy")):
        if meta.get(key):
            yield DetailField(label, json_words(meta[key]))
    if meta.get("subprotocol"):
        yield DetailField("Subprotocol", json_words(meta["subprotocol"]))
    if meta.get("extensions"):
        yield DetailField("Extensions", json_words(meta["extensions"]))
    if meta.get("redirects"):
        yield DetailField("Redirects", json_words(meta["redirects"]))
    tls = meta.get("tls")
    if isinstance(tls, dict):
        for key, value in tls.items():
            yield DetailField(f"TLS {key.replace('_', ' ')}", json_words(value))


def identity_fields(event: Event, zone: tzinfo | None) -> Iterator[DetailField]:
    """Yield what identifies the event: its time, id, connection, session, trace and run."""
    source = event.source
    yield DetailField("Time", full_time(event.ts_ns, zone))
    yield DetailField("Event", f"{event.id} {event.name}", term=f"name:{event.name}")
    for label, value in (
        ("Recording", source.recording),
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
    """Yield the metadata that has no field of its own."""
    for key, value in (event.meta or {}).items():
        if key not in SHOWN_META:
            yield DetailField(META_LABELS.get(key, key.replace("_", " ")), json_words(value))


def header_pairs(event: Event, key: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of the headers of a request or response."""
    pairs = (event.meta or {}).get(key)
    for pair in pairs if isinstance(pairs, list | tuple) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2:
            yield json_words(pair[0]), json_words(pair[1])


def json_words(value: Json) -> str:
    """Return a JSON value of the metadata in words."""
    match value:
        case None:
            return fmt.NONE
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(json_words(each) for each in value) or fmt.NONE
        case dict():
            return ", ".join(f"{key} {json_words(each)}" for key, each in value.items())
    return str(value)


def _equals(name: str, value: str) -> str:
    """Return the query term for a field that is exactly this text."""
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
        yield DetailField("Next attempt", f"in {fmt.duration(round(delay_ms * 1e6))}")
    for key, label in (("last_in_ms", "Last in"), ("last_out_ms", "Last out")):
        age_ms = number(event, key)
        if age_ms is not None:
            yield DetailField(label, f"a frame {fmt.milliseconds(age_ms)} before")
    paused_ms = number(event, "paused_ms")
    if paused_ms is not None:
        yield DetailField("Paused", fmt.milliseconds(paused_ms))


def _duration(nanoseconds: int) -> str:
    """Return a duration: to 0.1 µs or to milliseconds where it is short, in whole seconds where it is long."""
    if nanoseconds < TENTH_MS_NS:
        return f"{nanoseconds / 1_000:.1f} µs"
    if nanoseconds < LONG_NS:
        return fmt.milliseconds(nanoseconds / 1e6)
    exact = f" ({nanoseconds // SECOND_NS:,} s)" if nanoseconds >= MINUTE_NS else ""
    return f"{fmt.duration(nanoseconds)}{exact}"


def _error(error_type: str) -> str:
    """Return an error type in words, and as queries name it where that differs."""
    words = error_words(error_type)
    return words if words == error_type else f"{words} ({error_type})"


def _duration_label(event: Event) -> str:
    if event.from_status == OPEN:
        return "Open for"
    if event.opcode in ("text", "binary"):
        return "Decode time"
    return "RTT" if event.category == "heartbeat" else "Duration"


def _status(status: Status | None) -> str:
    return LABELS[status] if status else fmt.NONE
