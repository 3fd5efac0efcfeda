"""Heartbeats and authentication that the configuration spells out as texts, for any protocol.

A text that is sent is recognised when it goes out, its answer by a text that the peer's message contains. What the
classifier of the protocol has recognised already is not told twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wsmon.model.events import Direction
from wsmon.protocols.base import WAIT_S, Call, Calls, completed, failed
from wsmon.protocols.credentials import Grant
from wsmon.protocols.reading import Note, Operation, Reading

MISSES = 3
# heartbeats in a row without an answer that make a failure, as in the source systems

_BEAT, _AUTH = "configured heartbeat", "configured auth"
# keys of what is in flight, one at a time each


@dataclass(frozen=True, slots=True)
class HeartbeatTexts:
    """``heartbeat`` of the configuration, as it goes over the wire; empty where there is none."""

    send: bytes = b""
    every_s: float = 30.0
    expect: bytes = b""
    # in the peer's answer
    reply_to: bytes = b""
    # in the peer's own heartbeat
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class AuthTexts:
    """``auth`` of the configuration, where it is spelled out."""

    send: bytes = b""
    success: bytes = b""
    # in the peer's answer, like the next
    failure: bytes = b""
    refresh: bytes = b""
    expires_in_s: float = 0.0
    # of a grant; 0 = for ever


class Configured:
    """What is in flight of it on one session."""

    def __init__(self, heartbeat: HeartbeatTexts, auth: AuthTexts) -> None:
        self._heartbeat = heartbeat
        self._auth = auth
        self._beats = Calls(heartbeat.every_s)
        self._beats_of_peer = Calls(heartbeat.every_s)
        self._auths = Calls(WAIT_S)
        self._request = ""
        # key of the protocol's own request that the last heartbeat was: its reply is the answer
        self._missed = 0
        # in a row
        self._heard = 0
        # heartbeats of the peer
        self._grant = Grant()
        self._is_refreshing = False

    def read(self, direction: Direction, payload: bytes, reading: Reading, now_ns: int) -> tuple[Note, ...]:
        """What a message says beside what its protocol has read."""
        if direction == "out":
            return self._read_sent(payload, reading, now_ns)
        return (
            self._read_answers(payload, reading)
            + self._read_beat_of_peer(payload, reading, now_ns)
            + self._read_auth(payload, reading, now_ns)
        )

    def replies(self, payload: bytes) -> tuple[bytes, ...]:
        """What is sent at once after an incoming message."""
        is_asked = bool(self._heartbeat.reply_to) and self._heartbeat.reply_to in payload
        return (self._heartbeat.answer,) if is_asked and self._heartbeat.answer else ()

    def due(self, now_ns: int) -> tuple[bytes, ...]:
        """The refresh, once 80 % of the grant's life is over; sent once for each grant."""
        if not self._auth.refresh or self._is_refreshing or not self._grant.refresh_is_due(now_ns):
            return ()
        self._is_refreshing = True
        return (self._auth.refresh,)

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """Heartbeats and authentications that were not answered in time."""
        late = self._beats.overdue(now_ns)
        return late + self._count_missed(late) + self._auths.overdue(now_ns) + self._beats_of_peer.overdue(now_ns)

    # heartbeats

    def _read_sent(self, payload: bytes, reading: Reading, now_ns: int) -> tuple[Note, ...]:
        if self._heartbeat.send and payload == self._heartbeat.send:
            return self._beat(reading, now_ns)
        if self._auth.send and payload == self._auth.send:
            return self._begin_auth("auth", reading, now_ns)
        if self._auth.refresh and payload == self._auth.refresh:
            return self._begin_auth("refresh", reading, now_ns)
        if self._heartbeat.answer and payload == self._heartbeat.answer:
            answered = self._beats_of_peer.find(lambda _: True)
            if answered is None or _has(reading, "heartbeat"):
                return ()
            self._beats_of_peer.end(answered.key)
            return completed(answered)
        return ()

    def _beat(self, reading: Reading, now_ns: int) -> tuple[Note, ...]:
        if _has(reading, "heartbeat"):
            return ()
        requests = [note.key for note in reading.notes if note.operation == "request" and note.phase == "start"]
        self._request = requests[0] if requests else ""
        if not (self._heartbeat.expect or self._request):
            return (Note("heartbeat.sent", "heartbeat", type=reading.type, ref=reading.ref),)
        before = self._beats.end(_BEAT)
        late = failed(before, "timeout", "unanswered when the next was sent") if before else ()
        call = Call("heartbeat", _BEAT, now_ns, reading.type, reading.ref)
        return late + self._count_missed(late) + self._beats.begin(call)

    def _read_answers(self, payload: bytes, reading: Reading) -> tuple[Note, ...]:
        if _BEAT not in self._beats:
            return ()
        is_reply = bool(self._request) and any(
            note.key == self._request and note.phase == "end" for note in reading.notes
        )
        if not (is_reply or (self._heartbeat.expect and self._heartbeat.expect in payload)):
            return ()
        answered = self._beats.end(_BEAT)
        self._missed = 0
        return completed(answered) if answered else ()

    def _read_beat_of_peer(self, payload: bytes, reading: Reading, now_ns: int) -> tuple[Note, ...]:
        wanted = self._heartbeat.reply_to
        if not wanted or wanted not in payload or _has(reading, "heartbeat"):
            return ()
        if not self._heartbeat.answer:
            return (Note("heartbeat.received", "heartbeat", type=reading.type, ref=reading.ref),)
        self._heard += 1
        call = Call("heartbeat", f"{_BEAT} of the peer {self._heard}", now_ns, reading.type, reading.ref, by_peer=True)
        return self._beats_of_peer.begin(call)

    def _count_missed(self, late: tuple[Note, ...]) -> tuple[Note, ...]:
        """A failure after so many in a row; the next one counts anew."""
        self._missed += len(late)
        if self._missed < MISSES:
            return ()
        missed, self._missed = self._missed, 0
        error = f"{missed} heartbeats in a row were not answered"
        return (Note("heartbeat.failure", "heartbeat", error_type="heartbeat_missed", error=error),)

    # authentication

    def _begin_auth(self, operation: Operation, reading: Reading, now_ns: int) -> tuple[Note, ...]:
        if _has(reading, operation):
            return ()
        call = Call(operation, _AUTH, now_ns, reading.type, reading.ref)
        notes = self._auths.begin_anew(call)
        if self._auth.success:
            return notes
        self._auths.end(_AUTH)  # nothing would ever end it
        return tuple(msgspec.structs.replace(note, phase="", key="") for note in notes)

    def _read_auth(self, payload: bytes, reading: Reading, now_ns: int) -> tuple[Note, ...]:
        if any(note.name in ("auth.completed", "auth.refresh.completed") for note in reading.notes):
            self._granted(now_ns)
            self._auths.end(_AUTH)
            return ()
        if _AUTH not in self._auths or _has(reading, "auth") or _has(reading, "refresh"):
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


def _has(reading: Reading, operation: Operation) -> bool:
    return any(note.operation == operation for note in reading.notes)
