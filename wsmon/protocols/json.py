"""JSON without a named protocol: types, topics and ids where most protocols put them, and the operations most have.

``json_messages`` has the keys and words. Outgoing messages begin subscriptions, authentications and pings; incoming
ones end them, by id where they have one, else by topic, else the oldest of the kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from wsmon.model.block import PlainColumns, PlainReading
from wsmon.model.events import Direction, EventName, Json, Meta, Opcode
from wsmon.protocols import jsonrpc_messages
from wsmon.protocols.base import (
    MAX_NAME_CHARS,
    UNDECODABLE,
    UNREAD,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    Operation,
    Outbox,
    Protocol,
    ProtocolClient,
    unreadable,
)
from wsmon.protocols.calls import (
    MAX_TOPICS,
    WAIT_S,
    Call,
    Calls,
    completed,
    duplicate,
    failed,
    settled,
    too_many_topics,
    unmatched,
)
from wsmon.protocols.configured import auth_message, is_auth_over, waits_for_auth
from wsmon.protocols.credentials import Credentials, Grant, JsonValue, is_suspicious, lifetime_s
from wsmon.protocols.json_messages import (
    REF_KEYS,
    TYPE_KEYS,
    JsonMessage,
    Kind,
    NamedMessage,
    decode_message,
    explanation,
    is_failure,
    is_reply,
    key_of,
    kind_of,
    mask_sent,
    ref_of,
    topic_of,
    topics_of,
    type_of,
    type_of_array,
)

_BEGINS: Mapping[Kind, Operation] = {
    "subscribe": "subscribe",
    "unsubscribe": "unsubscribe",
    "auth": "auth",
    "refresh": "refresh",
}
_ENDS: Mapping[Kind, tuple[Operation, ...]] = {
    "subscribe": ("subscribe",),
    "subscribed": ("subscribe",),
    "subscription": ("subscribe",),
    "unsubscribe": ("unsubscribe",),
    "unsubscribed": ("unsubscribe",),
    "auth": ("auth",),
    "authed": ("auth", "refresh"),
    "auth_failed": ("auth", "refresh"),
    "hello": (),
    "refresh": ("refresh",),
    "refreshed": ("refresh",),
    "error": ("subscribe", "unsubscribe", "auth", "refresh", "heartbeat"),
    "reply": ("subscribe", "unsubscribe", "auth", "refresh", "heartbeat"),
    "": ("subscribe", "unsubscribe", "auth", "refresh", "heartbeat"),
}
# Kinds of an answer that only an id can pair: the word does not say what was asked
_BY_ID_ONLY = frozenset({"error", "reply", ""})

# A code that can serve as error_type
_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")


class About(msgspec.Struct, frozen=True, gc=False):
    """What a message names, before it is known what it begins or ends."""

    type: str
    kind: Kind
    topic: str = ""
    id: msgspec.Raw = jsonrpc_messages.NOTHING
    ref: str = ""


# Plain texts of protocols that are JSON otherwise
_WORDS: Mapping[bytes, About] = {
    b"ping": About("ping", "ping"),
    b"pong": About("pong", "pong"),
}
# How long the peer's own pings are remembered where wsmon is not to answer them
_PINGS_KEPT = 64
_NO_MESSAGE = JsonMessage()
# Kinds of ordinary data, unless the message also says how something went
_DATA = frozenset({"", "subscription"})

# Types of ordinary data that are known at once
_MOST_DATA_TYPES = 4_096

_check = msgspec.json.Decoder(msgspec.Raw).decode


class JsonState:
    """What is in flight on one session, and the answer to its last ping."""

    def __init__(self, *, timeout_s: float = WAIT_S) -> None:
        self.now_ns = 0
        self.calls = Calls(timeout_s)
        self.credentials = Credentials()
        self.grant = Grant()
        # Whether wsmon is to answer the peer's pings; else nothing is missing where they stay unanswered
        self.answers = False
        # Whether the messages of an array are measured one by one
        self.is_measured = False
        # Whether the peer speaks nes, whose pings want no pong
        self.is_nes = False
        # Pings of the peer that wsmon is not to answer, for an answer that is sent all the same
        self.other_pings = Calls(timeout_s, _PINGS_KEPT)
        # Answer to the peer's last ping
        self.pong = ""
        # Whether a ping was sent: pongs of a peer that never got one are its heartbeat
        self.has_pinged = False
        self._begun = 0

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return what was due by the monotonic time ``now_ns`` and did not come, each once."""
        self.other_pings.overdue(now_ns)
        return (*self.calls.overdue(now_ns), *self.grant.overdue(now_ns))

    def new_key(self, word: str) -> str:
        """Return a key for a message without an id."""
        self._begun += 1
        return f"{word} {self._begun}"

    def remember(self, payload: bytes, *, is_auth: bool = False) -> None:
        """Keep the credentials of a message, to mask them in errors that the peer sends later."""
        if is_auth or is_suspicious(payload):
            message: JsonValue = msgspec.json.decode(payload)
            self.credentials.remember(message, is_auth=is_auth)


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: JsonState) -> Decoded:
    """Decode one message; of an array, the objects in it: it has the type of the first."""
    if not jsonrpc_messages.is_text(payload, opcode):
        return UNREAD
    if len(payload) > jsonrpc_messages.MAX_BYTES:
        return jsonrpc_messages.too_large(len(payload))
    if word := _WORDS.get(payload):
        return Decoded(word.type, happenings=_beat(direction, _NO_MESSAGE, word, state))
    try:
        return _read_text(direction, payload, state)
    except UNDECODABLE as error:
        if empty := jsonrpc_messages.keepalive(direction, payload):
            return empty
        return jsonrpc_messages.read_texts(payload, error, "json", lambda text: _read_text(direction, text, state))


