"""The detail: everything about one event; lines are made when they come into sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import islice
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from wsmon.model.events import Event
from wsmon.model.json_path import JsonPath, path_text, raw_at
from wsmon.tui.actions import bindings
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.json_tree import JsonNode, term_of, text_of
from wsmon.tui.panes.detail_lines import FORMS, Form, Page, Row, detail_rows
from wsmon.tui.panes.spans import SpanPane
from wsmon.tui.wrap import wrap

AHEAD = 200
# lines made before they are in sight: a page down never waits
MOST_LINES = 10_000
# a person reads no more of one message; G makes them in less than 0.1 s
EMPTY = "Following. Enter: the event under the cursor · e: the newest problem"


@dataclass(frozen=True, slots=True)
class Value:
    """What is under the cursor, as a person takes it along."""

    path: str
    text: str


class DetailPane(SpanPane):
    """Shows the event that it is given, until it is given another one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("move", "choose", "detail")

    class Asked(Message):
        """The log is to show only events like this one in a value, or only others."""

        def __init__(self, term: str, *, is_excluded: bool) -> None:
            super().__init__()
            self.term = term
            self.is_excluded = is_excluded

    @dataclass
    class Chosen(Message):
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
        self._made: list[Row] = []
        self._more: Iterator[Row] = iter(())
        self._at = 0
        # the line under the cursor
        self._form: Form = "decoded"
        self._folded: frozenset[JsonPath] = frozenset()

    @property
    def event(self) -> Event | None:
        """What it shows."""
        return self._event

    @property
    def value(self) -> Value | None:
        """The JSON value under the cursor, whole also where it is folded or goes on over many lines."""
        node = self._node
        if node is None or self._event is None:
            return None
        if node.role == "value":
            return Value(path_text(node.path), text_of(node.token))
        raw = raw_at(node.path, self._event.payload or b"")
        return None if raw is None else Value(path_text(node.path), raw.decode("utf-8", "replace"))

    def show(self, event: Event | None) -> None:
        """Show an event from its top; ``None`` = the log follows. The same event again stays where it is."""
        if event is not None and self._event is not None and event.id == self._event.id and event == self._event:
            return
        self._event, self._at, self._folded = event, 0, frozenset()
        self.scroll_to(y=0, animate=False, force=True)
        self._restart()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._glyphs = glyphs
        self._restart()

    def on_mount(self) -> None:
        """Say how to choose an event."""
        self._restart()

    def on_resize(self) -> None:
        """Lines break elsewhere."""
        self._restart()

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

    def action_choose(self) -> None:
        """Fold the JSON container under the cursor, or unfold it; elsewhere somebody wants to see what proves it."""
        if self._node is not None:
            path = self._node.container
            self._fold(self._folded ^ {path}, path)
        elif self._event is not None:
            self.post_message(self.Chosen(self._event))

    def action_detail_fold(self) -> None:
        """Fold all that is nested."""
        nested = {row.node.path for row in self._made if row.node is not None and row.node.role == "open"}
        self._fold(self._folded | {path for path in nested if path}, ())

    def action_detail_unfold(self) -> None:
        """Unfold everything."""
        self._fold(frozenset(), self._node.container if self._node is not None else ())

    def action_detail_form(self) -> None:
        """The payload decoded, as text, as bytes."""
        self._form = FORMS[(FORMS.index(self._form) + 1) % len(FORMS)]
        self._restart()

    def action_detail_only(self) -> None:
        """Filter the log by the value under the cursor."""
        if self._node is not None:
            self.post_message(self.Asked(term_of(self._node), is_excluded=False))

    def action_detail_without(self) -> None:
        """Filter the log by anything but the value under the cursor."""
        if self._node is not None:
            self.post_message(self.Asked(term_of(self._node), is_excluded=True))

    @property
    def _node(self) -> JsonNode | None:
        return self._made[self._at].node if self._at < len(self._made) else None

    def _fold(self, folded: frozenset[JsonPath], path: JsonPath) -> None:
        """Show the tree with these containers folded, and the cursor where one of them begins."""
        self._folded = folded
        self._restart()
        found = (number for number, row in enumerate(self._made) if row.node is not None and row.node.path == path)
        self._step(next(found, self._at) - self._at)

    def _step(self, lines: int) -> None:
        """Move the cursor, and scroll as little as that needs."""
        self._at = max(0, self._at + lines)
        self._make(self._at + self.size.height + AHEAD)
        self._at = min(self._at, max(0, len(self._made) - 1))
        self._draw()
        self.show_cursor()

    def _restart(self) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        self._made = []
        if self._event is None:
            self._more = (Row(((line, "dim"),)) for line in wrap(EMPTY, width))
        else:
            page = Page(width, self._zone, self._glyphs, self._form, self._folded)
            self._more = detail_rows(self._event, page)
        self._make(max(self._at, self.scroll_offset.y) + self.size.height + AHEAD)
        self._at = min(self._at, max(0, len(self._made) - 1))
        self._draw()

    def _make(self, count: int) -> None:
        """Have at least so many lines, if there are as many."""
        missing = min(count, MOST_LINES) - len(self._made)
        new = list(islice(self._more, missing)) if missing > 0 else []
        if not new:
            return
        self._made += new
        if len(self._made) >= MOST_LINES and next(self._more, None) is not None:
            self._more = iter(())
            self._made.append(Row(((f"{MOST_LINES:,} lines are shown: x exports the whole", "caution"),)))
        self._draw()

    def _draw(self) -> None:
        self.draw(tuple(row.line for row in self._made), self._at if self._event is not None else None)
