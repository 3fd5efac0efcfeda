"""When a store is pruned, and who is told: a slice now and then, and an event that says what went.

A store at its limit loses events all the time: they are told together, or each would be an event of its own.
"""

from __future__ import annotations

from wsmon.model.durations import SECOND_NS
from wsmon.model.events import RECORDER, Event
from wsmon.ports import Clock
from wsmon.store.retention import NOTHING, Pruned, Retention

GAP_S = 0.1
# between two slices: nine tenths of the time belong to events
TOLD_GAP_S = 60.0
# between two events that tell of pruning; the longest that a round goes on untold


class Pruning:
    """The rounds of one retention."""

    def __init__(self, retention: Retention, clock: Clock) -> None:
        self.events = 0
        # removed since the start
        self._retention = retention
        self._clock = clock
        self._sliced_mono_ns = 0
        self._untold = NOTHING
        self._untold_since_ns = 0
        self._told_mono_ns: int | None = None

    def slice(self) -> tuple[Event, ...]:
        """Remove one slice where it is time for one; the event that tells of what went, where it is time to tell.

        Raises ``StoreError`` where the disk takes nothing: then nothing was removed.
        """
        now_ns = self._clock.mono_ns()
        if now_ns - self._sliced_mono_ns < GAP_S * SECOND_NS:
            return ()
        self._sliced_mono_ns = now_ns
        pruned = self._retention.prune_events()
        if pruned.events:
            self._note(pruned, now_ns)
        else:
            self._retention.prune_rollups()
        return self.tell() if self._is_time_to_tell(now_ns, has_ended=not pruned.events) else ()

    def tell(self) -> tuple[Event, ...]:
        """The event about what nobody was told of yet."""
        if not self._untold.events:
            return ()
        removed, self._untold = self._untold, NOTHING
        self._told_mono_ns = self._clock.mono_ns()
        reason = f"{removed.events:,} oldest events removed, up to {removed.up_to_id}"
        meta = {"events": removed.events, "up_to_id": removed.up_to_id}
        return (Event(RECORDER, "self.pruned", self._clock.wall_ns(), self._told_mono_ns, reason=reason, meta=meta),)

    def _note(self, pruned: Pruned, now_ns: int) -> None:
        if not self._untold.events:
            self._untold_since_ns = now_ns
        self.events += pruned.events
        self._untold = Pruned(self._untold.events + pruned.events, max(self._untold.up_to_id, pruned.up_to_id))

    def _is_time_to_tell(self, now_ns: int, *, has_ended: bool) -> bool:
        gap_ns = TOLD_GAP_S * SECOND_NS
        if self._told_mono_ns is not None and now_ns - self._told_mono_ns < gap_ns:
            return False
        return has_ended or now_ns - self._untold_since_ns >= gap_ns
