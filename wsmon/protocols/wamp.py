"""WAMP 2 in JSON and MessagePack: sessions with their logins, publish and subscribe, remote calls both ways.

Events and invocations carry the id of a subscription or registration; their topic is the URI that it stands for.
Source: The Web Application Messaging Protocol, https://wamp-proto.org.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from wsmon.model.events import Direction, EventName, Json, Opcode
from wsmon.model.json_texts import repairing
from wsmon.model.redact.masking import MASK, ByteRange, mask_ranges
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    ClientOptions,
    Decoded,
    Happening,
    Operation,
    Outbox,
    Protocol,
    ProtocolClient,
    cut,
    text_of,
    unreadable,
)
from wsmon.protocols.calls import Call, CallState, completed, duplicate, failed, keep_newest, unmatched
from wsmon.protocols.jsonrpc_messages import MAX_BYTES, NOTHING, too_large

MSGPACK = "wamp.2.msgpack"

# Message type: its name, and the least number of its items (section "Message Codes and Direction")
_SHAPES: Mapping[int, tuple[str, int]] = MappingProxyType(
    {
        1: ("HELLO", 3), 2: ("WELCOME", 3), 3: ("ABORT", 3), 4: ("CHALLENGE", 3), 5: ("AUTHENTICATE", 2),
        6: ("GOODBYE", 3), 8: ("ERROR", 5), 16: ("PUBLISH", 4), 17: ("PUBLISHED", 3), 32: ("SUBSCRIBE", 4),
        33: ("SUBSCRIBED", 3), 34: ("UNSUBSCRIBE", 3), 35: ("UNSUBSCRIBED", 2), 36: ("EVENT", 4), 48: ("CALL", 4),
        49: ("CANCEL", 3), 50: ("RESULT", 3), 64: ("REGISTER", 4), 65: ("REGISTERED", 3), 66: ("UNREGISTER", 3),
        67: ("UNREGISTERED", 2), 68: ("INVOCATION", 4), 69: ("INTERRUPT", 3), 70: ("YIELD", 3),
    }
)  # fmt: skip
# What answers which request
_ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "PUBLISHED": "PUBLISH", "SUBSCRIBED": "SUBSCRIBE", "UNSUBSCRIBED": "UNSUBSCRIBE", "RESULT": "CALL",
        "REGISTERED": "REGISTER", "UNREGISTERED": "UNREGISTER", "YIELD": "INVOCATION",
    }
)  # fmt: skip
_REQUESTS = frozenset(_ANSWERS.values())
_OPERATIONS: Mapping[str, Operation] = MappingProxyType({"SUBSCRIBE": "subscribe", "UNSUBSCRIBE": "unsubscribe"})
# What is about a request, and does not answer it
_ABOUT: Mapping[str, str] = MappingProxyType({"CANCEL": "CALL", "INTERRUPT": "INVOCATION"})
# Key of the login, of which a session has one
_LOGIN = "login"
# URIs of a refused login contain one of these words
_LOGIN_REFUSED = re.compile(r"auth|no_such_(?:role|principal)")
# A farewell with one of these is no complaint
_GOODBYES = frozenset({"wamp.close.normal", "wamp.close.goodbye_and_out", "wamp.close.close_realm"})
_ACKNOWLEDGED = "wamp.close.goodbye_and_out"
# Subscriptions and registrations of a session whose URIs are remembered
_MAX_URIS = 4096
# Largest id (section "IDs")
_MAX_ID = 2**53


class WampState(CallState):
    """What is known of one session."""

    def __init__(self) -> None:
        super().__init__()
        # URIs by the ids that the router gave, each with its kind before it
        self.uris: dict[str, str] = {}
        # Largest id of a request that went out: ids are to follow each other
        self.last_request = 0
        # Whether a GOODBYE went out, to which the next one is the answer
        self.is_leaving = False

    def next_request(self) -> int:
        """Return the id of wsmon's next request."""
        self.last_request += 1
        return self.last_request


class _Items(msgspec.Struct, array_like=True, gc=False):
    """The items of a message up to the arguments of an ERROR; an event or call may have more."""

    kind: msgspec.Raw = NOTHING
    second: msgspec.Raw = NOTHING
    third: msgspec.Raw = NOTHING
    fourth: msgspec.Raw = NOTHING
    fifth: msgspec.Raw = NOTHING
    sixth: msgspec.Raw = NOTHING


