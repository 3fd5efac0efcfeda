"""The question by what the log is sorted."""

from __future__ import annotations

from wsmon.model.ranges import Ranking
from wsmon.tui.dialogs.base import ConfirmDialog, ConfirmOption

_RANKINGS: dict[str, Ranking] = {"duration": "duration", "size": "size"}


def log_order_dialog() -> ConfirmDialog:
    """Return the question; the result is ``time``, or a ranking."""
    return ConfirmDialog(
        "Sort the log",
        "Sorts the matches, or all events if there is no active search:",
        (
            ConfirmOption("d", "duration", "duration", "slowest responses, pings and handshakes first"),
            ConfirmOption("z", "size", "size", "largest messages first"),
            ConfirmOption("t", "time", "time", "in recorded order"),
        ),
    )


def ranking_of(value: str) -> Ranking | None:
    """Return the ranking that a result of the dialog stands for; None = by time."""
    return _RANKINGS.get(value)
