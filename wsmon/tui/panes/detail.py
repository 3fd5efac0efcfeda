"""The detail: everything about one event; lines are made when they come into sight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from wsmon.model.events import Event
from wsmon.model.json_path import JsonPath, path_text, raw_at
from wsmon.model.sanitize import sanitize
from wsmon.tui.actions import bindings
from wsmon.tui.before import NOTHING, Before
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.json_view import UNFOLDED, Folding, JsonNode, term_of, text_of
from wsmon.tui.panes.detail_lines import detail_rows
from wsmon.tui.panes.detail_page import Form, Page, Row
from wsmon.tui.panes.detail_payload import Content, content_of, next_form, shown_form
from wsmon.tui.panes.detail_search import places
from wsmon.tui.panes.lazy_lines import MOST_LINES, LazyLines
from wsmon.tui.panes.messages import Refuses, Says
from wsmon.tui.text import wrap

NEEDLE_LIMIT = 24
# characters of what is searched for, in the title
EMPTY = "Following. Enter: the event under the cursor · e: the newest problem"
NOTHING_SHOWN = "The log shows no event. Esc in the log: everything again"
NO_EVENT = "no event is shown here: Enter in the log shows the one under the cursor"
NO_JSON = "no JSON is shown that folds: f shows the payload in its other forms"
ONE_FORM = "this event has no payload to show in another form"


@dataclass(frozen=True, slots=True)
class Value:
    """What is under the cursor, as a person takes it along."""

    path: str
    # into JSON; of a field the term that asks for it, or its name
    text: str


class DetailPane(LazyLines):
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
        self._form: Form = "decoded"
        self._folding = UNFOLDED
        self._content: Content | None = None
        # what the decoded form shows, of the event
        self._before = NOTHING
        self._instead = EMPTY
        self._needle = ""
        # what is searched for; it stays when another event is shown

    @property
    def event(self) -> Event | None:
        """What it shows."""
        return self._event

    @property
    def has_cursor(self) -> bool:
        """Whether there is an event."""
        return self._event is not None

    @property
    def value(self) -> Value | None:
        """The JSON value under the cursor, whole also where it is folded or goes on over many lines; or the field."""
        row, content = self._row, self._content
        if row is None or content is None:
            return None
        if row.field is not None:
            return Value(row.field.term or row.field.label, row.field.value)
        if row.node is None:
            return None
        path = path_text(row.node.path)
        if row.node.role == "value":
            return Value(path, text_of(row.node.token))
        raw = raw_at(row.node.path, content.body)
        return None if raw is None else Value(path, raw.decode("utf-8", "replace"))

    @property
    def needle(self) -> str:
        """What is searched for; empty = nothing."""
        return self._needle

    def show(self, event: Event | None, instead: str = EMPTY) -> None:
        """Show an event from its top, or a sentence instead of one. The same event again stays where it is."""
        if event is not None and self._event is not None and event.id == self._event.id and event == self._event:
            return
        self._event, self._at, self._folding, self._before = event, 0, UNFOLDED, NOTHING
        self._content, self._instead = None if event is None else content_of(event), instead
        self.scroll_to(y=0, animate=False, force=True)
        self._restart()
        self.post_message(Says(f"'{self._shown_needle}' n N" if self._needle and event is not None else ""))

    def tell(self, event: Event, before: Before) -> None:
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
            self.post_message(Says(""))
        elif self._event is not None:
            self.go_to_match(newer=True, is_here_too=True)

    def go_to_match(self, *, newer: bool, is_here_too: bool = False) -> None:
        """Go to the next place of what is searched for, or the one before; at the end it begins anew."""
        if self._folding != UNFOLDED:
            self._fold(UNFOLDED, self._node.path if self._node is not None else ())
        self._make(MOST_LINES)
        found = places(self._made, self._needle)
        if not found:
            self.post_message(Says(f"'{self._shown_needle}' is not in here"))
            return
        ahead = [line for line in found if (line > self._at if newer else line < self._at)]
        if is_here_too and self._at in found:
            ahead = [self._at]
        line = (ahead or found)[0] if newer else (ahead or found)[-1]
        self._step(line - self._at)
        place = f"{found.index(line) + 1} of {len(found)}"
        self.post_message(Says(f"'{self._shown_needle}' {place}{'' if ahead else ', begun anew'}"))

    def action_choose(self) -> None:
        """Fold the JSON container under the cursor, or unfold it; elsewhere somebody wants to see what proves it."""
        if self._node is not None:
            path = self._node.container
            self._fold(self._folding.toggle(path), path)
        elif self._event is not None:
            self.post_message(self.Chosen(self._event))

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
            self.post_message(Refuses(NO_EVENT))
        elif not self._event.payload:
            self.post_message(Refuses(ONE_FORM))
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
            self.post_message(Refuses(NO_EVENT))
            return
        term = row.field.term if row.field is not None else ""
        if row.node is not None and self._event is not None and content.body == self._event.payload:
            term = term_of(row.node)
        self.post_message(self.Asked(term, is_excluded=is_excluded))

    @property
    def _row(self) -> Row | None:
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
            self.post_message(Refuses(NO_EVENT))
        elif not content.is_json or shown_form(event, content, self._form) != "decoded":
            self.post_message(Refuses(NO_JSON))
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
            self.begin(Row(((line, "dim"),)) for line in wrap(self._instead, width))
        else:
            page = Page(width, self._zone, self._glyphs, self._form, self._folding, self._before)
            self.begin(detail_rows(self._event, self._content, page))
