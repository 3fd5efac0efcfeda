"""Pusher Channels, protocols 5 to 7, as Pusher, Soketi and Laravel Reverb speak it.

``data`` is JSON in a JSON string, or an object. After ``activity_timeout`` without a message a client pings; either
side answers pings.
Source: "Pusher Channels Protocol".
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from wsmon.model.events import Direction, EventName, Json, Opcode
from wsmon.model.json_texts import repairing
from wsmon.model.redact.redactor import Redactor
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Outbox,
    Protocol,
    ProtocolClient,
    cut,
    text_of,
    unreadable,
)
from wsmon.protocols.calls import WAIT_S, Call, Calls, CallState, completed, confirmed, failed, left, ping, pong

# What a client is to do, by the hundreds of the code
_RANGES = (
    (4000, "do not reconnect unchanged: correct the application's key, the URL or the account first"),
    (4100, "reconnect after at least 1 s"),
    (4200, "reconnect immediately"),
    (4300, "check the last messages sent"),
)
_CODES: Mapping[int, str] = MappingProxyType(
    {
        4000: "application only accepts TLS connections",
        4001: "application does not exist",
        4003: "application disabled",
        4004: "application is over its connection quota",
        4005: "path not found",
        4006: "invalid version string format",
        4007: "unsupported protocol version",
        4008: "no protocol version supplied",
        4009: "connection is unauthorized",
        4100: "over capacity",
        4200: "generic reconnect",
        4201: "pong reply not received",
        4202: "closed after inactivity",
        4301: "client event rejected due to rate limit",
        4302: "watchlist limit exceeded",
    }
)
CLOSE_CODES: Mapping[int, str] = MappingProxyType(
    {
        code: f"{_CODES.get(code, 'an error of Pusher')}; {step}"
        for first, step in _RANGES
        for code in range(first, first + 100)
    }
)

# Key and type of a login
_LOGIN = "pusher:signin"
# Longest activity timeout that is believed: a day
_MAX_ACTIVITY_S = 86_400.0


class PusherState(CallState):
    """What is known of one session."""

    def __init__(self) -> None:
        super().__init__()
        self.app_key = ""
        self.socket_id = ""
        # Longest silence until a client pings; 0 before the greeting
        self.activity_ns = 0
        self.heard_ns = 0
        # By their direction
        self.pings = Calls()
        # Whether a ping of the client was not answered in time
        self.is_ping_missed = False

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the answers and heartbeats that did not come in time, each once."""
        is_waiting = "out" in self.pings
        late = self.pings.overdue(now_ns)
        self.is_ping_missed |= is_waiting and "out" not in self.pings
        return late + super().overdue(now_ns)

    def hear(self) -> None:
        """Note a message of the server."""
        self.heard_ns, self.is_ping_missed = self.now_ns, False
        self.silence.heard(self.now_ns)


class _Message(msgspec.Struct, gc=False):
    event: str
    channel: Any = None
    data: msgspec.Raw = msgspec.Raw()


class _Data(msgspec.Struct, gc=False):
    """Members of the data of Pusher's own events."""

    channel: Any = None
    auth: Any = None
    socket_id: Any = None
    activity_timeout: Any = None
    code: Any = None
    message: Any = None
    error: Any = None
    status: Any = None


_decode_message = repairing(msgspec.json.Decoder(_Message).decode)
_decode_data = msgspec.json.Decoder(_Data).decode
_decode_text = msgspec.json.Decoder(str).decode


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: PusherState) -> Decoded:
    """Decode one whole message; the data of an application's event is not looked at."""
    if opcode not in ("text", "binary"):
        return UNREAD
    if direction == "in":
        state.hear()
    try:
        message = _decode_message(payload)
        is_own = message.event.startswith(("pusher:", "pusher_internal:"))
        data = _read_data(message.data) if is_own else _Data()
    except UNDECODABLE as error:
        return unreadable(error, "pusher")
    topic = cut(text_of(message.channel) or text_of(data.channel))
    name = message.event.partition(":")[2] if is_own else ""
    happenings = _sent(name, topic, data, state) if direction == "out" else _received(name, topic, data, state)
    return Decoded(cut(message.event), topic, happenings=happenings)


def _read_data(raw: msgspec.Raw) -> _Data:
    text = bytes(raw)
    if text[:1] == b'"':
        text = _decode_text(text).encode()
    return _decode_data(text) if text.lstrip()[:1] == b"{" else _Data()


def _sent(name: str, topic: str, data: _Data, state: PusherState) -> tuple[Happening, ...]:
    match name:
        case "subscribe":
            state.credentials.remember({"auth": text_of(data.auth)}, is_auth=True)
            return state.calls.begin_anew(Call("subscribe", topic, state.now_ns, "pusher:subscribe", topics=(topic,)))
        case "unsubscribe":
            return left(state.calls, topic)
        case "signin":
            state.credentials.remember({"auth": text_of(data.auth)}, is_auth=True)
            return state.calls.begin_anew(Call("auth", _LOGIN, state.now_ns, _LOGIN))
        case "ping":
            return ping(state.pings, "out", state.now_ns)
        case "pong":
            return pong(state.pings, "out")
    return ()


