"""Rows of the detail of an event, and its payload decoded: taken apart by its protocol, as JSON, text or bytes. Pure.

Rows are made one by one as they are needed, so that of a large payload only the rows in sight cost anything.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain, islice
from typing import Any, NamedTuple

from rich.cells import cell_len

from wsmon import plugins
from wsmon.model.ends import why
from wsmon.model.events import Event
from wsmon.model.profiles import MESSAGES
from wsmon.model.statuses import OPEN
from wsmon.protocols.base import Anatomy, Protocol
from wsmon.tui.cell_text import cell_text
from wsmon.tui.event_text import describe
from wsmon.tui.json_view import TokenKind, json_fault, tree_lines
from wsmon.tui.panes.detail_fields import (
    FORMS,
    LABEL_WIDTH,
    DetailField,
    DetailLayout,
    DetailRow,
    PayloadForm,
    before_fields,
    field_rows,
    handshake_fields,
    header_pairs,
    heading_rows,
    identity_fields,
    message_fields,
    other_fields,
    outcome_fields,
)
from wsmon.tui.text import Line, Role, StyledText, clip, left, width_of, wrap
from wsmon.tui.times import dated_time, time_of_day

# Bytes of a payload that are decoded and shown: the largest message that is taken by default
PAYLOAD_LIMIT = 1024 * 1024
# Characters cleaned at a time: a hostile mebibyte at once takes 0.2 s
PIECE = 8 * 1024
# Characters of one text inside JSON
TOKEN_LIMIT = 16 * 1024
# Cells; deeper nesting is not indented further
MAX_INDENT = 40
ROLE_OF_TOKEN: dict[TokenKind, Role] = {
    "key": "key-name",
    "string": "text",
    "number": "direction-in",
    "literal": "direction-out",
    "sign": "dim",
}
# Digits of an offset: enough for 64 KiB, to which a payload is cut by default; longer payloads take more
OFFSET_WIDTH = 4
# Bytes between two wider gaps
GROUP = 4
# Bytes on a line of the hex dump, of which the most that fit are taken
ROWS = (32, 16, 8, 4, 2)


class DecodedPayload(NamedTuple):
    """A payload in its decoded form: as its protocol, and then JSON, take it apart."""

    name: str
    """Name of the decoded form; empty where it is the same as text or bytes."""
    anatomy: Anatomy | None
    """Parts that its protocol finds; None where it finds none."""
    body: bytes
    """The content that the protocol carries, or the whole payload."""
    text: str
    """The body as text, as far as it is shown; empty where it is not text."""
    is_json: bool
    fault: str
    """Why the body is not JSON, where it begins like JSON; else empty."""


def decode_payload(event: Event) -> DecodedPayload:
    """Decode the payload of an event; at most ``PAYLOAD_LIMIT`` bytes of it are read."""
    # All protocols are imported with the first payload, or before that by ``dialogs.preload``.
    from wsmon.protocols.registry import dissect

    found = dissect(event, _protocols())
    body = event.payload or b"" if found is None or found.body is None else found.body
    is_text = event.holds_text or (found is not None and found.body is not None and _is_text(body))
    text = _as_text(body) if is_text else ""
    is_cut = event.truncated or len(body) > PAYLOAD_LIMIT
    fault = json_fault(text, is_cut=is_cut) if text else ""
    is_json = bool(text) and fault is None
    name = " ".join(filter(None, (found.name if found is not None else "", "JSON" if is_json else "")))
    return DecodedPayload(name, found, body, text, is_json, fault or "")


@cache
def _protocols() -> Mapping[str, Protocol[Any]]:
    """Return all protocols with those of plugins, imported once. One that fails has no decoded form."""
    from wsmon.protocols.guard import with_plugins
    from wsmon.protocols.registry import PROTOCOLS

    loaded = plugins.load("wsmon.protocols", Protocol, PROTOCOLS)
    return with_plugins(loaded.values, (), lambda *_failure: None) if loaded.values else PROTOCOLS


def _as_text(payload: bytes) -> str:
    """Return the first ``PAYLOAD_LIMIT`` bytes as text; a character that the limit cuts is left out."""
    is_whole = len(payload) <= PAYLOAD_LIMIT
    return codecs.getincrementaldecoder("utf-8")("replace").decode(payload[:PAYLOAD_LIMIT], final=is_whole)


def _is_text(body: bytes) -> bool:
    """Return whether bytes are text: valid UTF-8, without control characters but white space."""
    try:
        text = codecs.getincrementaldecoder("utf-8")("strict").decode(body[:PIECE], final=len(body) <= PIECE)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)


def detail_rows(event: Event, decoded: DecodedPayload, layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield all rows of an event: the sentence that explains it, its fields, its payload, handshake and identity."""
    yield from _head(event, layout)
    yield from payload_rows(event, decoded, layout)
    yield from _tail(event, layout)


