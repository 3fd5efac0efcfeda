"""Which events of a nexus feed were taken, once each, over reconnects and restarts; and which are missing."""

from __future__ import annotations

from wsmon.model.durations import SECOND_NS
from wsmon.protocols.reading import Note

MAX_ID = 2**63 - 1
WINDOW = 1024
# ids remembered: the server numbers events before it queues them, so that a few overtake each other
_SETTLE_NS = SECOND_NS
# how long an id that was overtaken may take
_RESTART_NS = SECOND_NS
# an old id with a time so much later than all before is a new event: the server counts from 1 again


class State:
    """One session; ``last_id`` and ``last_at_ns`` are those of the session before."""

    def __init__(self, last_id: int = 0, last_at_ns: int = 0) -> None:
        self.last_id = last_id
        # the highest taken
        self.last_at_ns = last_at_ns
        # the latest time an event had, by the server's wall clock; 0 = none yet
        self.duplicates = 0
        self.restarts = 0
        self.missing = 0
        # ids between the first and the last that did not come
        self._floor = last_id
        # everything up to here is known
        self._base = last_id
        # what is missing is counted from here
        self._seen: dict[int, None] = {}
        self._now_ns = 0
        self._gap_ns = 0
        # when the last id was skipped
        self._told = 0
        # of ``missing``

    def at(self, now_ns: int) -> None:
        """The messages that follow happen at this monotonic time."""
        self._now_ns = now_ns

    def take(self, id_: int, at_ns: int | None) -> tuple[bool, tuple[Note, ...]]:
        """Whether the event is new, and what else its id says."""
        notes: tuple[Note, ...] = ()
        if id_ <= self._floor or id_ in self._seen:
            if id_ in self._seen or not self._is_restart(at_ns):
                self.duplicates += 1
                return False, ()
            notes = self._restart()
        self._count(id_)
        self._seen[id_] = None
        if len(self._seen) > WINDOW:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._floor = max(self._floor, oldest)
        self.last_id = max(self.last_id, id_)
        self.last_at_ns = max(self.last_at_ns, at_ns or 0)
        return True, notes

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """That ids are missing, once they can no longer have been overtaken."""
        if self.missing <= self._told or now_ns - self._gap_ns < _SETTLE_NS:
            return ()
        missing, self._told = self.missing - self._told, self.missing
        error = f"{missing} events of the feed did not come: dropped for a slow reader, or no longer kept by the server"
        return (Note("error.occurred", error_type="feed_gap", error=error, meta={"missing": missing}),)

    def _is_restart(self, at_ns: int | None) -> bool:
        return at_ns is not None and 0 < self.last_at_ns < at_ns - _RESTART_NS

    def _restart(self) -> tuple[Note, ...]:
        self.restarts += 1
        before, self.last_id, self._floor = self.last_id, 0, 0
        self._seen.clear()
        error = f"ids begin again after {before}: the server restarted; what it reported meanwhile is not known"
        return (Note("error.occurred", error_type="feed_restarted", error=error, meta={"lastId": before}),)

    def _count(self, id_: int) -> None:
        """Keep count of what is missing; before the first event that was taken, nothing is."""
        if not self.last_id:
            self._base = id_
        elif id_ > self.last_id + 1:
            self.missing += id_ - self.last_id - 1
            self._gap_ns = self._now_ns
        elif self._base < id_ < self.last_id:
            self.missing -= 1
            self._told = min(self._told, self.missing)