def _received(name: str, topic: str, data: _Data, state: PusherState) -> tuple[Happening, ...]:
    match name:
        case "connection_established":
            return _greeted(data, state)
        case "subscription_succeeded":
            return confirmed(state.calls, topic)
        case "subscription_error" | "error":
            return _refused(name, topic, data, state)
        case "signin_success":
            signin = state.calls.end(_LOGIN)
            return completed(signin) if signin else ()
        case "ping":
            return ping(state.pings, "in", state.now_ns)
        case "pong":
            return pong(state.pings, "in")
    return ()


def _greeted(data: _Data, state: PusherState) -> tuple[Happening, ...]:
    state.socket_id = text_of(data.socket_id)
    timeout_s = data.activity_timeout
    if isinstance(timeout_s, int | float) and 0 < timeout_s <= _MAX_ACTIVITY_S:
        state.activity_ns = round(timeout_s * SECOND_NS)
        # A client that heard nothing pings, and waits for the pong
        state.silence.limit(state.activity_ns + round(WAIT_S * SECOND_NS), state.now_ns)
    return ()


def _refused(name: str, topic: str, data: _Data, state: PusherState) -> tuple[Happening, ...]:
    """Read an error: of a subscription where it names a channel, else of the login or of the connection."""
    code = _code(data.code) or _code(data.status)
    text = text_of(data.message) or text_of(data.error) or _CODES.get(code, "error without a message")
    error = state.credentials.mask(text)
    error_type = f"pusher_{code}" if code else name
    meta: dict[str, Json] = {}
    if code in CLOSE_CODES:
        meta["advice"] = next(step for first, step in reversed(_RANGES) if code >= first)
    call = state.calls.end(topic) if topic else None
    if call is None and code == 4009:
        call = state.calls.end(_LOGIN)
    if call is None and name == "subscription_error":
        call = Call("subscribe", "", state.now_ns, "pusher:subscribe", topics=(topic,))
    if call is not None:
        return failed(call, error_type, error, meta or None)
    kind: EventName = "auth.failed" if code == 4009 else "error.occurred"
    return (Happening(kind, type=f"pusher:{name}", topic=topic, error_type=error_type, error=error, meta=meta or None),)


def _code(value: object) -> int:
    """Return a code, or the HTTP status of an authorisation; 0 where it is none."""
    return value if isinstance(value, int) and 0 < value < 10_000 else 0


# The signature of a private channel or a login, wherever it is escaped
_AUTH = Redactor(keys=("auth",))
# With one in its name, an event is Pusher's own all the same
_ESCAPED_LETTER = re.compile(rb"\\u00[67]")


def mask(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Return a message of Pusher's own with its signature masked, and whether there was one."""
    if opcode not in ("text", "binary") or not (b"pusher" in payload or _ESCAPED_LETTER.search(payload)):
        return payload, False
    return _AUTH.payload(payload)


def prepare(state: PusherState, _options: ClientOptions, url: HandshakeUrl | None) -> None:
    """Take the application's key out of the URL, ``/app/KEY``."""
    if url is not None:
        state.app_key = url.path.rpartition("/")[2]


def answer(decoded: Decoded, options: ClientOptions, state: PusherState) -> Outbox:
    """Return the subscriptions after the greeting, and pongs."""
    if decoded.type == "pusher:ping" and options.answers:
        return (_encode("pusher:pong", {}),)
    if decoded.type != "pusher:connection_established":
        return ()
    secret = options.reveal_auth().get("secret", "")
    return tuple(
        _encode("pusher:subscribe", _subscription(topic, str(secret), state)) for topic in state.wanted.take(options)
    )


def _subscription(topic: str, secret: str, state: PusherState) -> dict[str, str]:
    """Return what is asked for: a private channel is signed where the application's secret is known."""
    data = {"channel": topic}
    if secret and topic.startswith(("private-", "presence-")):
        signed = f"{state.socket_id}:{topic}"
        if topic.startswith("presence-"):
            data["channel_data"] = '{"user_id":"wsmon"}'
            signed += f":{data['channel_data']}"
        data["auth"] = f"{state.app_key}:{hmac.digest(secret.encode(), signed.encode(), 'sha256').hex()}"
    return data


def due(now_ns: int, options: ClientOptions, state: PusherState) -> Outbox:
    """Return a ping where the server was silent for its activity timeout."""
    is_late = state.activity_ns > 0 and now_ns - state.heard_ns >= state.activity_ns
    if not options.answers or not is_late or "out" in state.pings or state.is_ping_missed:
        return ()
    return (_encode("pusher:ping", {}),)


def is_silent(state: PusherState) -> bool:
    """Whether a ping was not answered."""
    return state.is_ping_missed


def _encode(event: str, data: dict[str, str]) -> str:
    return msgspec.json.encode({"event": event, "data": data}).decode()


_PATH = re.compile(r"/app/[^/]++")


def _recognise_url(url: HandshakeUrl) -> str:
    is_it = _PATH.fullmatch(url.path) is not None and url.parameter("protocol").isdigit()
    return "the path is /app/… and the query has protocol=" if is_it else ""


def _recognise(sample: MessageSample) -> str:
    event = sample.members.get("event")
    is_it = isinstance(event, str) and event.startswith(("pusher:", "pusher_internal:"))
    return "a message has an event of Pusher" if is_it else ""


PROTOCOL = Protocol(
    "pusher",
    PusherState,
    decode,
    prepare=prepare,
    recognise_url=_recognise_url,
    recognise=_recognise,
    new_masks=lambda _state: {"in": mask, "out": mask},
    client=ProtocolClient(answer=answer, due=due, is_silent=is_silent),
    close_codes=CLOSE_CODES,
)
