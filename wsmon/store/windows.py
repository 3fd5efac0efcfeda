"""Cuts what is to be searched into windows, so that no statement holds a snapshot of the store for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wsmon.ports import Clock

FIRST_WINDOW = 16
# ids; some tens of milliseconds where a pattern takes as long as it may for most of them
LEAST_WINDOW = 2
TARGET_NS = 50_000_000
# a statement that took less doubles the next window; ten times as much would hold up a checkpoint noticeably
MAX_WINDOW = 1 << 40


def windows(
    ranges: Iterable[tuple[int, int]], clock: Clock, *, newest_first: bool = False
) -> Iterator[tuple[int, int]]:
    """Closed ranges of ids that cover closed ranges, which come in this order, from the side to begin with.

    Each is as wide as the time that the caller spent on those before allows. An empty range is passed on.
    """
    size = FIRST_WINDOW
    for first_id, last_id in ranges:
        if first_id > last_id:
            yield first_id, last_id
        while first_id <= last_id:
            width = min(size, last_id - first_id + 1)
            started_ns = clock.mono_ns()
            if newest_first:
                yield last_id - width + 1, last_id
                last_id -= width
            else:
                yield first_id, first_id + width - 1
                first_id += width
            took_ns = clock.mono_ns() - started_ns
            if took_ns > 2 * TARGET_NS:
                size = max(width // 2, LEAST_WINDOW)
            elif took_ns < TARGET_NS and width == size:
                size = min(2 * size, MAX_WINDOW)


def chunks(first_id: int, last_id: int, size: int, *, newest_first: bool) -> Iterator[tuple[int, int]]:
    """Adjacent closed ranges of one size that cover a closed range; the last one may be smaller."""
    while first_id <= last_id:
        if newest_first:
            yield max(first_id, last_id - size + 1), last_id
            last_id -= size
        else:
            yield first_id, min(last_id, first_id + size - 1)
            first_id += size