def named(direction: Direction, opcode: Opcode, payload: bytes) -> Decoded:
    """Return the type, topic and id alone of a message between those of another protocol; none where it is no JSON."""
    decoded = decode(direction, opcode, payload, JsonState())
    return UNREAD if decoded.error_type else Decoded(decoded.type, decoded.topic, decoded.ref)


class _PlainMessage(NamedMessage, gc=False):
    """The members of ``JsonMessage`` that decide whether a message is ordinary data, and what its columns are."""

    id: Any = None
    ref: Any = None
    req_id: Any = None
    request_id: Any = None
    subscription_id: Any = None
    arg: Any = None
    result: Any = None
    error: Any = None
    success: Any = None
    code: Any = None


_decode_plain = msgspec.json.Decoder(_PlainMessage).decode
# Types of ordinary data that came before: a feed has few
_data_types: set[str] = set()
_NO_OBJECT = _PlainMessage(code=0)
_NO_REFS = (None,) * (len(REF_KEYS) - 1)


def read_plain(payloads: Sequence[bytes]) -> PlainReading:
    """Read the type, topic and id of received messages; all but ordinary data is to be decoded one by one.

    Ordinary data is an object whose type means nothing else, that says of nothing how it went, and whose type, topic
    and id are texts (or for the id, a number) that stand in it as they are.
    """
    types: list[str] = []
    topics: list[str] = []
    refs: list[str] = []
    others: list[int] = []
    add_type, add_topic, add_ref = types.append, topics.append, refs.append
    data = _data_types
    for at, m in enumerate(_decode_each(payloads)):
        # The keys of TYPE_KEYS, TOPIC_KEYS and REF_KEYS
        kind = m.type or m.method or m.action or m.event or m.op or m.ev or m.e or m.channel or ""
        topic = m.topic or m.channel or m.room or m.stream or m.symbol or m.product_id or m.instId or m.market or m.s
        ref = m.id
        if ref is None:
            later = (m.ref, m.req_id, m.request_id, m.subscription_id)
            ref = "" if later == _NO_REFS else next(each for each in later if each is not None)
        # Not 0, which may have been -0
        if ref.__class__ is int and ref:
            ref = str(ref)
        if (
            m.result is not None
            or m.error is not None
            or m.success is not None
            or m.code is not None
            or m.arg is not None
            or kind.__class__ is not str
            or (topic.__class__ is not str and topic is not None)
            or ref.__class__ is not str
            or (kind not in data and not _is_data(kind))
        ):
            others.append(at)
            kind = topic = ref = ""
        add_type(kind)
        add_topic(topic or "")
        add_ref(ref)
    columns = PlainColumns(types, topics, refs)
    # Looked for in all at once: few messages have an escape, a long name, or blanks before the object
    if b"\\" in b"".join(payloads) or any(max(map(len, column)) > MAX_NAME_CHARS for column in columns):
        others += (at for at, names in enumerate(zip(*columns, strict=True)) if not _are_verbatim(payloads[at], names))
    others += (at for at, payload in enumerate(payloads) if payload[:1] != b"{")
    return PlainReading(columns, sorted(set(others)))