def _head(event: Event, layout: DetailLayout) -> Iterator[DetailRow]:
    yield from _title(event, layout)
    yield DetailRow(())
    yield from _verdict(event, layout)
    yield from _before(event, layout)
    yield from field_rows(chain(outcome_fields(event, layout.by_now), message_fields(event)), layout)


def _title(event: Event, layout: DetailLayout) -> Iterator[DetailRow]:
    described = describe(event, ascii_only=layout.glyphs.is_ascii)
    time = dated_time if layout.width >= DATED_FROM else time_of_day
    at = time(event.ts_ns, layout.zone)
    room = layout.width - cell_len(at) - 1
    if room < LABEL_WIDTH:
        yield DetailRow(((clip(title_of(event, layout), layout.width, layout.glyphs.cut), "strong"),))
        return
    glyph = layout.glyphs.of(described.sign)
    title = left(title_of(event, layout), room - 2, layout.glyphs.cut) + " "
    yield DetailRow(((glyph + " ", described.role), (title, "strong"), (at, "dim")))


def title_of(event: Event, layout: DetailLayout) -> str:
    """Return the title of an event, e.g. "Disconnected: deribit"."""
    name = layout.clean(event.source.connection or "the recorder")
    match event.name:
        case "message.received":
            return f"Message from {name}"
        case "message.sent":
            return f"Message to {name}"
        case "connection.disconnected" if event.from_status == OPEN and event.to_status == "disconnected":
            return f"Disconnected: {name}"
    what = describe(event, ascii_only=layout.glyphs.is_ascii).what
    return f"{what[:1].upper()}{what[1:]}: {name}"


