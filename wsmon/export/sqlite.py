"""A store of its own: a copy of the whole, or a new one with the selected events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wsmon.export.selection import Selection
from wsmon.model.events import Event
from wsmon.model.snapshot import StoreBounds
from wsmon.ports import CopyableStore

COMMIT_EVENTS = 2_000
# at once, as the recorder does

Step = Callable[[int, int], None]
# how many events are done, and how many are written; what it raises ends the export


def whole_store(store: CopyableStore, path: Path, bounds: StoreBounds, step: Step) -> None:
    """Copy everything into an empty file; progress is told in events though pages are copied."""
    events = bounds.last_id - bounds.oldest_id + 1 if bounds.last_id else 0

    def copied(pages: int, total: int) -> None:
        done = events * pages // max(1, total)
        step(done, done)

    store.copy(path, copied)


def part_of_store(store: CopyableStore, path: Path, selection: Selection, step: Step) -> None:
    """Make an empty file a store of the selected events, which keep their ids."""
    with store.excerpt(path) as excerpt:
        waiting: list[Event] = []
        for page in selection.pages():
            waiting += page
            if len(waiting) >= COMMIT_EVENTS:
                excerpt.write(waiting)
                waiting = []
            step(selection.seen, selection.written)
        if waiting:
            excerpt.write(waiting)
