"""The screen as a desk: panes in their places, which of them has the keys, and how it changes with the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, Literal, TypeVar, get_args

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from wsmon.tui.actions import bindings
from wsmon.tui.panes.bars import Banner, Footer, Header
from wsmon.tui.text import Role, StyledText, clip, width_of
from wsmon.tui.widgets.text_view import StatusChanged, TextLine

# Which panes are in sight, and how high: pure, from the size of the terminal and what was asked for.

PaneName = Literal["connections", "timeline", "statistics", "log", "detail"]
PANES: tuple[PaneName, ...] = get_args(PaneName)

ROOMY_WIDTH = 100
# With less, two panes below the connections would show too little of each
ROOMY_HEIGHT = 30
# Lines, its title included: with less, what led to an event is out of sight
LEAST_LOG = 10
# Lines that a short list may take of what the log does not need: 8 connections
MOST_BY_LOG = 10
# lines: header, footer, two titles, and some lines of each
LEAST_FOR_TWO = 9
MIDDLE: tuple[PaneName, ...] = ("timeline", "statistics")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What was asked for."""

    lower: PaneName = "log"
    """The pane below the connections, where there is room for one."""
    middle: PaneName = "timeline"
    """The pane between connections and log, where there is room for all."""
    zoomed: PaneName | None = None
    last: PaneName = "connections"
    """What was asked for last, where there is room for one pane alone."""

    def ask(self, pane: PaneName) -> Arrangement:
        """Bring a pane into sight; another one that is zoomed gives way."""
        zoomed = pane if self.zoomed is not None else None
        lower = pane if pane != "connections" else self.lower
        return Arrangement(lower, pane if pane in MIDDLE else self.middle, zoomed, pane)

    def toggle_zoom(self, pane: PaneName) -> Arrangement:
        """Give a pane everything, or give it back."""
        return replace(self, zoomed=None if self.zoomed is not None else pane)

    def visible(self, width: int, height: int) -> tuple[PaneName, ...]:
        """The panes in sight, from top to bottom."""
        if self.zoomed is not None:
            return (self.zoomed,)
        if height < LEAST_FOR_TWO:
            return (self.last,)
        if is_roomy(width, height):
            return ("connections", self.middle, "log", "detail")
        return ("connections", self.lower)


def is_roomy(width: int, height: int) -> bool:
    """Whether log and detail stand side by side."""
    return width >= ROOMY_WIDTH and height >= ROOMY_HEIGHT


def connections_height(rows: int, height: int, *, roomy: bool) -> int:
    """Lines for the list, its title and heading included; it never takes what the log needs."""
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


# A place for a pane: a title over it, and the pane itself once it is needed.

Pane = TypeVar("Pane", bound=Widget)

# Cells; in fewer a sentence says nothing
MIN_STATUS = 8


class Slot(Vertical, Generic[Pane]):
    """Builds its pane when it is shown for the first time: what nobody looks at costs no start-up time."""

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
        """The title; the pane comes later."""
        yield self._title

    @property
    def pane(self) -> Pane | None:
        """The pane, if it has been shown."""
        return self._pane

    def build(self) -> Pane:
        """The pane, made where it is not there yet; that does not show it."""
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
        """Put a text beside the title, the first of these that fits; it is shown as it is, never as markup."""
        self._status = status
        self._draw()

    @on(StatusChanged)
    def _pane_says(self, message: StatusChanged) -> None:
        message.stop()
        self.say(*message.texts)

    def on_resize(self) -> None:
        """The rule has another length."""
        self._draw()

    def mark(self, *, is_focused: bool) -> None:
        """Show whether keys act here: at once, the events below come after the next paint."""
        self._is_focused = is_focused
        self._draw()

    def on_descendant_focus(self) -> None:
        """Keys act here now."""
        self.mark(is_focused=True)

    def on_descendant_blur(self) -> None:
        """Keys no longer act here."""
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


