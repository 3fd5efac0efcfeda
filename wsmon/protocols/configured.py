"""Heartbeats and authentication that the configuration spells out, for any protocol.

A text that is sent is recognised when it goes out, its answer by a text that the peer's message contains, or by a
condition that it meets, whatever the decoder of the protocol makes of it. What both recognise is reported once: the
operation as the configuration names it, the outcome by the configuration, else by the protocol.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from wsmon.config.specs import MessageCondition
from wsmon.errors import UsageError
from wsmon.model.events import Direction, EventName
from wsmon.model.units import parse_duration
from wsmon.protocols.base import UNDECODABLE, ClientOptions, Decoded, Happening, Operation, Outbox
from wsmon.protocols.calls import WAIT_S, Call, Calls, completed, failed
from wsmon.protocols.credentials import Grant
from wsmon.protocols.finders import Sign, SlowPatterns
from wsmon.protocols.json_messages import decode_message, explanation

# Heartbeats in a row without an answer that are a failure, as in the source systems
MISSES = 3

# In heartbeat.send and heartbeat.expect: the number of the heartbeat in its session, from 1 on
COUNTER = b"{n}"

# Operations of logins, and how many of them are remembered
_LOGINS = ("auth", "refresh")
_MAX_LOGINS = 64
# Of a refusal that is no JSON
_MAX_REFUSAL_CHARS = 200

# Keys of the calls in flight, one of each at a time
_BEAT, _AUTH = "configured heartbeat", "configured auth"


@dataclass(frozen=True, slots=True)
class HeartbeatTexts:
    """``heartbeat`` of the configuration, as bytes on the wire; empty where there is none."""

    send: bytes = b""
    every_s: float = 30.0
    expect: bytes | MessageCondition = b""
    """Part of the peer's answer."""
    reply_to: bytes | MessageCondition = b""
    """Part of the peer's own heartbeat."""
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class AuthTexts:
    """``auth`` of the configuration, where it is spelled out as texts; empty where there is none."""

    send: bytes = b""
    success: bytes | MessageCondition = b""
    """Part of the peer's answer."""
    failure: bytes | MessageCondition = b""
    """Part of the peer's answer."""
    refresh: bytes = b""
    expires_in_s: float = 0.0
    """Life of a grant; 0 where it does not expire."""