def _verdict(event: Event, layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield how a connection ended, and what to do about it."""
    verdict, sentence = event.verdict, why(event)
    if not sentence:
        return
    yield from (DetailRow(((line, "strong"),)) for line in wrap(layout.clean(sentence), layout.width))
    if verdict is not None:
        yield from _action(verdict.next, layout)
    yield DetailRow(())


# Cells of a pane whose title has the day of the event, too
DATED_FROM = 60
# Cells before the lines of a suggested action
ACTION_INDENT = 2


def _action(text: str, layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield what to do, under its label: that is longer than those of fields."""
    field = DetailField("Suggested action", text)
    yield DetailRow((("Suggested action: ", "key-name"),), field=field)
    for line in wrap(layout.clean(text), layout.width - ACTION_INDENT):
        yield DetailRow(((" " * ACTION_INDENT, "text"), (line, "text")), field=field)


def _before(event: Event, layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield the last message before the event, and how an outage began."""
    rows = list(field_rows(before_fields(event, layout.before), layout))
    yield from rows
    if rows:
        yield DetailRow(())


def _tail(event: Event, layout: DetailLayout) -> Iterator[DetailRow]:
    yield from _section("Handshake", field_rows(handshake_fields(event), layout), layout)
    yield from _section("Request headers", _headers(event, "request_headers", layout), layout)
    yield from _section("Response headers", _headers(event, "response_headers", layout), layout)
    yield from _section("Response body", _body(event, layout), layout)
    yield from _section("More", field_rows(other_fields(event), layout), layout)
    yield from _section("Event", field_rows(identity_fields(event, layout.zone), layout), layout)


def _section(title: str, rows: Iterator[DetailRow], layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield a heading and rows; nothing where there are no rows."""
    for first in islice(rows, 1):
        yield from heading_rows(title, layout)
        yield first
    yield from rows


def _headers(event: Event, key: str, layout: DetailLayout) -> Iterator[DetailRow]:
    for foreign_name, value in header_pairs(event, key):
        name = layout.clean(foreign_name)
        field = DetailField(foreign_name, value)
        for number, line in enumerate(wrap(f"{name}: {layout.clean(value)}", layout.width)):
            if number == 0 and len(name) < len(line):
                yield DetailRow(((line[: len(name) + 1], "dim"), (line[len(name) + 1 :], "text")), field=field)
            else:
                yield DetailRow(((line, "text"),), field=field)


def _body(event: Event, layout: DetailLayout) -> Iterator[DetailRow]:
    body = (event.meta or {}).get("body")
    if isinstance(body, str) and body:
        for line in body.split("\n"):
            clean = cell_text(line, multiline=True, ascii_only=layout.glyphs.is_ascii)
            yield from (DetailRow(((each, "text"),)) for each in wrap(clean, layout.width))


def payload_rows(event: Event, decoded: DecodedPayload, layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield the payload in the form of the layout, under a heading with all its forms."""
    payload = event.payload
    if payload is None:
        if event.name in MESSAGES:
            yield from _heading((("Payload", "key-name"),))
            yield from layout.note("not stored (capture.payloads, or the profile)")
        return
    if not payload:
        return
    form = shown_form(event, decoded, layout.form)
    yield from _heading(_tabs(decoded, form, layout))
    if form == "text" and decoded.fault:
        yield from layout.note(f"not valid JSON: {layout.clean(decoded.fault)}")
    if form == "decoded":
        yield from _decoded_rows(decoded, layout)
    elif form == "text":
        yield from _text(_as_text(payload), layout)
    else:
        yield from _hex(payload[:PAYLOAD_LIMIT], layout)
    if len(payload) > PAYLOAD_LIMIT:
        yield from layout.note("rest not shown: press x to export all of it")
    if event.truncated:
        yield from layout.note("truncated here before storing")


def shown_form(event: Event, decoded: DecodedPayload, wanted: PayloadForm) -> PayloadForm:
    """Return the form that is wanted; where the payload has no decoded form, text or hex."""
    if wanted == "decoded" and not decoded.name:
        return "text" if event.holds_text else "hex"
    return wanted


def next_form(event: Event, decoded: DecodedPayload, form: PayloadForm) -> PayloadForm:
    """Return the form after the one that is shown, of those that the payload has."""
    forms = FORMS if decoded.name else FORMS[1:]
    return forms[(forms.index(shown_form(event, decoded, form)) + 1) % len(forms)]


def _heading(line: Line) -> Iterator[DetailRow]:
    yield DetailRow(())
    yield DetailRow(line)


def _tabs(decoded: DecodedPayload, form: PayloadForm, layout: DetailLayout) -> Line:
    """Return the heading ``Payload  JSON · text · hex  f``, in which the form that is shown stands out."""
    names: list[tuple[PayloadForm, str]] = [("text", "text"), ("hex", "hex")]
    if decoded.name:
        names.insert(0, ("decoded", layout.clean(decoded.name)))
    texts: list[StyledText] = [("Payload  ", "key-name")]
    for number, (each, name) in enumerate(names):
        if number:
            texts.append((f" {layout.glyphs.between} ", "dim"))
        texts.append((name, "strong" if each == form else "dim"))
    if width_of(texts) > layout.width:
        shown = next(name for each, name in names if each == form)
        return ((clip(f"Payload  {shown}", layout.width, layout.glyphs.cut), "key-name"),)
    hint = "  f"
    return (*texts, (hint, "key-name")) if width_of(texts) + len(hint) <= layout.width else tuple(texts)


def _decoded_rows(decoded: DecodedPayload, layout: DetailLayout) -> Iterator[DetailRow]:
    if decoded.anatomy is not None:
        yield from field_rows((DetailField(label, value) for label, value in decoded.anatomy.parts), layout)
    if decoded.is_json:
        yield from _json(decoded.text, layout)
    elif decoded.text:
        yield from _text(decoded.text, layout)
    elif decoded.body:
        yield from _hex(decoded.body[:PAYLOAD_LIMIT], layout)


def _json(text: str, layout: DetailLayout) -> Iterator[DetailRow]:
    for depth, tokens, node in tree_lines(text, layout.folding):
        indent = min(2 * depth, MAX_INDENT, layout.width // 2)
        texts: list[StyledText] = [(layout.clean(token, TOKEN_LIMIT), ROLE_OF_TOKEN[kind]) for token, kind in tokens]
        yield from (DetailRow(line, node) for line in _flow(texts, indent, layout))
        for token, _ in tokens:
            if len(token) > TOKEN_LIMIT:
                left_out = f"here {len(token) - TOKEN_LIMIT:,} characters omitted: press x to export all of it"
                yield from (row._replace(node=node) for row in layout.note(left_out))


def _flow(tokens: list[StyledText], indent: int, layout: DetailLayout) -> Iterator[Line]:
    """Yield the lines of tokens, which continue at the same indent where a line is full."""
    line: list[StyledText] = [(" " * indent, "text")] if indent else []
    used = indent
    for text, role in tokens:
        room = layout.width - used
        if cell_len(text[: layout.width + 1]) <= room:
            line.append((text, role))
            used += cell_len(text)
            continue
        if room < layout.width // 3 and used > indent:
            yield tuple(line)
            line, used, room = [(" " * indent, "text")], indent, layout.width - indent
        first = next(wrap(text, room))
        line.append((first, role))
        used += cell_len(first)
        for piece in wrap(text[len(first) :].lstrip(" "), layout.width - indent) if len(first) < len(text) else ():
            yield tuple(line)
            line, used = [(" " * indent, "text"), (piece, role)], indent + cell_len(piece)
    yield tuple(line)


def _text(text: str, layout: DetailLayout) -> Iterator[DetailRow]:
    """Yield foreign text, its own line breaks kept; it is cleaned a piece at a time."""
    for piece in _pieces(text):
        clean = cell_text(piece, 2 * PIECE, multiline=True, ascii_only=layout.glyphs.is_ascii)
        for line in wrap(clean, layout.width):
            yield DetailRow(((line, "text"),))


def _pieces(text: str) -> Iterator[str]:
    """Yield the lines of a text, long ones in several pieces."""
    start = 0
    while start < len(text):
        end = text.find("\n", start, start + PIECE)
        yield text[start : end if end >= 0 else start + PIECE].removesuffix("\r")
        start = end + 1 if end >= 0 else start + PIECE


def _hex(payload: bytes, layout: DetailLayout) -> Iterator[DetailRow]:
    for offset, digits, letters in hexdump(payload, layout.width):
        yield DetailRow(((offset + " ", "dim"), (digits, "text"), (" " + letters, "direction-in")))


def hexdump(payload: bytes, width: int) -> Iterator[tuple[str, str, str]]:
    """Yield offset, hexadecimal digits and letters of each line; a byte that is not printable ASCII is ``.``."""
    offset_width = max(OFFSET_WIDTH, len(f"{max(0, len(payload) - 1):x}"))
    count = row_bytes(width - offset_width + OFFSET_WIDTH)
    hex_width = _hex_width(count)
    for start in range(0, len(payload), count):
        row = payload[start : start + count]
        groups = (row[at : at + GROUP].hex(" ") for at in range(0, len(row), GROUP))
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:0{offset_width}x}", "  ".join(groups).ljust(hex_width), letters


def row_bytes(width: int) -> int:
    """Return how many bytes fit on a line of ``width`` cells: 32, 16, 8, 4, 2 or 1."""
    return next((count for count in ROWS if _width(count) <= width), 1)


def _width(count: int) -> int:
    return OFFSET_WIDTH + 1 + _hex_width(count) + 1 + count


def _hex_width(count: int) -> int:
    return 3 * count - 1 + max(0, count // GROUP - 1)
