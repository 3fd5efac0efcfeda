"""Bayeux (CometD, Faye), XMPP and Centrifugo: detected and named; types, topics, ids, and why the server refuses.

No more than that: nothing is paired, and wsmon does not speak them. Credentials in their messages are those that the
redactor knows.
Sources: the Bayeux specification, chapter 5; RFC 7395 and RFC 6120, sections 4.9 and 6.5; the Centrifugo documentation,
"Client protocol" and "Client protocol codes".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from itertools import islice
from types import MappingProxyType
from typing import Any

import msgspec

from wsmon.model.events import Direction, Opcode
from wsmon.model.json_texts import repairing
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Protocol,
    cut,
    unreadable,
)
from wsmon.protocols.calls import CallState

# Messages of a frame that are read
MAX_MESSAGES = 100
# HTTP's codes of a login that is refused, as Bayeux uses them, and those of Centrifugo
_REFUSED = re.compile(r"40[13]\b")
_UNAUTHORIZED = (101, 109)

_decode_json: Callable[[bytes], Any] = repairing(msgspec.json.decode)


def _text(value: object) -> str:
    return cut(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _said(
    protocol: str, type_: str, error: str, *, is_login: bool, topic: str = "", ref: str = "", code: object = None
) -> Happening:
    """Return an error of the peer; without a ``ref`` it is about the connection."""
    meta = {"code": code} if isinstance(code, int) else None
    if is_login:
        return Happening("auth.failed", type=cut(type_), status="error", error_type=protocol, error=error, meta=meta)
    return Happening(
        "error.occurred", type=cut(type_), topic=topic, ref=ref, error_type=protocol, error=error, meta=meta
    )


_META = "/meta/"
_META_CHANNELS = frozenset(_META + name for name in ("handshake", "connect", "disconnect", "subscribe", "unsubscribe"))
_HANDSHAKE = "/meta/handshake"


def decode_bayeux(direction: Direction, opcode: Opcode, payload: bytes, state: CallState) -> Decoded:
    """Decode a frame: the row is of its first message, the events are of all that are refused."""
    if opcode not in ("text", "binary"):
        return UNREAD
    try:
        content = _decode_json(payload)
    except UNDECODABLE as error:
        return unreadable(error, "bayeux")
    items = content if isinstance(content, list) else [content]
    messages = [item for item in islice(items, MAX_MESSAGES) if isinstance(item, dict)]
    # An empty list is a heartbeat of CometD's
    if not messages:
        return Decoded() if items == [] else Decoded(error_type="bayeux", error="not a Bayeux message")
    refused = [message for message in messages if direction == "in" and message.get("successful") is False]
    happenings = tuple(_bayeux_refusal(message, state) for message in refused)
    kind, topic = _bayeux_names(messages[0])
    return Decoded(kind, topic, _text(messages[0].get("id")), happenings=happenings)


def _bayeux_names(message: dict[str, Any]) -> tuple[str, str]:
    channel = _text(message.get("channel"))
    return (channel, _text(message.get("subscription"))) if channel.startswith(_META) else ("message", channel)


def _bayeux_refusal(message: dict[str, Any], state: CallState) -> Happening:
    """Return a refusal: that of a handshake or of a connect is about the connection, any other about one request."""
    kind, topic = _bayeux_names(message)
    error = state.credentials.mask(str(message.get("error") or "refused without a reason"))
    ref = "" if kind in (_HANDSHAKE, "/meta/connect") else _text(message.get("id"))
    is_login = kind == _HANDSHAKE and _REFUSED.match(error) is not None
    return _said("bayeux", kind, error, is_login=is_login, topic=topic, ref=ref)


def _recognise_bayeux(sample: MessageSample) -> str:
    for item in islice(sample.items, MAX_MESSAGES):
        if isinstance(item, dict) and _text(item.get("channel")) in _META_CHANNELS:
            return f'a message has "channel": "{item["channel"]}"'
    return ""


BAYEUX = Protocol("bayeux", CallState, decode_bayeux, recognise=_recognise_bayeux)


# A stanza begins with its element; an error has its condition as the first element in it
_ELEMENT = re.compile(rb"\s*+<([A-Za-z][\w:.-]{0,60}+)([^>]{0,4000}+)>")
_ID = re.compile(rb"\sid=(?:'([^']{0,300})'|\"([^\"]{0,300})\")")
_CONDITION = re.compile(rb"\s*+<([a-z][a-z-]{0,60}+)[\s/>]")
_XMPP_TEXT = re.compile(rb"<text\b[^>]{0,300}>([^<]{0,1000})<")
_SASL = b"urn:ietf:params:xml:ns:xmpp-sasl"
_STREAM_ERRORS = (b"stream:error", b"error")


def decode_xmpp(direction: Direction, opcode: Opcode, payload: bytes, state: CallState) -> Decoded:
    """Decode a stanza, or an element of the stream: its name, its id, and its error where that ends the stream."""
    if opcode not in ("text", "binary"):
        return UNREAD
    found = _ELEMENT.match(payload)
    if found is None:
        return Decoded(error_type="xmpp", error="not an XML element")
    name = found[1].decode()
    identifier = _ID.search(found[2])
    ref = cut((identifier[1] or identifier[2] or b"").decode("utf-8", "replace")) if identifier else ""
    is_login = found[1] == b"failure" and _SASL in found[2]
    # Any other error answers one request
    if direction == "out" or not (is_login or found[1] in _STREAM_ERRORS):
        return Decoded(name, "", ref)
    error = _xmpp_error(payload, found.end(), state)
    return Decoded(name, "", ref, happenings=(_said("xmpp", name, error, is_login=is_login),))


def _xmpp_error(payload: bytes, at: int, state: CallState) -> str:
    condition, text = _CONDITION.match(payload, at), _XMPP_TEXT.search(payload, at)
    name = condition[1].decode().replace("-", " ") if condition else "error"
    said = unescape(text[1].decode("utf-8", "replace")).strip() if text else ""
    return state.credentials.mask(f"{name}: {said}" if said else name)


_FRAMING = b"urn:ietf:params:xml:ns:xmpp-framing"


def _recognise_xmpp(sample: MessageSample) -> str:
    found = _ELEMENT.match(sample.payload)
    return "a message opens an XMPP stream" if found and found[1] == b"open" and _FRAMING in found[2] else ""


XMPP = Protocol("xmpp", CallState, decode_xmpp, subprotocols=("xmpp",), recognise=_recognise_xmpp)


# fmt: off
CENTRIFUGO_CODES: Mapping[int, str] = MappingProxyType({
    3000: "connection closed", 3001: "shutdown", 3004: "internal server error", 3005: "connection expired",
    3006: "subscription expired", 3008: "slow consumer", 3009: "write error", 3011: "force reconnect", 3012: "no pong",
    3010: "insufficient state, so that publications may be missed", 3013: "too many requests", 3500: "invalid token",
    3501: "bad request", 3502: "stale: not authenticated in time", 3503: "force disconnect", 3504: "connection limit",
    3505: "channel limit", 3506: "inappropriate protocol", 3507: "permission denied", 3508: "not available",
    3509: "too many errors",
})
# fmt: on
_CENTRIFUGO_PATHS = ("/connection/websocket", "/connection/uni_websocket")
_CONNECT_KEYS = frozenset({"token", "data", "name", "version", "subs", "headers", "flag"})


def decode_centrifugo(direction: Direction, opcode: Opcode, payload: bytes, state: CallState) -> Decoded:
    """Decode a frame of JSON, a message a line; Protobuf is only named."""
    if opcode != "text":
        return Decoded("protobuf") if opcode == "binary" else UNREAD
    decoded: list[Decoded] = []
    for line in islice(payload.split(b"\n"), MAX_MESSAGES):
        if not line.strip():
            continue
        try:
            message = _decode_json(line)
        except UNDECODABLE as error:
            return unreadable(error, "centrifugo")
        if not isinstance(message, dict):
            return Decoded(error_type="centrifugo", error="not a message of Centrifugo")
        decoded.append(_centrifugo_message(direction, message, state))
    if not decoded:
        return Decoded(error_type="centrifugo", error="empty message")
    happenings = tuple(happening for each in decoded for happening in each.happenings)
    return Decoded(decoded[0].type, decoded[0].topic, decoded[0].ref, happenings=happenings)


def _centrifugo_message(direction: Direction, message: dict[str, Any], state: CallState) -> Decoded:
    if not message:
        beat = Happening("heartbeat.received" if direction == "in" else "heartbeat.sent", "heartbeat")
        return Decoded("heartbeat", happenings=(beat,))
    ref = _text(message.get("id"))
    kind = next((name for name in message if name not in ("id", "error")), "error" if "error" in message else "")
    content = message.get(kind)
    about: dict[str, Any] = content if isinstance(content, dict) else {}
    topic = _text(about.get("channel"))
    if kind == "push":
        kind = next((name for name in about if name != "channel"), "push")
        inner = about.get(kind)
        about = inner if isinstance(inner, dict) else {}
    happenings: tuple[Happening, ...] = ()
    if direction == "in" and isinstance(message.get("error"), dict):
        happenings = (_centrifugo_error(message["error"], kind, ref, state),)
    elif direction == "in" and kind == "disconnect":
        happenings = (_centrifugo_error({**about, "message": about.get("reason")}, kind, "", state),)
    return Decoded(cut(kind), topic, ref, happenings=happenings)


def _centrifugo_error(error: dict[str, Any], kind: str, ref: str, state: CallState) -> Happening:
    """Return an error; its first command is the connect, so that what refuses that is about the login."""
    text = state.credentials.mask(str(error.get("message") or "error without a message"))
    code = error.get("code")
    return _said("centrifugo", kind, text, is_login=ref == "1" and code in _UNAUTHORIZED, ref=ref, code=code)


def _recognise_centrifugo_url(url: HandshakeUrl) -> str:
    path = next((path for path in _CENTRIFUGO_PATHS if url.path.endswith(path)), "")
    return f"the path ends with {path}" if path else ""


def _recognise_centrifugo(sample: MessageSample) -> str:
    connect = sample.members.get("connect")
    if not isinstance(connect, dict) or sample.members.keys() != {"id", "connect"}:
        return ""
    is_it = connect.keys() <= _CONNECT_KEYS if sample.direction == "out" else {"client", "version"} <= connect.keys()
    return 'a message has an id and "connect" alone' if is_it else ""


CENTRIFUGO = Protocol(
    "centrifugo",
    CallState,
    decode_centrifugo,
    subprotocols=("centrifuge-json", "centrifuge-protobuf"),
    recognise_url=_recognise_centrifugo_url,
    recognise=_recognise_centrifugo,
    close_codes=CENTRIFUGO_CODES,
)

PROTOCOLS = (BAYEUX, XMPP, CENTRIFUGO)
