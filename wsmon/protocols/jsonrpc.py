"""JSON-RPC 2.0: requests and their answers, notifications, batches, and the subscriptions of ``*_subscribe``.

Both sides may send requests: ids of the peer's are kept apart from wsmon's. Ids may be any JSON value. The version is
not required: the Chrome DevTools Protocol, which Node's inspector speaks too, has none, nor have the notifications of
rpc-websockets. A protocol on top of JSON-RPC subclasses ``JsonRpcState`` and defines what its methods mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from wsmon.model.events import Direction, Meta, Opcode
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
    unreadable,
)
from wsmon.protocols.calls import MAX_TOPICS, WAIT_S, Call, Calls, completed, duplicate, failed, keep_newest, unmatched
from wsmon.protocols.configured import auth_message, is_auth_over, waits_for_auth
from wsmon.protocols.credentials import Credentials, is_suspicious
from wsmon.protocols.json_messages import mask_sent
from wsmon.protocols.jsonrpc_messages import (
    ERROR_NAMES,
    MAX_BATCH,
    MAX_BYTES,
    NOTHING,
    Envelope,
    ErrorObject,
    code_meta,
    decode_batch,
    decode_envelope,
    error_object,
    error_type,
    guarded,
    id_key,
    id_ref,
    is_text,
    joined,
    keepalive,
    read_texts,
    scalar,
    too_large,
)

# Subscription ids whose names are remembered; the oldest is forgotten
_MAX_SUBSCRIPTIONS = 4096


class Params(msgspec.Struct, gc=False):
    """The members of params that name the subject of a message."""

    channel: Any = None
    topic: Any = None
    subscription: Any = None
    name: Any = None


_decode_params = msgspec.json.Decoder(Params).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode


class JsonRpcState:
    """What is in flight on one session, and what its subscription ids stand for.

    ``call`` to ``measure`` are what a protocol on top of JSON-RPC may override.
    """

    error_names: ClassVar[Mapping[int, str]] = ERROR_NAMES

    def __init__(self, *, timeout_s: float = WAIT_S) -> None:
        self.now_ns = 0
        self.calls = Calls(timeout_s)
        self.credentials = Credentials()
        # Names of subscriptions by their ids
        self._subscriptions: dict[str, str] = {}
        # Ids of wsmon's own requests start far from where clients count
        self._own_id = 1_000_000_000

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return what was due by the monotonic time ``now_ns`` and did not come, each once."""
        return self.calls.overdue(now_ns)

    def own_id(self) -> int:
        """Return an id for a request of wsmon's own that is not in flight."""
        self._own_id += 1
        while str(self._own_id) in self.calls:
            self._own_id += 1
        return self._own_id

    def call(self, method: str, key: str, ref: str, params: msgspec.Raw) -> tuple[Call | None, tuple[Happening, ...]]:
        """Return what an outgoing request begins, None where no answer comes; and what else it says."""
        name = method.lower()
        # rpc-websockets: events by name
        if name in ("rpc.on", "rpc.off"):
            events = tuple(dict.fromkeys(_texts(params)))[:MAX_TOPICS] or (cut(method),)
            return Call("subscribe" if name == "rpc.on" else "unsubscribe", key, self.now_ns, method, ref, events), ()
        if name.endswith("unsubscribe"):
            known = self._subscriptions.get(_first(params), _first(params))
            return Call("unsubscribe", key, self.now_ns, method, ref, (known or cut(method),)), ()
        if name.endswith("subscribe"):
            return Call("subscribe", key, self.now_ns, method, ref, (_first(params) or cut(method),)), ()
        return Call("request", key, self.now_ns, method, ref), ()

    def side_effects(self, method: str, params: msgspec.Raw) -> tuple[Happening, ...]:
        """Return what an outgoing request or notification says besides its own start."""
        return ()

    def succeed(self, call: Call, result: msgspec.Raw, meta: Meta | None) -> tuple[Happening, ...]:
        """Return the end of a call by an answer without an error."""
        match call.operation:
            case "subscribe" if subscription := id_ref(result):
                keep_newest(self._subscriptions, subscription, call.topics[0], _MAX_SUBSCRIPTIONS)
                return completed(call, {**(meta or {}), "subscription": subscription})
            case "unsubscribe" if bytes(result) == b"false":
                return failed(call, "not_confirmed", "the peer does not know this subscription", meta)
        return completed(call, meta)

    def fail(self, call: Call, fault: ErrorObject, meta: Meta | None) -> tuple[Happening, ...]:
        """Return the end of a call by an answer with an error."""
        code = scalar(fault.code)
        about = {**(meta or {}), **code_meta(self.credentials.mask(code) if isinstance(code, str) else code)}
        return failed(call, self.error_type(fault), self.error_text(fault), about)

    def notice(self, method: str, params: msgspec.Raw) -> tuple[str, str, tuple[Happening, ...]]:
        """Return type, topic and happenings of an incoming notification.

        The topic is the name that was subscribed to, where the notification has the id of a subscription known here.
        """
        topic = _topic(params)
        return method, self._subscriptions.get(topic, topic), ()

    def measure(self, call: Call, envelope: Envelope) -> Meta | None:
        """Return what an answer says of the time it took; None where it says nothing."""
        return None

    def error_type(self, fault: ErrorObject) -> str:
        """Return the name of an error."""
        return error_type(fault.code, self.error_names)

    def error_text(self, fault: ErrorObject) -> str:
        """Return the peer's message of an error, without credentials."""
        return self.credentials.mask(fault.text)

    def topic_of(self, call: Call, result: msgspec.Raw) -> str:
        """Return the topic of an answer: the new subscription id, or the topic of the request where it had one."""
        if call.operation == "subscribe" and bytes(result)[:1] not in (b"", b"[", b"{"):
            return id_ref(result)
        return call.topics[0] if len(call.topics) == 1 else ""


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: JsonRpcState) -> Decoded:
    """Decode one message; a batch is one message with the happenings of all in it."""
    if not is_text(payload, opcode):
        return UNREAD
    if len(payload) > MAX_BYTES:
        return too_large(len(payload))
    try:
        return _read_text(direction, payload, state)
    except UNDECODABLE as error:
        if empty := keepalive(direction, payload):
            return empty
        return read_texts(payload, error, "jsonrpc", lambda text: _read_text(direction, text, state))


