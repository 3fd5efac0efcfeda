"""Deribit: what the methods of its JSON-RPC mean, and what wsmon sends as a client with ``answer = true``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import msgspec

from wsmon.model.events import Direction, Json, Meta, Opcode
from wsmon.model.units import SECOND_NS
from wsmon.protocols import jsonrpc, jsonrpc_messages
from wsmon.protocols.base import (
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Operation,
    Outbox,
    Protocol,
    ProtocolClient,
    cut,
)
from wsmon.protocols.calls import MAX_TOPICS, WAIT_S, Call, Calls, completed, settled, too_many_topics
from wsmon.protocols.configured import is_auth_over
from wsmon.protocols.credentials import Grant, lifetime_s
from wsmon.protocols.jsonrpc_messages import ERROR_NAMES as STANDARD

# Names of error codes about access, limits, requests and the state of the exchange; others, as of orders, are named
# ``rpc_<code>``. Source: docs.deribit.com, RPC error codes
ERROR_NAMES: Mapping[int, str] = MappingProxyType(
    {
        **STANDARD,
        -32000: "missing_params",
        -32600: "request_entity_too_large",
        10000: "authorization_required",
        10028: "too_many_requests",
        10040: "retry",
        10041: "settlement_in_progress",
        10047: "matching_engine_queue_full",
        10048: "not_on_this_server",
        10049: "cancel_on_disconnect_failed",
        10066: "too_many_concurrent_requests",
        11029: "invalid_arguments",
        11042: "permission_denied",
        11043: "bad_argument",
        11049: "bad_arguments",
        11050: "bad_request",
        11051: "system_maintenance",
        11052: "subscribe_error_unsubscribed",
        11056: "unauthenticated_public_requests_temporarily_disabled",
        11094: "internal_server_error",
        11098: "account_locked",
        12003: "login_over_limit",
        12005: "country_is_banned",
        12998: "security_key_authorization_over_limit",
        13004: "invalid_credentials",
        13006: "security_error",
        13007: "user_not_found",
        13008: "request_failed",
        13009: "unauthorized",
        13010: "value_required",
        13012: "unavailable_in_subaccount",
        13016: "invalid_input",
        13018: "invalid_content_type",
        13020: "not_found",
        13021: "forbidden",
        13025: "method_switched_off_by_admin",
        13028: "temporarily_unavailable",
        13031: "verification_required",
        13042: "cod_not_enabled",
        13403: "scope_exceeded",
        13503: "unavailable",
        13666: "request_cancelled_by_user",
        13778: "raw_subscriptions_not_available_for_unauthorized",
        13888: "timed_out",
    }
)


# How long public/test may take after a test_request: the shortest interval of heartbeats that Deribit takes
ANSWER_S = 10.0
# Topic of unsubscribe_all
EVERYTHING = "*"

# Intervals without any message after which the connection counts as stale
_SILENT_AFTER = 2
# Deribit refuses frames over 32 kB
_MAX_FRAME_CHARS = 30_000
# Names of a list that are looked at: far more than one request may have
_MAX_LISTED = 10_000
_MAX_INTERVAL_S = 86_400
# Digits of microseconds that are read: 31 years
_MAX_DIGITS = 15
# A tuple: what is looked up may be of any JSON type, and a set needs it hashable
_GRANTS = ("client_credentials", "client_signature", "refresh_token", "password")
_SUBSCRIPTIONS: Mapping[str, Operation] = {
    "public/subscribe": "subscribe",
    "private/subscribe": "subscribe",
    "public/unsubscribe": "unsubscribe",
    "private/unsubscribe": "unsubscribe",
    "public/unsubscribe_all": "unsubscribe",
    "private/unsubscribe_all": "unsubscribe",
}


class _Params(msgspec.Struct, gc=False):
    """The members of params that are looked at."""

    type: Any = None
    channel: Any = None
    channels: msgspec.Raw = jsonrpc_messages.NOTHING
    grant_type: Any = None
    interval: Any = None


class _Tokens(msgspec.Struct, gc=False):
    """The result of public/auth; other results lack the token."""

    access_token: str
    refresh_token: str = ""
    expires_in: Any = None
    scope: Any = None


_decode_params = msgspec.json.Decoder(_Params).decode
_decode_tokens = msgspec.json.Decoder(_Tokens).decode
_decode_any = msgspec.json.Decoder().decode
_NO_PARAMS = _Params()


class DeribitState(jsonrpc.JsonRpcState):
    """What one session with Deribit has agreed on."""

    error_names: ClassVar[Mapping[int, str]] = ERROR_NAMES

    def __init__(self, *, timeout_s: float = WAIT_S, answer_s: float = ANSWER_S) -> None:
        super().__init__(timeout_s=timeout_s)
        self.grant = Grant()
        # Why the server is about to close without a fault: "logout"; empty where it is not
        self.expected_end = ""
        # Whether a disconnect cancels orders
        self.cancels_on_disconnect = False
        # Requests test_request of the server without public/test
        self._questions = Calls(answer_s)
        self._asked = 0
        # Interval of heartbeats; 0 where none were requested
        self._interval_ns = 0
        # Time of the last message of the peer; None once its absence was reported
        self._heard_ns: int | None = None

    @property
    def is_authenticated(self) -> bool:
        """Whether a token is in force."""
        return self.grant.is_valid(self.now_ns)

    @property
    def questions(self) -> int:
        """Number of test_requests that wait for public/test."""
        return len(self._questions)

    def hear(self) -> None:
        """Note that the peer sent a message: the connection is not stale."""
        self._heard_ns = self.now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return what is unanswered, silence despite agreed heartbeats, and that a token is about to expire."""
        return (
            *super().overdue(now_ns),
            *self._questions.overdue(now_ns),
            *self._silence(now_ns),
            *self.grant.overdue(now_ns),
        )

    def call(self, method: str, key: str, ref: str, params: msgspec.Raw) -> tuple[Call | None, tuple[Happening, ...]]:
        """Return what an outgoing request begins; a logout has no answer."""
        if method == "private/logout":
            return None, ()
        members = _params(params)
        if method == "public/auth":
            grant = members.grant_type if members.grant_type in _GRANTS else "other"
            operation: Operation = "refresh" if grant == "refresh_token" else "auth"
            return Call(operation, key, self.now_ns, method, ref, meta={"method": grant}), ()
        if method in _SUBSCRIPTIONS:
            topics, happenings = _topics(method, members)
            return Call(_SUBSCRIPTIONS[method], key, self.now_ns, method, ref, topics), happenings
        if method == "public/set_heartbeat" and _is_interval(members.interval):
            return Call("request", key, self.now_ns, method, ref, meta={"heartbeat_s": members.interval}), ()
        return Call("request", key, self.now_ns, method, ref), ()

    def side_effects(self, method: str, params: msgspec.Raw) -> tuple[Happening, ...]:
        """Return what public/test answers, the oldest test_request, and that a logout announces the end."""
        match method:
            case "public/test" if question := self._questions.find(lambda _: True):
                self._questions.end(question.key)
                return completed(question)
            case "private/logout":
                self.expected_end = "logout"
                self.grant.end()
                about = {"expected_disconnect": self.expected_end}
                return (Happening("message.process.completed", "request", type=method, meta=about),)
        return ()

    def succeed(self, call: Call, result: msgspec.Raw, meta: Meta | None) -> tuple[Happening, ...]:
        """Return the end of a call; channels that the result does not list failed."""
        match call.operation:
            case "auth" | "refresh":
                return completed(call, self._authenticated(_decode_tokens(result), call, meta))
            case "subscribe" | "unsubscribe" if bytes(result)[:1] == b"[":
                return settled(call, _confirmed(result), meta)
        return completed(call, self._agreed(call, meta))

    def notice(self, method: str, params: msgspec.Raw) -> tuple[str, str, tuple[Happening, ...]]:
        """Return type, topic and happenings of a notification: data of a channel, or a heartbeat."""
        members = _params(params)
        channel = cut(members.channel) if isinstance(members.channel, str) else ""
        if method != "heartbeat":
            return method, channel, ()
        if members.type == "test_request":
            self._asked += 1
            question = Call("heartbeat", f"test_request {self._asked}", self.now_ns, "test_request", by_peer=True)
            return "test_request", "", self._questions.begin(question)
        return method, "", (Happening("heartbeat.received", "heartbeat", type=method),)

    def measure(self, call: Call, envelope: jsonrpc_messages.Envelope) -> Meta | None:
        """Return the round trip in microseconds, divided into the server's part and the network's."""
        total_us = (self.now_ns - call.at_ns) // 1_000
        digits = bytes(envelope.usDiff)
        if not digits.isdigit() or len(digits) > _MAX_DIGITS:
            return None
        server_us = int(digits)
        # The server's clock disagrees with the local one: no division makes sense
        if server_us > total_us:
            return {"total_us": total_us, "server_us": server_us}
        return {"total_us": total_us, "server_us": server_us, "network_us": total_us - server_us}

    def topic_of(self, call: Call, result: msgspec.Raw) -> str:
        """Return the channel of an answer, where it is about one."""
        return call.topics[0] if len(call.topics) == 1 else ""

    def _authenticated(self, tokens: _Tokens, call: Call, meta: Meta | None) -> Meta:
        """Remember the tokens, and return what may be recorded of them."""
        self.credentials.remember([tokens.access_token, tokens.refresh_token], is_auth=True)
        about: dict[str, Json] = {**(meta or {}), **(call.meta or {})}
        if isinstance(tokens.scope, str):
            about["scope"] = "session" if "session:" in tokens.scope else "connection"
        expires_in_s = lifetime_s(tokens.expires_in)
        if expires_in_s is not None:
            about["expires_in_s"] = expires_in_s
            self.grant.begin(self.now_ns, expires_in_s, tokens.refresh_token)
        return about

    def _agreed(self, call: Call, meta: Meta | None) -> Meta | None:
        """Take what an "ok" agrees on from now on, and return it as ``meta``."""
        match call.type:
            case "public/set_heartbeat" if call.meta:
                interval_s = call.meta["heartbeat_s"]
                assert isinstance(interval_s, int | float)
                self._interval_ns = round(interval_s * SECOND_NS)
                self._heard_ns = self.now_ns
            case "public/disable_heartbeat":
                self._interval_ns = 0
                return {**(meta or {}), "heartbeat_s": 0}
            case "private/enable_cancel_on_disconnect" | "private/disable_cancel_on_disconnect":
                self.cancels_on_disconnect = call.type == "private/enable_cancel_on_disconnect"
                return {**(meta or {}), "cancel_on_disconnect": self.cancels_on_disconnect}
        return {**(meta or {}), **call.meta} if call.meta else meta

    def _silence(self, now_ns: int) -> tuple[Happening, ...]:
        """Return that the peer is silent, once until its next message."""
        if not self._interval_ns or self._heard_ns is None:
            return ()
        silent_ns = now_ns - self._heard_ns
        if silent_ns < _SILENT_AFTER * self._interval_ns:
            return ()
        self._heard_ns = None
        missed = silent_ns // self._interval_ns
        error = f"nothing received for {silent_ns / SECOND_NS:g} s; {missed} heartbeats missed"
        return (
            Happening(
                "heartbeat.timeout", "heartbeat", error_type="heartbeat_missed", error=error, meta={"missed": missed}
            ),
        )


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: DeribitState) -> Decoded:
    """Decode one message."""
    if direction == "in":
        state.hear()
    return jsonrpc.decode(direction, opcode, payload, state)


