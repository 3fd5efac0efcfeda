"""Detail pane: everything about one event, JSON that folds, and a search; lines are made as they come into sight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import islice
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from wsmon.model.events import Event
from wsmon.model.json_path import JsonPath, path_text, raw_at
from wsmon.model.snapshot import OpenIncident
from wsmon.query.predicate import casefold_ascii
from wsmon.tui.actions import Move, bindings, moved
from wsmon.tui.cell_text import cell_text
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.json_view import UNFOLDED, Folding, JsonNode, query_term, value_text
from wsmon.tui.panes.detail_fields import DetailLayout, DetailRow, PayloadForm
from wsmon.tui.panes.detail_payload import DecodedPayload, decode_payload, detail_rows, next_form, shown_form
from wsmon.tui.related import NO_PRIOR_EVENTS, PriorEvents
from wsmon.tui.text import wrap
from wsmon.tui.widgets.text_view import ActionRefused, StatusChanged, TextPane

# Rows that are made beyond those in sight, so that a page down never waits
AHEAD = 200
# A person reads no more of one message; to make them all takes less than 0.1 s
MOST_LINES = 10_000
# Characters of the text that is searched for, in the title
NEEDLE_LIMIT = 24
FOLLOWING_HINT = "Live. Enter: show event · e: jump to latest problem"
EMPTY_LOG_HINT = "No events. Press Esc in the log to clear the search."
NO_EVENT = "no event here: press Enter on an event of the log"
NO_JSON = "no JSON to collapse here: f changes the view of the payload"
ONE_FORM = "this event has no payload"


@dataclass(frozen=True, slots=True)
class DetailValue:
    """The value under the cursor, as it is copied."""

    path: str
    """Path into JSON; of a field, the query term for events with this value, or its name."""
    text: str


class DetailPane(TextPane):
    """Everything about an event, until another one is shown."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("move", "choose", "detail")

    class FilterRequested(Message):
        """The user wants the log to show only events with the value under the cursor, or only events without it."""

        def __init__(self, term: str, *, is_excluded: bool) -> None:
            """``term`` is empty where no query asks for the value."""
            super().__init__()
            self.term = term
            self.is_excluded = is_excluded

    @dataclass
    class EvidenceRequested(Message):
        """The user wants to see the event that proves this one."""

        event: Event

    def __init__(
        self,
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``zone`` is the local one by default."""
        super().__init__(id=id)
        self._zone, self._glyphs = zone, glyphs
        self._event: Event | None = None
        self._payload: DecodedPayload | None = None
        """The payload of the event in its decoded form; None without an event."""
        self._before = NO_PRIOR_EVENTS
        """What came before the event."""
        self._incidents: tuple[OpenIncident, ...] = ()
        """Those that are open now."""
        self._hint = FOLLOWING_HINT
        """Shown while there is no event."""
        self._form: PayloadForm = "decoded"
        self._folding = UNFOLDED
        self._needle = ""
        """The text that is searched for; it stays when another event is shown."""
        self._rows = LazyRows()

    @property
    def event(self) -> Event | None:
        """The event that is shown."""
        return self._event

    @property
    def value(self) -> DetailValue | None:
        """The JSON value under the cursor, whole also where it is folded or takes many lines; or the field."""
        row, payload = self._rows.current, self._payload
        if row is None or payload is None:
            return None
        if row.field is not None:
            return DetailValue(row.field.term or row.field.label, row.field.value)
        if row.node is None:
            return None
        path = path_text(row.node.path)
        if row.node.kind == "value":
            return DetailValue(path, value_text(row.node.token))
        raw = raw_at(row.node.path, payload.body)
        return None if raw is None else DetailValue(path, raw.decode("utf-8", "replace"))

    @property
    def needle(self) -> str:
        """The text that is searched for; empty = none."""
        return self._needle

    def show(self, event: Event | None, hint: str = FOLLOWING_HINT) -> None:
        """Show an event from its first line, or without one a hint; the same event again stays where it is."""
        if event is not None and self._event is not None and event.id == self._event.id and event == self._event:
            return
        self._event, self._folding, self._before = event, UNFOLDED, NO_PRIOR_EVENTS
        self._payload, self._hint = None if event is None else decode_payload(event), hint
        self._rows.at = 0
        self.scroll_to(y=0, animate=False, force=True)
        self._restart()
        self._report_search("n N" if self._needle and event is not None else "")

    def show_before(self, event: Event, before: PriorEvents) -> None:
        """Add what came before an event, if that is still shown."""
        if self._event == event:
            self._before = before
            self._restart()

    def show_incidents(self, incidents: tuple[OpenIncident, ...]) -> None:
        """Show what the incident that the event opened has found by now, as long as it is open."""
        before, self._incidents = self._by_now, incidents
        if self._by_now != before:
            self._restart()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these glyphs from now on."""
        self._glyphs = glyphs
        self._restart()

    def search(self, needle: str) -> None:
        """Search for a text in all that is shown of the event, and go to its next place; empty ends the search."""
        self._needle = needle
        if not needle:
            self._report_search("")
        elif self._event is not None:
            self.go_to_match(newer=True, is_here_too=True)

    def go_to_match(self, *, newer: bool, is_here_too: bool = False) -> None:
        """Go to the next place of the text that is searched for, or the one before; after the last comes the first.

        With ``is_here_too`` the line under the cursor counts as the next one.
        """
        if self._folding != UNFOLDED:
            self._fold(UNFOLDED, self._node.path if self._node is not None else ())
        self._rows.make(MOST_LINES)
        self._draw()
        at, matches = self._rows.at, matching_lines(self._rows.made, self._needle)
        if not matches:
            self._report_search("not found")
            return
        ahead = [line for line in matches if (line > at if newer else line < at)]
        if is_here_too and at in matches:
            ahead = [at]
        line = (ahead or matches)[0] if newer else (ahead or matches)[-1]
        self._move_to(line)
        self._report_search(f"{matches.index(line) + 1} of {len(matches)}{'' if ahead else ', wrapped'}")

    def on_mount(self) -> None:
        """Show the hint."""
        self._restart()

    def on_resize(self) -> None:
        """Break lines at the new width; the cursor stays on its value, and in sight."""
        node = self._node
        self._restart()
        self._move_to(self._rows.at if node is None else self._rows.row_of(node.path))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Make the lines that come into sight soon; the cursor stays in sight."""
        super().watch_scroll_y(old_value, new_value)
        top = round(new_value)
        bottom = top + max(1, self.size.height) - 1
        is_more = self._rows.make(top + self.size.height + AHEAD)
        is_out_of_sight = not top <= self._rows.at <= bottom
        if is_out_of_sight:
            self._rows.at = min(max(self._rows.at, top), bottom, max(0, len(self._rows.made) - 1))
        if is_more or is_out_of_sight:
            self._draw()

    def action_move(self, move: Move) -> None:
        """Move the cursor, and scroll as little as that needs."""
        # The last line is known only once all of them are made
        if move == "bottom":
            self._rows.make(MOST_LINES)
        self._move_to(moved(move, self._rows.at, self.size.height, len(self._rows.made)))

    def action_choose(self) -> None:
        """Fold or unfold the JSON container under the cursor; elsewhere ask for the evidence of the event."""
        if self._node is not None:
            path = self._node.container
            self._fold(self._folding.toggle(path), path)
        elif self._event is not None:
            self.post_message(self.EvidenceRequested(self._event))

    def action_detail_fold(self) -> None:
        """Fold all nested containers."""
        if self._can_fold():
            self._fold(Folding(1), ())

    def action_detail_unfold(self) -> None:
        """Unfold everything."""
        if self._can_fold():
            self._fold(UNFOLDED, self._node.container if self._node is not None else ())

    def action_detail_level_less(self) -> None:
        """Show one level of JSON less than now."""
        if not self._can_fold():
            return
        level = self._folding.level
        if level is None:
            nodes = (row.node for row in self._rows.made)
            level = 1 + max((len(node.container) for node in nodes if node is not None), default=0)
        self._fold(Folding(max(1, level - 1)), ())

    def action_detail_level_more(self) -> None:
        """Show one level of JSON more than now."""
        if not self._can_fold():
            return
        level = self._folding.level
        self._fold(UNFOLDED if level is None else Folding(level + 1), ())

    def action_detail_form(self) -> None:
        """Show the payload in its next form: decoded, text, bytes."""
        if self._event is None or self._payload is None:
            self.post_message(ActionRefused(NO_EVENT))
        elif not self._event.payload:
            self.post_message(ActionRefused(ONE_FORM))
        else:
            self._form = next_form(self._event, self._payload, self._form)
            self._restart()

    def action_detail_only(self) -> None:
        """Ask for only those events that have the value under the cursor."""
        self._request_filter(is_excluded=False)

    def action_detail_without(self) -> None:
        """Ask for only those events that do not have the value under the cursor."""
        self._request_filter(is_excluded=True)

    def _request_filter(self, *, is_excluded: bool) -> None:
        row, payload = self._rows.current, self._payload
        if row is None or payload is None:
            self.post_message(ActionRefused(NO_EVENT))
            return
        term = row.field.term if row.field is not None else ""
        # A query looks into the payload itself: nothing asks for a value of a body that a protocol wraps
        if row.node is not None and self._event is not None and payload.body == self._event.payload:
            term = query_term(row.node)
        self.post_message(self.FilterRequested(term, is_excluded=is_excluded))

    def _report_search(self, found: str) -> None:
        """Put the text that is searched for into the title, and what was found; empty clears the title."""
        needle = cell_text(self._needle, NEEDLE_LIMIT, ascii_only=self._glyphs.is_ascii)
        self.post_message(StatusChanged(f"'{needle}' {found}" if found else ""))

    @property
    def _by_now(self) -> str:
        """What the incident that the event opened has found by now; empty where that is no more, or it is over."""
        event = self._event
        if event is None or event.name != "incident.opened":
            return ""
        sentences = (each.sentence for each in self._incidents if each.event_id == event.id)
        return next((sentence for sentence in sentences if sentence != event.reason), "")

    @property
    def _node(self) -> JsonNode | None:
        """The JSON value that the line under the cursor belongs to."""
        row = self._rows.current
        return row.node if row is not None else None

    def _can_fold(self) -> bool:
        """Return whether JSON is shown, and refuse the action where none is."""
        event, payload = self._event, self._payload
        if event is None or payload is None:
            self.post_message(ActionRefused(NO_EVENT))
        elif not payload.is_json or shown_form(event, payload, self._form) != "decoded":
            self.post_message(ActionRefused(NO_JSON))
        else:
            return True
        return False

    def _fold(self, folding: Folding, path: JsonPath) -> None:
        """Show the JSON folded like this, with the cursor on the first line of the value at a path."""
        self._folding = folding
        self._restart()
        self._move_to(self._rows.row_of(path))

    def _restart(self) -> None:
        """Make the lines anew; the cursor stays on its line, as far as there are as many."""
        width = self.scrollable_content_region.width
        if not width:
            return
        rows: Iterator[DetailRow]
        if self._event is None or self._payload is None:
            rows = (DetailRow(((line, "dim"),)) for line in wrap(self._hint, width))
        else:
            layout = DetailLayout(
                width, self._zone, self._glyphs, self._form, self._folding, self._before, self._by_now
            )
            rows = detail_rows(self._event, self._payload, layout)
        self._rows.begin(rows, max(self._rows.at, self.scroll_offset.y) + self.size.height + AHEAD)
        self._draw()

    def _move_to(self, row: int) -> None:
        self._rows.move_to(row, self.size.height + AHEAD)
        self._draw()
        self.show_cursor()

    def _draw(self) -> None:
        self.draw(tuple(row.line for row in self._rows.made), self._rows.at if self._event is not None else None)


class LazyRows:
    """Rows that are made when they are needed, at most ``MOST_LINES``, and the row under the cursor."""

    def __init__(self) -> None:
        self.made: list[DetailRow] = []
        """The first rows, as far as they were needed."""
        self.at = 0
        """Row of the cursor."""
        self._more: Iterator[DetailRow] = iter(())

    @property
    def current(self) -> DetailRow | None:
        """The row under the cursor."""
        return self.made[self.at] if self.at < len(self.made) else None

    def row_of(self, path: JsonPath) -> int:
        """Return the first row of the JSON value at a path; the row of the cursor where it is not among those made."""
        rows = enumerate(self.made)
        return next((number for number, row in rows if row.node is not None and row.node.path == path), self.at)

    def begin(self, rows: Iterator[DetailRow], count: int) -> None:
        """Replace all rows and make the first ones; the cursor keeps its number, as far as there are as many rows."""
        self.made, self._more = [], rows
        self.make(count)
        self.at = min(self.at, max(0, len(self.made) - 1))

    def move_to(self, row: int, ahead: int) -> None:
        """Put the cursor on a row, or the nearest one there is, and make ``ahead`` rows after it."""
        self.at = max(0, row)
        self.make(self.at + ahead)
        self.at = min(self.at, max(0, len(self.made) - 1))

    def make(self, count: int) -> bool:
        """Make rows until there are ``count`` or no more; return whether there are new ones."""
        missing = min(count, MOST_LINES) - len(self.made)
        new = list(islice(self._more, missing)) if missing > 0 else []
        self.made += new
        if new and len(self.made) >= MOST_LINES and next(self._more, None) is not None:
            self._more = iter(())
            self.made.append(DetailRow(((f"{MOST_LINES:,} lines shown: press x to export all of it", "caution"),)))
        return bool(new)


def matching_lines(rows: Sequence[DetailRow], needle: str) -> tuple[int, ...]:
    """Return the numbers of the lines in which ``needle`` begins; ASCII case does not count.

    A needle is found also where a line was broken in the middle of it.
    """
    wanted = casefold_ascii(needle)
    if not wanted:
        return ()
    texts = [casefold_ascii("".join(part for part, _ in row.line)) for row in rows]
    return tuple(number for number in range(len(texts)) if _begins(rows, texts, number, wanted))


def _begins(rows: Sequence[DetailRow], texts: Sequence[str], number: int, wanted: str) -> bool:
    text = texts[number]
    if wanted in text:
        return True
    if number + 1 == len(texts) or not _continues(rows[number], rows[number + 1]):
        return False
    head, tail = text.rstrip()[-len(wanted) :], texts[number + 1].lstrip()[: len(wanted)]
    return any(0 <= (head + between + tail).find(wanted) < len(head) for between in ("", " "))


def _continues(row: DetailRow, following: DetailRow) -> bool:
    """Return whether the next line is part of the same value, which was too long for one line."""
    if row.node is not None or row.field is not None:
        return row.node is following.node and row.field is following.field
    return following.node is None and following.field is None and bool(following.line)
