"""Keepalive of one session: pings of ours, their pongs, and the moment to give up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from wsmon.config.specs import PingSpec
from wsmon.ports import Clock


class Timer(Protocol):
    """A call that was scheduled."""

    def cancel(self) -> None:
        """Forget it."""
        ...

    def when(self) -> float:
        """When it is due, in the scheduler's seconds."""
        ...


class Scheduler(Protocol):
    """The part of an event loop that keepalive needs."""

    def time(self) -> float:
        """Now, in seconds of its own."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer:
        """Call back later."""
        ...


class Keepalive:
    """Sends a ping every ``interval_s``; one at a time is waited for, at most ``timeout_s``.

    While reading is paused its clocks stand still: a pong that waits in our own socket is not missing.
    """

    def __init__(
        self,
        spec: PingSpec,
        scheduler: Scheduler,
        clock: Clock,
        send_ping: Callable[[], bytes],
        on_timeout: Callable[[], None],
    ) -> None:
        """``send_ping`` sends a ping with a payload of its own and returns that; ``on_timeout`` is called once."""
        self._spec = spec
        self._scheduler = scheduler
        self._clock = clock
        self._send_ping = send_ping
        self._on_timeout = on_timeout
        self._timer: Timer | None = None
        self._due: Callable[[], None] = self._ping
        # what the timer calls
        self._is_paused = self._is_over = False
        self._remaining_s: float | None = None
        # of the timer, while paused
        self._awaited: bytes | None = None
        self._sent_ns = 0
        # Whether reading stood still while a pong was awaited: its round trip cannot be told
        self._was_paused = False

    def start(self) -> None:
        """The session is usable: the first ping follows after one interval."""
        if self._spec.interval_s > 0:
            self._schedule(self._spec.interval_s, self._ping)

    def stop(self) -> None:
        """The session is ending: no more pings. A pong that is under way still answers."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._remaining_s = None

    def pause(self) -> None:
        """Reading stands still."""
        self._is_paused = self._was_paused = True
        if self._timer is not None:
            self._remaining_s = max(0.0, self._timer.when() - self._scheduler.time())
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        """Reading goes on."""
        self._is_paused = False
        self._was_paused = self._awaited is not None
        if self._remaining_s is not None:
            remaining_s, self._remaining_s = self._remaining_s, None
            self._schedule(remaining_s, self._due)

    def is_awaited(self, payload: bytes) -> bool:
        """Whether a pong with this payload answers our ping; no other pong proves anything."""
        return payload == self._awaited

    def answer(self, arrived_ns: int) -> int | None:
        """The awaited pong came: its round trip in nanoseconds, None where our own pause is in it."""
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
