"""The screen as a desk: panes in their places, which of them has the keys, and how it changes with the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from wsmon.tui.actions import bindings
from wsmon.tui.arrangement import PANES, Arrangement, PaneName, connections_height, is_roomy, middle_height
from wsmon.tui.panes.bars import Header
from wsmon.tui.panes.footer import Banner, Footer
from wsmon.tui.slot import Slot


class Desk(Screen[None], inherit_bindings=False):
    """Knows where panes are, and nothing of what is in them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    AUTO_FOCUS = ""
    focused: Reactive[Widget | None] = Reactive(None, compute=False, repaint=False)
    # Textual's repaints the whole screen, 15 ms; the two panes paint themselves

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
