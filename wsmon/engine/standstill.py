"""Standstill: notices that the recorder itself stood still (stopped, frozen, asleep, starved), and for how long.

``StandstillSelector`` is the selector of the recorder's event loop (engine/loop.py): it sees the loop wait and work,
and compares the clocks. ``LoopWatch`` ticks on that loop, so that no wait of the selector is long, and reports up to
which time everything that arrived has been read (``Bus.mark_read``): detectors judge by that time, not by the present.
``ReadingPause`` does the same for the timers of one session.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from wsmon.model.events import RECORDER, Event, Json
from wsmon.model.units import MS_NS, SECOND_NS, duration
from wsmon.ports import Clock, EventSink

# Interval of the ticks: the selector never waits for longer, so a standstill is measured to a quarter of a second
TICK_S = 0.25
# A wait of the selector that ends this much too late was a standstill; a busy machine delays it by some milliseconds
LATE_NS = SECOND_NS // 2
# The callbacks of one turn of the loop that take longer than this were a standstill: the turns of 50 flooding peers
# take 0.1 s (engine/tap.py). Only what is beyond it is taken off the loop's clock, so that a loop that is busy all the
# time still has a clock that goes on
TURN_NS = SECOND_NS
# A shorter standstill is no event
SUSPENDED_NS = SECOND_NS
# For this long after a standstill no timer of a session judges the peer: what waits in the sockets is read first, which
# takes several turns where it is more than 64 KiB of one socket
READING_S = 1.0


class Standstill(NamedTuple):
    """A time in which the event loop did not run."""

    stopped_ns: int
    """Of the monotonic clock: the process was stopped, frozen or starved."""
    asleep_ns: int
    """In which the monotonic clock stood still, too: the machine was suspended."""

    @property
    def total_ns(self) -> int:
        """How long it lasted."""
        return self.stopped_ns + self.asleep_ns


class BootClock(Protocol):
    """The clocks that a standstill shows on."""

    def mono_ns(self) -> int:
        """Return monotonic time, which stands still while the machine is suspended."""
        ...

    def boot_ns(self) -> int:
        """Return monotonic time that goes on while the machine is suspended."""
        ...


# For this long after a standstill of the recorder, what comes in is taken to have waited in the socket
SHORTLY_NS = SECOND_NS
# Monotonic time, and the one that goes on while the machine is suspended
_Reading: TypeAlias = tuple[int, int]


class StandstillSelector(selectors.DefaultSelector):
    """Reports each standstill before the loop handles what it found, and before timers that have become due.

    A wait that a stop signal interrupted returns without having looked at the sockets (``epoll_wait`` fails with EINTR,
    signal(7)), and timers would come before what waits in them: an empty answer is asked for again.
    """

    def __init__(self, on_standstill: Callable[[Standstill], None], clock: BootClock) -> None:
        """``on_standstill`` is called inside ``select``, on the thread of the loop."""
        super().__init__()
        # Seconds to take off the clock of the loop, so that no timer is due because of a standstill
        self.lost_s = 0.0
        self._on_standstill = on_standstill
        self._clock = clock
        # When the newest wait ended; None before the first
        self._left: _Reading | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait as the base class does; look twice before returning nothing."""
        # Numbers and bare comparisons: this runs for each message where many connections bring one each
        clock, left = self._clock, self._left
        entered_ns, entered_boot_ns = clock.mono_ns(), clock.boot_ns()
        if left is not None:
            took_ns = entered_ns - left[0]
            may_have_stood = took_ns > TURN_NS or entered_boot_ns - left[1] - took_ns > LATE_NS
            if may_have_stood and self._compare(left, (entered_ns, entered_boot_ns), 0, TURN_NS, left_ns=TURN_NS):
                timeout = 0
        found = super().select(timeout)
        if not found and timeout != 0:
            found = super().select(0)
        left_ns, left_boot_ns = self._left = (clock.mono_ns(), clock.boot_ns())
        took_ns = left_ns - entered_ns
        if took_ns > LATE_NS or left_boot_ns - entered_boot_ns - took_ns > LATE_NS:
            # A wait without a limit is never late
            waited_ns = took_ns if timeout is None else round(timeout * SECOND_NS)
            self._compare((entered_ns, entered_boot_ns), self._left, waited_ns, LATE_NS)
        return found

    def _compare(
        self, before: _Reading, after: _Reading, expected_ns: int, tolerance_ns: int, *, left_ns: int = 0
    ) -> bool:
        """Report a standstill between two readings that should be ``expected_ns`` apart; return whether there was one.

        ``left_ns`` of it stay on the clock of the loop.
        """
        took_ns = after[0] - before[0]
        late_ns = took_ns - expected_ns
        asleep_ns = (after[1] - before[1]) - took_ns
        # Since the last sign of life: when within the wait it began is unknown
        stopped_ns = took_ns if late_ns > tolerance_ns else 0
        asleep_ns = asleep_ns if asleep_ns > LATE_NS else 0
        if not (stopped_ns or asleep_ns):
            return False
        if stopped_ns:
            self.lost_s += (late_ns - left_ns) / SECOND_NS
        self._on_standstill(Standstill(stopped_ns, asleep_ns))
        return True


