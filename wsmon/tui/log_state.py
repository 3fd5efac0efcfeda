"""What the log is set to, as far as it is worth coming back to at the next start."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.tui.line_columns import ColumnName
from wsmon.tui.lines import TimeMode


@dataclass(frozen=True, slots=True)
class LogState:
    """Plain values: a file may hold them."""

    query: str = ""
    # as typed
    hides_heartbeats: bool = False
    is_in_context: bool = False
    time_mode: TimeMode = "absolute"
    columns: tuple[ColumnName, ...] | None = None
    # None = as many as there is room for


FRESH_LOG = LogState()
