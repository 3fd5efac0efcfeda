"""HTTP Archive 1.2 (HAR), as browsers save and open it: an entry for each session, with its messages.

Entries are in the order in which sessions ended. A session has an entry if the selection has an event of it; so have
failed attempts. Fields with an underscore are not in the standard: Chrome's ``_webSocketMessages``, and what an import
needs.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote

import msgspec

import wsmon
from wsmon.export.jsonl import rfc3339
from wsmon.export.selection import Selection
from wsmon.export.sessions import ExportedSession, address_and_port, sessions
from wsmon.model.events import Event, Json
from wsmon.model.http import status_phrase
from wsmon.model.redact.masking import MASK, split_url
from wsmon.model.units import MS_NS, SECOND_NS

OPCODES = {"text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}
# For sizes and times that do not apply
UNKNOWN = -1
# Characters that a header must not contain: a request replayed from the archive must not become two
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Characters that are not escaped in a URL
_URL_SIGNS = ":/?#[]@!$&'()*+,;=%~"


def har(selection: Selection) -> Iterator[bytes]:
    """Write the archive, piece by piece; in memory are the sessions open at one time, and a page of messages."""
    creator = {"name": "wsmon", "version": wsmon.__version__}
    yield b'{"log":{"version":"1.2","creator":' + msgspec.json.encode(creator) + b',"pages":[],"entries":['
    separator = b"\n"
    for session in sessions(selection):
        if session is None:
            yield b""
            continue
        for piece in _entry(selection, session):
            yield separator + piece if piece else b""
            separator = b"" if piece else separator
        if not separator:
            yield b"]}"
            separator = b",\n"
    yield b"]}}\n"


def document(session: ExportedSession, last: Event) -> dict[str, Json]:
    """Return the entry of a session without its messages; ``last`` is its end, or its newest event while it is open."""
    first = session.first or last
    timings = _timings(session, last)
    return {
        "startedDateTime": rfc3339(first.ts_ns),
        "time": round(sum(value for key, value in timings.items() if value > 0 and key != "ssl"), 3),
        "request": _request(session),
        "response": _response(session),
        "cache": {},
        "timings": timings,
        **_server(session),
        "_resourceType": "websocket",
        "_connection": session.source.connection,
        "_connectionId": session.source.connection_id,
        "_traceId": session.source.trace_id,
        **_end(session),
    }


def _entry(selection: Selection, session: ExportedSession) -> Iterator[bytes]:
    """An entry without its closing brackets, in pieces; none if the selection has no event of the session."""
    ids = (session.first.id if session.first else session.first_id, session.last_id)
    selection.total += max(0, min(ids[1], selection.last_id) - max(ids[0], selection.first_id) + 1)
    has_begun = False
    separator = b"\n"
    for page in selection.pages(session.of_session, ids):
        if page and not has_begun:
            has_begun = True
            head = msgspec.json.encode(document(session, session.newest(selection.view) or page[-1]))
            yield head[:-1] + b',"_webSocketMessages":['
        frames = [_frame(event) for event in page if event.opcode]
        if frames:
            yield separator + b",\n".join(frames)
            separator = b",\n"
        else:
            yield b""


def _frame(event: Event) -> bytes:
    """A message or a control frame as in Chrome: text, or base64 for every other opcode.

    What was decoded to a text stands there as text: readers of HAR show it, and know no decoders.
    """
    payload = event.payload or b""
    is_text = event.opcode == "text" or (event.opcode == "binary" and event.holds_text)
    frame: dict[str, Json] = {
        "type": "send" if event.direction == "out" else "receive",
        "time": event.ts_ns / SECOND_NS,
        "opcode": OPCODES["text" if is_text else event.opcode],
        "data": payload.decode(errors="replace") if is_text else base64.b64encode(payload).decode(),
    }
    if event.encoding:
        frame |= {"_opcode": OPCODES[event.opcode], "_encoding": event.encoding, "_size": event.size}
    if event.payload is None or event.truncated:
        frame |= {"_size": event.size, "_truncated": True}
    return msgspec.json.encode(frame)


def _request(session: ExportedSession) -> dict[str, Json]:
    url = _url(session)
    try:
        query = parse_qsl(split_url(url).query, keep_blank_values=True)
    except ValueError:
        # Brackets around what is not an IPv6 address
        query = []
    return {
        "method": "GET",
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [*_headers(session.meta_value("request_headers"))],
        "queryString": [{"name": name, "value": value} for name, value in query],
        "headersSize": UNKNOWN,
        "bodySize": 0,
    }


def _response(session: ExportedSession) -> dict[str, Json]:
    """The response to the upgrade; status 0 if there was none."""
    answer = session.completed or session.ended
    status = answer.status if answer is not None and isinstance(answer.status, int) else 0
    headers = _headers(session.meta_value("response_headers"))
    body = session.meta_value("body")
    text = body if isinstance(body, str) else ""
    kind = next((one["value"] for one in headers if one["name"].lower() == "content-type"), "x-unknown")
    response: dict[str, Json] = {
        "status": status,
        "statusText": status_phrase(status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [*headers],
        "content": {"size": len(text.encode()), "mimeType": kind, **({"text": text} if text else {})},
        "redirectURL": "",
        "headersSize": UNKNOWN,
        "bodySize": UNKNOWN,
    }
    if session.ended is not None and session.ended.error_type:
        response["_error"] = f"{session.ended.error_type}: {session.ended.error}"
    return response


def _timings(session: ExportedSession, last: Event) -> dict[str, float]:
    """Phases in milliseconds; ``connect`` includes ``ssl``, as in the standard; ``receive`` is the time open."""
    phases = {name: value for name in ("dns", "tcp", "proxy", "tls", "upgrade") if (value := _ms(session, name)) >= 0}
    connect = [phases[name] for name in ("tcp", "proxy", "tls") if name in phases]
    opened = session.completed
    dial_ms = 0.0
    if session.started is not None:
        dial_ms = max(0, (opened or last).mono_ns - session.started.mono_ns) / MS_NS
    known = phases.get("dns", 0.0) + sum(connect)
    return {
        "blocked": UNKNOWN,
        "dns": phases.get("dns", UNKNOWN),
        "connect": sum(connect) if connect else UNKNOWN,
        "ssl": phases.get("tls", UNKNOWN),
        "send": 0,
        "wait": round(phases.get("upgrade", max(0.0, dial_ms - known)), 6),
        "receive": max(0, last.mono_ns - opened.mono_ns) / MS_NS if opened else 0,
    }


def _ms(session: ExportedSession, phase: str) -> float:
    value = session.meta_value(f"{phase}_ms")
    return value if isinstance(value, int | float) else UNKNOWN


def _server(session: ExportedSession) -> dict[str, Json]:
    """The address that was dialled, if it is known."""
    try:
        address = ip_address(address_and_port(str(session.meta_value("peer"))).host)
    except ValueError:
        return {}
    return {"serverIPAddress": str(address)}


def _end(session: ExportedSession) -> dict[str, Json]:
    """How the session ended, if it did."""
    ended = session.ended
    if ended is None:
        return {}
    return {"_closeCode": ended.close_code, "_closeBy": ended.close_by, "_closeReason": ended.reason}


def _headers(pairs: Json) -> list[dict[str, str]]:
    """Headers of an event; line breaks in them are replaced, so that one cannot become two."""
    if not isinstance(pairs, list):
        return []
    return [
        {"name": _line(str(pair[0])), "value": _line(str(pair[1]))}
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2
    ]


def _line(text: str) -> str:
    return _CONTROLS.sub(" ", text)


def _url(session: ExportedSession) -> str:
    """The URL; masks are escaped, since brackets are for IPv6 addresses."""
    recorded = session.meta_value("url")
    url = recorded if isinstance(recorded, str) else "ws://unknown.invalid/"
    return quote(url.replace(MASK, quote(MASK)), safe=_URL_SIGNS)
