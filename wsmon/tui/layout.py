"""Which panes are in sight, how high they are and which has the focus; each pane in a slot with a title."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar, get_args

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget

from wsmon.tui.text import Role, StyledText, clip, width_of
from wsmon.tui.widgets.text_view import StatusChanged, TextLine

PaneName = Literal["connections", "timeline", "statistics", "log", "detail"]
PANES: tuple[PaneName, ...] = get_args(PaneName)

# Columns from which log and detail stand side by side
ROOMY_WIDTH = 100
# Lines; with fewer, two panes below the connections would show too little of each
ROOMY_HEIGHT = 30
# Lines of the log, its title included; with fewer, what led to an event is out of sight
LEAST_LOG = 10
# Lines that a short list may take of those that the log does not need: 8 connections
MOST_BY_LOG = 10
# Lines of a screen with two panes: header, footer, two titles, and some lines of each
LEAST_FOR_TWO = 9
MIDDLE: tuple[PaneName, ...] = ("timeline", "statistics")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Which panes the user asked for; which of them are in sight follows from the size of the terminal."""

    lower: PaneName = "log"
    """The pane below the connections, where there is room for one."""
    middle: PaneName = "timeline"
    """The pane between connections and log, where there is room for all."""
    zoomed: PaneName | None = None
    """The pane that has the whole screen; None = no pane has."""
    last: PaneName = "connections"
    """The pane asked for last: the one in sight where there is room for one alone."""
    has_detail: bool = False
    """Whether the detail is open: where there is room for all panes, it takes a part of the log."""

    def ask(self, pane: PaneName) -> Arrangement:
        """Return the arrangement with a pane in sight; another one that is zoomed gives way."""
        zoomed = pane if self.zoomed is not None else None
        lower = pane if pane != "connections" else self.lower
        middle = pane if pane in MIDDLE else self.middle
        return Arrangement(lower, middle, zoomed, pane, self.has_detail or pane == "detail")

    def close_detail(self) -> Arrangement:
        """Return the arrangement with the log in the place of the detail, too."""
        return replace(self.ask("log"), zoomed=None, has_detail=False)

    def toggle_zoom(self, pane: PaneName) -> Arrangement:
        """Return the arrangement with a pane on the whole screen, or with none where one is."""
        return replace(self, zoomed=None if self.zoomed is not None else pane)

    def visible(self, width: int, height: int) -> tuple[PaneName, ...]:
        """The panes in sight on a screen of so many cells, from top to bottom."""
        if self.zoomed is not None:
            return (self.zoomed,)
        if height < LEAST_FOR_TWO:
            return (self.last,)
        if is_roomy(width, height):
            whole: tuple[PaneName, ...] = ("connections", self.middle, "log")
            return (*whole, "detail") if self.has_detail else whole
        return ("connections", self.lower)


def is_roomy(width: int, height: int) -> bool:
    """Whether log and detail stand side by side."""
    return width >= ROOMY_WIDTH and height >= ROOMY_HEIGHT