def opening(options: ClientOptions, state: DeribitState) -> Outbox:
    """Return the authentication; without one, the subscriptions at once."""
    auth = auth_messages(options.reveal_auth(), state) if options.answers else ()
    return auth or subscribe_messages(options.reveal_topics(), state)


def answer(decoded: Decoded, options: ClientOptions, state: DeribitState) -> Outbox:
    """Return answers to test requests, and the subscriptions once the authentication is over: public ones if it failed.

    Without an answer to each test request the server closes.
    """
    if not options.answers:
        return ()
    asked = sum(each.name == "heartbeat.received" and each.phase == "start" for each in decoded.happenings)
    answers = tuple(_request("public/test", {}, state) for _ in range(asked))
    return answers + (subscribe_messages(options.reveal_topics(), state) if is_auth_over(decoded) else ())


def due(now_ns: int, options: ClientOptions, state: DeribitState) -> Outbox:
    """Return the refresh at 80 % of the token's life."""
    return refresh_messages(now_ns, state) if options.answers else ()


def auth_messages(auth: Mapping[str, str | float], state: DeribitState) -> tuple[str, ...]:
    """Return public/auth by ``client_id`` and ``client_secret``; nothing where ``auth`` lacks one of them."""
    if not {"client_id", "client_secret"} <= auth.keys():
        return ()
    params: dict[str, Json] = {"grant_type": "client_credentials"}
    params |= {name: auth[name] for name in ("client_id", "client_secret", "scope") if name in auth}
    return (_request("public/auth", params, state),)