class NewestStandstill:
    """The newest standstill that a session has seen, for the event of its end."""

    def __init__(self) -> None:
        # And the monotonic time at which it ended; None before the first
        self._newest: tuple[Standstill, int] | None = None

    def add(self, standstill: Standstill, now_ns: int) -> None:
        """Take a standstill that is over now; one shortly after another makes one with it."""
        before, ended_ns = self._newest or (Standstill(0, 0), 0)
        if now_ns - ended_ns <= SHORTLY_NS:
            standstill = Standstill(before.stopped_ns + standstill.stopped_ns, before.asleep_ns + standstill.asleep_ns)
        self._newest = standstill, now_ns

    def meta(self, heard_ns: int, now_ns: int) -> dict[str, Json]:
        """Return for how long the recorder stood still before the end, sleep included, and how long ago that ended.

        For ``meta``; empty where the peer was heard since, at ``heard_ns``. The clock that times the frames stops while
        the machine sleeps, so the time since the last frame bounds neither.
        """
        if self._newest is None:
            return {}
        standstill, ended_ns = self._newest
        # What came in shortly after had waited in the socket, as a close frame has that was sent meanwhile
        if heard_ns > ended_ns + SHORTLY_NS:
            return {}
        since_ns = now_ns - ended_ns
        return {"suspended_ms": round(standstill.total_ns / MS_NS, 3), "resumed_ms": round(since_ns / MS_NS, 3)}


class JudgingTimer(Protocol):
    """Judges the peer of a session by the time that passes."""

    def pause(self) -> None:
        """Judge no more, until ``resume``."""
        ...

    def resume(self) -> None:
        """Judge again, from now on."""
        ...


class LateReader(Protocol):
    """Tells messages that waited in the socket from those that are read as they come."""

    def read_late(self, since_ns: int, until_ns: int) -> None:
        """Take what comes in until ``until_ns`` to have waited: it was not read before ``since_ns``."""
        ...