class _Codec(NamedTuple):
    items: Callable[[bytes], _Items]
    value: Callable[[msgspec.Raw], object]


_JSON = _Codec(repairing(msgspec.json.Decoder(_Items).decode), msgspec.json.decode)
_PACKED = _Codec(msgspec.msgpack.Decoder(_Items).decode, msgspec.msgpack.decode)


def _codec(payload: bytes) -> _Codec:
    """Return how a message is encoded: the first byte of an array tells, also in a binary message."""
    return _JSON if payload[:64].lstrip()[:1] == b"[" else _PACKED


class _Message:
    """The items of a message, each decoded when it is asked for; what has another type is empty."""

    def __init__(self, payload: bytes) -> None:
        codec = _codec(payload)
        items = codec.items(payload)
        self._items = (items.kind, items.second, items.third, items.fourth, items.fifth, items.sixth)
        self._value = codec.value
        kind = self.at(0)
        self.name, count = _SHAPES.get(kind, ("", 0)) if isinstance(kind, int) else ("", 0)
        if not self.name or not self._items[count - 1]:
            raise msgspec.ValidationError(f"{self.name or 'an array'} that is no message of WAMP")

    def at(self, place: int) -> object:
        """Return an item; None where there is none."""
        return self._value(self._items[place]) if self._items[place] else None

    def id(self, place: int) -> str:
        """Return an id."""
        value = self.at(place)
        return str(value) if isinstance(value, int) and 0 <= value <= _MAX_ID else ""

    def text(self, place: int) -> str:
        """Return a text."""
        return text_of(self.at(place))

    def members(self, place: int) -> dict[Any, Any]:
        """Return the members of options or details."""
        value = self.at(place)
        return value if isinstance(value, dict) else {}


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: WampState) -> Decoded:
    """Decode one whole message; the arguments of calls and events are not looked at."""
    if opcode not in ("text", "binary"):
        return UNREAD
    if len(payload) > MAX_BYTES:
        return too_large(len(payload))
    try:
        message = _Message(payload)
        if message.name in _REQUESTS:
            return _read_request(direction, message, state)
        if message.name in _ANSWERS:
            return _read_answer(message, state)
        return _read_other(direction, message, state)
    except UNDECODABLE as error:
        return unreadable(error, "wamp")


def _read_request(direction: Direction, message: _Message, state: WampState) -> Decoded:
    name, ref = message.name, message.id(1)
    if direction == "out" and name != "INVOCATION" and ref:
        state.last_request = max(state.last_request, int(ref))
    match name:
        case "UNSUBSCRIBE" | "UNREGISTER":
            topic = state.uris.get(f"{name.removeprefix('UN')} {message.id(2)}", "")
        case "INVOCATION":
            # A registration of a pattern has the procedure in each call
            uri = message.members(3).get("procedure")
            topic = cut(uri) if isinstance(uri, str) else state.uris.get(f"REGISTER {message.id(2)}", "")
        case _:
            topic = cut(message.text(3))
    # The router confirms a publication where it is asked to
    if name == "PUBLISH" and message.members(2).get("acknowledge") is not True:
        return Decoded(name, topic, ref)
    key = f"{name} {ref}"
    if key in state.calls:
        return Decoded(name, topic, ref, happenings=(duplicate("request", name, ref),))
    topics = (topic,) if topic else ()
    call = Call(_OPERATIONS.get(name, "request"), key, state.now_ns, name, ref, topics, by_peer=direction == "in")
    return Decoded(name, topic, ref, happenings=state.calls.begin(call))


def _read_answer(message: _Message, state: WampState) -> Decoded:
    name, ref = message.name, message.id(1)
    key = f"{_ANSWERS[name]} {ref}"
    call = state.calls.get(key)
    topic = _topic(call)
    match name:
        # The router took it away (section "Subscription Revocation", "Registration Revocation")
        case "UNSUBSCRIBED" | "UNREGISTERED" if ref == "0":
            return _read_revocation(message, state)
        case "RESULT" | "YIELD" if call is not None and message.members(2).get("progress") is True:
            state.calls.renew(key, state.now_ns)
            return Decoded(name, topic, ref, meta={"progress": True})
        case "SUBSCRIBED" | "REGISTERED" if call is not None:
            keep_newest(state.uris, f"{_ANSWERS[name]} {message.id(2)}", topic, _MAX_URIS)
    state.calls.end(key)
    if call is None:
        return Decoded(name, "", ref, happenings=(unmatched("request", key, name, ref=ref),))
    return Decoded(name, topic, ref, happenings=completed(call))


