"""What a session sends by itself, when it is usable, when something arrives, and when it is time.

What a peer wants to be said is said at once, after the message that asks for it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from wsmon.config.specs import HeartbeatSpec
from wsmon.engine.keepalive import Scheduler, Timer
from wsmon.protocols.reading import Reading
from wsmon.protocols.speaking import Messages

Send = Callable[[str | bytes], None]


class Words(Protocol):
    """What an interpreter knows to say."""

    def opening(self) -> Messages:
        """What is sent first."""
        ...

    def replies(self, reading: Reading, payload: bytes) -> Messages:
        """What is sent after an incoming message was read."""
        ...

    def due(self, now_ns: int) -> Messages:
        """What is sent because it is time."""
        ...

    @property
    def is_silent(self) -> bool:
        """Whether the peer left a heartbeat unanswered, so that a client gives up."""
        ...


class Speaker:
    """Says what the protocol and the configuration want said; silent before ``start`` and after ``stop``."""

    def __init__(self, heartbeat: HeartbeatSpec, words: Words, scheduler: Scheduler) -> None:
        self._heartbeat = heartbeat
        self._words = words
        self._scheduler = scheduler
        self._send: Send | None = None
        self._give_up: Callable[[], None] | None = None
        # both while it may speak
        self._timer: Timer | None = None
        self._is_paused = False

    def start(self, send: Send, give_up: Callable[[], None]) -> None:
        """The session is usable, and what the configuration sends was sent; ``give_up`` ends it for its silence."""
        self._send, self._give_up = send, give_up
        self._say(self._words.opening())
        if self._heartbeat.send:
            self._schedule()

    def stop(self) -> None:
        """The session is over, or ending."""
        self._send = self._give_up = None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def pause(self) -> None:
        """Reading stands still: what waits in our own socket is not missing, and heartbeats wait with it."""
        self._is_paused = True

    def resume(self) -> None:
        """Reading goes on."""
        self._is_paused = False

    def react(self, reading: Reading, payload: bytes) -> None:
        """Reply to an incoming message that was read and told."""
        if self._send is not None:
            self._say(self._words.replies(reading, payload))

    def tick(self, now_ns: int) -> None:
        """Say what is due by the monotonic time ``now_ns``."""
        if self._send is None or self._is_paused:
            return
        if self._words.is_silent and self._give_up is not None:
            self._give_up()
            return
        self._say(self._words.due(now_ns))

    def _schedule(self) -> None:
        self._timer = self._scheduler.call_later(self._heartbeat.every_s, self._beat)

    def _beat(self) -> None:
        self._schedule()
        if not self._is_paused:
            self._say((self._heartbeat.send.reveal(),))

    def _say(self, messages: Iterable[str | bytes]) -> None:
        for message in messages:
            if self._send is not None:
                self._send(message)
