"""Events in words: the few words of wsmon's that stand on a line, and the text of the peer or fault after them."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model import units as fmt
from wsmon.model.ends import code_meaning
from wsmon.model.events import Event, Json
from wsmon.model.statuses import OPEN
from wsmon.model.units import SECOND_NS
from wsmon.tui.cell_text import cell_text, decode_cell_text
from wsmon.tui.glyphs import Sign
from wsmon.tui.text import Role

# Characters of foreign text on a line: twice as many as 200 columns show, since some have no width
LINE_LIMIT = 400

CLOSED_BY = {
    "peer": "by peer",
    "us": "by wsmon",
    "heartbeat": "by wsmon",
    "network": "by the network",
    "proxy": "by the proxy",
    "refusal": "refused",
    "application": "by the application",
}
# Closers before which the time that the session was open needs no comma
_CLOSERS = ("by peer", "by wsmon", "by the proxy", "by the application")
# Kind of incident -> clearer words for it, where they fit
KIND_WORDS = {"storm": "reconnect storm", "auth": "login failed"}
# Events of the recorder itself whose names say too little
OF_RECORDER = {"self.run.started": "recorder started", "self.run.ended": "recorder stopped"}
ERRORS = {
    "dns": "name not found",
    "descriptors": "too many open files",
    "tcp_refused": "connection refused",
    "tcp_unreachable": "unreachable",
    "tcp_timeout": "TCP connect timed out",
    "tls_certificate": "invalid certificate",
    "tls": "TLS failed",
    "proxy": "proxy error",
    "http_status": "upgrade refused",
    "http_in_stream": "HTTP response after the upgrade",
    "redirect_refused": "redirect refused",
    "handshake": "invalid upgrade response",
    "open_timeout": "timed out",
    "protocol": "protocol error",
    "invalid_utf8": "invalid UTF-8",
    "message_too_big": "message too large",
    "reset": "connection reset",
    "eof": "no close frame",
    "heartbeat_timeout": "no pong",
    "write_overflow": "peer is not reading",
    "retries_exhausted": "retries exhausted",
    "send_failed": "send failed",
    "internal": "internal error in wsmon",
    "decode_damaged": "damaged payload",
    "decode_refused": "payload too large to decode",
    "decode_lost": "context of the stream lost",
    "decode_missing": "decoder not installed",
    "plugin": "error in a plugin",
}


@dataclass(frozen=True, slots=True)
class EventText:
    """An event in words, with its sign and the role of both."""

    sign: Sign
    role: Role
    what: str
    """What the event is, in a word or two."""
    text: str = ""
    """Details: wsmon's words, and foreign text made safe."""
    is_content: bool = False
    """Whether the text is a payload."""


def describe(event: Event, *, ascii_only: bool = False) -> EventText:
    """Return an event in words; with ``ascii_only``, foreign characters outside ASCII are escaped."""
    match event.name:
        case "message.received":
            return _message(event, "received", "direction-in", ascii_only)
        case "message.sent":
            return _message(event, "sent", "direction-out", ascii_only)
        case "message.batch_processed":
            return EventText("note", "dim", "counted", _batch(event))
        case "heartbeat.timeout" | "heartbeat.failure":
            return EventText("warning", "problem", "no pong", _foreign(event.error or event.reason, ascii_only))
        case "heartbeat.sent" | "heartbeat.received" | "heartbeat.responded":
            return EventText("heartbeat", "dim", _heartbeat(event))
    match event.category:
        case "connection":
            return _connection(event, ascii_only)
        case "error":
            what = _foreign(error_words(event.error_type), ascii_only) or "error"
            return _problem(what, event.error, ascii_only)
        case "incident":
            return _incident(event, ascii_only)
        case "self":
            return _self_event(event, ascii_only)
    return _operation(event, ascii_only)


def error_words(error_type: str) -> str:
    """Return an error type in words; an unknown one as it is, made safe."""
    return ERRORS.get(error_type) or cell_text(error_type.replace("_", " "), LINE_LIMIT)