def refresh_messages(now_ns: int, state: DeribitState) -> tuple[str, ...]:
    """Return public/auth by refresh token, from 80 % of the token's life on and while no refresh is in flight."""
    token = state.grant.refresh_token
    if (
        not token
        or not state.grant.refresh_is_due(now_ns)
        or state.calls.find(lambda call: call.operation == "refresh")
    ):
        return ()
    return (_request("public/auth", {"grant_type": "refresh_token", "refresh_token": token.reveal()}, state),)


def subscribe_messages(topics: Sequence[str], state: DeribitState) -> tuple[str, ...]:
    """Return private/subscribe where a token is in force, as raw and user channels need, else public/subscribe."""
    method = "private/subscribe" if state.is_authenticated else "public/subscribe"
    return tuple(_request(method, {"channels": part}, state) for part in _portions(topics))


def _request(method: str, params: Mapping[str, Json], state: DeribitState) -> str:
    message = {"jsonrpc": "2.0", "id": state.own_id(), "method": method, "params": params}
    return str(msgspec.json.encode(message), "utf-8")


def _portions(topics: Sequence[str]) -> Iterator[list[Json]]:
    """Yield lists of channels that each fit into one frame."""
    portion: list[Json] = []
    chars = 0
    for topic in topics:
        if portion and (len(portion) == MAX_TOPICS or chars + len(topic) > _MAX_FRAME_CHARS):
            yield portion
            portion, chars = [], 0
        portion.append(topic)
        chars += len(topic) + 3
    if portion:
        yield portion