def _read_revocation(message: _Message, state: WampState) -> Decoded:
    details = message.members(2)
    is_topic = message.name == "UNSUBSCRIBED"
    kind, member = ("SUBSCRIBE", "subscription") if is_topic else ("REGISTER", "registration")
    given, reason = details.get(member), details.get("reason")
    topic = state.uris.get(f"{kind} {given}", "") if isinstance(given, int) else ""
    reason = state.credentials.mask(text_of(reason))
    name: EventName = "subscription.lost" if is_topic else "error.occurred"
    about = Happening(name, type=message.name, topic=topic, reason=reason, error_type="revoked", error="revoked")
    return Decoded(message.name, topic, happenings=(about,))


def _read_other(direction: Direction, message: _Message, state: WampState) -> Decoded:
    name = message.name
    match name:
        case "HELLO":
            details = message.members(2)
            state.credentials.remember(details)
            methods = details.get("authmethods")
            # Without another method there is nothing to log in with
            is_login = isinstance(methods, list) and any(method != "anonymous" for method in methods)
            happenings = state.calls.begin_anew(_login(state)) if is_login else ()
            return Decoded(name, cut(message.text(1)), happenings=happenings)
        case "CHALLENGE":
            meta: dict[str, Json] = {"method": cut(message.text(1))}
            happenings = () if _LOGIN in state.calls else state.calls.begin(_login(state))
            return Decoded(name, happenings=happenings, meta=meta)
        case "AUTHENTICATE":
            state.credentials.remember(message.text(1), is_auth=True)
        case "WELCOME":
            login = state.calls.end(_LOGIN)
            return Decoded(name, ref=message.id(1), happenings=completed(login) if login else ())
        case "ABORT" | "GOODBYE":
            return Decoded(name, happenings=_read_end(direction, message, state))
        case "ERROR":
            return _read_error(message, state)
        case "EVENT":
            # A subscription of a pattern has the topic in each event
            uri = message.members(3).get("topic")
            topic = cut(uri) if isinstance(uri, str) else state.uris.get(f"SUBSCRIBE {message.id(1)}", "")
            return Decoded(name, topic, message.id(2))
        case "CANCEL" | "INTERRUPT":
            ref = message.id(1)
            return Decoded(name, _topic(state.calls.get(f"{_ABOUT[name]} {ref}")), ref)
    return Decoded(name)


def _login(state: WampState) -> Call:
    return Call("auth", _LOGIN, state.now_ns, "HELLO")


def _topic(call: Call | None) -> str:
    return call.topics[0] if call is not None and call.topics else ""


def _read_end(direction: Direction, message: _Message, state: WampState) -> tuple[Happening, ...]:
    """Read why a session is not opened, or closed; the answer to a GOODBYE says nothing."""
    uri = message.text(2)
    if direction == "out":
        state.is_leaving = message.name == "GOODBYE"
        return ()
    login = state.calls.end(_LOGIN)
    if message.name == "GOODBYE" and (state.is_leaving or uri in _GOODBYES):
        return ()
    error_type, error = _fault(uri, message.members(1).get("message"), state)
    if login is not None:
        return failed(login, error_type, error)
    is_refused = message.name == "ABORT" and _LOGIN_REFUSED.search(uri)
    name: EventName = "auth.failed" if is_refused else "error.occurred"
    status = "error" if is_refused else None
    return (Happening(name, type=message.name, status=status, error_type=error_type, error=error),)


