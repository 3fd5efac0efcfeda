"""Everything about one event as lines of a width, made one by one as they are looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from rich.cells import cell_len

from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.statuses import OPEN
from wsmon.model.verdict import why
from wsmon.tui.event_text import describe
from wsmon.tui.panes.detail_fields import (
    Field,
    before_fields,
    handshake_fields,
    headers,
    identity_fields,
    message_fields,
    other_fields,
    outcome_fields,
)
from wsmon.tui.panes.detail_page import LABEL_WIDTH, Page, Row, field_rows, heading
from wsmon.tui.panes.detail_payload import Content, payload_rows
from wsmon.tui.panes.log_line import time_of_day
from wsmon.tui.text import clip, left, wrap


def detail_rows(event: Event, content: Content, page: Page) -> Iterator[Row]:
    """The sentence that explains it, its fields, its payload, where it went, and which event it is."""
    yield from _head(event, page)
    yield from payload_rows(event, content, page)
    yield from _tail(event, page)


def _head(event: Event, page: Page) -> Iterator[Row]:
    yield from _title(event, page)
    yield Row(())
    yield from _verdict(event, page)
    yield from _before(event, page)
    yield from field_rows(chain(outcome_fields(event), message_fields(event)), page)


def _tail(event: Event, page: Page) -> Iterator[Row]:
    yield from _section("Handshake", field_rows(handshake_fields(event), page), page)
    yield from _section("Request headers", _headers(event, "request_headers", page), page)
    yield from _section("Response headers", _headers(event, "response_headers", page), page)
    yield from _section("Response body", _body(event, page), page)
    yield from _section("More", field_rows(other_fields(event), page), page)
    yield from _section("Event", field_rows(identity_fields(event, page.zone), page), page)


def _verdict(event: Event, page: Page) -> Iterator[Row]:
    """Why, and what to do."""
    verdict = event.verdict
    sentence = why(event) if event.is_problem or verdict is not None else ""
    if not sentence:
        return
    yield from (Row(((line, "strong"),)) for line in wrap(page.clean(sentence), page.width))
    if verdict is not None:
        yield from field_rows([Field("Next", verdict.next)], page)
    yield Row(())


def _before(event: Event, page: Page) -> Iterator[Row]:
    """What was said last, and how an outage began."""
    rows = list(field_rows(before_fields(event, page.before), page))
    yield from rows
    if rows:
        yield Row(())


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


def _title(event: Event, page: Page) -> Iterator[Row]:
    sign = describe(event, ascii_only=page.glyphs.is_ascii)
    at = time_of_day(event.ts_ns, page.zone)
    room = page.width - cell_len(at) - 1
    if room < LABEL_WIDTH:
        yield Row(((clip(title_of(event, page), page.width, page.glyphs.cut), "strong"),))
        return
    glyph = page.glyphs.of(sign.sign)
    title = left(title_of(event, page), room - 2, page.glyphs.cut) + " "
    yield Row(((glyph + " ", sign.meaning), (title, "strong"), (at, "dim")))


def _section(title: str, rows: Iterator[Row], page: Page) -> Iterator[Row]:
    """A heading before rows, if there are any."""
    for first in islice(rows, 1):
        yield from heading(title, page)
        yield first
    yield from rows


def _headers(event: Event, key: str, page: Page) -> Iterator[Row]:
    for foreign_name, value in headers(event, key):
        name = page.clean(foreign_name)
        field = Field(foreign_name, value)
        for number, line in enumerate(wrap(f"{name}: {page.clean(value)}", page.width)):
            if number == 0 and len(name) < len(line):
                yield Row(((line[: len(name) + 1], "dim"), (line[len(name) + 1 :], "text")), field=field)
            else:
                yield Row(((line, "text"),), field=field)


def _body(event: Event, page: Page) -> Iterator[Row]:
    body = (event.meta or {}).get("body")
    if isinstance(body, str) and body:
        for line in body.split("\n"):
            clean = sanitize(line, multiline=True, ascii_only=page.glyphs.is_ascii)
            yield from (Row(((each, "text"),)) for each in wrap(clean, page.width))