def _read_text(direction: Direction, payload: bytes, state: JsonRpcState) -> Decoded:
    if payload[:1] != b"{" and payload[:64].lstrip()[:1] == b"[":
        return _read_batch(direction, decode_batch(payload), state)
    return _read(direction, decode_envelope(payload), state)


def _read_batch(direction: Direction, items: list[msgspec.Raw], state: JsonRpcState) -> Decoded:
    texts = [bytes(item) for item in items[:MAX_BATCH]]
    members = [guarded(text, "jsonrpc", lambda text: _read(direction, decode_envelope(text), state)) for text in texts]
    whole = joined(texts, members)
    broken = whole
    if not items:
        broken = Decoded(error_type="jsonrpc", error="an empty batch")
    if len(items) > MAX_BATCH:
        broken = Decoded(
            error_type="too_large", error=f"a batch of {len(items)} messages; only the first {MAX_BATCH} are parsed"
        )
    return Decoded("batch", "", "", broken.error_type, broken.error, whole.happenings, texts=whole.texts)


def _read(direction: Direction, envelope: Envelope, state: JsonRpcState) -> Decoded:
    method = envelope.method
    if method is None:
        if envelope.result or envelope.error:
            return _read_response(direction, envelope, state)
        if envelope.notification is not None:
            return _read_notification(cut(envelope.notification), envelope.params)
        return Decoded(error_type="jsonrpc", error="not a JSON-RPC request or response")
    if direction == "out":
        _remember(method, envelope.params, state)
        if not envelope.id:
            return Decoded(cut(method), _topic(envelope.params), happenings=state.side_effects(method, envelope.params))
        return _read_request(cut(method), envelope, state)
    if not envelope.id:
        type_, topic, happenings = state.notice(method, envelope.params)
        return Decoded(cut(type_), topic, happenings=happenings)
    return _read_request_of_peer(cut(method), envelope, state)