def connections_height(rows: int, height: int, *, roomy: bool) -> int:
    """Lines for ``rows`` connections, title and heading included; the list leaves the log what it needs."""
    wanted = max(1, rows) + 2
    if roomy:
        return min(wanted, max(7, height * 3 // 10))
    below = height - 2 - LEAST_LOG
    return min(wanted, max(4, (height - 2) * 2 // 5, min(MOST_BY_LOG, below)))


def middle_height(rows: int, height: int, pane: PaneName) -> int:
    """Lines for the timeline (title, axis, a lane each, messages, errors, two of reading) or for the statistics."""
    if pane == "statistics":
        return max(8, height // 3)
    return min(max(1, rows) + 6, max(8, height // 3))


Pane = TypeVar("Pane", bound=Widget)

# Cells; a status cut to fewer says nothing
MIN_STATUS = 8


class Slot(Vertical, Generic[Pane]):
    """The place of a pane, under a title; builds the pane when it is first shown, to save time at the start."""

    DEFAULT_CSS = "Slot { height: 1fr; }"

    def __init__(self, pane_name: PaneName, build: Callable[[], Pane]) -> None:
        super().__init__(id=f"slot-{pane_name}")
        self.pane_name = pane_name
        self._build = build
        self._pane: Pane | None = None
        self._title = TextLine()
        self._status: tuple[str, ...] = ()
        self._is_focused = False
        self.display = False

    def compose(self) -> ComposeResult:
        """The title; the pane is mounted below it later."""
        yield self._title

    @property
    def pane(self) -> Pane | None:
        """The pane, if it has been shown."""
        return self._pane

    def build(self) -> Pane:
        """Return the pane, built if it was not yet; does not show it."""
        if self._pane is None:
            self._pane = self._build()
            self.mount(self._pane)
        return self._pane

    def open(self) -> None:
        """Show the pane."""
        self.build()
        self.display = True

    def close(self) -> None:
        """Hide the pane."""
        self.display = False

    def say(self, *status: str) -> None:
        """Show the first of these texts that fits beside the title; plain text, never markup."""
        self._status = status
        self._draw()

    @on(StatusChanged)
    def _status_changed(self, message: StatusChanged) -> None:
        message.stop()
        self.say(*message.texts)

    def on_resize(self) -> None:
        """Draw the title for the new width."""
        self._draw()

    def mark(self, *, is_focused: bool) -> None:
        """Show at once whether the pane has the focus; the events below come after the next paint."""
        self._is_focused = is_focused
        self._draw()

    def on_descendant_focus(self) -> None:
        """Mark the title."""
        self.mark(is_focused=True)

    def on_descendant_blur(self) -> None:
        """Unmark the title."""
        self.mark(is_focused=False)

    def _draw(self) -> None:
        self._title.draw(title_line(self.pane_name, self._status, self.size.width, is_focused=self._is_focused))


def title_line(pane: PaneName, status: Sequence[str], width: int, *, is_focused: bool) -> tuple[StyledText, ...]:
    """``━━ 4 Log ── following ────``, in ``width`` cells; the last status is cut where none fits."""
    rule = "━" if is_focused else "─"
    kind: Role = "key-name" if is_focused else "rule"
    number = PANES.index(pane) + 1
    spans: list[StyledText] = [
        (f"{rule} ", kind),
        (f"{number} ", "key-name"),
        (pane.capitalize(), "strong" if is_focused else "text"),
        (" ", "text"),
    ]
    room = width - width_of(spans) - 4
    shown = next((text for text in status if cell_len(text) <= room), status[-1] if status else "")
    if shown and room > MIN_STATUS:
        spans += [(f"{rule * 2} ", kind), (clip(shown, room), "dim"), (" ", "text")]
    return (*spans, (rule * max(0, width - width_of(spans)), kind))


class PaneLayout:
    """Shows, sizes and focuses the panes of a screen; reports each new layout to its owner."""

    def __init__(
        self,
        screen: Screen[None],
        slots: Mapping[PaneName, Slot[Widget]],
        arrangement: Arrangement,
        focused: PaneName,
        on_layout: Callable[[], None],
    ) -> None:
        """``focused`` gets the focus at first, if it is in sight; ``on_layout`` is called after each layout."""
        self._screen = screen
        self._slots = slots
        self._arrangement = arrangement
        self._focused_first = focused
        self._on_layout = on_layout
        self.is_ready = False
        """Whether the slots are mounted, so that panes can be."""
        self._rows = 1
        """Connections that are listed."""
        self._more_lines = 0
        """Lines that the list needs beside those."""

    def compose(self) -> ComposeResult:
        """The slots, from top to bottom."""
        for name in ("connections", "timeline", "statistics"):
            yield self._slots[name]
        with Horizontal(id="lower"):
            yield self._slots["log"]
            yield self._slots["detail"]

    def start(self) -> None:
        """Lay out for the first time; the slots are mounted."""
        self.is_ready = True
        self.lay_out()
        self.focus(self._focused_first if self._focused_first in self.in_sight else self.in_sight[-1])

    @property
    def in_sight(self) -> tuple[PaneName, ...]:
        """The panes in sight, from top to bottom."""
        return self._arrangement.visible(self._screen.size.width, self._screen.size.height)

    @property
    def current(self) -> PaneName:
        """The pane that has the focus."""
        return next((name for name in self.in_sight if self._has_focus(name)), self.in_sight[-1])

    @property
    def is_zoomed(self) -> bool:
        """Whether one pane has the whole screen."""
        return self._arrangement.zoomed is not None

    @property
    def arrangement(self) -> Arrangement:
        """Which panes the user asked for."""
        return self._arrangement

    def set_rows(self, rows: int, more_lines: int = 0) -> None:
        """Set how many connections are listed, and the lines needed beside; the heights of the panes follow."""
        if (rows, more_lines) != (self._rows, self._more_lines):
            self._rows, self._more_lines = rows, more_lines
            self.lay_out()

    def show(self, name: PaneName) -> None:
        """Bring a pane into sight, and give it the focus."""
        self._arrangement = self._arrangement.ask(name)
        self.lay_out()
        self.focus(name)

    def bring(self, name: PaneName) -> None:
        """Bring a pane into sight, and give it the focus, unless it is in sight already."""
        if name not in self.in_sight:
            self.show(name)

    def close_detail(self) -> None:
        """Give the room and the focus of the detail to the log."""
        self._arrangement = self._arrangement.close_detail()
        self.lay_out()
        self.focus("log")

    def toggle_zoom(self) -> None:
        """Give the pane that has the focus the whole screen, or take it back."""
        name = self.current
        self._arrangement = self._arrangement.toggle_zoom(name)
        self.lay_out()
        self.focus(name)

    def focus_next(self, by: int) -> None:
        """Give the focus to the pane that is ``by`` panes further on the screen; it goes round."""
        names = self.in_sight
        self.focus(names[(names.index(self.current) + by) % len(names)])

    def focus(self, name: PaneName) -> None:
        """Give the focus to a pane, if it was ever shown."""
        pane = self._slots[name].pane
        if pane is not None:
            for slot in self._slots.values():
                slot.mark(is_focused=slot.pane_name == name)
            self._screen.set_focus(pane, scroll_visible=False)

    def lay_out(self) -> None:
        """Show, hide and size the panes for the screen as it is now; does nothing before ``start``."""
        width, height = self._screen.size
        if not self.is_ready or not width:
            return
        visible, roomy = self.in_sight, is_roomy(width, height)
        with self._screen.app.batch_update():
            for name, slot in self._slots.items():
                if name in visible:
                    slot.open()
                else:
                    slot.close()
            self._set_heights(visible, height, roomy=roomy)
            self._screen.query_one("#lower").display = "log" in visible or "detail" in visible
            self._screen.set_class(roomy, "-roomy")
        self._on_layout()

    def _set_heights(self, visible: tuple[PaneName, ...], height: int, *, roomy: bool) -> None:
        is_shared = len(visible) > 1
        for name in ("connections", "timeline", "statistics"):
            lines: int | str = "1fr"
            if is_shared and name == "connections":
                lines = connections_height(self._rows + self._more_lines, height, roomy=roomy)
            elif roomy and is_shared:
                lines = middle_height(self._rows, height, name)
            if self._slots[name].styles.height is None or str(self._slots[name].styles.height) != str(lines):
                self._slots[name].styles.height = lines

    def _has_focus(self, name: PaneName) -> bool:
        pane = self._slots[name].pane
        return pane is not None and pane.has_focus_within