def _is_data(kind: str) -> bool:
    if kind_of(kind) not in _DATA:
        return False
    if len(_data_types) < _MOST_DATA_TYPES:
        _data_types.add(kind)
    return True


def _are_verbatim(payload: bytes, names: Iterable[str]) -> bool:
    """Whether names that were read in a message are short enough, and stand in it without escapes."""
    return all(len(name) <= MAX_NAME_CHARS and name.encode("utf-8", "surrogatepass") in payload for name in names)


def _decode_each(payloads: Sequence[bytes]) -> Iterable[_PlainMessage]:
    """Decode messages; what cannot be decoded, or is too large to be, is no ordinary data."""
    if max(map(len, payloads), default=0) <= jsonrpc_messages.MAX_BYTES:
        try:
            # Costs no more a message than one call for an array of all, which a malformed one could spoil
            return list(map(_decode_plain, payloads))
        except UNDECODABLE:
            pass
    return map(_decode_or_none, payloads)


def _decode_or_none(payload: bytes) -> _PlainMessage:
    try:
        return _NO_OBJECT if len(payload) > jsonrpc_messages.MAX_BYTES else _decode_plain(payload)
    except UNDECODABLE:
        return _NO_OBJECT


def _read_text(direction: Direction, payload: bytes, state: JsonState) -> Decoded:
    start = payload[:64].lstrip()[:1]
    if start == b"{":
        return _read(direction, payload, state)
    if start == b"[":
        return _read_array(direction, payload, state)
    _check(payload)
    return UNREAD


def _read_array(direction: Direction, payload: bytes, state: JsonState) -> Decoded:
    """Read an array: the objects in it are messages of their own; a text in front of them names all of it."""
    items = jsonrpc_messages.decode_batch(payload)
    objects = [bytes(item) for item in items[: jsonrpc_messages.MAX_BATCH] if bytes(item)[:1] == b"{"]
    members = [_read_item(direction, item, state) for item in objects]
    first = members[0] if members else UNREAD
    type_ = "" if len(objects) == len(items) else type_of_array(items)
    broken = next((decoded for decoded in members if decoded.error_type), UNREAD)
    if len(items) > jsonrpc_messages.MAX_BATCH and objects:
        broken = Decoded(
            error_type="too_large",
            error=f"an array of {len(items)} messages; only the first {jsonrpc_messages.MAX_BATCH} are parsed",
        )
    happenings = tuple(happening for decoded in members for happening in decoded.happenings)
    # With a type of its own, the array is the message that is measured
    texts = jsonrpc_messages.measured(objects, members) if state.is_measured and not type_ else ()
    return Decoded(
        type_ or first.type or "array", first.topic, first.ref, broken.error_type, broken.error, happenings, texts=texts
    )


def _read_item(direction: Direction, item: bytes, state: JsonState) -> Decoded:
    """Read an item of an array; one that cannot be decoded leaves the others readable."""
    try:
        return _read(direction, item, state)
    except UNDECODABLE as error:
        return unreadable(error, "json")


