"""Help dialog with all keys, glyphs and the search language; command palette. Both come from the table of actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import get_args

from textual import on
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input

from wsmon.query.fields import FLAG_MEANINGS, GRAMMAR, field_rows
from wsmon.tui.actions import ACTIONS, SYNONYMS, Action, Group, Move, key_label
from wsmon.tui.dialogs.base import Dialog, FinderDialog, typed_line
from wsmon.tui.glyphs import UNICODE
from wsmon.tui.panes.timeline_lanes import LEGEND as TIMELINE_LEGEND
from wsmon.tui.panes.timeline_lanes import ROLE_OF_CELL, cell_glyph
from wsmon.tui.text import Line, StyledText, clip, left, right, width_of
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
# Entries of the timeline's legend on a line
ENTRIES_PER_LINE = 4


def _timeline_legend() -> Iterator[Line]:
    """Yield the signs of the timeline, in the words of the legend below it."""
    for at in range(0, len(TIMELINE_LEGEND), ENTRIES_PER_LINE):
        row: list[StyledText] = [("  ", "text")]
        for kind, words in TIMELINE_LEGEND[at : at + ENTRIES_PER_LINE]:
            row += [(f"{cell_glyph(kind, UNICODE)} ", ROLE_OF_CELL[kind]), (f"{words}  ", "text")]
        yield tuple(row)


LEGEND: tuple[Line, ...] = (
    (("Connection symbols", "strong"),),
    (("  ● ", "status-open"), ("open  ", "text"), ("◌ ", "status-connecting"), ("(re)connecting  ", "text"),
     ("◐ ", "status-stalled"), ("stalled: open, but silent", "text")),
    (("  ⚠ ", "caution"), ("open, with an incident  ", "text"), ("□ ", "status-loss"), ("gave up  ", "text"),
     ("○ ", "status-off"), ("closed by wsmon, or disabled", "text")),
    (("  – ", "dim"), ("application events only, no WebSocket", "text")),
    (),
    (("Timeline symbols", "strong"),),
    *_timeline_legend(),
    (("  blank: not recorded", "text"),),
    (),
    (("Log symbols", "strong"),),
    (("  ↓ ", "direction-in"), ("received  ", "text"), ("↑ ", "direction-out"), ("sent  ", "text"),
     ("⇄ ", "dim"), ("heartbeat  ", "text"), ("╌ ", "status-connecting"), ("(re)connecting  ", "text"),
     ("● ", "status-open"), ("open", "text")),
    (("  ✕ ", "status-loss"), ("disconnect or failed attempt  ", "text"), ("□ ", "status-loss"), ("gave up  ", "text"),
     ("○ ", "status-closed"), ("closed by wsmon  ", "text")),
    (("  ⚠ ", "problem"), ("problem  ", "text"), ("· ", "dim"), ("other event  ", "text"),
     ("▸ ", "key-name"), ("match  ", "text"), ("◆ ", "caution"), ("marked", "text")),
    (("  ⊣ ", "caution"), ("truncated  ", "text"), ("■ ", "caution"), ("credentials redacted  ", "text"),
     ("△ ", "caution"), ("payload over 64 KiB", "text")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """A line of the help."""

    line: Line
    words: str
    """Lower case; what it is found by."""


@dataclass(frozen=True, slots=True)
class HelpSection:
    """A title and the lines below it."""

    title: str
    entries: tuple[HelpEntry, ...]


class HelpDialog(Dialog[None]):
    """All keys, symbols and the search language, in a list that scrolls; typing filters it."""

    TITLE = "Help"
    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("escape", "back", "back"),
        Binding("enter", "cancel", "close"),
        # The key that opens the help closes it
        Binding("question_mark", "cancel", "close", priority=True),
        Binding("down,ctrl+n", "scroll('down')", "down"),
        Binding("up,ctrl+p", "scroll('up')", "up"),
        Binding("pagedown", "scroll('page_down')", "page down"),
        Binding("pageup", "scroll('page_up')", "page up"),
        Binding("ctrl+home", "scroll('top')", "top"),
        Binding("ctrl+end", "scroll('bottom')", "bottom"),
    ]
    HINT = (("↑ ↓ PgDn", "key-name"), (" scroll  ", "dim"), ("Esc", "key-name"), (" close", "dim"))

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        """``keys``: action id → keys in force."""
        super().__init__()
        self._sections = help_sections(keys)
        self._shown = self._sections
        self._input = typed_line(placeholder="type a key or word to filter")
        self._list = ScrollPane(id="help")
        self._list.can_focus = False

    def content(self) -> tuple[Widget, ...]:
        """Return the line to type into and the list."""
        return self._input, self._list

    def on_mount(self) -> None:
        """Show how many lines are below; the list is filled once its width is known."""
        self.watch(self._list, "scroll_y", self._mark_end, init=False)

    def on_resize(self) -> None:
        """Break lines at the new width."""
        self.call_after_refresh(self._fill)

    @on(Input.Changed, "#typed-line")
    def _typed(self, event: Input.Changed) -> None:
        self._shown = find_help(self._sections, event.value)
        self._list.scroll_to(y=0, animate=False, force=True)
        self._fill()

    @on(Input.Submitted, "#typed-line")
    def _submitted(self) -> None:
        self.action_cancel()

    def action_scroll(self, move: Move) -> None:
        """Scroll the list."""
        self._list.action_move(move)

    def action_back(self) -> None:
        """Clear what was typed; without it, close."""
        if self._input.value:
            self._input.value = ""
        else:
            self.action_cancel()

    def _fill(self) -> None:
        width = self._list.width
        lines = [part for entry in help_lines(self._shown) for part in _broken(entry, width)]
        self._list.draw(tuple(lines) or ((("  nothing found; Esc clears the filter", "dim"),),))
        self._mark_end()

    def _mark_end(self) -> None:
        below = len(self._list.lines) - round(self._list.scroll_y) - self._list.size.height
        self.hint(*self.HINT, *(((f"   ↓ {below} more line{'s' * (below > 1)}", "caution"),) if below > 0 else ()))


def help_sections(keys: Mapping[str, Sequence[str]]) -> tuple[HelpSection, ...]:
    """Return the actions by groups, then the search language and the symbols.

    An action without a key has the word to type after the key of the palette.
    """
    grouped = sorted(ACTIONS, key=lambda action: GROUPS.index(action.group))
    sections = [
        HelpSection(group, tuple(_entry(action, keys.get(action.id, ())) for action in actions))
        for group, actions in groupby(grouped, key=lambda action: action.group)
    ]
    for block in _blocks((*search_lines(), (), *LEGEND)):
        (title, _), *_ = block[0]
        sections.append(HelpSection(title, tuple(HelpEntry(line, _text(line).lower()) for line in block[1:])))
    return tuple(sections)


def find_help(sections: Sequence[HelpSection], text: str) -> tuple[HelpSection, ...]:
    """Return what contains all words of ``text``: whole sections by their title, else lines.

    A single character is looked for among the keys as well.
    """
    words = text.lower().split()
    found: list[HelpSection] = []
    for section in sections:
        title = section.title.lower()
        entries = tuple(each for each in section.entries if all(word in f"{title} {each.words}" for word in words))
        if entries:
            found.append(HelpSection(section.title, entries))
    return tuple(found)


def help_lines(sections: Sequence[HelpSection]) -> tuple[Line, ...]:
    """Return the lines of the sections, with a blank one between two."""
    lines: list[Line] = []
    for section in sections:
        lines += [*([()] if lines else []), ((section.title, "strong"),), *(entry.line for entry in section.entries)]
    return tuple(lines)


def _blocks(lines: Sequence[Line]) -> Iterator[tuple[Line, ...]]:
    """Yield the lines between blank ones."""
    for is_text, block in groupby(lines, key=bool):
        if is_text:
            yield tuple(block)


def _text(line: Line) -> str:
    return "".join(text for text, _ in line)


def search_lines() -> tuple[Line, ...]:
    """Return the search language: its forms, the values of ``is:``, then every field."""
    lines: list[Line] = [(("Search", "strong"),)]
    for example, means in GRAMMAR:
        lines.append(((f"  {left(example, EXAMPLE_WIDTH)}", "key-name"), (f" {means}", "text")))
    lines += [(), (("Search flags", "strong"),)]
    for flag, means in FLAG_MEANINGS.items():
        lines.append(((f"  {left(f'is:{flag}', EXAMPLE_WIDTH)}", "key-name"), (f" {means}", "text")))
    lines += [(), (("Search fields", "strong"),)]
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


def _entry(action: Action, keys: Sequence[str]) -> HelpEntry:
    shown = "  ".join(key_label(key) for key in keys) or f":{palette_word(action)}"
    line: Line = (
        (f"  {left(shown, KEYS_WIDTH)}", "key-name"),
        (left(action.label, LABEL_WIDTH), "text"),
        (f" {action.help}", "dim"),
    )
    return HelpEntry(line, f"{shown} {action.label} {action.help} {SYNONYMS.get(action.id, '')}".lower())


class PaletteDialog(FinderDialog[Action]):
    """Finds an action by words of its name or help; the result is the action."""

    TITLE = "Commands"
    NOTHING = "no matching command"
    HINT = (("↑ ↓", "key-name"), (" choose  ", "dim"), ("Enter", "key-name"), (" run  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        """``keys``: action id → keys in force."""
        super().__init__("type to filter commands")
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


def palette_word(action: Action) -> str:
    """Return a short word that finds an action first in the palette: of its name, else of its synonyms."""
    words = f"{action.label} {SYNONYMS.get(action.id, '')}".lower().split()
    short = (word for word in words if len(word) < KEYS_WIDTH - 1)
    return next((word for word in short if find_actions(word)[0] is action), action.label.lower())


def find_actions(text: str) -> tuple[Action, ...]:
    """Return the actions that contain all words of ``text``, the best first.

    The best is one whose name begins with it, then one with a word of its name or of its synonyms that begins so.
    """
    words = text.lower().split()
    found: list[tuple[int, Action]] = []
    for action in ACTIONS:
        label, named = action.label.lower(), f"{action.label} {SYNONYMS.get(action.id, '')}".lower()
        searched = f"{named} {action.id} {action.help}".lower()
        if not all(word in searched for word in words):
            continue
        is_named = all(any(each.startswith(word) for each in named.split()) for word in words)
        found.append((0 if label.startswith(text.lower()) else 1 if is_named else 2, action))
    return tuple(action for _, action in sorted(found, key=lambda ranked: ranked[0]))
