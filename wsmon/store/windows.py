"""Cuts a range of ids into windows, so that no statement holds a snapshot of the store for long."""

from __future__ import annotations

from collections.abc import Iterator

from wsmon.ports import Clock

FIRST_WINDOW = 20_000
# ids; about 10 ms where every payload is searched
TARGET_NS = 50_000_000
# a statement that took less doubles the next window; ten times as much would hold up a checkpoint noticeably
MAX_WINDOW = 1 << 40


def windows(first_id: int, last_id: int, clock: Clock, *, newest_first: bool = False) -> Iterator[tuple[int, int]]:
    """Adjacent closed ranges that cover a closed range, from the side to begin with.

    Each is as wide as the time that the caller spent on the one before allows.
    """
    size = FIRST_WINDOW
    while first_id <= last_id:
        started_ns = clock.mono_ns()
        if newest_first:
            yield max(first_id, last_id - size + 1), last_id
            last_id -= size
        else:
            yield first_id, min(last_id, first_id + size - 1)
            first_id += size
        took_ns = clock.mono_ns() - started_ns
        if took_ns < TARGET_NS:
            size = min(2 * size, MAX_WINDOW)
        elif took_ns > 2 * TARGET_NS:
            size = max(size // 2, FIRST_WINDOW // 8)
