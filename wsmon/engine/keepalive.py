"""Keepalive: sends WebSocket pings in one session, matches the pongs, and gives up after ``ping.timeout``.

A session (engine/session.py) starts and stops it; ``FramePath`` (engine/frames.py) reports pongs. The heartbeats that a
protocol defines are in engine/protocol_session.py. ``SentPings`` matches pings that wsmon does not send itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from wsmon.config.specs import PingSpec
from wsmon.ports import Clock

# Pings of one side that may wait for an answer; of more, the oldest are forgotten
MAX_AWAITED = 64


class Timer(Protocol):
    """A call that was scheduled."""

    def cancel(self) -> None:
        """Cancel the call."""
        ...

    def when(self) -> float:
        """Return when the call is due, in the seconds of the scheduler."""
        ...


class Scheduler(Protocol):
    """The part of an event loop that timers of a session need."""

    def time(self) -> float:
        """Return the present, in seconds of the loop's own clock."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer:
        """Call ``callback`` in ``delay`` seconds."""
        ...


class Keepalive:
    """Sends a ping every ``interval_s``, and waits for one pong at a time, at most ``timeout_s``.

    Between ``pause`` and ``resume`` its timers stand still: a pong may wait in our own socket.
    """

    def __init__(
        self,
        spec: PingSpec,
        scheduler: Scheduler,
        clock: Clock,
        send_ping: Callable[[], bytes],
        on_timeout: Callable[[], None],
    ) -> None:
        """``send_ping`` sends a ping with a unique payload and returns it; ``on_timeout`` is called at most once."""
        self._spec = spec
        self._scheduler = scheduler
        self._clock = clock
        self._send_ping = send_ping
        self._on_timeout = on_timeout
        self._timer: Timer | None = None
        # What the timer calls
        self._due: Callable[[], None] = self._ping
        self._is_paused = self._is_over = False
        # Of the timer, while paused; None while it runs or where there is none
        self._remaining_s: float | None = None
        # Payload of the ping whose pong is awaited; None where none is
        self._awaited: bytes | None = None
        self._sent_ns = 0
        # Whether reading was paused while a pong was awaited: its round trip is unknown
        self._was_paused = False

    def start(self) -> None:
        """Send the first ping after one interval: the session is usable."""
        if self._spec.interval_s > 0:
            self._schedule(self._spec.interval_s, self._ping)

    def stop(self) -> None:
        """Send no more pings: the session is closing. A pong that is under way is still matched."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._remaining_s = None

    def pause(self) -> None:
        """Stop the timers: reading from the socket was paused, or the recorder stood still."""
        self._is_paused = self._was_paused = True
        if self._timer is not None:
            self._remaining_s = max(0.0, self._timer.when() - self._scheduler.time())
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        """Let the timers run again."""
        self._is_paused = False
        self._was_paused = self._awaited is not None
        if self._remaining_s is not None:
            remaining_s, self._remaining_s = self._remaining_s, None
            self._schedule(remaining_s, self._due)

    def is_awaited(self, payload: bytes) -> bool:
        """Whether a pong with this payload answers our ping; any other pong proves nothing."""
        return payload == self._awaited

    def answer(self, arrived_ns: int) -> int | None:
        """Take the awaited pong; return its round trip in nanoseconds, None where a pause of ours is in it."""
        took_ns = arrived_ns - self._sent_ns
        self._awaited = None
        self._schedule(max(0.0, self._spec.interval_s - took_ns / 1e9), self._ping)
        return None if self._was_paused else took_ns

    def _ping(self) -> None:
        self._was_paused = False
        self._sent_ns = self._clock.mono_ns()
        self._awaited = self._send_ping()
        self._schedule(self._spec.timeout_s, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        self._on_timeout()

    def _schedule(self, delay_s: float, due: Callable[[], None]) -> None:
        if self._is_over:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        if self._is_paused:
            self._remaining_s = delay_s
            return
        self._timer = self._scheduler.call_later(delay_s, due)


class SentPings:
    """Pings of others that are not answered yet, the newest of them; an ``AwaitedPongs``.

    A pong answers those before its own, too (RFC 6455, section 5.5.3).
    """

    def __init__(self) -> None:
        # When each was sent, by its payload
        self._sent_ns: dict[bytes, int] = {}
        self._answered = b""

    def sent(self, payload: bytes, at_ns: int) -> None:
        """Await the answer to a ping."""
        if len(self._sent_ns) >= MAX_AWAITED:
            del self._sent_ns[next(iter(self._sent_ns))]
        self._sent_ns[payload] = at_ns

    def is_awaited(self, payload: bytes) -> bool:
        """Whether a pong with this payload answers one of them."""
        self._answered = payload
        return payload in self._sent_ns

    def answer(self, arrived_ns: int) -> int:
        """Take the pong that was asked for last; return its round trip in nanoseconds."""
        took_ns = arrived_ns - self._sent_ns[self._answered]
        for payload in tuple(self._sent_ns):
            del self._sent_ns[payload]
            if payload == self._answered:
                break
        return took_ns