def _read(direction: Direction, payload: bytes, state: JsonState) -> Decoded:
    message = decode_message(payload)
    type_, topic, raw = type_of(message), topic_of(message), ref_of(message)
    kind = kind_of(type_)
    ref = jsonrpc_messages.id_ref(raw) if raw else ""
    if direction == "out":
        state.remember(payload, is_auth=kind in ("auth", "refresh"))
    # Most of the traffic ends here
    if kind in _DATA and not is_reply(message):
        return Decoded(type_, topic, ref)
    if kind == "hello":
        state.is_nes |= direction == "in" and b'"heartbeat"' in payload
        return Decoded(type_, topic, ref)
    about = About(type_, kind, topic, raw, ref)
    if kind in ("ping", "pong", "heartbeat"):
        happenings = _beat(direction, message, about, state)
    elif direction == "out":
        happenings = _read_sent(message, about, state)
    else:
        happenings = _read_received(message, about, payload, state)
    return Decoded(type_, topic, ref, happenings=happenings)


def _read_sent(message: JsonMessage, about: About, state: JsonState) -> tuple[Happening, ...]:
    """Return what an outgoing message begins."""
    operation = _BEGINS.get(about.kind)
    if operation is None:
        return ()
    key = jsonrpc_messages.id_key(about.id) if about.id else state.new_key(operation)
    if key in state.calls:
        return (duplicate(operation, about.type, about.ref),)
    topics: tuple[str, ...] = ()
    if operation in ("subscribe", "unsubscribe"):
        topics = topics_of(message) or ((about.topic,) if about.topic else ())
    call = Call(operation, key, state.now_ns, about.type, about.ref, topics[:MAX_TOPICS])
    excess = (too_many_topics(len(topics)),) if len(topics) > MAX_TOPICS else ()
    return (*excess, *state.calls.begin(call))


def _read_received(message: JsonMessage, about: About, payload: bytes, state: JsonState) -> tuple[Happening, ...]:
    """Return what an incoming message ends."""
    if about.kind in ("authed", "refreshed"):
        state.remember(payload)
    listed = topics_of(message) or ()
    call = _answered(message, about, listed, state)
    is_bad = about.kind in ("auth_failed", "error") or is_failure(message)
    if call is None:
        return _read_unasked(message, about, payload, state, is_bad=is_bad)
    if not is_bad:
        return _succeed(call, message, about, listed, state)
    error_type, error, meta = _fault(message, about, payload, state)
    return failed(_part(call, about.topic, state), error_type, error, meta)


def _answered(message: JsonMessage, about: About, listed: tuple[str, ...], state: JsonState) -> Call | None:
    """Return the call in flight that a message answers: by id, else by topic, else the oldest of its kind."""
    operations = _ENDS[about.kind]
    if about.id:
        call = state.calls.get(jsonrpc_messages.id_key(about.id))
        if call is not None and call.operation in operations and (about.kind or is_reply(message)):
            return call
    if about.kind in _BY_ID_ONLY:
        return None
    if named := {*listed, about.topic} - {""}:
        return state.calls.find(lambda call: call.operation in operations and not named.isdisjoint(call.topics))
    return None if about.id else state.calls.find(lambda call: call.operation in operations)


def _succeed(
    call: Call, message: JsonMessage, about: About, listed: tuple[str, ...], state: JsonState
) -> tuple[Happening, ...]:
    meta: dict[str, Json] | None = None
    if call.operation in ("auth", "refresh"):
        meta = _authenticated(message, state)
    if not set(listed).isdisjoint(call.topics):
        state.calls.end(call.key)
        return settled(call, listed, meta)
    return completed(_part(call, about.topic, state), meta)


def _part(call: Call, topic: str, state: JsonState) -> Call:
    """End the part of a call that an answer is about: the topic that it names, while others wait, or the whole call."""
    if topic not in call.topics:
        state.calls.end(call.key)
        return call
    state.calls.keep_topics(call, tuple(other for other in call.topics if other != topic))
    return msgspec.structs.replace(call, topics=(topic,))


