"""Actions by name: type some letters, take one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import on
from textual.binding import Binding
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Input

from wsmon.tui.actions import ACTIONS, Action
from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.keymap import display
from wsmon.tui.palette import Span
from wsmon.tui.panes.spans import SpanPane
from wsmon.tui.wrap import left, right


class PaletteDialog(Dialog[str]):
    """Answers the id of an action."""

    TITLE = "Commands"
    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("down,ctrl+n", "move(1)", "down"),
        Binding("up,ctrl+p", "move(-1)", "up"),
    ]
    HINT = (("↑ ↓", "key-name"), (" choose  ", "dim"), ("Enter", "key-name"), (" run  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        """``keys``: action id → keys in force."""
        super().__init__()
        self._keys = keys
        self._line = Input(placeholder="part of a name", compact=True, id="palette-input")
        self._list = SpanPane(id="palette-list")
        self._found: tuple[Action, ...] = ()
        self._at = 0

    def content(self) -> tuple[Widget, ...]:
        """What is typed, and what it finds."""
        self._line.cursor_blink = False
        self._list.can_focus = False
        return self._line, self._list

    def on_mount(self) -> None:
        """Begin with all of them."""
        self._search("")

    async def take_key(self, event: Key) -> None:
        """What was typed before the line was there belongs into it."""
        line = self._line
        if event.key == "enter":
            event.stop()
            await line.action_submit()
        elif event.is_printable and event.character:
            event.stop()
            line.insert_text_at_cursor(event.character)

    @on(Input.Changed, "#palette-input")
    def _typed(self, event: Input.Changed) -> None:
        self._search(event.value)

    @on(Input.Submitted, "#palette-input")
    def _submitted(self) -> None:
        if self._found:
            self.dismiss(self._found[self._at].id)

    def action_move(self, lines: int) -> None:
        """To another one."""
        if self._found:
            self._at = (self._at + lines) % len(self._found)
            self._draw()

    def _search(self, text: str) -> None:
        self._found, self._at = find(text), 0
        self._draw()

    def _draw(self) -> None:
        pane = self._list
        lines = tuple(_line(action, self._keys.get(action.id, ())) for action in self._found)
        pane.draw(lines or ((("  no action of that name", "dim"),),), self._at if lines else None)
        pane.show_cursor()


def find(text: str) -> tuple[Action, ...]:
    """Actions that the words of ``text`` occur in: first those whose name begins with it."""
    words = text.lower().split()
    texts = {action: f"{action.label} {action.id} {action.help}".lower() for action in ACTIONS}
    found = [action for action, searched in texts.items() if all(word in searched for word in words)]
    return tuple(sorted(found, key=lambda action: not action.label.startswith(text.lower())))


def _line(action: Action, keys: Sequence[str]) -> tuple[Span, ...]:
    key = display(keys[0]) if keys else ""
    return (f" {left(action.label, 17)}", "text"), (left(action.help, 45), "dim"), (right(f"{key} ", 8), "key-name")
