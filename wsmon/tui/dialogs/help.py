"""Help dialog with all keys, glyphs and the search language; command palette. Both come from the table of actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import get_args

from textual.binding import Binding
from textual.widget import Widget

from wsmon.query.fields import GRAMMAR, field_rows
from wsmon.tui.actions import ACTIONS, Action, Group, key_label
from wsmon.tui.dialogs.base import Dialog, FinderDialog
from wsmon.tui.text import Line, clip, left, right, width_of
from wsmon.tui.widgets.text_view import ScrollPane, wrap_line

KEYS_WIDTH = 12
LABEL_WIDTH = 17
EXAMPLE_WIDTH = 25
NAMES_WIDTH = 22
# Cells before the lines of an entry but the first
INDENT = 4
PALETTE_LABEL_WIDTH, KEY_WIDTH = 17, 8
# Cells of a sentence in the palette; with fewer it is left out
LEAST_HELP = 12
# The groups that help in an emergency come first
GROUPS: tuple[Group, ...] = get_args(Group)
LEGEND: tuple[Line, ...] = (
    (("Signs of the connections", "strong"),),
    (("  ● ", "status-open"), ("open  ", "text"), ("◌ ", "status-connecting"), ("connecting  ", "text"),
     ("◌ ", "status-loss"), ("reconnecting  ", "text")),
    (("  ◐ ", "status-stalled"), ("stalled: open, but silent  ", "text"), ("⚠ ", "caution"),
     ("open, with an incident", "text")),
    (("  ✕ ", "status-loss"), ("gave up  ", "text"), ("○ ", "status-off"), ("closed by us, or off", "text")),
    (),
    (("Signs of the timeline", "strong"),),
    (("  ━ ", "status-open"), ("open  ", "text"), ("╌ ", "status-connecting"), ("connecting, reconnecting  ", "text"),
     ("░ ", "status-stalled"), ("stalled  ", "text"), ("╳ ", "status-loss"), ("loss", "text")),
    (("  ▲ ", "problem"), ("an incident began", "text"), ("   ⊗ ", "status-loss"), ("at a loss", "text")),
    (("  ▲ ", "caution"), ("open, with an incident", "text")),
    (("  × ", "status-loss"), ("gave up  ", "text"), ("· ", "status-closed"), ("closed by us  ", "text"),
     ("blank: no recorder ran", "text")),
    (),
    (("Signs of the log", "strong"),),
    (("  ↓ ", "direction-in"), ("received  ", "text"), ("↑ ", "direction-out"), ("sent  ", "text"),
     ("⇄ ", "dim"), ("heartbeat  ", "text"), ("╌ ", "status-connecting"), ("on its way  ", "text"),
     ("● ", "status-open"), ("usable", "text")),
    (("  ✕ ", "status-loss"), ("loss  ", "text"), ("○ ", "status-closed"), ("closed by us  ", "text"),
     ("⚠ ", "problem"), ("problem  ", "text"), ("· ", "dim"), ("note  ", "text"),
     ("▸ ", "key-name"), ("match  ", "text"), ("◆ ", "caution"), ("marked", "text")),
    (("  ⊣ ", "caution"), ("cut before it was stored  ", "text"), ("■ ", "caution"), ("credentials masked  ", "text"),
     ("△ ", "caution"), ("over 64 KiB", "text")),
)  # fmt: skip


class HelpDialog(Dialog[None]):
    """All keys, in a list that scrolls; the key that opens it closes it too."""

    TITLE = "Keys"
    BINDINGS = [Binding("escape,q,question_mark,enter", "cancel", "close")]  # noqa: RUF012 (Textual's declaration)
    HINT = (("j k", "key-name"), (" scroll  ", "dim"), ("Esc", "key-name"), (" close", "dim"))

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        """``keys``: action id → keys in force."""
        super().__init__()
        self._entries = help_lines(keys)
        self._list = ScrollPane(id="help")

    def content(self) -> tuple[Widget, ...]:
        """Return the list."""
        return (self._list,)

    def on_mount(self) -> None:
        """Show how many lines are below; the list is filled once its width is known."""
        self.watch(self._list, "scroll_y", self._mark_end, init=False)

    def on_resize(self) -> None:
        """Break lines at the new width."""
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        width = self._list.width
        self._list.draw(tuple(part for entry in self._entries for part in _broken(entry, width)))
        self._mark_end()

    def _mark_end(self) -> None:
        below = len(self._list.lines) - round(self._list.scroll_y) - self._list.size.height
        self.hint(*self.HINT, *(((f"   ▼ {below} more lines", "caution"),) if below > 0 else ()))


def help_lines(keys: Mapping[str, Sequence[str]]) -> tuple[Line, ...]:
    """Return a line for each action by groups, then the search language and the glyphs; ``:`` stands for no key."""
    lines: list[Line] = []
    grouped = sorted(ACTIONS, key=lambda action: GROUPS.index(action.group))
    for group, actions in groupby(grouped, key=lambda action: action.group):
        lines += [((group, "strong"),), *(_line(action, keys.get(action.id, ())) for action in actions), ()]
    return (*lines, *search_lines(), (), *LEGEND)


def search_lines() -> tuple[Line, ...]:
    """Return the search language: its forms, then every field."""
    lines: list[Line] = [(("Search", "strong"),)]
    for example, means in GRAMMAR:
        lines.append(((f"  {left(example, EXAMPLE_WIDTH)}", "key-name"), (f" {means}", "text")))
    lines += [(), (("Fields of the search", "strong"),)]
    for names, means, example in field_rows():
        lines.append(
            (
                (f"  {left(names, NAMES_WIDTH)}", "key-name"),
                (left(example, EXAMPLE_WIDTH), "text"),
                (f" {means}", "dim"),
            )
        )
    return tuple(lines)


def _broken(entry: Line, width: int) -> Iterator[Line]:
    """Yield an entry in lines of a width; its help goes below key and name where there is no room beside them."""
    if len(entry) == len(("key", "name", "meaning")) and width_of(entry) > width:
        yield from wrap_line(entry[:-1], width, INDENT)
        entry = ((" " * INDENT, "text"), (entry[-1][0].lstrip(), entry[-1][1]))
    yield from wrap_line(entry, width, INDENT)


def _line(action: Action, keys: Sequence[str]) -> Line:
    shown = "  ".join(key_label(key) for key in keys) or ":"
    return (
        (f"  {left(shown, KEYS_WIDTH)}", "key-name"),
        (left(action.label, LABEL_WIDTH), "text"),
        (f" {action.help}", "dim"),
    )


class PaletteDialog(FinderDialog[Action]):
    """Finds an action by words of its name or help; the result is the action."""

    TITLE = "Commands"
    NOTHING = "no action of that name"
    HINT = (("↑ ↓", "key-name"), (" choose  ", "dim"), ("Enter", "key-name"), (" run  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        """``keys``: action id → keys in force."""
        super().__init__("part of a name")
        self._keys = keys

    def find(self, text: str) -> tuple[Action, ...]:
        """Return the actions that contain the words of ``text``."""
        return find_actions(text)

    def line(self, result: Action, width: int) -> Line:
        """Return name, help and key of an action."""
        keys = self._keys.get(result.id, ())
        room = max(0, width - PALETTE_LABEL_WIDTH - KEY_WIDTH - 2)
        help_text = clip(result.help, room) if room >= LEAST_HELP else ""
        return (
            (f" {left(result.label, PALETTE_LABEL_WIDTH)}", "text"),
            (left(help_text, room), "dim"),
            (right(f"{key_label(keys[0]) if keys else ''} ", KEY_WIDTH), "key-name"),
        )


def find_actions(text: str) -> tuple[Action, ...]:
    """Return the actions that contain all words of ``text``, first those whose name begins with it."""
    words = text.lower().split()
    texts = {action: f"{action.label} {action.id} {action.help}".lower() for action in ACTIONS}
    found = [action for action, searched in texts.items() if all(word in searched for word in words)]
    return tuple(sorted(found, key=lambda action: not action.label.startswith(text.lower())))
