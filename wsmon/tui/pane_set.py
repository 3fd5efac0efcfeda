"""The five panes, each made when it is first shown, and the view of the store that they read in the screen's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from textual.widget import Widget

from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.tui.arrangement import PaneName
from wsmon.tui.backing import Backing
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.panes.connections import ConnectionsPane
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane


class PaneSet:
    """Knows how panes are made, and of what."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._view: StoreView | None = None
        self._glyphs = backing.glyphs

    def builders(self) -> Mapping[PaneName, Callable[[], Widget]]:
        """What makes each pane."""
        return {
            "connections": lambda: ConnectionsPane(glyphs=self._glyphs, id="connections"),
            "timeline": lambda: TimelinePane(self._event, glyphs=self._glyphs, id="timeline"),
            "statistics": partial(StatisticsPane, id="statistics"),
            "log": self._log,
            "detail": lambda: DetailPane(glyphs=self._glyphs, id="detail"),
        }

    def use_glyphs(self, glyphs: Glyphs, panes: Iterable[Widget | None]) -> None:
        """Draw with these signs from now on: panes that are there, and those to come."""
        self._glyphs = glyphs
        for pane in panes:
            if isinstance(pane, ConnectionsPane | DetailPane | LogPane | TimelinePane):
                pane.set_glyphs(glyphs)

    def close(self) -> None:
        """Let the store go."""
        if self._view is not None:
            self._view.close()

    def _log(self) -> LogPane:
        pane = LogPane(self._own_view(), self._backing.clock, glyphs=self._glyphs, id="log")
        pane.set_marks(self._backing.notebook.bookmarks, self._backing.notebook.trouble)
        return pane

    def _own_view(self) -> StoreView:
        if self._view is None:
            self._view = self._backing.views()
        return self._view

    def _event(self, event_id: int) -> Event | None:
        found = self._own_view().events_by_id((event_id,))
        return found[0] if found else None
