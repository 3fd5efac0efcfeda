"""Messages of unnamed JSON protocols: the keys of type, topic and id, the words for operations, and their masking.

| column | first of these keys that holds a text (or, for ref, any scalar) |
|---|---|
| type | type, method, action, event, op, ev, e, channel |
| topic | topic, channel, room, stream, symbol, product_id, instId, market, s; then the same inside arg |
| ref | id, ref, req_id, request_id, subscription_id |

A list of topics is read from channels, topics, streams, symbols, product_ids, args or params: of texts, or of objects
with one of the topic keys or name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from wsmon.model.events import Opcode
from wsmon.model.redact.masking import MASK
from wsmon.protocols import jsonrpc_messages
from wsmon.protocols.base import UNDECODABLE, cut

Kind = Literal[
    "", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "subscription", "auth", "authed", "auth_failed",
    "refresh", "refreshed", "ping", "pong", "heartbeat", "error", "reply",
]  # fmt: skip

_WORDS: Mapping[Kind, tuple[str, ...]] = {
    "subscribe": ("subscribe",),
    "subscribed": ("subscribed", "subscriptions", "subscribe_success", "subscription_succeeded"),
    "unsubscribe": ("unsubscribe",),
    "unsubscribed": ("unsubscribed", "unsubscribe_success"),
    "subscription": ("subscription",),
    "auth": ("auth", "authenticate", "authorize", "login"),
    "authed": ("auth_success", "auth_ok", "authenticated", "authorized", "login_success"),
    "auth_failed": ("auth_error", "auth_failed", "auth_failure", "login_failed"),
    "refresh": ("refresh", "refresh_token", "auth_refresh"),
    "refreshed": ("refresh_success", "token_refreshed", "auth_refreshed"),
    "ping": ("ping",),
    "pong": ("pong",),
    "heartbeat": ("heartbeat", "hb"),
    "error": ("error",),
    "reply": ("reply", "response", "result", "ack"),
}
# Kinds by word in lower case, with "_" for "." and "-"
KINDS: Mapping[str, Kind] = {word: kind for kind, words in _WORDS.items() for word in words}

TYPE_KEYS = ("type", "method", "action", "event", "op", "ev", "e", "channel")
TOPIC_KEYS = ("topic", "channel", "room", "stream", "symbol", "product_id", "instId", "market", "s")
REF_KEYS = ("id", "ref", "req_id", "request_id", "subscription_id")

# Codes of a reply that mean success
_FINE = frozenset({"0", "200", "20000"})

_NO_ERROR = (b"null", b"false", b"0", b'""', b"[]", b"{}")


class JsonMessage(msgspec.Struct, gc=False):
    """The members that say what a message is; others are not decoded."""

    type: Any = None
    method: Any = None
    action: Any = None
    event: Any = None
    op: Any = None
    ev: Any = None
    e: Any = None
    channel: Any = None
    topic: Any = None
    room: Any = None
    stream: Any = None
    symbol: Any = None
    product_id: Any = None
    instId: Any = None  # noqa: N815 - the peer's spelling, as below
    market: Any = None
    s: Any = None
    id: msgspec.Raw = jsonrpc_messages.NOTHING
    ref: msgspec.Raw = jsonrpc_messages.NOTHING
    req_id: msgspec.Raw = jsonrpc_messages.NOTHING
    request_id: msgspec.Raw = jsonrpc_messages.NOTHING
    subscription_id: msgspec.Raw = jsonrpc_messages.NOTHING
    arg: msgspec.Raw = jsonrpc_messages.NOTHING
    args: msgspec.Raw = jsonrpc_messages.NOTHING
    params: msgspec.Raw = jsonrpc_messages.NOTHING
    channels: msgspec.Raw = jsonrpc_messages.NOTHING
    topics: msgspec.Raw = jsonrpc_messages.NOTHING
    streams: msgspec.Raw = jsonrpc_messages.NOTHING
    symbols: msgspec.Raw = jsonrpc_messages.NOTHING
    product_ids: msgspec.Raw = jsonrpc_messages.NOTHING
    result: msgspec.Raw = jsonrpc_messages.NOTHING
    error: msgspec.Raw = jsonrpc_messages.NOTHING
    success: Any = None
    code: Any = None
    reason: Any = None
    message: Any = None
    msg: Any = None
    ret_msg: Any = None
    expires_in: Any = None
    expires_at: Any = None


class _Arg(msgspec.Struct, gc=False):
    """An object that names a topic inside a message."""

    topic: Any = None
    channel: Any = None
    room: Any = None
    stream: Any = None
    symbol: Any = None
    name: Any = None
    instId: Any = None  # noqa: N815


decode_message = msgspec.json.Decoder(JsonMessage).decode
_decode_arg = msgspec.json.Decoder(_Arg).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def type_of(message: JsonMessage) -> str:
    """Return the type; empty where there is none."""
    m = message
    first = m.type or m.method or m.action or m.event or m.op or m.ev or m.e or m.channel
    return cut(first) if first.__class__ is str else _text(message, TYPE_KEYS)


def kind_of(type_: str) -> Kind:
    """Return the kind of a word; empty where it is none of ``KINDS``."""
    return KINDS.get(type_) or KINDS.get(type_.lower().replace(".", "_").replace("-", "_"), "")


def topic_of(message: JsonMessage) -> str:
    """Return the one topic that a message names; empty where there is none."""
    m = message
    first = m.topic or m.channel or m.room or m.stream or m.symbol or m.product_id or m.instId or m.market or m.s
    if first.__class__ is str:
        return cut(first)
    return _text(message, TOPIC_KEYS) or (_named(message.arg) if message.arg else "")


def ref_of(message: JsonMessage) -> msgspec.Raw:
    """Return the id, undecoded; empty where there is none."""
    m = message
    first = m.id or m.ref or m.req_id or m.request_id or m.subscription_id
    if not first or _is_scalar(first):
        return first
    return next((raw for key in REF_KEYS if _is_scalar(raw := getattr(message, key))), jsonrpc_messages.NOTHING)


def key_of(message: JsonMessage, keys: tuple[str, ...], value: object) -> str:
    """Return which of ``keys`` holds what ``type_of`` or ``ref_of`` returned; empty where none does."""
    return next((key for key in keys if getattr(message, key) == value), "")


def _text(message: JsonMessage, keys: tuple[str, ...]) -> str:
    """Return the first text under ``keys``; other values there mean something else."""
    return next((cut(value) for key in keys if isinstance(value := getattr(message, key), str) and value), "")


def _is_scalar(raw: msgspec.Raw) -> bool:
    return bool(raw) and bytes(raw)[:1] not in (b"n", b"{", b"[")


def topics_of(message: JsonMessage) -> tuple[str, ...] | None:
    """Return the topics that a message lists, each once; None where it has no list of them."""
    for raw in (
        message.channels, message.topics, message.streams, message.symbols, message.product_ids,
        message.args, message.params,
    ):  # fmt: skip
        start = bytes(raw)[:1]
        if start == b"[":
            return tuple(name for name in dict.fromkeys(_named(item) for item in _decode_list(raw)) if name)
        if start == b"{" and (name := _named(raw)):
            return (name,)
    return None


def is_failure(message: JsonMessage) -> bool:
    """Whether a reply says that the request was not done."""
    if message.success is False or (message.error and bytes(message.error) not in _NO_ERROR):
        return True
    if bytes(message.result).lower() in (b'"error"', b'"failed"', b"false"):
        return True
    return isinstance(message.code, int | str) and message.code != "" and str(message.code) not in _FINE


def is_reply(message: JsonMessage) -> bool:
    """Whether a message says how something went, whatever its type."""
    return bool(message.result or message.error) or message.success is not None or message.code is not None


def explanation(message: JsonMessage) -> tuple[object, str]:
    """Return code and text of a failure; the text as the peer wrote it."""
    fault = jsonrpc_messages.error_object(message.error)
    code = message.code if fault.code is None else fault.code
    texts = (fault.message, message.reason, message.message, message.msg, message.ret_msg)
    return code, next((text for text in texts if isinstance(text, str) and text), "")


def _named(raw: msgspec.Raw) -> str:
    """Return the topic that an item of a list, or an object, names; empty where it names none."""
    start = bytes(raw)[:1]
    if start == b'"':
        return jsonrpc_messages.id_ref(raw)
    if start != b"{":
        return ""
    arg = _decode_arg(raw)
    for value in (arg.topic, arg.channel, arg.room, arg.stream, arg.symbol, arg.name, arg.instId):
        if isinstance(value, str) and value:
            return cut(value)
    return ""


# Every word that begins an authentication contains one of these
_AUTH = re.compile(rb"auth|login", re.IGNORECASE)
# A JSON text; followed by a colon, it is a key
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?')
_MASK = b'"' + MASK.encode() + b'"'


def mask_sent(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Mask credentials that only their place shows: ``{"op":"auth","args":["key",1700000000,"signature"]}``.

    In a message that authenticates, every text in a list of arguments is masked; keys and numbers stay. Arguments with
    names are left to the redactor. Returns the payload and whether anything was masked.
    """
    if opcode != "text" or not _AUTH.search(payload):
        return payload, False
    try:
        message = decode_message(payload)
    except UNDECODABLE:
        return payload, False
    word = type_of(message)
    if kind_of(word) not in ("auth", "refresh") and not _AUTH.search(word.encode("utf-8", "replace")):
        return payload, False
    masked = payload
    for arguments in (message.args, message.params):
        masked = _without_texts(masked, arguments)
    return masked, masked != payload


def _without_texts(payload: bytes, arguments: msgspec.Raw) -> bytes:
    """Return the payload with the texts of one list in it masked."""
    listed = bytes(arguments)
    if listed[:1] != b"[":
        return payload
    start = payload.find(listed)
    return (
        payload[:start] + _TEXT.sub(lambda text: text[0] if text[1] else _MASK, listed) + payload[start + len(listed) :]
    )
