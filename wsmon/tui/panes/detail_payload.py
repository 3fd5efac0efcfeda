"""The payload of an event as lines: taken apart by its protocol, as JSON, text or bytes; made one by one. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

from rich.cells import cell_len

from wsmon.model.events import Event
from wsmon.model.profiles import MESSAGES
from wsmon.model.sanitize import sanitize
from wsmon.model.statuses import OPEN
from wsmon.model.verdict import why
from wsmon.protocols.base import Anatomy
from wsmon.protocols.registry import dissect
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
    headers,
    heading,
    identity_fields,
    message_fields,
    other_fields,
    outcome_fields,
)
from wsmon.tui.panes.log_line import time_of_day
from wsmon.tui.text import Line, Role, StyledText, clip, left, width_of, wrap

# Bytes as people read them: offset, hexadecimal, and the letters among them; line by line, on demand.

# Hexadecimal digits: 64 KiB, which is what a payload is cut to by default; longer ones take more
OFFSET_WIDTH = 4
# Bytes between two wider gaps
GROUP = 4
# Bytes on a line, the widest that fits
ROWS = (32, 16, 8, 4, 2)


def row_bytes(width: int) -> int:
    """How many bytes fit on a line of so many cells, one between its parts: 32, 16, 8, 4, 2 or 1."""
    return next((count for count in ROWS if _width(count) <= width), 1)


def hexdump(payload: bytes, width: int) -> Iterator[tuple[str, str, str]]:
    """Offset, hexadecimal and letters of each line; a byte that is no printable ASCII character is ``.``."""
    offset_width = max(OFFSET_WIDTH, len(f"{max(0, len(payload) - 1):x}"))
    count = row_bytes(width - offset_width + OFFSET_WIDTH)
    hex_width = _hex_width(count)
    for start in range(0, len(payload), count):
        row = payload[start : start + count]
        groups = (row[at : at + GROUP].hex(" ") for at in range(0, len(row), GROUP))
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:0{offset_width}x}", "  ".join(groups).ljust(hex_width), letters


def _width(count: int) -> int:
    return OFFSET_WIDTH + 1 + _hex_width(count) + 1 + count


def _hex_width(count: int) -> int:
    return 3 * count - 1 + max(0, count // GROUP - 1)


# Bytes of a payload: the largest message that is taken by default
PAYLOAD_LIMIT = 1024 * 1024
# Characters cleaned at a time: a hostile mebibyte at once takes 0.2 s
PIECE = 8 * 1024
# Characters of one text inside JSON
TOKEN_LIMIT = 16 * 1024
# Cells; deeper nesting shows its depth no more
MAX_INDENT = 40
ROLE_OF_TOKEN: dict[TokenKind, Role] = {
    "key": "key-name",
    "string": "text",
    "number": "direction-in",
    "literal": "direction-out",
    "sign": "dim",
}


class DecodedPayload(NamedTuple):
    """What the decoded form shows."""

    name: str
    """Of the form; empty where it differs from no other."""
    anatomy: Anatomy | None
    body: bytes
    text: str
    """Of the body, as far as it is shown; empty where it is none."""
    is_json: bool
    fault: str
    """Why it is not JSON, where it looks like it."""


def content_of(event: Event) -> DecodedPayload:
    """The payload as its protocol sees it; cheap whatever it is: a mebibyte at most is looked at."""
    found = dissect(event)
    body = event.payload or b"" if found is None or found.body is None else found.body
    is_text = event.opcode in ("text", "") or (found is not None and found.body is not None and _is_text(body))
    text = _decoded(body) if is_text else ""
    is_cut = event.truncated or len(body) > PAYLOAD_LIMIT
    fault = json_fault(text, is_cut=is_cut) if text else ""
    is_json = bool(text) and fault is None
    name = " ".join(filter(None, (found.name if found is not None else "", "JSON" if is_json else "")))
    return DecodedPayload(name, found, body, text, is_json, fault or "")


def payload_rows(event: Event, content: DecodedPayload, page: DetailLayout) -> Iterator[DetailRow]:
    """The payload in the form of the page."""
    payload = event.payload
    if payload is None:
        if event.name in MESSAGES:
            yield from _heading((("Payload", "key-name"),))
            yield from page.note("not kept (capture.payloads, or the profile)")
        return
    if not payload:
        return
    form = shown_form(event, content, page.form)
    yield from _heading(_tabs(content, form, page))
    if form == "text" and content.fault:
        yield from page.note(f"not valid JSON: {page.clean(content.fault)}")
    if form == "decoded":
        yield from _decoded_rows(content, page)
    elif form == "text":
        yield from _text(_decoded(payload), page)
    else:
        yield from _hex(payload[:PAYLOAD_LIMIT], page)
    if len(payload) > PAYLOAD_LIMIT:
        yield from page.note("the rest is not shown: x exports the whole")
    if event.truncated:
        yield from page.note("here it was cut before it was stored")


def shown_form(event: Event, content: DecodedPayload, wanted: PayloadForm) -> PayloadForm:
    """The form that is wanted, or what stands for it where a payload has no such form."""
    if wanted == "decoded" and not content.name:
        return "text" if event.opcode in ("text", "") else "hex"
    return wanted


def next_form(event: Event, content: DecodedPayload, form: PayloadForm) -> PayloadForm:
    """The form after the one that is shown, of those that the payload has."""
    forms = FORMS if content.name else FORMS[1:]
    return forms[(forms.index(shown_form(event, content, form)) + 1) % len(forms)]


def _decoded_rows(content: DecodedPayload, page: DetailLayout) -> Iterator[DetailRow]:
    if content.anatomy is not None:
        yield from field_rows((DetailField(label, value) for label, value in content.anatomy.parts), page)
    if content.is_json:
        yield from _json(content.text, page)
    elif content.text:
        yield from _text(content.text, page)
    elif content.body:
        yield from _hex(content.body[:PAYLOAD_LIMIT], page)


def _tabs(content: DecodedPayload, form: PayloadForm, page: DetailLayout) -> Line:
    """``Payload  JSON · text · hex (f)``, the form that is shown stands out."""
    names: list[tuple[PayloadForm, str]] = [("text", "text"), ("hex", "hex")]
    if content.name:
        names.insert(0, ("decoded", page.clean(content.name)))
    spans: list[StyledText] = [("Payload  ", "key-name")]
    for number, (each, name) in enumerate(names):
        if number:
            spans.append((f" {page.glyphs.between} ", "dim"))
        spans.append((name, "strong" if each == form else "dim"))
    if width_of(spans) > page.width:
        shown = next(name for each, name in names if each == form)
        return ((clip(f"Payload  {shown}", page.width, page.glyphs.cut), "key-name"),)
    hint = "  f"
    return (*spans, (hint, "key-name")) if width_of(spans) + len(hint) <= page.width else tuple(spans)


def _heading(line: Line) -> Iterator[DetailRow]:
    yield DetailRow(())
    yield DetailRow(line)


def _json(text: str, page: DetailLayout) -> Iterator[DetailRow]:
    for depth, tokens, node in tree_lines(text, page.folding):
        indent = min(2 * depth, MAX_INDENT, page.width // 2)
        spans: list[StyledText] = [(page.clean(token, TOKEN_LIMIT), ROLE_OF_TOKEN[kind]) for token, kind in tokens]
        yield from (DetailRow(line, node) for line in _flow(spans, indent, page))
        for token, _ in tokens:
            if len(token) > TOKEN_LIMIT:
                left_out = f"here {len(token) - TOKEN_LIMIT:,} characters are left out: x exports the whole"
                yield from (row._replace(node=node) for row in page.note(left_out))


def _flow(tokens: list[StyledText], indent: int, page: DetailLayout) -> Iterator[Line]:
    """Tokens on a line, going on under themselves where the line is full."""
    line: list[StyledText] = [(" " * indent, "text")] if indent else []
    used = indent
    for text, role in tokens:
        room = page.width - used
        if cell_len(text[: page.width + 1]) <= room:
            line.append((text, role))
            used += cell_len(text)
            continue
        if room < page.width // 3 and used > indent:
            yield tuple(line)
            line, used, room = [(" " * indent, "text")], indent, page.width - indent
        first = next(wrap(text, room))
        line.append((first, role))
        used += cell_len(first)
        for piece in wrap(text[len(first) :].lstrip(" "), page.width - indent) if len(first) < len(text) else ():
            yield tuple(line)
            line, used = [(" " * indent, "text"), (piece, role)], indent + cell_len(piece)
    yield tuple(line)


def _text(text: str, page: DetailLayout) -> Iterator[DetailRow]:
    """Foreign text, its own line breaks kept; cleaned a piece at a time."""
    for piece in _pieces(text):
        clean = sanitize(piece, 2 * PIECE, multiline=True, ascii_only=page.glyphs.is_ascii)
        for line in wrap(clean, page.width):
            yield DetailRow(((line, "text"),))


def _pieces(text: str) -> Iterator[str]:
    """The lines of a text, long ones in several pieces."""
    start = 0
    while start < len(text):
        end = text.find("\n", start, start + PIECE)
        yield text[start : end if end >= 0 else start + PIECE].removesuffix("\r")
        start = end + 1 if end >= 0 else start + PIECE


def _hex(payload: bytes, page: DetailLayout) -> Iterator[DetailRow]:
    for offset, digits, letters in hexdump(payload, page.width):
        yield DetailRow(((offset + " ", "dim"), (digits, "text"), (" " + letters, "direction-in")))


def _decoded(payload: bytes) -> str:
    """The text of as much as is shown; a character that the limit cuts is left out."""
    is_whole = len(payload) <= PAYLOAD_LIMIT
    return codecs.getincrementaldecoder("utf-8")("replace").decode(payload[:PAYLOAD_LIMIT], final=is_whole)


def _is_text(body: bytes) -> bool:
    """Whether bytes read as text: valid UTF-8, and no control characters but white space."""
    try:
        text = codecs.getincrementaldecoder("utf-8")("strict").decode(body[:PIECE], final=len(body) <= PIECE)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)


# Everything about one event as lines of a width, made one by one as they are looked at. Pure.


def detail_rows(event: Event, content: DecodedPayload, page: DetailLayout) -> Iterator[DetailRow]:
    """The sentence that explains it, its fields, its payload, where it went, and which event it is."""
    yield from _head(event, page)
    yield from payload_rows(event, content, page)
    yield from _tail(event, page)


def _head(event: Event, page: DetailLayout) -> Iterator[DetailRow]:
    yield from _title(event, page)
    yield DetailRow(())
    yield from _verdict(event, page)
    yield from _before(event, page)
    yield from field_rows(chain(outcome_fields(event), message_fields(event)), page)


def _tail(event: Event, page: DetailLayout) -> Iterator[DetailRow]:
    yield from _section("Handshake", field_rows(handshake_fields(event), page), page)
    yield from _section("Request headers", _headers(event, "request_headers", page), page)
    yield from _section("Response headers", _headers(event, "response_headers", page), page)
    yield from _section("Response body", _body(event, page), page)
    yield from _section("More", field_rows(other_fields(event), page), page)
    yield from _section("Event", field_rows(identity_fields(event, page.zone), page), page)


def _verdict(event: Event, page: DetailLayout) -> Iterator[DetailRow]:
    """Why, and what to do."""
    verdict = event.verdict
    sentence = why(event) if event.is_problem or verdict is not None else ""
    if not sentence:
        return
    yield from (DetailRow(((line, "strong"),)) for line in wrap(page.clean(sentence), page.width))
    if verdict is not None:
        yield from field_rows([DetailField("Next", verdict.next)], page)
    yield DetailRow(())


def _before(event: Event, page: DetailLayout) -> Iterator[DetailRow]:
    """What was said last, and how an outage began."""
    rows = list(field_rows(before_fields(event, page.before), page))
    yield from rows
    if rows:
        yield DetailRow(())


def title_of(event: Event, page: DetailLayout) -> str:
    """What the event is, in a few words."""
    name = page.clean(event.source.connection or "the recorder")
    match event.name:
        case "message.received":
            return f"Message from {name}"
        case "message.sent":
            return f"Message to {name}"
        case "connection.disconnected" if event.from_status == OPEN and event.to_status == "disconnected":
            return f"Loss of {name}"
    what = describe(event, ascii_only=page.glyphs.is_ascii).what
    return f"{what[:1].upper()}{what[1:]}: {name}"


def _title(event: Event, page: DetailLayout) -> Iterator[DetailRow]:
    sign = describe(event, ascii_only=page.glyphs.is_ascii)
    at = time_of_day(event.ts_ns, page.zone)
    room = page.width - cell_len(at) - 1
    if room < LABEL_WIDTH:
        yield DetailRow(((clip(title_of(event, page), page.width, page.glyphs.cut), "strong"),))
        return
    glyph = page.glyphs.of(sign.sign)
    title = left(title_of(event, page), room - 2, page.glyphs.cut) + " "
    yield DetailRow(((glyph + " ", sign.role), (title, "strong"), (at, "dim")))


def _section(title: str, rows: Iterator[DetailRow], page: DetailLayout) -> Iterator[DetailRow]:
    """A heading before rows, if there are any."""
    for first in islice(rows, 1):
        yield from heading(title, page)
        yield first
    yield from rows


def _headers(event: Event, key: str, page: DetailLayout) -> Iterator[DetailRow]:
    for foreign_name, value in headers(event, key):
        name = page.clean(foreign_name)
        field = DetailField(foreign_name, value)
        for number, line in enumerate(wrap(f"{name}: {page.clean(value)}", page.width)):
            if number == 0 and len(name) < len(line):
                yield DetailRow(((line[: len(name) + 1], "dim"), (line[len(name) + 1 :], "text")), field=field)
            else:
                yield DetailRow(((line, "text"),), field=field)


def _body(event: Event, page: DetailLayout) -> Iterator[DetailRow]:
    body = (event.meta or {}).get("body")
    if isinstance(body, str) and body:
        for line in body.split("\n"):
            clean = sanitize(line, multiline=True, ascii_only=page.glyphs.is_ascii)
            yield from (DetailRow(((each, "text"),)) for each in wrap(clean, page.width))