class ConfiguredTexts:
    """The configured heartbeats and authentications in flight on one session."""

    def __init__(self, heartbeat: HeartbeatTexts, auth: AuthTexts) -> None:
        self._heartbeat = heartbeat
        self._auth = auth
        self._slow = SlowPatterns()
        self._expect, self._reply_to = Sign(heartbeat.expect, self._slow), Sign(heartbeat.reply_to, self._slow)
        self._success, self._failure = Sign(auth.success, self._slow), Sign(auth.failure, self._slow)
        self._beats = Calls(heartbeat.every_s)
        self._beats_of_peer = Calls(heartbeat.every_s)
        # Of a heartbeat with a counter; None where its text is the same every time
        self._beat_pattern = _counted(heartbeat.send) if COUNTER in heartbeat.send else None
        self._beat_number = b""
        self._auths = Calls(WAIT_S)
        # Logins and renewals in flight that the protocol recognised by itself, by its key
        self._logins: dict[str, Call] = {}
        # Keys of those that a configured text has ended
        self._settled: dict[str, None] = {}
        # Key of the last heartbeat where it was a request of the protocol: its reply is the answer
        self._request = ""
        # Unanswered heartbeats in a row
        self._missed = 0
        # Number of the peer's heartbeats
        self._heard = 0
        self._grant = Grant()
        self._is_refreshing = False

    def read(self, direction: Direction, payload: bytes, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        """Return what a message says: what its protocol has decoded, as the configuration understands it, and more."""
        if direction == "out":
            return self._read_sent(payload, decoded, now_ns)
        kept, ends = self._read_auth(payload, decoded.happenings, now_ns)
        if any(each.name in ("auth.completed", "auth.refresh.completed") for each in (*kept, *ends)):
            self._granted(now_ns)
        life_s = self._auth.expires_in_s
        return (
            *(_with_life(each, life_s) for each in kept),
            *self._read_answers(payload, decoded),
            *self._read_beat_of_peer(payload, decoded, now_ns),
            *(_with_life(each, life_s) for each in ends),
            *self._slow.take(),
        )

    def replies(self, payload: bytes) -> tuple[bytes, ...]:
        """Return what is sent at once after an incoming message."""
        is_asked = bool(self._heartbeat.answer) and self._reply_to.is_in(payload)
        return (self._heartbeat.answer,) if is_asked else ()

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
        happenings = decoded.happenings
        if self._is_beat(payload):
            return happenings + self._beat(decoded, now_ns)
        is_refresh = bool(self._auth.refresh) and payload == self._auth.refresh
        is_login = bool(self._auth.send) and payload == self._auth.send
        if is_refresh and (self._is_refreshing or not is_login):
            return self._begin_auth("refresh", decoded, happenings, now_ns)
        if is_login:
            return self._begin_auth("auth", decoded, happenings, now_ns)
        if self._heartbeat.answer and payload == self._heartbeat.answer:
            answered = self._beats_of_peer.find(lambda _: True)
            if answered is not None and not _has(decoded, "heartbeat"):
                self._beats_of_peer.end(answered.key)
                return happenings + completed(answered)
        return happenings

    def _is_beat(self, payload: bytes) -> bool:
        """Whether a message is the configured heartbeat; its counter may have any value."""
        if self._beat_pattern is None:
            return bool(self._heartbeat.send) and payload == self._heartbeat.send
        found = self._beat_pattern.fullmatch(payload)
        if found is not None:
            self._beat_number = found[1]
        return found is not None

    def _beat(self, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        if _has(decoded, "heartbeat"):
            return ()
        requests = [
            happening.key
            for happening in decoded.happenings
            if happening.operation == "request" and happening.phase == "start"
        ]
        self._request = requests[0] if requests else ""
        if not (self._expect or self._request):
            return (Happening("heartbeat.sent", "heartbeat", type=decoded.type, ref=decoded.ref),)
        before = self._beats.end(_BEAT)
        late = failed(before, "timeout", "not answered before the next was sent") if before else ()
        call = Call("heartbeat", _BEAT, now_ns, decoded.type, decoded.ref)
        return late + self._count_missed(late) + self._beats.begin(call)

    def _read_answers(self, payload: bytes, decoded: Decoded) -> tuple[Happening, ...]:
        if _BEAT not in self._beats:
            return ()
        is_reply = bool(self._request) and any(
            happening.key == self._request and happening.phase == "end" for happening in decoded.happenings
        )
        expected = self._expect.text.replace(COUNTER, self._beat_number)
        if not (is_reply or self._expect.is_in(payload, expected)):
            return ()
        answered = self._beats.end(_BEAT)
        self._missed = 0
        return completed(answered) if answered else ()

    def _read_beat_of_peer(self, payload: bytes, decoded: Decoded, now_ns: int) -> tuple[Happening, ...]:
        if _has(decoded, "heartbeat") or not self._reply_to.is_in(payload):
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

    def _begin_auth(
        self, operation: Operation, decoded: Decoded, happenings: tuple[Happening, ...], now_ns: int
    ) -> tuple[Happening, ...]:
        """Begin a login or a renewal; what the protocol itself sees in the text is called the same."""
        starts = [each for each in happenings if each.operation in _LOGINS and each.phase == "start"]
        for each in starts:
            self._logins[each.key] = Call(operation, each.key, now_ns, each.type, each.ref)
        while len(self._logins) > _MAX_LOGINS:
            del self._logins[next(iter(self._logins))]
        if starts:
            return tuple(_renamed(each, operation) if each in starts else each for each in happenings)
        call = Call(operation, _AUTH, now_ns, decoded.type, decoded.ref)
        begun = self._auths.begin_anew(call)
        if self._success:
            return (*happenings, *begun)
        # Nothing would ever end it
        self._auths.end(_AUTH)
        return (*happenings, *(msgspec.structs.replace(each, phase="", key="") for each in begun))

    def _read_auth(
        self, payload: bytes, happenings: tuple[Happening, ...], now_ns: int
    ) -> tuple[tuple[Happening, ...], tuple[Happening, ...]]:
        """Return the happenings of a message without those that a configured text decides, and what that says."""
        login = self._auths.get(_AUTH) or next(iter(self._logins.values()), None)
        if login is None:
            return self.revise(happenings), ()
        ends: tuple[Happening, ...] = ()
        about = [each for each in happenings if _ends_login(each)]
        if self._failure.is_in(payload):
            failure = next((each for each in about if each.error), None)
            error_type, error = (failure.error_type, failure.error) if failure else ("auth_failed", _refusal(payload))
            ends = failed(login, error_type, error or "the peer refused", None if failure is None else failure.meta)
        elif self._success.is_in(payload):
            success = next((each for each in about if not each.error_type), None)
            ends = completed(login, None if success is None else success.meta)
        elif login.key == _AUTH and about:
            # The protocol recognises an answer to what it did not recognise as a login
            error_type, error = about[0].error_type, about[0].error
            ends = failed(login, error_type, error, about[0].meta) if error_type else completed(login, about[0].meta)
        if not ends:
            return self.revise(happenings), ()
        self._auths.end(login.key)
        if self._logins.pop(login.key, None) is not None:
            self._settled[login.key] = None
        return tuple(each for each in happenings if not _ends_login(each)), ends

    def revise(self, happenings: tuple[Happening, ...]) -> tuple[Happening, ...]:
        """Return what the protocol found, with renewals that look like logins called renewals.

        Ends of logins that a configured text has ended before are left out.
        """
        if not (self._logins or self._settled):
            return happenings
        revised: list[Happening] = []
        for each in happenings:
            if each.phase != "end" or each.operation not in _LOGINS:
                revised.append(each)
            elif (login := self._logins.pop(each.key, None)) is not None:
                revised.append(_renamed(each, login.operation))
            elif each.key in self._settled:
                del self._settled[each.key]
            else:
                revised.append(each)
        return tuple(revised)

    def _granted(self, now_ns: int) -> None:
        self._is_refreshing = False
        while len(self._settled) > _MAX_LOGINS:
            del self._settled[next(iter(self._settled))]
        if self._auth.expires_in_s:
            self._grant.begin(now_ns, self._auth.expires_in_s)


def _with_life(happening: Happening, life_s: float) -> Happening:
    """Return a login that succeeded with the configured life of its grant, where the peer gave none."""
    is_granted = happening.name in ("auth.completed", "auth.refresh.completed")
    if not (is_granted and life_s) or "expires_in_s" in (happening.meta or {}):
        return happening
    return msgspec.structs.replace(happening, meta={**(happening.meta or {}), "expires_in_s": life_s})


def _has(decoded: Decoded, operation: Operation) -> bool:
    return any(happening.operation == operation for happening in decoded.happenings)


def _counted(text: bytes) -> re.Pattern[bytes]:
    """Return a pattern of a text with a number for the first counter, and the same number for others."""
    first, *others = map(re.escape, text.split(COUNTER))
    return re.compile(first + rb"(\d+)" + rb"\1".join(others), re.DOTALL)


def _renamed(happening: Happening, operation: Operation) -> Happening:
    """Return the start or end of a login as one of another operation: a renewal that looks like a login."""
    if happening.operation == operation:
        return happening
    is_refresh = operation == "refresh"
    name = _OF_REFRESH.get(happening.name, happening.name) if is_refresh else _OF_LOGIN.get(happening.name)
    meta = happening.meta
    if happening.name == "auth.failed":
        meta = {key: value for key, value in (meta or {}).items() if key != "refresh"}
        meta = {**meta, "refresh": True} if is_refresh else meta or None
    return msgspec.structs.replace(happening, name=name or happening.name, operation=operation, meta=meta)


_OF_REFRESH: Mapping[EventName, EventName] = {
    "auth.started": "auth.refresh.started",
    "auth.completed": "auth.refresh.completed",
}
_OF_LOGIN: Mapping[EventName, EventName] = {name: login for login, name in _OF_REFRESH.items()}


def _ends_login(happening: Happening) -> bool:
    """Whether a happening is the end of a login or renewal, or one that nothing was seen to begin."""
    return happening.phase != "start" and happening.name in ("auth.completed", "auth.refresh.completed", "auth.failed")


def _refusal(payload: bytes) -> str:
    """Return what a message that refuses a login says: the text of its JSON, or itself where it is none."""
    try:
        return explanation(decode_message(payload), payload)[1]
    except UNDECODABLE:
        text = payload[: 4 * _MAX_REFUSAL_CHARS].decode("utf-8", "replace")
    return "" if text[:1] in ("{", "[") else text[:_MAX_REFUSAL_CHARS]


def auth_message(options: ClientOptions) -> Outbox:
    """Return what ``auth.send`` says: protocols without a login of their own have no other."""
    message = options.reveal_auth().get("send")
    return (message,) if isinstance(message, str) and message else ()


def grant_life_s(value: str | float) -> float:
    """Return ``auth.expires_in`` in seconds: a number, or a duration as in "10m"; 0 where it is neither."""
    if not isinstance(value, str):
        return max(value, 0.0)
    try:
        return parse_duration(value)
    except UsageError:
        return 0.0


def waits_for_auth(options: ClientOptions) -> bool:
    """Whether topics wait for the end of the authentication, which ``auth.success`` lets wsmon recognise."""
    return bool(auth_message(options)) and "success" in options.auth


def is_auth_over(decoded: Decoded) -> bool:
    """Whether a message ends an authentication, well or not."""
    return any(happening.operation == "auth" and happening.phase == "end" for happening in decoded.happenings)