def _read_unasked(
    message: JsonMessage, about: About, payload: bytes, state: JsonState, *, is_bad: bool
) -> tuple[Happening, ...]:
    """Read a message that answers no call in flight: an error, or something that the peer did by itself."""
    type_, topic, ref = about.type, about.topic, about.ref
    if is_bad:
        # Ordinary data may have a code or a result: it is an error only where success or error says so
        if about.kind in ("", "reply", "subscription") and message.success is not False and not message.error:
            return ()
        name: EventName = "auth.failed" if about.kind in ("auth", "auth_failed", "refresh") else "error.occurred"
        error_type, error, meta = _fault(message, about, payload, state)
        return (Happening(name, type=type_, topic=topic, ref=ref, error_type=error_type, error=error, meta=meta),)
    match about.kind:
        case "authed":
            return (Happening("auth.completed", type=type_, ref=ref, status="ok", meta=_authenticated(message, state)),)
        case "subscribed" if topic and not ref:
            return (Happening("subscription.subscribe.completed", type=type_, topic=topic, status="ok"),)
        case "unsubscribed" if topic and not ref:
            return (Happening("subscription.unsubscribe.completed", type=type_, topic=topic, status="ok"),)
        case "subscribed" | "unsubscribed" | "refreshed":
            operation = _ENDS[about.kind][0]
            key = jsonrpc_messages.id_key(about.id) if about.id else operation
            return (unmatched(operation, key, type_, topic, ref),)
    return ()


def _authenticated(message: JsonMessage, state: JsonState) -> dict[str, Json]:
    """Begin the life of a token where the peer gives one, and return what may be recorded of it."""
    life_s = lifetime_s(message.expires_in)
    if life_s is not None:
        state.grant.begin(state.now_ns, life_s)
        return {"expires_in_s": life_s}
    expires_at = jsonrpc_messages.scalar(message.expires_at)
    return {} if expires_at is None else {"expires_at": expires_at}


def _fault(message: JsonMessage, about: About, payload: bytes, state: JsonState) -> tuple[str, str, Meta | None]:
    """Return error type, text and meta of a failure; the type is the peer's code where that is a name or a number."""
    code, text = explanation(message, payload)
    kept = jsonrpc_messages.scalar(code)
    if isinstance(kept, str):
        kept = state.credentials.mask(kept)
    error_type = "auth_failed" if about.kind == "auth_failed" else "peer_error"
    if isinstance(kept, int):
        error_type = f"code_{kept}"
    elif isinstance(kept, str) and _NAME.fullmatch(kept):
        error_type = kept
    return error_type, state.credentials.mask(text), jsonrpc_messages.code_meta(kept) or None


def _beat(direction: Direction, message: JsonMessage, about: About, state: JsonState) -> tuple[Happening, ...]:
    """Return what a ping, a pong or a heartbeat begins or ends."""
    is_ours = direction == "out"
    match about.kind:
        case "ping":
            state.has_pinged |= is_ours
            key = _ping_key(about, state, by_peer=not is_ours)
            call = Call("heartbeat", key, state.now_ns, about.type, about.ref, by_peer=not is_ours)
            if is_ours:
                return state.calls.begin(call)
            # ActionCable's ping has the time as its message, and like that of nes no answer
            if state.answers and not (state.is_nes or isinstance(message.message, int | float)):
                state.pong = _pong(message, about)
                return state.calls.begin(call)
            state.other_pings.begin_anew(call)
        case "pong":
            ping = _pinged(about, state, by_peer=is_ours)
            if ping is None and is_ours and (other := _oldest_ping(state.other_pings, about)) is not None:
                return _answered_by_hand(other, state)
            if ping is None and not (is_ours or state.has_pinged):
                return (Happening("heartbeat.received", "heartbeat", type=about.type, ref=about.ref),)
            if ping is None:
                key = jsonrpc_messages.id_key(about.id) if about.id else "pong"
                return (unmatched("heartbeat", key, about.type, ref=about.ref),)
            state.calls.end(ping.key)
            return completed(ping)
    name: EventName = "heartbeat.sent" if is_ours else "heartbeat.received"
    return (Happening(name, "heartbeat", type=about.type, ref=about.ref),)


def _oldest_ping(pings: Calls, about: About) -> Call | None:
    """Return the ping that a pong answers: of the same id, or the oldest where one of both has none."""
    found = pings.find(lambda call: call.ref == about.ref or not (call.ref and about.ref))
    return None if found is None else pings.end(found.key)


