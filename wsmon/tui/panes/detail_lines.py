"""Everything about one event as lines of a width, made one by one as they are looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import chain, islice
from typing import Literal, NamedTuple

from rich.cells import cell_len

from wsmon.model.events import Event
from wsmon.model.json_path import JsonPath
from wsmon.model.profiles import MESSAGES
from wsmon.model.sanitize import sanitize
from wsmon.model.statuses import OPEN
from wsmon.model.verdict import why
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.hexdump import hexdump
from wsmon.tui.json_lines import JsonKind, json_fault
from wsmon.tui.json_tree import JsonNode, tree_lines
from wsmon.tui.lines import time_of_day
from wsmon.tui.palette import Meaning, Span
from wsmon.tui.panes.detail_fields import (
    Field,
    handshake_fields,
    headers,
    identity_fields,
    message_fields,
    other_fields,
    outcome_fields,
)
from wsmon.tui.wording import describe
from wsmon.tui.wrap import clip, left, wrap

Line = tuple[Span, ...]

VALUE_LIMIT = 4096
# characters of one field: a reason has 123 bytes at most, an error body 4 KiB
PAYLOAD_LIMIT = 2 * 1024 * 1024
# characters of a payload: twice the largest message that is taken by default
PIECE = 8 * 1024
# characters cleaned at a time: a hostile mebibyte at once takes 0.2 s
TOKEN_LIMIT = 16 * 1024
# characters of one text inside JSON
MAX_INDENT = 40
# cells; deeper nesting shows its depth no more
LABEL_WIDTH = 12
_IN_ASCII = str.maketrans({"“": '"', "”": '"', "→": "->", "–": "-", "×": "x"})
JSON_MEANING: dict[JsonKind, Meaning] = {
    "key": "key-name",
    "string": "text",
    "number": "direction-in",
    "literal": "direction-out",
    "sign": "dim",
}


Form = Literal["decoded", "text", "hex"]
FORMS: tuple[Form, ...] = ("decoded", "text", "hex")
# of the payload


class Row(NamedTuple):
    """A line, and the JSON value that it is about."""

    line: Line
    node: JsonNode | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """How lines are written."""

    width: int
    zone: tzinfo | None
    # None = local time
    glyphs: Glyphs
    form: Form = "decoded"
    folded: frozenset[JsonPath] = frozenset()
    # JSON containers shown on one line

    def clean(self, text: str, limit: int = VALUE_LIMIT) -> str:
        """Foreign text, safe and on one line; our own quotes and arrows in ASCII where that is asked for."""
        if self.glyphs.is_ascii:
            text = text[: limit + 1].translate(_IN_ASCII)
        return sanitize(text, limit, ascii_only=self.glyphs.is_ascii)

    def note(self, text: str) -> Iterator[Line]:
        """A remark of ours."""
        return (((line, "caution"),) for line in wrap(text, self.width))


def detail_rows(event: Event, page: Page) -> Iterator[Row]:
    """The sentence that explains it, its fields, its payload, where it went, and which event it is."""
    yield from map(Row, _head(event, page))
    yield from _payload(event, page)
    yield from map(Row, _tail(event, page))


def _head(event: Event, page: Page) -> Iterator[Line]:
    yield from _title(event, page)
    yield ()
    yield from _verdict(event, page)
    yield from _fields(chain(outcome_fields(event), message_fields(event)), page)


def _tail(event: Event, page: Page) -> Iterator[Line]:
    yield from _section("Handshake", _fields(handshake_fields(event), page), page)
    yield from _section("Request headers", _headers(event, "request_headers", page), page)
    yield from _section("Response headers", _headers(event, "response_headers", page), page)
    yield from _section("Response body", _body(event, page), page)
    yield from _section("More", _fields(other_fields(event), page), page)
    yield from _section("Event", _fields(identity_fields(event, page.zone), page), page)


def _verdict(event: Event, page: Page) -> Iterator[Line]:
    """Why, and what to do."""
    verdict = event.verdict
    sentence = why(event) if event.is_problem or verdict is not None else ""
    if not sentence:
        return
    yield from (((line, "strong"),) for line in wrap(page.clean(sentence), page.width))
    if verdict is not None:
        yield from _fields([Field("Next", verdict.next)], page)
    yield ()


def title_of(event: Event, page: Page) -> str:
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


def _title(event: Event, page: Page) -> Iterator[Line]:
    sign = describe(event, ascii_only=page.glyphs.is_ascii)
    at = time_of_day(event.ts_ns, page.zone)
    room = page.width - cell_len(at) - 1
    if room < LABEL_WIDTH:
        yield ((clip(title_of(event, page), page.width, page.glyphs.cut), "strong"),)
        return
    glyph = page.glyphs.of(sign.sign)
    yield (
        (glyph + " ", sign.meaning),
        (left(title_of(event, page), room - 2, page.glyphs.cut) + " ", "strong"),
        (at, "dim"),
    )


def _fields(fields: Iterable[Field], page: Page) -> Iterator[Line]:
    """Labels in a column of their own; long values go on under themselves."""
    label_width = min(LABEL_WIDTH, page.width // 3)
    for field in fields:
        label = left(page.clean(field.label), label_width - 1, page.glyphs.cut) + " "
        for line in wrap(page.clean(field.value), page.width - label_width):
            yield (label, "dim"), (line, field.meaning)
            label = " " * label_width


def _heading(title: str, page: Page) -> Iterator[Line]:
    yield ()
    yield ((clip(title, page.width, page.glyphs.cut), "key-name"),)


def _section(title: str, lines: Iterator[Line], page: Page) -> Iterator[Line]:
    """A heading before lines, if there are any."""
    for first in islice(lines, 1):
        yield from _heading(title, page)
        yield first
    yield from lines


def _headers(event: Event, key: str, page: Page) -> Iterator[Line]:
    for name, value in headers(event, key):
        name = page.clean(name)
        for number, line in enumerate(wrap(f"{name}: {page.clean(value)}", page.width)):
            if number == 0 and len(name) < len(line):
                yield (line[: len(name) + 1], "dim"), (line[len(name) + 1 :], "text")
            else:
                yield ((line, "text"),)


def _body(event: Event, page: Page) -> Iterator[Line]:
    body = (event.meta or {}).get("body")
    return _text(body, page) if isinstance(body, str) and body else iter(())


def _payload(event: Event, page: Page) -> Iterator[Row]:
    payload = event.payload
    if payload is None:
        if event.name in MESSAGES:
            note = page.note("not kept (capture.payloads, or the profile)")
            yield from map(Row, _section("Payload", note, page))
        return
    is_text = event.opcode in ("text", "") or page.form == "text"
    if is_text and page.form != "hex":
        yield from _text_payload(payload.decode("utf-8", "replace"), event, page)
    elif payload:
        title = "Payload, bytes" if event.opcode in ("text", "") else "Payload, binary"
        yield from map(Row, _section(title, _hex(payload, page), page))
    if event.truncated:
        yield from map(Row, page.note("here it was cut before it was stored"))


def _text_payload(text: str, event: Event, page: Page) -> Iterator[Row]:
    is_cut = event.truncated or len(text) > PAYLOAD_LIMIT
    fault = json_fault(text[:PAYLOAD_LIMIT], is_cut=is_cut) if page.form == "decoded" else ""
    if fault is None:
        yield from map(Row, _heading("Payload, JSON", page))
        yield from _json(text[:PAYLOAD_LIMIT], page)
    elif text:
        title = f"Payload, text: not valid JSON, {page.clean(fault)}" if fault else "Payload, text"
        yield from map(Row, _section(title, _text(text[:PAYLOAD_LIMIT], page), page))
    if len(text) > PAYLOAD_LIMIT:
        yield from map(Row, page.note("the rest is not shown: x exports the whole"))


def _json(text: str, page: Page) -> Iterator[Row]:
    for depth, tokens, node in tree_lines(text, page.folded):
        indent = min(2 * depth, MAX_INDENT, page.width // 2)
        spans: list[Span] = [(page.clean(token, TOKEN_LIMIT), JSON_MEANING[kind]) for token, kind in tokens]
        yield from (Row(line, node) for line in _flow(spans, indent, page))
        for token, _ in tokens:
            if len(token) > TOKEN_LIMIT:
                left_out = f"here {len(token) - TOKEN_LIMIT:,} characters are left out: x exports the whole"
                yield from (Row(line, node) for line in page.note(left_out))


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


def _text(text: str, page: Page) -> Iterator[Line]:
    """Foreign text, its own line breaks kept; cleaned a piece at a time."""
    for piece in _pieces(text):
        clean = sanitize(piece, 2 * PIECE, multiline=True, ascii_only=page.glyphs.is_ascii)
        for line in wrap(clean, page.width):
            yield ((line, "text"),)


def _pieces(text: str) -> Iterator[str]:
    """The lines of a text, long ones in several pieces."""
    start = 0
    while start < len(text):
        end = text.find("\n", start, start + PIECE)
        yield text[start : end if end >= 0 else start + PIECE].removesuffix("\r")
        start = end + 1 if end >= 0 else start + PIECE


def _hex(payload: bytes, page: Page) -> Iterator[Line]:
    for offset, digits, letters in hexdump(payload, page.width):
        yield (offset + " ", "dim"), (digits, "text"), (" " + letters, "direction-in")
