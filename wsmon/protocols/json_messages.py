"""Messages of unnamed JSON protocols: the keys of type, topic and id, the words for operations, and their masking.

| column | first of these keys that holds a text (or, for ref, any scalar) |
|---|---|
| type | type, method, action, event, op, ev, e, channel; of an array of texts and numbers, its first text |
| topic | topic, channel, room, stream, symbol, product_id, instId, market, s; then the same inside arg |
| ref | id, ref, req_id, request_id, subscription_id |

A list of topics is read from channels, topics, streams, symbols, product_ids, args or params: of texts, or of objects
with one of the topic keys or name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from wsmon.model.events import Opcode
from wsmon.model.json_texts import json_texts
from wsmon.model.redact.masking import MASK
from wsmon.protocols import jsonrpc_messages
from wsmon.protocols.base import UNDECODABLE, cut

Kind = Literal[
    "", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "subscription", "auth", "authed", "auth_failed",
    "refresh", "refreshed", "ping", "pong", "heartbeat", "hello", "error", "reply",
]  # fmt: skip

_WORDS: Mapping[Kind, tuple[str, ...]] = {
    "subscribe": ("subscribe",),
    "subscribed": ("subscribed", "subscriptions", "subscribe_success", "subscription_succeeded"),
    "unsubscribe": ("unsubscribe",),
    "unsubscribed": ("unsubscribed", "unsubscribe_success"),
    "subscription": ("subscription",),
    "auth": ("auth", "authenticate", "authorize", "login"),
    "authed": ("authenticated", "authorized", "logged_in"),
    "auth_failed": ("unauthenticated", "not_authenticated", "not_logged_in"),
    "refresh": ("refresh", "refresh_token", "auth_refresh"),
    "refreshed": ("refresh_success", "token_refreshed", "auth_refreshed"),
    "ping": ("ping",),
    "pong": ("pong",),
    "heartbeat": ("heartbeat", "hb"),
    "hello": ("hello",),
    "error": ("error",),
    "reply": ("reply", "response", "result", "ack"),
}
# Kinds by word in lower case, with "_" for "." and "-"
KINDS: Mapping[str, Kind] = {word: kind for kind, words in _WORDS.items() for word in words}

# Kin of these words: auth_invalid, login-error, InvalidToken, auth_ok ...
_LOGIN = r"(?:auth|authentication|authorization|login|logon)"
_CREDENTIAL = r"(?:token|credentials?|api_?key|password|signature)"
_BAD = r"(?:invalid|fail|failed|failure|error|denied|reject|rejected|refused|expired|unsuccessful)"
_AUTHED = re.compile(rf"(?:^|_){_LOGIN}_?(?:ok|success|successful|succeeded|accepted|granted)(?:$|_)")
_AUTH_FAILED = re.compile(
    rf"(?:^|_)(?:{_LOGIN}|{_CREDENTIAL})_?{_BAD}(?:$|_)|(?:^|_)(?:invalid|bad|wrong|expired)_?(?:{_LOGIN}|{_CREDENTIAL})(?:$|_)"
)

TYPE_KEYS = ("type", "method", "action", "event", "op", "ev", "e", "channel")
TOPIC_KEYS = ("topic", "channel", "room", "stream", "symbol", "product_id", "instId", "market", "s")
REF_KEYS = ("id", "ref", "req_id", "request_id", "subscription_id")

# Codes of a reply that mean success
_FINE = frozenset({"0", "200", "20000"})

_NO_ERROR = (b"null", b"false", b"0", b'""', b"[]", b"{}")


class NamedMessage(msgspec.Struct, gc=False):
    """The members under ``TYPE_KEYS`` and ``TOPIC_KEYS``."""

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


class JsonMessage(NamedMessage, gc=False):
    """The members that say what a message is; others are not decoded."""

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
    if first.__class__ is str:
        return cut(first)
    # The last of them that is empty is not a text, where all are
    return _text(message, TYPE_KEYS) if first else ""


# A feed has few types, and a peer may name any number
@lru_cache(maxsize=4096)
def kind_of(type_: str) -> Kind:
    """Return the kind of a word; empty where it is none of ``KINDS`` nor akin to one."""
    word = type_.lower().replace(".", "_").replace("-", "_").replace(" ", "_")
    if kind := KINDS.get(word):
        return kind
    if _AUTH_FAILED.search(word):
        return "auth_failed"
    return "authed" if _AUTHED.search(word) else ""


# A name among the first items of an array that begins with a number
_NAME = re.compile(r"[A-Za-z][A-Za-z_.:/ -]*[A-Za-z0-9_.:/ -]{0,40}")
_NAMED_ITEMS = 5
# OCPP-J: CALL, CALLRESULT, CALLERROR; the text behind is an id
_WITH_ID = (b"2", b"3", b"4")


def type_of_array(items: Sequence[msgspec.Raw]) -> str:
    """Return the type of a message that is an array: its first text, as in ``["trade", {...}]`` or ``[42, "hb"]``.

    Empty where it begins with an object or array, or with a number that no name follows.
    """
    start = bytes(items[0])[:1] if items else b""
    if start == b'"':
        return jsonrpc_messages.id_ref(items[0])
    if not (start.isdigit() or start == b"-"):
        return ""
    skipped = 2 if bytes(items[0]) in _WITH_ID and len(items) > 2 and bytes(items[1])[:1] == b'"' else 1
    names = (jsonrpc_messages.id_ref(item) for item in items[skipped:_NAMED_ITEMS] if bytes(item)[:1] == b'"')
    name = next(names, "")
    return name if _NAME.fullmatch(name) else ""


def topic_of(message: JsonMessage) -> str:
    """Return the one topic that a message names; empty where there is none."""
    m = message
    first = m.topic or m.channel or m.room or m.stream or m.symbol or m.product_id or m.instId or m.market or m.s
    if first and first.__class__ is str:
        return cut(first)
    return (_text(message, TOPIC_KEYS) if first else "") or (_named(message.arg) if message.arg else "")


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
        # Most of them are missing
        start = bytes(raw)[:1] if raw else b""
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


class _Explained(msgspec.Struct, gc=False):
    """Members in which a failure is explained beside those of ``JsonMessage``, decoded of failures alone."""

    payload: msgspec.Raw = jsonrpc_messages.NOTHING
    data: msgspec.Raw = jsonrpc_messages.NOTHING
    errors: msgspec.Raw = jsonrpc_messages.NOTHING
    detail: Any = None
    description: Any = None
    error_description: Any = None
    error_message: Any = None


_decode_explained = msgspec.json.Decoder(_Explained).decode


def explanation(message: JsonMessage, payload: bytes) -> tuple[object, str]:
    """Return code and text of a failure; the text as the peer wrote it."""
    fault = jsonrpc_messages.error_object(message.error)
    texts: tuple[object, ...] = (fault.text, message.reason, message.message, message.msg, message.ret_msg)
    code = message.code if fault.code is None else fault.code
    text = _first_text(texts)
    if text and code is not None:
        return code, text
    other = _decode_explained(payload)
    inner = [_inner_fault(raw) for raw in (other.payload, other.data, other.errors)]
    code = next((each.code for each in inner if each.code is not None), None) if code is None else code
    beside = (other.detail, other.description, other.error_description, other.error_message)
    return code, text or _first_text((*(each.text for each in inner), *beside))


def _first_text(texts: Iterable[object]) -> str:
    return next((text for text in texts if isinstance(text, str) and text), "")


def _inner_fault(raw: msgspec.Raw) -> jsonrpc_messages.ErrorObject:
    """Return what an object, a text or the first item of a list says of a failure; a text may be JSON itself."""
    start = bytes(raw)[:1]
    if start == b"[":
        items = _decode_list(raw)
        return jsonrpc_messages.error_object(items[0]) if items else jsonrpc_messages.ErrorObject()
    fault = jsonrpc_messages.error_object(raw)
    if start == b'"' and fault.text.startswith("{"):
        try:
            return jsonrpc_messages.error_object(msgspec.Raw(fault.text.encode()))
        except UNDECODABLE:
            return fault
    return fault


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


# A JSON text; followed by a colon, it is a key
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?')
_MASK = b'"' + MASK.encode() + b'"'


def _may_authenticate(payload: bytes) -> bool:
    """Whether a text has what every word that begins an authentication contains, in any case.

    A regular expression takes ten times as long.
    """
    lower = payload.lower()
    return b"auth" in lower or b"login" in lower


def mask_sent(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Mask credentials that only their place shows: ``{"op":"auth","args":["key",1700000000,"signature"]}``.

    In a message that authenticates, every text in a list of arguments is masked; keys and numbers stay. Arguments with
    names are left to the redactor. Returns the payload and whether anything was masked.
    """
    if opcode != "text" or not _may_authenticate(payload):
        return payload, False
    try:
        return _mask_text(payload, decode_message(payload))
    except UNDECODABLE:
        return _mask_texts(payload)


def _mask_texts(payload: bytes) -> tuple[bytes, bool]:
    """Mask the credentials in a frame of several texts; what was repaired for reading stands there as it was read."""
    masked, has_any = payload, False
    for text in json_texts(payload):
        try:
            without, is_masked = _mask_text(text, decode_message(text))
        except UNDECODABLE:
            continue
        if is_masked:
            has_any = True
            masked = masked.replace(text, without) if text in masked else without
    return masked, has_any


def _mask_text(payload: bytes, message: JsonMessage) -> tuple[bytes, bool]:
    word = type_of(message)
    if kind_of(word) not in ("auth", "refresh") and not _may_authenticate(word.encode("utf-8", "replace")):
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