def _read_notification(name: str, params: msgspec.Raw) -> Decoded:
    """Read an event of rpc-websockets: its name is the type, and its topic where it is subscribed to by name."""
    return Decoded(name, _topic(params) or name)


def _read_request(method: str, envelope: Envelope, state: JsonRpcState) -> Decoded:
    key, ref = id_key(envelope.id), id_ref(envelope.id)
    # Params are decoded first: a message that turns out to be broken begins and ends nothing
    topic = _topic(envelope.params)
    call, happenings = state.call(method, key, ref, envelope.params)
    effects = state.side_effects(method, envelope.params)
    if key in state.calls:
        return Decoded(method, topic, ref, happenings=(*effects, duplicate("request", method, ref)))
    if call is None:
        return Decoded(method, "", ref, happenings=(*effects, *happenings))
    topic = call.topics[0] if len(call.topics) == 1 else ""
    return Decoded(method, topic, ref, happenings=(*effects, *happenings, *state.calls.begin(call)))


def _read_request_of_peer(method: str, envelope: Envelope, state: JsonRpcState) -> Decoded:
    key, ref = f"peer {id_key(envelope.id)}", id_ref(envelope.id)
    topic = _topic(envelope.params)
    if key in state.calls:
        happenings: tuple[Happening, ...] = (duplicate("request", method, ref),)
    else:
        happenings = state.calls.begin(Call("request", key, state.now_ns, method, ref, by_peer=True))
    return Decoded(method, topic, ref, happenings=happenings)


def _read_response(direction: Direction, envelope: Envelope, state: JsonRpcState) -> Decoded:
    key, ref = id_key(envelope.id), id_ref(envelope.id)
    call = state.calls.end(key if direction == "in" else f"peer {key}")
    if call is None:
        fault = error_object(envelope.error) if envelope.has_error else None
        return _read_unmatched(key, ref, fault, state)
    try:
        fault = error_object(envelope.error) if envelope.has_error else None
        meta = state.measure(call, envelope)
        if fault is not None:
            return Decoded(call.type, state.topic_of(call, NOTHING), ref, happenings=state.fail(call, fault, meta))
        happenings = state.succeed(call, envelope.result, meta)
        return Decoded(call.type, state.topic_of(call, envelope.result), ref, happenings=happenings)
    except UNDECODABLE as error:
        shape = unreadable(error, "jsonrpc")
        happenings = failed(call, "unexpected_result", shape.error)
        return Decoded(call.type, "", ref, shape.error_type, shape.error, happenings)


def _read_unmatched(key: str, ref: str, fault: ErrorObject | None, state: JsonRpcState) -> Decoded:
    """Read an answer that is late, doubled, or to a request that could not be decoded; an error is recorded even so."""
    type_ = "response" if fault is None else "error"
    happenings: tuple[Happening, ...] = (unmatched("request", key, type_, ref=ref),)
    if fault is not None:
        error = state.error_text(fault)
        happenings += (
            Happening("error.occurred", type=type_, ref=ref, error_type=state.error_type(fault), error=error),
        )
    return Decoded(type_, "", ref, happenings=happenings)


def _remember(method: str, params: msgspec.Raw, state: JsonRpcState) -> None:
    is_auth = "auth" in method or "login" in method
    if params and (is_auth or is_suspicious(bytes(params))):
        state.credentials.remember(_decode_any(params), is_auth=is_auth)


