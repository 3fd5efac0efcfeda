"""Which panes are in sight, and how high: pure, from the size of the terminal and what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

PaneName = Literal["connections", "timeline", "statistics", "log", "detail"]
PANES: tuple[PaneName, ...] = get_args(PaneName)

ROOMY_WIDTH = 100
ROOMY_HEIGHT = 30
# with less, two panes below the connections would show too little of each
LEAST_LOG = 10
# lines, its title included: with less, what led to an event is out of sight
MOST_BY_LOG = 10
# lines that a short list may take of what the log does not need: 8 connections
LEAST_FOR_TWO = 9
# lines: header, footer, two titles, and some lines of each
MIDDLE: tuple[PaneName, ...] = ("timeline", "statistics")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What was asked for."""

    lower: PaneName = "log"
    # the pane below the connections, where there is room for one
    middle: PaneName = "timeline"
    # the pane between connections and log, where there is room for all
    zoomed: PaneName | None = None
    last: PaneName = "connections"
    # what was asked for last, where there is room for one pane alone

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