class ReadingPause:
    """Whether a session reads; no timer judges its peer while it does not, nor before what waited could be read."""

    def __init__(
        self,
        session: object,
        paused: set[object],
        clock: Clock,
        timers: Sequence[JudgingTimer],
        messages: LateReader | None,
    ) -> None:
        """``session`` is in ``paused`` while it does not read; ``messages`` is None where nothing is read of them."""
        self._session = session
        self._paused = paused
        self._clock = clock
        self._timers = timers
        self._messages = messages
        self._since_ns: int | None = None
        # Ends the time after a standstill in which no timer judges the peer; None outside of it
        self._holding: asyncio.TimerHandle | None = None

    def begin(self) -> bool:
        """Begin a pause: the sink is full because our own store is slow; return whether there was none."""
        if self._since_ns is not None:
            return False
        self._since_ns = self._clock.mono_ns()
        self._paused.add(self._session)
        self._pause_timers()
        return True

    def end(self) -> dict[str, Json] | None:
        """End the pause; return how long it was, for ``meta``, None where there was none."""
        if self._since_ns is None:
            return None
        paused_ns, self._since_ns = self._clock.mono_ns() - self._since_ns, None
        self._paused.discard(self._session)
        self._read_late()
        if self._holding is None:
            self._resume_timers()
        return {"paused_ms": round(paused_ns / MS_NS, 3)}

    def hold(self) -> None:
        """Read what waits in the socket before any timer judges the peer: the recorder stood still until now."""
        self.close()
        self._pause_timers()
        self._read_late()
        self._holding = asyncio.get_running_loop().call_later(READING_S, self._end_holding)

    def close(self) -> None:
        """Hold timers no longer; the session is over."""
        if self._holding is not None:
            self._holding.cancel()

    def _read_late(self) -> None:
        """Let what comes in soon count as read late: nothing was read until now."""
        if self._messages is not None:
            now_ns = self._clock.mono_ns()
            self._messages.read_late(now_ns, now_ns + round(READING_S * SECOND_NS))

    def _end_holding(self) -> None:
        self._holding = None
        if self._since_ns is None:
            self._resume_timers()

    def _pause_timers(self) -> None:
        for timer in self._timers:
            timer.pause()

    def _resume_timers(self) -> None:
        for timer in self._timers:
            timer.resume()


class LoopWatch:
    """Ticks on the recorder's event loop; reports what has been read, and each standstill, as an event."""

    def __init__(
        self,
        sink: EventSink,
        clock: Clock,
        mark_read: Callable[[int], None],
        is_paused: Callable[[], bool],
        on_standstill: Callable[[Standstill], None],
    ) -> None:
        """``mark_read`` gets monotonic times up to which everything was read, never while ``is_paused``."""
        self._sink = sink
        self._clock = clock
        self._mark_read = mark_read
        self._is_paused = is_paused
        self._on_standstill = on_standstill

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self._tick()
            await asyncio.sleep(TICK_S)

    def stood_still(self, standstill: Standstill) -> None:
        """Emit ``self.suspended``, then hand the standstill on, so that no session judges its peer by it."""
        if standstill.total_ns >= SUSPENDED_NS:
            self._sink.emit(suspended_event(standstill, self._clock))
        self._on_standstill(standstill)

    def _tick(self) -> None:
        """Take the time; it is reported two turns later.

        Callbacks of a turn run before what its selector found: in the second turn from now everything has been read
        that had arrived by now, up to 64 KiB of each socket.
        """
        if self._is_paused():
            return
        loop = asyncio.get_running_loop()
        now_ns = self._clock.mono_ns()
        loop.call_soon(loop.call_soon, self._report, now_ns)

    def _report(self, until_ns: int) -> None:
        if not self._is_paused():
            self._mark_read(until_ns)


def suspended_event(standstill: Standstill, clock: Clock) -> Event:
    """Return the event of a standstill that is over now; ``meta.asleep_ms`` is what of it the machine slept."""
    lasted = duration(standstill.total_ns)
    meta: dict[str, Json] = {}
    if standstill.asleep_ns:
        meta["asleep_ms"] = round(standstill.asleep_ns / MS_NS, 3)
    if standstill.asleep_ns > standstill.stopped_ns:
        reason = f"the machine was suspended for {lasted}"
    else:
        reason = f"wsmon was stalled for {lasted}: stopped, frozen, or given no CPU time"
    return Event(
        RECORDER,
        "self.suspended",
        clock.wall_ns(),
        clock.mono_ns(),
        reason=reason,
        duration_ns=standstill.total_ns,
        meta=meta or None,
    )