def number(event: Event, key: str) -> float | None:
    """Return a number of the event's metadata; None where there is none."""
    found: Json = (event.meta or {}).get(key)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _message(event: Event, sign: Sign, role: Role, ascii_only: bool) -> EventText:
    kind = _foreign(event.type, ascii_only) or event.opcode or "message"
    topic = f"{_foreign(event.topic, ascii_only)}  " if event.topic else ""
    return EventText(sign, role, kind, topic + _content(event, ascii_only), is_content=True)


def _batch(event: Event) -> str:
    """Return the messages and bytes of a second in which messages were counted and not kept."""
    messages, size = number(event, "count"), number(event, "total_size")
    if messages is None or size is None:
        return ""
    noun = "message" if messages == 1 else "messages"
    return f"{fmt.count(int(messages))} {noun}, {fmt.size(int(size))} in a second"


def _operation(event: Event, ascii_only: bool) -> EventText:
    """Describe an operation of a protocol that began or ended: its topic, how long it took, and why."""
    what = "reply" if event.name == "message.process.completed" else event.name.partition(".")[2].replace(".", " ")
    took = f"in {_ms(event.duration_ns)}" if event.duration_ns is not None else ""
    about = _foreign(event.topic or event.type, ascii_only)
    text = " ".join(filter(None, (about, took, _foreign(event.reason or event.error, ascii_only))))
    return EventText("warning" if event.is_problem else "note", "problem" if event.is_problem else "dim", what, text)


def _connection(event: Event, ascii_only: bool) -> EventText:
    attempt = number(event, "attempt")
    match event.name:
        case "connection.started":
            again = f"attempt {attempt:.0f}" if attempt is not None and attempt > 1 else ""
            return EventText("waiting", "status-connecting", "connecting", again)
        case "connection.open":
            up = "TCP, TLS up" if (event.meta or {}).get("tls") else "TCP up"
            return EventText("waiting", "status-connecting", up, _after(event))
        case "connection.completed":
            return EventText("open", "status-open", "open", _after(event))
        case "connection.reconnect.success":
            away = f"after {_took(event.duration_ns)} of downtime" if event.duration_ns is not None else ""
            return EventText("open", "status-open", "reconnected", away)
        case "connection.reconnect.attempt":
            delay_ms = number(event, "delay_ms")
            when = f"in {fmt.duration(round(delay_ms * 1e6))}" if delay_ms is not None else ""
            which = f"attempt {attempt:.0f}" if attempt is not None else ""
            why = "; ".join(filter(None, (which, _foreign(event.reason, ascii_only))))
            text = f"{when} ({why})" if when and why else when or why
            return EventText("waiting", "status-loss", "retrying", text)
    return _ending(event, ascii_only)


def _ending(event: Event, ascii_only: bool) -> EventText:
    if event.to_status == "closed":
        return EventText("closed", "status-closed", "closed", _how_it_ended(event, ascii_only))
    if event.to_status == "error":
        why = _foreign(error_words(event.error_type) or event.error, ascii_only)
        return EventText("gave_up", "status-loss", "gave up", why)
    if event.to_status == "disconnected":
        what = "disconnected" if event.from_status == OPEN else "failed"
        return EventText("loss", "status-loss", what, _how_it_ended(event, ascii_only))
    what = (event.to_status or event.name.partition(".")[2]).replace(".", " ").replace("_", " ")
    return EventText("note", "dim", what, _foreign(event.reason, ascii_only))


def _how_it_ended(event: Event, ascii_only: bool) -> str:
    """Return why a connection ended, then how long it was open: the end of a line may be cut."""
    if event.from_status != OPEN and event.to_status != "closed":
        attempt = number(event, "attempt")
        which = f"attempt {attempt:.0f}:" if attempt is not None else ""
        return f"{which} {_why(event, ascii_only)}".strip()
    lasted = f"open {_took(event.duration_ns)}" if event.duration_ns is not None and event.from_status == OPEN else ""
    cause = _why(event, ascii_only)
    # "closed by peer after 400 ms", and "no close frame, open 400 ms"
    if lasted and cause.endswith(tuple(f"closed {by}" for by in _CLOSERS)):
        return f"{cause} after {_took(event.duration_ns or 0)}"
    return ", ".join(filter(None, (cause, lasted)))