def _read_error(message: _Message, state: WampState) -> Decoded:
    kind = message.at(1)
    name, _ = _SHAPES.get(kind, ("", 0)) if isinstance(kind, int) else ("", 0)
    ref = message.id(2)
    arguments = message.at(5)
    first = arguments[0] if isinstance(arguments, list) and arguments else None
    error_type, error = _fault(message.text(4), first or message.members(3).get("message"), state)
    key = f"{name} {ref}"
    if call := state.calls.end(key):
        return Decoded("ERROR", _topic(call), ref, happenings=failed(call, error_type, error))
    fault = Happening("error.occurred", type="ERROR", ref=ref, error_type=error_type, error=error)
    return Decoded("ERROR", "", ref, happenings=(unmatched("request", key, "ERROR", ref=ref), fault))


def _fault(uri: str, text: object, state: WampState) -> tuple[str, str]:
    """Return the URI of an error, and its text, else the words at the end of the URI."""
    words = uri.rpartition(".")[2].replace("_", " ")
    error = text if isinstance(text, str) and text else words
    return cut(state.credentials.mask(uri)) or "wamp", state.credentials.mask(error) or "error without a reason"


# The ticket or signature of an AUTHENTICATE, whatever follows it
_SIGNATURE = re.compile(rb"\s*+\[\s*+5\s*+,\s*+\"((?:[^\"\\]|\\.)*+)", re.DOTALL)
# An array that begins with 5, each in any length that MessagePack has
_PACKED_AUTHENTICATE = re.compile(
    rb"(?:[\x90-\x9f]|\xdc..|\xdd....)(?:\x05|[\xcc\xd0]\x05|[\xcd\xd1]\0\x05|[\xce\xd2]\0{3}\x05|[\xcf\xd3]\0{7}\x05)",
    re.DOTALL,
)
_PACKED_MASK = msgspec.msgpack.encode(MASK)


def mask(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Return the message with its ticket or signature masked, and whether there was one."""
    if opcode not in ("text", "binary"):
        return payload, False
    if found := _SIGNATURE.match(payload):
        masked = mask_ranges(payload, (ByteRange(*found.span(1)),)) if found[1] else payload
        return masked, masked != payload
    packed = _PACKED_AUTHENTICATE.match(payload)
    if packed is None:
        return payload, False
    # Where it is no message, all that follows may be the beginning of one
    end = len(payload)
    with contextlib.suppress(*UNDECODABLE):
        end = packed.end() + len(_PACKED.items(payload).second)
    masked = mask_ranges(payload, (ByteRange(packed.end(), end, _PACKED_MASK),))
    return masked, masked != payload


# What a session may do; a router refuses what no role has
_ROLES: Mapping[str, object] = MappingProxyType({"subscriber": {}, "publisher": {}, "caller": {}, "callee": {}})


def opening(options: ClientOptions, _state: WampState) -> Outbox:
    """Return the HELLO, before which a router serves nothing."""
    auth = options.reveal_auth()
    details: dict[str, object] = {"roles": dict(_ROLES)}
    if authid := auth.get("authid"):
        details["authid"] = str(authid)
    if "ticket" in auth:
        details["authmethods"] = ["ticket"]
    return (_encode([1, str(auth.get("realm", "realm1")), details], options),)


def answer(decoded: Decoded, options: ClientOptions, state: WampState) -> Outbox:
    """Return the ticket that is asked for, the subscriptions once the session is open, and the answer to a farewell."""
    ticket = options.reveal_auth().get("ticket")
    match decoded.type:
        case "CHALLENGE" if ticket is not None and decoded.meta and decoded.meta.get("method") == "ticket":
            return (_encode([5, str(ticket), {}], options),)
        case "WELCOME":
            topics = state.wanted.take(options)
            return tuple(_encode([32, state.next_request(), {}, topic], options) for topic in topics)
        case "GOODBYE" if options.answers and not state.is_leaving:
            return (_encode([6, {}, _ACKNOWLEDGED], options),)
    return ()


def _encode(message: list[object], options: ClientOptions) -> str | bytes:
    return msgspec.msgpack.encode(message) if options.subprotocol == MSGPACK else msgspec.json.encode(message).decode()


PROTOCOL = Protocol(
    "wamp",
    WampState,
    decode,
    has_binary=True,
    subprotocols=("wamp.2.json", MSGPACK),
    offered_subprotocols=("wamp.2.json", MSGPACK),
    new_masks=lambda _state: {"in": mask, "out": mask},
    client=ProtocolClient(opening, answer),
)
