"""The last line: keys that help now, or for some seconds what the last one did. And the line of warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.cells import cell_len
from textual.timer import Timer

from wsmon.model.sanitize import sanitize
from wsmon.tui.actions import ACTIONS
from wsmon.tui.keymap import display
from wsmon.tui.palette import Meaning, Span, width_of
from wsmon.tui.panes.span_text import SpanText
from wsmon.tui.paths import short_path
from wsmon.tui.text import clip, left
from wsmon.tui.widgets.text_view import SpanLine

SAY_S = 6.0
# long enough to read a line twice
LAST_STANDING = ("app.help", "app.palette")
# who finds these finds the rest
TEXT_LIMIT = 500
LEAST_PATH = 20
# cells


class Footer(SpanLine):
    """Keys, or a message."""

    def __init__(self, keys: Mapping[str, Sequence[str]], *, id: str | None = None) -> None:  # noqa: A002
        """``keys``: action id → keys in force."""
        super().__init__(id=id)
        self._keys = keys
        self._timer: Timer | None = None
        self._said: tuple[str, Meaning, Path | None] = ("", "text", None)

    def on_mount(self) -> None:
        """Begin with the keys."""
        self._show_keys()

    def on_resize(self) -> None:
        """More or fewer keys fit."""
        if self._timer is None:
            self._show_keys()
        else:
            self._show_said()

    def say(self, text: str, meaning: Meaning = "text", path: Path | None = None) -> None:
        """Show a sentence for a while, and the path at its end."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SAY_S, self._show_keys)
        self._said = text, meaning, path
        self._show_said()

    def _show_said(self) -> None:
        text, meaning, path = self._said
        self.draw(((said_line(text, path, Path("~").expanduser(), self.size.width), meaning),))

    def _show_keys(self) -> None:
        self._timer = None
        self.draw(footer_line(self._keys, self.size.width))


class Banner(SpanText):
    """What must not be overlooked; not there while there is nothing."""

    def show(self, text: str) -> None:
        """Show a text; hide the line where it is empty."""
        self.display = bool(text)
        self.draw(((f" ⚠ {sanitize(text, TEXT_LIMIT)}", "text"),) if text else ())


def said_line(text: str, path: Path | None, home: Path, width: int) -> str:
    """A sentence and the path it is about, in at most ``width`` cells."""
    sentence = f" {sanitize(text, TEXT_LIMIT)}"
    if path is None:
        return clip(sentence, width)
    room = max(LEAST_PATH, width - cell_len(sentence) - 1)
    return clip(f"{sentence} {short_path(path, home, room)}", width)


def footer_line(keys: Mapping[str, Sequence[str]], width: int) -> tuple[Span, ...]:
    """The keys that fit into a width, help and commands at least."""
    shown = [action for action in ACTIONS if action.in_footer and keys.get(action.id)]
    entries: dict[str, tuple[Span, ...]] = {
        action.id: ((f" {display(keys[action.id][0])}", "key-name"), (f" {action.label} ", "text")) for action in shown
    }
    droppable = [id_ for id_ in reversed(entries) if id_ not in LAST_STANDING]
    while droppable and sum(width_of(entry) for entry in entries.values()) > width + 1:  # the last blank needs no room
        del entries[droppable.pop(0)]
    line: list[Span] = [span for entry in entries.values() for span in entry]
    return tuple(line) if width_of(line) <= width + 1 else ((left("? help", width), "text"),)