def _answered_by_hand(ping: Call, state: JsonState) -> tuple[Happening, ...]:
    """Return the answer to a ping that began no span, because wsmon was not to answer it."""
    took_ns = state.now_ns - ping.at_ns
    return (
        Happening(
            "heartbeat.responded", "heartbeat", "whole", ping.key, ping.type, ref=ping.ref,
            status="ok", duration_ns=took_ns,
        ),
    )  # fmt: skip


def _ping_key(about: About, state: JsonState, *, by_peer: bool) -> str:
    key = f"peer {jsonrpc_messages.id_key(about.id)}" if by_peer else jsonrpc_messages.id_key(about.id)
    is_free = key not in state.calls and key not in state.other_pings
    return key if about.id and is_free else state.new_key("peer ping" if by_peer else "ping")


def _pinged(about: About, state: JsonState, *, by_peer: bool) -> Call | None:
    """Return the ping that a pong answers; a ping with an id takes only a pong with the same id, or with none."""
    if about.id:
        key = jsonrpc_messages.id_key(about.id)
        call = state.calls.get(f"peer {key}" if by_peer else key)
        if call is not None and call.operation == "heartbeat":
            return call
    return state.calls.find(
        lambda call: call.operation == "heartbeat" and call.by_peer == by_peer and not (about.id and call.ref)
    )


def _pong(message: JsonMessage, about: About) -> str:
    """Return a ping's answer: its shape and id with the word pong; a plain word where the ping was one."""
    key = key_of(message, TYPE_KEYS, about.type)
    if not key:
        return "pong"
    frame: dict[str, object] = {key: "PONG" if about.type.isupper() else "pong"}
    if about.id and len(bytes(about.id)) <= MAX_NAME_CHARS:
        frame[key_of(message, REF_KEYS, about.id)] = about.id
    return str(msgspec.json.encode(frame), "utf-8")


def opening(options: ClientOptions, _state: JsonState) -> Outbox:
    """Return the authentication that the configuration spells out, and the subscriptions."""
    return auth_message(options) + (() if waits_for_auth(options) else _subscriptions(options.reveal_topics()))


def answer(decoded: Decoded, options: ClientOptions, state: JsonState) -> Outbox:
    """Return pongs; the subscriptions, once an authentication that is recognised is over."""
    pongs = _pongs(decoded, state) if options.answers else ()
    waited = waits_for_auth(options) and is_auth_over(decoded)
    return pongs + (_subscriptions(options.reveal_topics()) if waited else ())


def due(now_ns: int, options: ClientOptions, state: JsonState) -> Outbox:
    """Return the refresh, at 80 % of the life that the peer gave a grant."""
    auth = options.reveal_auth()
    refresh = auth.get("refresh")
    if not isinstance(refresh, str) or "expires_in" in auth or not state.grant.refresh_is_due(now_ns):
        return ()
    state.grant.end()
    return (refresh,)


def _pongs(decoded: Decoded, state: JsonState) -> Outbox:
    """Return a pong of the same shape as the ping."""
    asked = any(each.name == "heartbeat.received" and each.phase == "start" for each in decoded.happenings)
    return (state.pong,) if asked else ()


def _subscriptions(topics: Iterable[str]) -> Outbox:
    """Return objects and lists as they are, and other topics as WebSockex Nova's default adapter subscribes."""
    return tuple(
        topic
        if topic.lstrip()[:1] in ("{", "[")
        else msgspec.json.encode({"type": "subscribe", "channel": topic}).decode()
        for topic in topics
    )


def _prepare(state: JsonState, options: ClientOptions, _url: HandshakeUrl | None) -> None:
    state.answers, state.is_measured = options.answers, options.is_measured


PROTOCOL = Protocol(
    "json",
    JsonState,
    decode,
    read_plain,
    prepare=_prepare,
    # Vite and Janus, whose messages are JSON without further rules
    subprotocols=("vite-hmr", "janus-protocol"),
    new_masks=lambda _state: {"out": mask_sent},
    client=ProtocolClient(opening, answer, due),
)