class Desk(Screen[None], inherit_bindings=False):
    """Knows where panes are, and nothing of what is in them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    AUTO_FOCUS = ""
    focused: Reactive[Widget | None] = Reactive(None, compute=False, repaint=False)
    """Textual's repaints the whole screen, 15 ms; the two panes paint themselves."""

    def __init__(
        self,
        builders: Mapping[PaneName, Callable[[], Widget]],
        footer: Footer,
        arrangement: Arrangement,
        focused: PaneName,
    ) -> None:
        """``builders`` make each pane when it is first shown; ``focused`` has the keys at first, if it is in sight."""
        super().__init__()
        self._arrangement = arrangement
        self._focused_first = focused
        self._slots = {name: Slot(name, builders[name]) for name in PANES}
        self.is_ready = False
        # whether the slots are there
        self._rows = 1
        # of the connections list
        self.header = Header(id="header")
        self.banner = Banner(id="banner")
        self.footer = footer

    def compose(self) -> ComposeResult:
        """Header, panes, footer."""
        yield self.header
        yield self.banner
        for name in ("connections", "timeline", "statistics"):
            yield self._slots[name]
        with Horizontal(id="lower"):
            yield self._slots["log"]
            yield self._slots["detail"]
        yield self.footer

    def on_mount(self) -> None:
        """Now panes can be put into their slots; the keys act where they did."""
        self.is_ready = True
        self.banner.show("")
        self.lay_out()
        self.give_keys(self._focused_first if self._focused_first in self.in_sight else self.in_sight[-1])

    def on_resize(self) -> None:
        """Another terminal, another arrangement."""
        self.lay_out()

    @property
    def in_sight(self) -> tuple[PaneName, ...]:
        """The panes in sight."""
        return self._arrangement.visible(self.size.width, self.size.height)

    @property
    def current(self) -> PaneName:
        """The pane that has the keys."""
        return next((name for name in self.in_sight if self._has_focus(name)), self.in_sight[-1])

    @property
    def is_zoomed(self) -> bool:
        """Whether one pane has everything."""
        return self._arrangement.zoomed is not None

    @property
    def arrangement(self) -> Arrangement:
        """Which panes were asked for."""
        return self._arrangement

    def slot(self, name: PaneName) -> Slot[Widget]:
        """The place of a pane."""
        return self._slots[name]

    def set_rows(self, rows: int) -> bool:
        """How many connections there are; whether that changes the heights."""
        is_new, self._rows = rows != self._rows, rows
        return is_new

    def ask(self, name: PaneName) -> None:
        """Bring a pane into sight, and give it the keys."""
        self._arrangement = self._arrangement.ask(name)
        self.lay_out()
        self.give_keys(name)

    def toggle_zoom(self) -> None:
        """Give the pane that has the keys the whole screen, or give it back."""
        name = self.current
        self._arrangement = self._arrangement.toggle_zoom(name)
        self.lay_out()
        self.give_keys(name)

    def step(self, by: int) -> None:
        """Give the keys to the next pane in sight."""
        names = self.in_sight
        self.give_keys(names[(names.index(self.current) + by) % len(names)])

    def give_keys(self, name: PaneName) -> None:
        """Let keys act on a pane."""
        pane = self._slots[name].pane
        if pane is not None:
            for slot in self._slots.values():
                slot.mark(is_focused=slot.pane_name == name)
            self.set_focus(pane, scroll_visible=False)

    def lay_out(self) -> None:
        """Put everything in its place."""
        width, height = self.size
        if not self.is_ready or not width:
            return
        visible, roomy = self.in_sight, is_roomy(width, height)
        with self.app.batch_update():
            for name, slot in self._slots.items():
                if name in visible:
                    slot.open()
                else:
                    slot.close()
            self._set_heights(visible, height, roomy=roomy)
            self.query_one("#lower").display = "log" in visible or "detail" in visible
            self.set_class(roomy, "-roomy")

    def _set_heights(self, visible: tuple[PaneName, ...], height: int, *, roomy: bool) -> None:
        is_shared = len(visible) > 1
        for name in ("connections", "timeline", "statistics"):
            lines: int | str = "1fr"
            if is_shared and name == "connections":
                lines = connections_height(self._rows, height, roomy=roomy)
            elif roomy and is_shared:
                lines = middle_height(self._rows, height, name)
            if self._slots[name].styles.height is None or str(self._slots[name].styles.height) != str(lines):
                self._slots[name].styles.height = lines

    def _has_focus(self, name: PaneName) -> bool:
        pane = self._slots[name].pane
        return pane is not None and pane.has_focus_within
