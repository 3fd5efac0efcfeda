"""ProtocolSender: sends what the protocol of a session and its configuration send by themselves.

In: each incoming message once it is emitted, a tick each second, the timer of configured heartbeats. Out: messages for
the peer, as ``ProtocolSession`` (engine/protocol_session.py) makes them. engine/messages.py makes one a session.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable

from wsmon.config.specs import HeartbeatSpec
from wsmon.engine.keepalive import Scheduler, Timer
from wsmon.protocols.base import Decoded, Outbox
from wsmon.protocols.configured import COUNTER

Send = Callable[[str | bytes], None]


class OutgoingMessages(typing.Protocol):
    """The part of ``ProtocolSession`` that a sender needs."""

    def opening(self) -> Outbox:
        """Return what is sent first."""
        ...

    def replies(self, decoded: Decoded, payload: bytes, *, is_part: bool = False) -> Outbox:
        """Return what is sent after an incoming message was decoded."""
        ...

    def wrap(self, message: str | bytes) -> str | bytes:
        """Return a message as it is sent, in an envelope where there is one."""
        ...

    def due(self, now_ns: int) -> Outbox:
        """Return what is sent by the clock at this monotonic time."""
        ...

    @property
    def is_silent(self) -> bool:
        """Whether the peer did not answer a heartbeat, so that a client gives up."""
        ...


class ProtocolSender:
    """Sends what the protocol and the configuration send by themselves, between ``start`` and ``stop``.

    A reply is sent at once, after the event of the message that it answers was emitted.
    """

    def __init__(self, heartbeat: HeartbeatSpec, outgoing: OutgoingMessages, scheduler: Scheduler) -> None:
        self._heartbeat = heartbeat
        self._outgoing = outgoing
        self._scheduler = scheduler
        # Both are None where nothing may be sent
        self._send: Send | None = None
        self._give_up: Callable[[], None] | None = None
        self._timer: Timer | None = None
        self._is_paused = False
        # Heartbeats sent in this session
        self._beats = 0

    def start(self, send: Send, give_up: Callable[[], None]) -> None:
        """Send what comes first, and reply from now on; ``give_up`` ends a session whose peer does not answer."""
        self._send, self._give_up = send, give_up
        self._send_all(self._outgoing.opening())
        if self._heartbeat.send:
            self._schedule()

    def stop(self) -> None:
        """Send nothing more: the session is over, or closing."""
        self._send = self._give_up = None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def pause(self) -> None:
        """Send nothing by the clock: reading was paused, so an answer may wait in our own buffer."""
        self._is_paused = True

    def resume(self) -> None:
        """Send by the clock again."""
        self._is_paused = False

    def react(self, decoded: Decoded, payload: bytes, *, is_part: bool = False) -> None:
        """Reply to an incoming message that was decoded and emitted."""
        if self._send is not None:
            self._send_all(self._outgoing.replies(decoded, payload, is_part=is_part))

    def tick(self, now_ns: int) -> None:
        """Send what is due at the monotonic time ``now_ns``."""
        if self._send is None or self._is_paused:
            return
        if self._outgoing.is_silent and self._give_up is not None:
            self._give_up()
            return
        self._send_all(self._outgoing.due(now_ns))

    def _schedule(self) -> None:
        self._timer = self._scheduler.call_later(self._heartbeat.every_s, self._beat)

    def _beat(self) -> None:
        self._schedule()
        if not self._is_paused:
            self._beats += 1
            beat = self._heartbeat.send.reveal().replace(COUNTER.decode(), str(self._beats))
            self._send_all((self._outgoing.wrap(beat),))

    def _send_all(self, messages: Iterable[str | bytes]) -> None:
        for message in messages:
            if self._send is not None:
                self._send(message)