def _why(event: Event, ascii_only: bool) -> str:
    """Return the peer's reason or the fault, then code and who closed; without either, the meaning of the code."""
    by = CLOSED_BY[event.close_by] if event.close_by and event.close_by != "refusal" else ""
    code = str(event.close_code) if event.close_code is not None else ""
    if event.reason:
        opening, closing = ('"', '"') if ascii_only else ("“", "”")
        closed = f"closed {by}" if by else ""
        return ", ".join(filter(None, (f"{opening}{_foreign(event.reason, ascii_only)}{closing}", code, closed)))
    if event.error:
        error = _foreign(event.error, ascii_only)
        return (
            ", ".join(filter(None, (error, code, f"closed {by}" if by and by not in error else ""))) if code else error
        )
    if code:
        return f"{code} {code_meaning(event.close_code)}" + (f", closed {by}" if by else "")
    if event.status is not None:
        return f"HTTP {cell_text(str(event.status), LINE_LIMIT, ascii_only=ascii_only)}"
    return " ".join(filter(None, (_foreign(error_words(event.error_type), ascii_only), by)))


def _incident(event: Event, ascii_only: bool) -> EventText:
    kind = _foreign(event.type, ascii_only) or "incident"
    if event.name == "incident.opened" and event.type == "stall":
        return EventText("warning", "status-stalled", kind, _foreign(event.reason, ascii_only))
    if event.name == "incident.opened":
        return _problem(kind, event.reason, ascii_only)
    return EventText("note", "status-open", f"{kind} ended", _foreign(event.reason, ascii_only))


def _self_event(event: Event, ascii_only: bool) -> EventText:
    what = OF_RECORDER.get(event.name) or event.name.partition(".")[2].replace(".", " ")
    paused_ms = number(event, "paused_ms")
    if event.name == "self.backpressure":
        paused = f"wsmon was slow: reading paused for {fmt.milliseconds(paused_ms)}" if paused_ms is not None else ""
        return _problem(what, event.reason or paused or "wsmon was slow: reading paused", ascii_only)
    if event.is_problem:
        return _problem(what, event.reason or event.error, ascii_only)
    return EventText("note", "dim", what, _foreign(event.reason, ascii_only))


def _problem(what: str, text: str, ascii_only: bool) -> EventText:
    return EventText("warning", "problem", what, _foreign(text, ascii_only))


def _heartbeat(event: Event) -> str:
    if event.name == "heartbeat.responded" and event.direction == "in":
        return f"ping {_ms(event.duration_ns)}" if event.duration_ns is not None else "pong"
    if event.name == "heartbeat.responded":
        return "pong sent"
    if event.name == "heartbeat.sent":
        return "ping sent"
    return "unsolicited pong" if event.opcode == "pong" else "ping received"


def _content(event: Event, ascii_only: bool) -> str:
    payload = event.payload
    if payload is None:
        return "payload not stored"
    if event.opcode == "binary" and not event.holds_text:
        return payload[: LINE_LIMIT // 3].hex(" ")
    return decode_cell_text(payload, LINE_LIMIT, ascii_only=ascii_only).lstrip()


def _foreign(text: str, ascii_only: bool) -> str:
    return cell_text(text, LINE_LIMIT, ascii_only=ascii_only)


def _after(event: Event) -> str:
    return f"after {_took(event.duration_ns)}" if event.duration_ns is not None else ""


def _took(duration_ns: int) -> str:
    """Return a duration, in milliseconds below a second: for handshakes, and sessions that end at once."""
    return fmt.milliseconds(duration_ns / 1e6) if duration_ns < SECOND_NS else fmt.duration(duration_ns)


def _ms(duration_ns: int | None) -> str:
    return fmt.milliseconds((duration_ns or 0) / 1e6)
