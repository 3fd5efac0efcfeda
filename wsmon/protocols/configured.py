"""Heartbeats and authentication that the configuration spells out as texts, for any protocol.

A text that is sent is recognised when it goes out, its answer by a text that the peer's message contains. What the
classifier of the protocol has recognised already is not told twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from wsmon.model.events import Direction, Opcode
from wsmon.protocols import deribit, json, jsonrpc
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    WAIT_S,
    Call,
    Calls,
    Note,
    Operation,
    Reading,
    Wanted,
    completed,
    failed,
)
from wsmon.protocols.credentials import Grant

# Heartbeats in a row without an answer that make a failure, as in the source systems
MISSES = 3

# Keys of what is in flight, one at a time each
_BEAT, _AUTH = "configured heartbeat", "configured auth"


@dataclass(frozen=True, slots=True)
class HeartbeatTexts:
    """``heartbeat`` of the configuration, as it goes over the wire; empty where there is none."""

    send: bytes = b""
    every_s: float = 30.0
    expect: bytes = b""
    """In the peer's answer."""
    reply_to: bytes = b""
    """In the peer's own heartbeat."""
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class AuthTexts:
    """``auth`` of the configuration, where it is spelled out."""

    send: bytes = b""
    success: bytes = b""
    """In the peer's answer, like the next."""
    failure: bytes = b""
    refresh: bytes = b""
    expires_in_s: float = 0.0
    """Of a grant; 0 = for ever."""


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


# No protocol: a frame is a frame, and says nothing about itself.


class State:
    """Nothing to remember, and nothing to wait for."""

    __slots__ = ()

    def at(self, now_ns: int) -> None:
        """Time changes nothing here."""

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """Nothing ever is."""
        return ()


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:  # noqa: ARG001 - the signature of every classifier
    """The empty reading, whatever the message."""
    return UNREAD


# When wsmon speaks a protocol whose messages the configuration spells out, or whose answers make a grant.
#
# Without ``answer = true`` only what ``subscribe`` asks for is sent; with it, authentication comes first, and the
# topics
# wait for its end where that can be told.

Messages = tuple[str | bytes, ...]

# What JSON-RPC feeds that are subscribed to by name mostly call it
_ETHEREUM = "eth_subscribe"


def open_raw(wanted: Wanted, state: State) -> Messages:  # noqa: ARG001 - as the others
    """Authentication and topics as they are."""
    return _auth(wanted) + (() if _waits(wanted) else wanted.reveal_topics())


def answer_raw(reading: Reading, wanted: Wanted, state: State) -> Messages:  # noqa: ARG001 - as the others
    """The topics, once an authentication that is recognised is over."""
    return wanted.reveal_topics() if _waits(wanted) and _is_auth_over(reading) else ()


def open_json(wanted: Wanted, state: json.State) -> Messages:  # noqa: ARG001 - as the others
    """The authentication that the configuration spells out, and the subscriptions."""
    return _auth(wanted) + (() if _waits(wanted) else _json_subscriptions(wanted.reveal_topics()))


def answer_json(reading: Reading, wanted: Wanted, state: json.State) -> Messages:
    """Pongs; the subscriptions, once an authentication that is recognised is over."""
    pongs = json.answer(reading, state) if wanted.answers else ()
    waited = _waits(wanted) and _is_auth_over(reading)
    return pongs + (_json_subscriptions(wanted.reveal_topics()) if waited else ())


def due_json(now_ns: int, wanted: Wanted, state: json.State) -> Messages:
    """The refresh at 80 % of a life that the peer told."""
    auth = wanted.reveal_auth()
    refresh = auth.get("refresh")
    if not isinstance(refresh, str) or "expires_in" in auth or not state.grant.refresh_is_due(now_ns):
        return ()
    state.grant.end()
    return (refresh,)


def open_jsonrpc(wanted: Wanted, state: jsonrpc.State) -> Messages:
    """The authentication that the configuration spells out, and the subscriptions."""
    return _auth(wanted) + (() if _waits(wanted) else _rpc_subscriptions(wanted.reveal_topics(), state))


def answer_jsonrpc(reading: Reading, wanted: Wanted, state: jsonrpc.State) -> Messages:
    """The subscriptions, once an authentication that is recognised is over."""
    waited = _waits(wanted) and _is_auth_over(reading)
    return _rpc_subscriptions(wanted.reveal_topics(), state) if waited else ()


def open_deribit(wanted: Wanted, state: deribit.State) -> Messages:
    """The authentication; without one, the subscriptions at once."""
    auth = deribit.auth_messages(wanted.reveal_auth(), state) if wanted.answers else ()
    return auth or _deribit_subscriptions(wanted, state)


def answer_deribit(reading: Reading, wanted: Wanted, state: deribit.State) -> Messages:
    """Answers to test requests; the subscriptions once the authentication is over, public ones also if it failed."""
    if not wanted.answers:
        return ()
    return deribit.answer(reading, state) + (_deribit_subscriptions(wanted, state) if _is_auth_over(reading) else ())


def due_deribit(now_ns: int, wanted: Wanted, state: deribit.State) -> Messages:
    """The refresh at 80 % of the token's life."""
    return deribit.refresh_messages(now_ns, state) if wanted.answers else ()


def _is_auth_over(reading: Reading) -> bool:
    return any(note.operation == "auth" and note.phase == "end" for note in reading.notes)


def _auth(wanted: Wanted) -> Messages:
    """What ``auth.send`` says: no other way is common to all."""
    message = wanted.reveal_auth().get("send")
    return (message,) if isinstance(message, str) and message else ()


def _waits(wanted: Wanted) -> bool:
    """Whether the end of the authentication can be told."""
    return bool(_auth(wanted)) and "success" in wanted.auth


def _json_subscriptions(topics: Iterable[str]) -> Messages:
    """Objects and lists are sent as they are; other topics as WebSockex Nova's default adapter asks for them."""
    return tuple(
        topic if topic.lstrip()[:1] in ("{", "[") else _encode({"type": "subscribe", "channel": topic})
        for topic in topics
    )


def _rpc_subscriptions(topics: Iterable[str], state: jsonrpc.State) -> Messages:
    """Objects are sent as they are; a list is the params of ``eth_subscribe``, other topics are its first one."""
    messages: list[str] = []
    for topic in topics:
        start = topic.lstrip()[:1]
        if start == "{":
            messages.append(topic)
            continue
        params: object = [topic]
        if start == "[":
            try:
                params = msgspec.json.decode(topic)
            except UNDECODABLE:  # a name that begins like a list
                params = [topic]
        messages.append(_encode({"jsonrpc": "2.0", "id": state.own_id(), "method": _ETHEREUM, "params": params}))
    return tuple(messages)


def _deribit_subscriptions(wanted: Wanted, state: deribit.State) -> Messages:
    return deribit.subscribe_messages(wanted.reveal_topics(), state)


def _encode(message: dict[str, object]) -> str:
    return msgspec.json.encode(message).decode()