def _params(params: msgspec.Raw) -> _Params:
    return _decode_params(params) if bytes(params)[:1] == b"{" else _NO_PARAMS


def _topics(method: str, members: _Params) -> tuple[tuple[str, ...], tuple[Happening, ...]]:
    """Return the channels of a request, each once, and an error where there are too many."""
    if method.endswith("_all"):
        return (EVERYTHING,), ()
    named = tuple(_confirmed(members.channels)) if members.channels else ()
    return named[:MAX_TOPICS], (too_many_topics(len(named)),) if len(named) > MAX_TOPICS else ()


def _confirmed(channels: msgspec.Raw) -> dict[str, None]:
    """Return names of channels, each once, in their order."""
    listed = _decode_any(channels)
    names = listed if isinstance(listed, list) else [listed]
    return dict.fromkeys(cut(name) for name in names[:_MAX_LISTED] if isinstance(name, str))


def _is_interval(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MAX_INTERVAL_S


_HOSTS = frozenset({"www.deribit.com", "test.deribit.com"})
_PATH = "/ws/api/v2"
_TIMES = frozenset({"usIn", "usOut", "usDiff"})
_FIRST_METHODS = ("public/auth", "public/hello", "public/set_heartbeat")


def _recognise_url(url: HandshakeUrl) -> str:
    return f"the host is {url.host} and the path {_PATH}" if url.host in _HOSTS and url.path == _PATH else ""


def _recognise(sample: MessageSample) -> str:
    message = sample.members
    if message.get("jsonrpc") != "2.0":
        return ""
    is_it = message.keys() >= _TIMES or message.get("method") in _FIRST_METHODS
    return "a message is JSON-RPC with a Deribit method or timestamps" if is_it else ""


PROTOCOL = Protocol(
    "deribit",
    DeribitState,
    decode,
    recognise_url=_recognise_url,
    recognise=_recognise,
    client=ProtocolClient(opening, answer, due),
)
