"""Several recordings read as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.recordings import FixedClock
from wsmon.ports import Clock
from wsmon.store.merged.order import MergedOrder
from wsmon.store.merged.view import MergedView
from wsmon.store.reader import Reader


@contextmanager
def merged_view(stores: Mapping[str, Path], clock: Clock | None = None) -> Iterator[MergedView]:
    """A view of stores by the names of their recordings."""
    clock = clock or FixedClock(600.0)
    view = MergedView(MergedOrder(tuple(stores)), [(name, Reader(path, clock)) for name, path in stores.items()])
    try:
        yield view
    finally:
        view.close()
