"""The payload of an event as lines: taken apart by its protocol, as JSON, text or bytes; made one by one. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len

from wsmon.model.events import Event
from wsmon.model.profiles import MESSAGES
from wsmon.model.sanitize import sanitize
from wsmon.protocols.base import Anatomy
from wsmon.protocols.registry import dissect
from wsmon.tui.hexdump import hexdump
from wsmon.tui.json_lines import JsonKind, json_fault
from wsmon.tui.json_view import tree_lines
from wsmon.tui.palette import Line, Meaning, Span, width_of
from wsmon.tui.panes.detail_fields import Field
from wsmon.tui.panes.detail_page import FORMS, Form, Page, Row, field_rows
from wsmon.tui.text import clip, wrap

PAYLOAD_LIMIT = 1024 * 1024
# bytes of a payload: the largest message that is taken by default
PIECE = 8 * 1024
# characters cleaned at a time: a hostile mebibyte at once takes 0.2 s
TOKEN_LIMIT = 16 * 1024
# characters of one text inside JSON
MAX_INDENT = 40
# cells; deeper nesting shows its depth no more
JSON_MEANING: dict[JsonKind, Meaning] = {
    "key": "key-name",
    "string": "text",
    "number": "direction-in",
    "literal": "direction-out",
    "sign": "dim",
}


class Content(NamedTuple):
    """What the decoded form shows."""

    name: str
    # of the form; empty where it differs from no other
    anatomy: Anatomy | None
    body: bytes
    text: str
    # of the body, as far as it is shown; empty where it is none
    is_json: bool
    fault: str
    # why it is not JSON, where it looks like it


def content_of(event: Event) -> Content:
    """The payload as its protocol sees it; cheap whatever it is: a mebibyte at most is looked at."""
    found = dissect(event)
    body = event.payload or b"" if found is None or found.body is None else found.body
    is_text = event.opcode in ("text", "") or (found is not None and found.body is not None and _is_text(body))
    text = _decoded(body) if is_text else ""
    is_cut = event.truncated or len(body) > PAYLOAD_LIMIT
    fault = json_fault(text, is_cut=is_cut) if text else ""
    is_json = bool(text) and fault is None
    name = " ".join(filter(None, (found.name if found is not None else "", "JSON" if is_json else "")))
    return Content(name, found, body, text, is_json, fault or "")


def payload_rows(event: Event, content: Content, page: Page) -> Iterator[Row]:
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


def shown_form(event: Event, content: Content, wanted: Form) -> Form:
    """The form that is wanted, or what stands for it where a payload has no such form."""
    if wanted == "decoded" and not content.name:
        return "text" if event.opcode in ("text", "") else "hex"
    return wanted


def next_form(event: Event, content: Content, form: Form) -> Form:
    """The form after the one that is shown, of those that the payload has."""
    forms = FORMS if content.name else FORMS[1:]
    return forms[(forms.index(shown_form(event, content, form)) + 1) % len(forms)]


def _decoded_rows(content: Content, page: Page) -> Iterator[Row]:
    if content.anatomy is not None:
        yield from field_rows((Field(label, value) for label, value in content.anatomy.parts), page)
    if content.is_json:
        yield from _json(content.text, page)
    elif content.text:
        yield from _text(content.text, page)
    elif content.body:
        yield from _hex(content.body[:PAYLOAD_LIMIT], page)


def _tabs(content: Content, form: Form, page: Page) -> Line:
    """``Payload  JSON · text · hex (f)``, the form that is shown stands out."""
    names: list[tuple[Form, str]] = [("text", "text"), ("hex", "hex")]
    if content.name:
        names.insert(0, ("decoded", page.clean(content.name)))
    spans: list[Span] = [("Payload  ", "key-name")]
    for number, (each, name) in enumerate(names):
        if number:
            spans.append((f" {page.glyphs.between} ", "dim"))
        spans.append((name, "strong" if each == form else "dim"))
    if width_of(spans) > page.width:
        shown = next(name for each, name in names if each == form)
        return ((clip(f"Payload  {shown}", page.width, page.glyphs.cut), "key-name"),)
    hint = "  f"
    return (*spans, (hint, "key-name")) if width_of(spans) + len(hint) <= page.width else tuple(spans)


def _heading(line: Line) -> Iterator[Row]:
    yield Row(())
    yield Row(line)


def _json(text: str, page: Page) -> Iterator[Row]:
    for depth, tokens, node in tree_lines(text, page.folding):
        indent = min(2 * depth, MAX_INDENT, page.width // 2)
        spans: list[Span] = [(page.clean(token, TOKEN_LIMIT), JSON_MEANING[kind]) for token, kind in tokens]
        yield from (Row(line, node) for line in _flow(spans, indent, page))
        for token, _ in tokens:
            if len(token) > TOKEN_LIMIT:
                left_out = f"here {len(token) - TOKEN_LIMIT:,} characters are left out: x exports the whole"
                yield from (row._replace(node=node) for row in page.note(left_out))


def _flow(tokens: list[Span], indent: int, page: Page) -> Iterator[Line]:
    """Tokens on a line, going on under themselves where the line is full."""
    line: list[Span] = [(" " * indent, "text")] if indent else []
    used = indent
    for text, meaning in tokens:
        room = page.width - used
        if cell_len(text[: page.width + 1]) <= room:
            line.append((text, meaning))
            used += cell_len(text)
            continue
        if room < page.width // 3 and used > indent:
            yield tuple(line)
            line, used, room = [(" " * indent, "text")], indent, page.width - indent
        first = next(wrap(text, room))
        line.append((first, meaning))
        used += cell_len(first)
        for piece in wrap(text[len(first) :].lstrip(" "), page.width - indent) if len(first) < len(text) else ():
            yield tuple(line)
            line, used = [(" " * indent, "text"), (piece, meaning)], indent + cell_len(piece)
    yield tuple(line)


def _text(text: str, page: Page) -> Iterator[Row]:
    """Foreign text, its own line breaks kept; cleaned a piece at a time."""
    for piece in _pieces(text):
        clean = sanitize(piece, 2 * PIECE, multiline=True, ascii_only=page.glyphs.is_ascii)
        for line in wrap(clean, page.width):
            yield Row(((line, "text"),))


def _pieces(text: str) -> Iterator[str]:
    """The lines of a text, long ones in several pieces."""
    start = 0
    while start < len(text):
        end = text.find("\n", start, start + PIECE)
        yield text[start : end if end >= 0 else start + PIECE].removesuffix("\r")
        start = end + 1 if end >= 0 else start + PIECE


def _hex(payload: bytes, page: Page) -> Iterator[Row]:
    for offset, digits, letters in hexdump(payload, page.width):
        yield Row(((offset + " ", "dim"), (digits, "text"), (" " + letters, "direction-in")))


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
