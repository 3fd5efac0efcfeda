"""Heartbeats and authentication that the configuration spells out as texts, for any protocol.

A text that is sent is recognised when it goes out, its answer by a text that the peer's message contains. What the
decoder of the protocol has recognised already is not reported twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wsmon.model.events import Direction
from wsmon.protocols.base import ClientOptions, Decoded, Happening, Operation, Outbox
from wsmon.protocols.calls import WAIT_S, Call, Calls, completed, failed
from wsmon.protocols.credentials import Grant

# Heartbeats in a row without an answer that are a failure, as in the source systems
MISSES = 3

# Keys of the calls in flight, one of each at a time
_BEAT, _AUTH = "configured heartbeat", "configured auth"


@dataclass(frozen=True, slots=True)
class HeartbeatTexts:
    """``heartbeat`` of the configuration, as bytes on the wire; empty where there is none."""

    send: bytes = b""
    every_s: float = 30.0
    expect: bytes = b""
    """Part of the peer's answer."""
    reply_to: bytes = b""
    """Part of the peer's own heartbeat."""
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class AuthTexts:
    """``auth`` of the configuration, where it is spelled out as texts; empty where there is none."""

    send: bytes = b""
    success: bytes = b""
    """Part of the peer's answer."""
    failure: bytes = b""
    """Part of the peer's answer."""
    refresh: bytes = b""
    expires_in_s: float = 0.0
    """Life of a grant; 0 where it does not expire."""


