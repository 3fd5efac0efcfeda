"""Heartbeats of Engine.IO: what is due, and what did not come.

In its fourth revision the server pings and the client answers; in the third it was the other way round.
"""

from __future__ import annotations

from wsmon.model.durations import SECOND_NS
from wsmon.model.events import Direction
from wsmon.protocols.base import Call, Calls, completed, unmatched
from wsmon.protocols.reading import Note

PONG_NS = 20 * SECOND_NS
# pingTimeout of a server that named none: the default of the reference implementation


class Heartbeat:
    """The heartbeats of one session."""

    def __init__(self) -> None:
        self._silence_ns = 0
        # the longest time between two pings of the server; 0 = it named none, or it does not ping
        self._ping_due_ns = 0
        # when the server's next ping is late; 0 = none is awaited
        self._pings = Calls(PONG_NS / SECOND_NS)
        # those that were not answered, by their direction

    def open(self, interval_ns: int, timeout_ns: int, now_ns: int) -> None:
        """The server said how often it pings and how long it waits."""
        wait_ns = timeout_ns or PONG_NS
        self._pings = Calls(wait_ns / SECOND_NS)
        self._silence_ns = interval_ns + wait_ns if interval_ns else 0
        self._expect_ping(now_ns)

    def ping(self, direction: Direction, now_ns: int) -> tuple[Note, ...]:
        """A ping; one at a time is waited for, so that unanswered ones end in a timeout and not in each other."""
        by_peer = direction == "in"
        if not by_peer:  # the third revision: its servers send none
            self._silence_ns = 0
        self._expect_ping(now_ns)
        if direction in self._pings:
            return (Note("heartbeat.received" if by_peer else "heartbeat.sent", "heartbeat"),)
        return self._pings.begin(Call("heartbeat", direction, now_ns, by_peer=by_peer))

    def pong(self, direction: Direction) -> tuple[Note, ...]:
        """An answer to a ping of the other side."""
        key = "out" if direction == "in" else "in"
        ping = self._pings.end(key)
        return completed(ping) if ping else (unmatched("heartbeat", key),)

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """What did not come, told once."""
        notes = self._pings.overdue(now_ns)
        if 0 < self._ping_due_ns <= now_ns:
            self._ping_due_ns = 0
            error = f"no ping of the server within {self._silence_ns / SECOND_NS:g} s"
            notes += (Note("heartbeat.timeout", "heartbeat", error_type="timeout", error=error),)
        return notes

    def _expect_ping(self, now_ns: int) -> None:
        self._ping_due_ns = now_ns + self._silence_ns if self._silence_ns else 0
