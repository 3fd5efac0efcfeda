"""Ticker: calls the sessions of a supervisor once a second, hundreds in one turn of the loop.

A timer each would cost a thousand idle sessions more than what they do at their ticks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wsmon.engine.keepalive import Scheduler, Timer

# Interval of the calls
TICK_S = 1.0
# So many groups are called in turn, by the time at which they began: a turn with all of a thousand sessions would delay
# what they receive by 10 ms
GROUPS = 4

_Call = Callable[[], None]


@dataclass(slots=True)
class _Group:
    """Those that are called in one turn."""

    due_s: float
    """In the time of the scheduler."""
    calls: dict[_Call, None] = field(default_factory=dict)
    """In the order in which they began."""
    timer: Timer | None = None


class Ticker:
    """Calls what was added once a second, until it is removed, on the loop of its scheduler."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        # By the part of the second in which they are due
        self._groups: dict[int, _Group] = {}

    def add(self, call: _Call) -> None:
        """Call it every second from now on, for the first time after three quarters of a second or more."""
        part = math.floor((self._scheduler.time() + TICK_S) / TICK_S * GROUPS)
        group = self._groups.get(part % GROUPS)
        if group is None:
            group = self._groups[part % GROUPS] = _Group(part * TICK_S / GROUPS)
            self._schedule(group)
        group.calls[call] = None

    def remove(self, call: _Call) -> None:
        """Call it no more; do nothing where it was not added."""
        for part, group in tuple(self._groups.items()):
            if call in group.calls:
                del group.calls[call]
                if not group.calls:
                    del self._groups[part]
                    if group.timer is not None:
                        group.timer.cancel()

    def _schedule(self, group: _Group) -> None:
        delay_s = group.due_s - self._scheduler.time()
        group.timer = self._scheduler.call_later(delay_s, lambda: self._tick(group))

    def _tick(self, group: _Group) -> None:
        late_s = self._scheduler.time() - group.due_s
        # A loop that was busy for seconds leaves ticks out
        group.due_s += TICK_S * max(1, math.ceil(late_s / TICK_S))
        self._schedule(group)
        self._call(group, iter(tuple(group.calls)))

    def _call(self, group: _Group, calls: Iterator[_Call]) -> None:
        """Call all; an exception is the loop's to report, and the next ones are called all the same."""
        try:
            for call in calls:
                # Another call may have removed it
                if call in group.calls:
                    call()
        except Exception:
            self._scheduler.call_later(0.0, lambda: self._call(group, calls))
            raise