class ConfiguredTexts:
    """The configured heartbeats and authentications in flight on one session."""

    def __init__(self, heartbeat: HeartbeatTexts, auth: AuthTexts) -> None:
        self._heartbeat = heartbeat
        self._auth = auth
        self._beats = Calls(heartbeat.every_s)
        self._beats_of_peer = Calls(heartbeat.every_s)
        self._auths = Calls(WAIT_S)
        # Key of the last heartbeat where it was a request of the protocol: its reply is the answer
        self._request = ""
        # Unanswered heartbeats in a row
        self._missed = 0
        # Number of the peer's heartbeats
        self._heard = 0
        self._grant = Grant()
        self._is_refreshing = False

    def read(self, direction: Direction, payload: bytes, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        """Return what a message says beside what its protocol has decoded."""
        if direction == "out":
            return self._read_sent(payload, decoded, now_ns)
        return (
            self._read_answers(payload, decoded)
            + self._read_beat_of_peer(payload, decoded, now_ns)
            + self._read_auth(payload, decoded, now_ns)
        )

    def replies(self, payload: bytes) -> tuple[bytes, ...]:
        """Return what is sent at once after an incoming message."""
        is_asked = bool(self._heartbeat.reply_to) and self._heartbeat.reply_to in payload
        return (self._heartbeat.answer,) if is_asked and self._heartbeat.answer else ()

    def due(self, now_ns: int) -> tuple[bytes, ...]:
        """Return the refresh, once for each grant, when 80 % of its life is over."""
        if not self._auth.refresh or self._is_refreshing or not self._grant.refresh_is_due(now_ns):
            return ()
        self._is_refreshing = True
        return (self._auth.refresh,)

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return heartbeats and authentications that were not answered in time."""
        late = self._beats.overdue(now_ns)
        return late + self._count_missed(late) + self._auths.overdue(now_ns) + self._beats_of_peer.overdue(now_ns)

    def _read_sent(self, payload: bytes, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        if self._heartbeat.send and payload == self._heartbeat.send:
            return self._beat(decoded, now_ns)
        if self._auth.send and payload == self._auth.send:
            return self._begin_auth("auth", decoded, now_ns)
        if self._auth.refresh and payload == self._auth.refresh:
            return self._begin_auth("refresh", decoded, now_ns)
        if self._heartbeat.answer and payload == self._heartbeat.answer:
            answered = self._beats_of_peer.find(lambda _: True)
            if answered is None or _has(decoded, "heartbeat"):
                return ()
            self._beats_of_peer.end(answered.key)
            return completed(answered)
        return ()

    def _beat(self, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        if _has(decoded, "heartbeat"):
            return ()
        requests = [
            happening.key
            for happening in decoded.happenings
            if happening.operation == "request" and happening.phase == "start"
        ]
        self._request = requests[0] if requests else ""
        if not (self._heartbeat.expect or self._request):
            return (Happening("heartbeat.sent", "heartbeat", type=decoded.type, ref=decoded.ref),)
        before = self._beats.end(_BEAT)
        late = failed(before, "timeout", "unanswered when the next was sent") if before else ()
        call = Call("heartbeat", _BEAT, now_ns, decoded.type, decoded.ref)
        return late + self._count_missed(late) + self._beats.begin(call)

    def _read_answers(self, payload: bytes, decoded: Decoded) -> tuple[Happening, ...]:
        if _BEAT not in self._beats:
            return ()
        is_reply = bool(self._request) and any(
            happening.key == self._request and happening.phase == "end" for happening in decoded.happenings
        )
        if not (is_reply or (self._heartbeat.expect and self._heartbeat.expect in payload)):
            return ()
        answered = self._beats.end(_BEAT)
        self._missed = 0
        return completed(answered) if answered else ()

    def _read_beat_of_peer(self, payload: bytes, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        text = self._heartbeat.reply_to
        if not text or text not in payload or _has(decoded, "heartbeat"):
            return ()
        if not self._heartbeat.answer:
            return (Happening("heartbeat.received", "heartbeat", type=decoded.type, ref=decoded.ref),)
        self._heard += 1
        call = Call("heartbeat", f"{_BEAT} of the peer {self._heard}", now_ns, decoded.type, decoded.ref, by_peer=True)
        return self._beats_of_peer.begin(call)

    def _count_missed(self, late: tuple[Happening, ...]) -> tuple[Happening, ...]:
        """Return a failure after ``MISSES`` in a row, and count from 0 again."""
        self._missed += len(late)
        if self._missed < MISSES:
            return ()
        missed, self._missed = self._missed, 0
        error = f"{missed} heartbeats in a row were not answered"
        return (Happening("heartbeat.failure", "heartbeat", error_type="heartbeat_missed", error=error),)

    def _begin_auth(self, operation: Operation, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        if _has(decoded, operation):
            return ()
        call = Call(operation, _AUTH, now_ns, decoded.type, decoded.ref)
        happenings = self._auths.begin_anew(call)
        if self._auth.success:
            return happenings
        # Nothing would ever end it
        self._auths.end(_AUTH)
        return tuple(msgspec.structs.replace(happening, phase="", key="") for happening in happenings)

    def _read_auth(self, payload: bytes, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        if any(happening.name in ("auth.completed", "auth.refresh.completed") for happening in decoded.happenings):
            self._granted(now_ns)
            self._auths.end(_AUTH)
            return ()
        if _AUTH not in self._auths or _has(decoded, "auth") or _has(decoded, "refresh"):
            return ()
        if self._auth.success in payload:
            call = self._auths.end(_AUTH)
            self._granted(now_ns)
            return completed(call) if call else ()
        if self._auth.failure and self._auth.failure in payload:
            call = self._auths.end(_AUTH)
            return failed(call, "auth_failed", "the peer refused") if call else ()
        return ()

    def _granted(self, now_ns: int) -> None:
        self._is_refreshing = False
        if self._auth.expires_in_s:
            self._grant.begin(now_ns, self._auth.expires_in_s)


def _has(decoded: Decoded, operation: Operation) -> bool:
    return any(happening.operation == operation for happening in decoded.happenings)


def auth_message(options: ClientOptions) -> Outbox:
    """Return what ``auth.send`` says: protocols without a login of their own have no other."""
    message = options.reveal_auth().get("send")
    return (message,) if isinstance(message, str) and message else ()


def waits_for_auth(options: ClientOptions) -> bool:
    """Whether topics wait for the end of the authentication, which ``auth.success`` lets wsmon recognise."""
    return bool(auth_message(options)) and "success" in options.auth


def is_auth_over(decoded: Decoded) -> bool:
    """Whether a message ends an authentication, well or not."""
    return any(happening.operation == "auth" and happening.phase == "end" for happening in decoded.happenings)
