"""The detail: everything about one event; lines are made when they come into sight."""

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
from wsmon.model.sanitize import sanitize
from wsmon.query.predicate import casefold_ascii
from wsmon.tui.actions import bindings
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.json_view import UNFOLDED, Folding, JsonNode, term_of, text_of
from wsmon.tui.panes.detail_fields import DetailLayout, DetailRow, PayloadForm
from wsmon.tui.panes.detail_payload import DecodedPayload, content_of, detail_rows, next_form, shown_form
from wsmon.tui.related import NO_PRIOR_EVENTS, PriorEvents
from wsmon.tui.text import wrap
from wsmon.tui.widgets.text_view import ActionRefused, StatusChanged, TextPane

# A cursor over lines that are made when they come into sight: what is never looked at costs nothing.

# Lines made before they are in sight: a page down never waits
AHEAD = 200
# A person reads no more of one message; G makes them in less than 0.1 s
MOST_LINES = 10_000


class LazyLines(TextPane):
    """Shows ``rows`` one page after the other; what they are about is up to the class that derives."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._made: list[DetailRow] = []
        self._more: Iterator[DetailRow] = iter(())
        # The line under the cursor
        self._at = 0

    @property
    def has_cursor(self) -> bool:
        """Whether a line is under the cursor."""
        return True

    def begin(self, rows: Iterator[DetailRow]) -> None:
        """Show other rows; the cursor stays on its line, as far as there are as many."""
        self._made, self._more = [], rows
        self._make(max(self._at, self.scroll_offset.y) + self.size.height + AHEAD)
        self._at = min(self._at, max(0, len(self._made) - 1))
        self._draw()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Make the lines that come into sight soon; the cursor stays in sight."""
        super().watch_scroll_y(old_value, new_value)
        top = round(new_value)
        self._make(top + self.size.height + AHEAD)
        if not top <= self._at < top + max(1, self.size.height):
            self._at = min(max(self._at, top), top + max(1, self.size.height) - 1, max(0, len(self._made) - 1))
            self._draw()

    def action_move_down(self) -> None:
        self._step(1)

    def action_move_up(self) -> None:
        self._step(-1)

    def action_move_page_down(self) -> None:
        self._step(max(1, self.size.height))

    def action_move_page_up(self) -> None:
        self._step(-max(1, self.size.height))

    def action_move_half_down(self) -> None:
        self._step(max(1, self.size.height // 2))

    def action_move_half_up(self) -> None:
        self._step(-max(1, self.size.height // 2))

    def action_move_top(self) -> None:
        self._step(-self._at)

    def action_move_bottom(self) -> None:
        """To the last line, of which there may be many."""
        self._make(MOST_LINES)
        self._step(len(self._made))

    def _step(self, lines: int) -> None:
        """Move the cursor, and scroll as little as that needs."""
        self._at = max(0, self._at + lines)
        self._make(self._at + self.size.height + AHEAD)
        self._at = min(self._at, max(0, len(self._made) - 1))
        self._draw()
        self.show_cursor()

    def _make(self, count: int) -> None:
        """Have at least so many lines, if there are as many."""
        missing = min(count, MOST_LINES) - len(self._made)
        new = list(islice(self._more, missing)) if missing > 0 else []
        if not new:
            return
        self._made += new
        if len(self._made) >= MOST_LINES and next(self._more, None) is not None:
            self._more = iter(())
            self._made.append(DetailRow(((f"{MOST_LINES:,} lines are shown: x exports the whole", "caution"),)))
        self._draw()

    def _draw(self) -> None:
        self.draw(tuple(row.line for row in self._made), self._at if self.has_cursor else None)


# Where a text stands in the lines of a detail, also where a line broke in the middle of it. Pure.


def places(rows: Sequence[DetailRow], needle: str) -> tuple[int, ...]:
    """The numbers of the lines in which the needle begins; ASCII case does not count."""
    wanted = casefold_ascii(needle)
    if not wanted:
        return ()
    texts = [casefold_ascii("".join(part for part, _ in row.line)) for row in rows]
    return tuple(number for number in range(len(texts)) if _begins(rows, texts, number, wanted))


def _begins(rows: Sequence[DetailRow], texts: Sequence[str], number: int, wanted: str) -> bool:
    text = texts[number]
    if wanted in text:
        return True
    if number + 1 == len(texts) or not _goes_on(rows[number], rows[number + 1]):
        return False
    head, tail = text.rstrip()[-len(wanted) :], texts[number + 1].lstrip()[: len(wanted)]
    return any(0 <= (head + between + tail).find(wanted) < len(head) for between in ("", " "))


def _goes_on(row: DetailRow, following: DetailRow) -> bool:
    """Whether the next line is about the same thing: a value that was too long for one."""
    if row.node is not None or row.field is not None:
        return row.node is following.node and row.field is following.field
    return following.node is None and following.field is None and bool(following.line)


# Characters of what is searched for, in the title
NEEDLE_LIMIT = 24
EMPTY = "Following. Enter: the event under the cursor · e: the newest problem"
NOTHING_SHOWN = "The log shows no event. Esc in the log: everything again"
NO_EVENT = "no event is shown here: Enter in the log shows the one under the cursor"
NO_JSON = "no JSON is shown that folds: f shows the payload in its other forms"
ONE_FORM = "this event has no payload to show in another form"


@dataclass(frozen=True, slots=True)
class DetailValue:
    """What is under the cursor, as a person takes it along."""

    path: str
    """Into JSON; of a field the term that asks for it, or its name."""
    text: str


class DetailPane(LazyLines):
    """Shows the event that it is given, until it is given another one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("move", "choose", "detail")

    class FilterRequested(Message):
        """The log is to show only events like this one in a value, or only others."""

        def __init__(self, term: str, *, is_excluded: bool) -> None:
            super().__init__()
            self.term = term
            self.is_excluded = is_excluded

    @dataclass
    class EvidenceRequested(Message):
        """Enter: somebody wants to see what proves it."""

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
        self._form: PayloadForm = "decoded"
        self._folding = UNFOLDED
        self._content: DecodedPayload | None = None
        # what the decoded form shows, of the event
        self._before = NO_PRIOR_EVENTS
        self._instead = EMPTY
        # What is searched for; it stays when another event is shown
        self._needle = ""

    @property
    def event(self) -> Event | None:
        """What it shows."""
        return self._event

    @property
    def has_cursor(self) -> bool:
        """Whether there is an event."""
        return self._event is not None

    @property
    def value(self) -> DetailValue | None:
        """The JSON value under the cursor, whole also where it is folded or goes on over many lines; or the field."""
        row, content = self._row, self._content
        if row is None or content is None:
            return None
        if row.field is not None:
            return DetailValue(row.field.term or row.field.label, row.field.value)
        if row.node is None:
            return None
        path = path_text(row.node.path)
        if row.node.role == "value":
            return DetailValue(path, text_of(row.node.token))
        raw = raw_at(row.node.path, content.body)
        return None if raw is None else DetailValue(path, raw.decode("utf-8", "replace"))

    @property
    def needle(self) -> str:
        """What is searched for; empty = nothing."""
        return self._needle

    def show(self, event: Event | None, instead: str = EMPTY) -> None:
        """Show an event from its top, or a sentence instead of one. The same event again stays where it is."""
        if event is not None and self._event is not None and event.id == self._event.id and event == self._event:
            return
        self._event, self._at, self._folding, self._before = event, 0, UNFOLDED, NO_PRIOR_EVENTS
        self._content, self._instead = None if event is None else content_of(event), instead
        self.scroll_to(y=0, animate=False, force=True)
        self._restart()
        self.post_message(StatusChanged(f"'{self._shown_needle}' n N" if self._needle and event is not None else ""))

    def tell(self, event: Event, before: PriorEvents) -> None:
        """What came before an event, if that is still shown."""
        if self._event == event:
            self._before = before
            self._restart()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._glyphs = glyphs
        self._restart()

    def on_mount(self) -> None:
        """Say how to choose an event."""
        self._restart()

    def on_resize(self) -> None:
        """Lines break elsewhere; the cursor stays on its value, and in sight."""
        node = self._node
        self._restart()
        found = (n for n, row in enumerate(self._made) if node and row.node and row.node.path == node.path)
        self._step(next(found, self._at) - self._at)

    def search(self, needle: str) -> None:
        """Look for a text in everything that is shown of the event, and go to where it stands next."""
        self._needle = needle
        if not needle:
            self.post_message(StatusChanged(""))
        elif self._event is not None:
            self.go_to_match(newer=True, is_here_too=True)

    def go_to_match(self, *, newer: bool, is_here_too: bool = False) -> None:
        """Go to the next place of what is searched for, or the one before; at the end it begins anew."""
        if self._folding != UNFOLDED:
            self._fold(UNFOLDED, self._node.path if self._node is not None else ())
        self._make(MOST_LINES)
        found = places(self._made, self._needle)
        if not found:
            self.post_message(StatusChanged(f"'{self._shown_needle}' is not in here"))
            return
        ahead = [line for line in found if (line > self._at if newer else line < self._at)]
        if is_here_too and self._at in found:
            ahead = [self._at]
        line = (ahead or found)[0] if newer else (ahead or found)[-1]
        self._step(line - self._at)
        place = f"{found.index(line) + 1} of {len(found)}"
        self.post_message(StatusChanged(f"'{self._shown_needle}' {place}{'' if ahead else ', begun anew'}"))

    def action_choose(self) -> None:
        """Fold the JSON container under the cursor, or unfold it; elsewhere somebody wants to see what proves it."""
        if self._node is not None:
            path = self._node.container
            self._fold(self._folding.toggle(path), path)
        elif self._event is not None:
            self.post_message(self.EvidenceRequested(self._event))

    def action_detail_fold(self) -> None:
        """Fold all that is nested."""
        if self._can_fold():
            self._fold(Folding(1), ())

    def action_detail_unfold(self) -> None:
        """Unfold everything."""
        if self._can_fold():
            self._fold(UNFOLDED, self._node.container if self._node is not None else ())

    def action_detail_level_less(self) -> None:
        """Show a level less than is shown at most."""
        if not self._can_fold():
            return
        level = self._folding.level
        if level is None:
            nodes = (row.node for row in self._made)
            level = 1 + max((len(node.container) for node in nodes if node is not None), default=0)
        self._fold(Folding(max(1, level - 1)), ())

    def action_detail_level_more(self) -> None:
        """Show a level more than is folded."""
        if not self._can_fold():
            return
        level = self._folding.level
        self._fold(UNFOLDED if level is None else Folding(level + 1), ())

    def action_detail_form(self) -> None:
        """The payload decoded, as text, as bytes."""
        if self._event is None or self._content is None:
            self.post_message(ActionRefused(NO_EVENT))
        elif not self._event.payload:
            self.post_message(ActionRefused(ONE_FORM))
        else:
            self._form = next_form(self._event, self._content, self._form)
            self._restart()

    def action_detail_only(self) -> None:
        """Filter the log by the value under the cursor."""
        self._ask(is_excluded=False)

    def action_detail_without(self) -> None:
        """Filter the log by anything but the value under the cursor."""
        self._ask(is_excluded=True)

    def _ask(self, *, is_excluded: bool) -> None:
        row, content = self._row, self._content
        if row is None or content is None:
            self.post_message(ActionRefused(NO_EVENT))
            return
        term = row.field.term if row.field is not None else ""
        if row.node is not None and self._event is not None and content.body == self._event.payload:
            term = term_of(row.node)
        self.post_message(self.FilterRequested(term, is_excluded=is_excluded))

    @property
    def _row(self) -> DetailRow | None:
        return self._made[self._at] if self._event is not None and self._at < len(self._made) else None

    @property
    def _node(self) -> JsonNode | None:
        return self._row.node if self._row is not None else None

    @property
    def _shown_needle(self) -> str:
        return sanitize(self._needle, NEEDLE_LIMIT, ascii_only=self._glyphs.is_ascii)

    def _can_fold(self) -> bool:
        """Whether JSON is shown; says so where none is."""
        event, content = self._event, self._content
        if event is None or content is None:
            self.post_message(ActionRefused(NO_EVENT))
        elif not content.is_json or shown_form(event, content, self._form) != "decoded":
            self.post_message(ActionRefused(NO_JSON))
        else:
            return True
        return False

    def _fold(self, folding: Folding, path: JsonPath) -> None:
        """Show the tree folded like this, and the cursor where the value at a path begins."""
        self._folding = folding
        self._restart()
        found = (number for number, row in enumerate(self._made) if row.node is not None and row.node.path == path)
        self._step(next(found, self._at) - self._at)

    def _restart(self) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        if self._event is None or self._content is None:
            self.begin(DetailRow(((line, "dim"),)) for line in wrap(self._instead, width))
        else:
            page = DetailLayout(width, self._zone, self._glyphs, self._form, self._folding, self._before)
            self.begin(detail_rows(self._event, self._content, page))