def _topic(params: msgspec.Raw) -> str:
    """Return the subscription id, channel or topic of a message; empty where it names none."""
    if not params or bytes(params)[:1] != b"{":
        return ""
    members = _decode_params(params)
    for value in (members.channel, members.subscription, members.topic):
        if isinstance(value, str):
            return cut(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return cut(str(value))
    return ""


def _first(params: msgspec.Raw) -> str:
    """Return what a subscribe or unsubscribe names first; empty where it names nothing."""
    match bytes(params)[:1]:
        case b"{":
            name = _decode_params(params).name
            return _topic(params) or (cut(name) if isinstance(name, str) else "")
        case b"[":
            items = _decode_list(params)
            if items and bytes(items[0])[:1] not in (b"[", b"{", b"n"):
                return id_ref(items[0])
    return ""


def _texts(params: msgspec.Raw) -> Iterator[str]:
    """Yield the texts in a list of params."""
    if bytes(params)[:1] == b"[":
        for item in _decode_list(params):
            if bytes(item)[:1] == b'"':
                yield id_ref(item)


# Method of most JSON-RPC feeds with subscriptions by name
_SUBSCRIBE = "eth_subscribe"


def opening(options: ClientOptions, state: JsonRpcState) -> Outbox:
    """Return the authentication that the configuration spells out, and the subscriptions."""
    return auth_message(options) + (() if waits_for_auth(options) else _subscriptions(options.reveal_topics(), state))


def answer(decoded: Decoded, options: ClientOptions, state: JsonRpcState) -> Outbox:
    """Return the subscriptions, once an authentication that is recognised is over."""
    waited = waits_for_auth(options) and is_auth_over(decoded)
    return _subscriptions(options.reveal_topics(), state) if waited else ()


def _subscriptions(topics: Iterable[str], state: JsonRpcState) -> Outbox:
    """Return objects as they are; a list is the params of ``eth_subscribe``, another topic its first parameter."""
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
            except UNDECODABLE:
                # A name that begins like a list
                params = [topic]
        message = {"jsonrpc": "2.0", "id": state.own_id(), "method": _SUBSCRIBE, "params": params}
        messages.append(msgspec.json.encode(message).decode())
    return tuple(messages)


# Methods and events of the Chrome DevTools Protocol: Page.enable, Runtime.consoleAPICalled
_DEVTOOLS_METHOD = re.compile(r"[A-Z][A-Za-z]{2,40}\.[a-z][A-Za-z]{1,60}")
_DEVTOOLS_MEMBERS = frozenset({"id", "method", "params", "sessionId"})
_DEVTOOLS_PATH = re.compile(r"/devtools/(?:page|browser|worker)/")


def _recognise_url(url: HandshakeUrl) -> str:
    return "the path is one of Chrome DevTools" if _DEVTOOLS_PATH.match(url.path) else ""


def _recognise(sample: MessageSample) -> str:
    members = sample.members
    method = members.get("method")
    if isinstance(method, str) and members.keys() <= _DEVTOOLS_MEMBERS and _DEVTOOLS_METHOD.fullmatch(method):
        is_request = sample.direction == "out" and isinstance(members.get("id"), int)
        if is_request or (sample.direction == "in" and "id" not in members and isinstance(members.get("params"), dict)):
            return "a message has a method of the Chrome DevTools Protocol"
    if sample.direction == "in" and members.keys() == {"notification", "params"}:
        return "a message is a notification of rpc-websockets"
    if sample.members.get("jsonrpc") == "2.0":
        return 'a message has "jsonrpc": "2.0"'
    if sample.items and isinstance(sample.items[0], dict) and sample.items[0].get("jsonrpc") == "2.0":
        return 'a message is a list of objects with "jsonrpc": "2.0"'
    return ""


PROTOCOL = Protocol(
    "jsonrpc",
    JsonRpcState,
    decode,
    recognise_url=_recognise_url,
    recognise=_recognise,
    new_masks=lambda _state: {"out": mask_sent},
    client=ProtocolClient(opening, answer),
)
