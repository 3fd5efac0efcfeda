"""Phoenix Channels: joins, leaves, replies, crashes, presence and heartbeats, in both versions and in binary.

A reply belongs to a message by its ref and its topic. Join params are credentials: no happening repeats them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from wsmon.model.events import Direction, Event, EventName, Opcode
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import (
    MAX_NAME_CHARS,
    UNDECODABLE,
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Protocol,
    ProtocolClient,
    cut,
    unreadable,
)
from wsmon.protocols.calls import Call, begun, completed, failed, happening_key
from wsmon.protocols.phoenix_codec import (
    REPLY,
    Frame,
    FrameError,
    ReplyBody,
    decode_binary,
    decode_reply,
    decode_text,
    encode_text,
    reason_of,
)
from wsmon.protocols.phoenix_state import PhoenixState, Push, Topic

_TopicOperation = Literal["subscribe", "unsubscribe"]

# A longer message is not decoded: decoding stays under some 10 ms
MAX_BYTES = 2**20
# Params of a join that are looked at; longer ones are no credentials
_MAX_PARAMS_BYTES = 64 * 1024
_HEARTBEAT = ("phoenix", "heartbeat")
_CONTROL = frozenset({"phx_join", "phx_leave", "phx_reply", "phx_error", "phx_close"})
_PRESENCE = frozenset({"presence_state", "presence_diff"})


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: PhoenixState) -> Decoded:
    """Decode one message."""
    if opcode not in ("text", "binary") or not direction:
        return UNREAD
    if len(payload) > MAX_BYTES:
        return Decoded(
            error_type="too_large", error=f"{len(payload)} bytes; only messages up to {MAX_BYTES} are parsed"
        )
    try:
        frame = decode_text(payload) if opcode == "text" else decode_binary(direction, payload)
    except FrameError as error:
        return Decoded(error_type="phoenix", error=str(error))
    except UNDECODABLE as error:
        return unreadable(error, "phoenix")
    frame = _with_short_names(frame)
    happenings = _read_sent(frame, state) if direction == "out" else _read_received(frame, state)
    return Decoded(
        _type_of(direction, frame), frame.topic, frame.ref, happenings=happenings, meta=_meta_of(frame, state)
    )


def _with_short_names(frame: Frame) -> Frame:
    if max(len(frame.topic), len(frame.event), len(frame.ref), len(frame.join_ref)) <= MAX_NAME_CHARS:
        return frame
    return msgspec.structs.replace(
        frame, join_ref=cut(frame.join_ref), ref=cut(frame.ref), topic=cut(frame.topic), event=cut(frame.event)
    )


def _type_of(direction: Direction, frame: Frame) -> str:
    """Return the event of a control message, or the kind of a message of the application."""
    if frame.event in _CONTROL or (frame.topic, frame.event) == _HEARTBEAT:
        return frame.event
    if frame.event in _PRESENCE:
        return "presence"
    return "broadcast" if direction == "in" and not frame.join_ref else "push"


def _meta_of(frame: Frame, state: PhoenixState) -> dict[str, str | bool] | None:
    meta: dict[str, str | bool] = {}
    if frame.event not in _CONTROL:
        meta["event"] = frame.event
    if frame.join_ref:
        meta["join_ref"] = frame.join_ref
        topic = state.topics.get(frame.topic)
        if topic is not None and frame.join_ref != topic.join_ref:
            meta["stale"] = True
    return meta or None


def _read_sent(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    if (frame.topic, frame.event) == _HEARTBEAT:
        return _beat(frame, state)
    match frame.event:
        case "phx_join":
            return _join(frame, state)
        case "phx_leave":
            return _leave(frame, state)
        # Events of a server: from a client they mean nothing
        case "phx_reply" | "phx_error" | "phx_close":
            return ()
    return _push(frame, state)


def _beat(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    """Begin a heartbeat; the one before is late if it is unanswered now."""
    before = state.calls.end(state.heartbeat_key)
    happenings = failed(before, "timeout", "not answered before the next was sent") if before else ()
    state.heartbeat_key = _key_of(frame)
    return happenings + _begin(Call("heartbeat", state.heartbeat_key, state.now_ns, frame.event, frame.ref), state)


def _join(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    _remember_params(frame, state)
    topic = Topic(frame.join_ref or frame.ref)
    known = state.topics.get(frame.topic)
    if known is not None:
        topic.failure = known.failure
        topic.tries = 0 if known.rejoin_ns is None else known.tries + 1
        if known.is_up:
            topic.superseded, topic.is_renewing = known.join_ref, True
    state.keep(frame.topic, topic)
    return _begin(_call(frame, "subscribe", state), state)


def _leave(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    topic = state.topics.get(frame.topic)
    if topic is not None and topic.status in ("joining", "joined"):
        topic.status = "leaving"
        topic.leave_key = _key_of(frame)
    return _begin(_call(frame, "unsubscribe", state), state)


def _push(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    if not frame.ref:
        return ()
    push = Push(
        _key_of(frame), state.now_ns, frame.event, frame.topic, frame.ref, frame.join_ref,
        _suspicion(frame, state.topics.get(frame.topic)),
    )  # fmt: skip
    return state.pushes.begin(push)


def _suspicion(frame: Frame, topic: Topic | None) -> str:
    """Return why Phoenix may drop a push silently: 1.8.3 to 1.8.11 want a join_ref, and all want the present one."""
    if topic is None or not topic.is_up:
        return ""
    if not frame.join_ref:
        return "join_ref null"
    return "" if frame.join_ref == topic.join_ref else "join_ref of an earlier join"


def _call(frame: Frame, operation: _TopicOperation, state: PhoenixState) -> Call:
    return Call(operation, _key_of(frame), state.now_ns, frame.event, frame.ref, (frame.topic,))


def _begin(call: Call, state: PhoenixState) -> tuple[Happening, ...]:
    """Return the start of a call; without a ref it has no answer, and no end is awaited."""
    if not call.ref:
        return tuple(msgspec.structs.replace(happening, phase="", key="") for happening in begun(call))
    before = state.calls.end(call.key)
    happenings = failed(before, "restarted", "its ref was reused before a reply") if before else ()
    return happenings + state.calls.begin(call)


def _remember_params(frame: Frame, state: PhoenixState) -> None:
    if frame.is_binary or len(frame.payload) > _MAX_PARAMS_BYTES:
        return
    try:
        params = msgspec.json.decode(frame.payload)
    except UNDECODABLE:
        # A number past all ranges, nesting past the limit: a server cannot read and repeat it either
        return
    state.credentials.remember(params, is_auth=True)


# Reason of a server that does not know a topic
_UNMATCHED_TOPIC = "unmatched topic"

# error_type of the reasons that Phoenix itself gives
_ERROR_TYPES: Mapping[str, str] = MappingProxyType(
    {
        _UNMATCHED_TOPIC: "unmatched_topic",
        "join crashed": "join_crashed",
        "too many channels joined": "too_many_channels",
        "unauthorized": "unauthorized",
        "channel_crash": "channel_crash",
    }
)


def _read_received(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    """Return what an incoming message says happened."""
    match frame.event:
        case "phx_reply":
            return _reply(frame, state)
        case "phx_error":
            return _crash(frame, state)
        case "phx_close":
            return _close(frame, state)
    return ()


def _reply(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    body = _body(frame)
    key = _key_of(frame)
    call = state.calls.end(key)
    if call is not None:
        match call.operation:
            case "heartbeat":
                return _beat_answered(call, body)
            case "unsubscribe":
                return _left(call, frame, body, state)
            case _:
                return _joined(call, frame, body, state)
    if push := state.pushes.answer(key):
        return _push_answered(push, body, state)
    return _late(key, frame, body, state)


def _body(frame: Frame) -> ReplyBody:
    try:
        return decode_reply(frame)
    except UNDECODABLE:
        # No object: a reply all the same, and not an ok
        return ReplyBody()


def _beat_answered(call: Call, body: ReplyBody) -> tuple[Happening, ...]:
    if body.status_text == "ok":
        return completed(call)
    return failed(call, "heartbeat_refused", "the reply was not ok")


def _joined(call: Call, frame: Frame, body: ReplyBody, state: PhoenixState) -> tuple[Happening, ...]:
    topic = _topic_of_join(frame, state)
    if body.status_text == "ok":
        return completed(call) + _up(frame.topic, topic, state)
    error_type, reason = _refusal(body, "join_refused", state)
    end = Happening(
        "subscription.subscribe.completed", "subscribe", "end", happening_key(call.key, frame.topic), call.type,
        frame.topic, call.ref, "error", reason,
    )  # fmt: skip
    fault = Happening(
        "error.occurred", "subscribe", type=call.type, topic=frame.topic, ref=call.ref,
        reason=reason, error_type=error_type, error="the server refused to join",
    )  # fmt: skip
    lost = _lost(frame.topic, reason or error_type) if topic is not None and topic.is_renewing else ()
    if topic is not None:
        topic.status, topic.is_renewing = "closed", False
        if topic.tries:
            topic.fall(state.now_ns)
    return (end, fault, *lost)


def _topic_of_join(frame: Frame, state: PhoenixState) -> Topic | None:
    """Return the topic whose present join this answers; None where it answers an earlier one."""
    topic = state.topics.get(frame.topic)
    return topic if topic is not None and topic.join_ref == frame.ref else None


def _up(name: str, topic: Topic | None, state: PhoenixState) -> tuple[Happening, ...]:
    """Note that a topic is joined; the failure before it, if any, is handled."""
    if topic is None or topic.status != "joining":
        return ()
    topic.status, topic.is_renewing, topic.joined_ns = "joined", False, state.now_ns
    failure, topic.failure = topic.failure, ""
    return (Happening("error.handled", "subscribe", topic=name, error_type=failure),) if failure else ()


def _left(call: Call, frame: Frame, body: ReplyBody, state: PhoenixState) -> tuple[Happening, ...]:
    """End a leave; where the server knows no such topic, the topic was lost before."""
    topic = state.topics.get(frame.topic)
    was_leaving = topic is not None and topic.status == "leaving" and topic.leave_key == call.key
    if topic is not None and was_leaving:
        topic.status, topic.is_renewing = "closed", False
    if body.status_text == "ok":
        return completed(call)
    error_type, reason = _refusal(body, "leave_refused", state)
    lost = _lost(frame.topic, reason or error_type) if was_leaving else ()
    return failed(call, error_type, "the server refused to leave", reason=reason) + lost


def _push_answered(push: Push, body: ReplyBody, state: PhoenixState) -> tuple[Happening, ...]:
    if body.status_text == "ok":
        return (push.end("ok"),)
    error_type, reason = _refusal(body, "reply_error", state)
    fault = Happening(
        "error.occurred", "request", type=push.event, topic=push.topic, ref=push.ref,
        reason=reason, error_type=error_type, error="the server answered with an error",
    )  # fmt: skip
    happenings = (push.end("error", reason, error_type), fault)
    topic = state.topics.get(push.topic)
    if error_type != "unmatched_topic" or topic is None or not topic.is_up:
        return happenings
    return happenings + _down(push.topic, topic, "closed", "topic_lost", state)


def _late(key: str, frame: Frame, body: ReplyBody, state: PhoenixState) -> tuple[Happening, ...]:
    """Read a reply to no call in flight: late, or to a message that was never seen."""
    if push := state.pushes.answer_late(key):
        waited_ns = state.now_ns - push.at_ns
        return (
            Happening(
                "message.process.completed", type=push.event, topic=push.topic, ref=push.ref,
                status=body.status_text or None, reason="late", duration_ns=waited_ns,
            ),
        )  # fmt: skip
    topic = state.topics.get(frame.topic)
    if topic is not None and topic.leave_key == key:
        return _left_late(frame, topic)
    if topic is not None and topic.join_ref == frame.ref and topic.status == "joining" and body.status_text == "ok":
        return (_late_end(frame, "subscription.subscribe.completed"), *_up(frame.topic, topic, state))
    return (
        Happening(
            "error.occurred", "request", "end", key, REPLY, frame.topic, frame.ref,
            error_type="unmatched_reply", error="matches no request in flight",
        ),
    )  # fmt: skip


def _left_late(frame: Frame, topic: Topic) -> tuple[Happening, ...]:
    """Read the reply to a leave that ``phx_close`` has completed, or that took too long."""
    topic.leave_key = ""
    if topic.status != "leaving":
        return ()
    topic.status = "closed"
    return (_late_end(frame, "subscription.unsubscribe.completed"),)


def _late_end(frame: Frame, name: EventName) -> Happening:
    return Happening(name, topic=frame.topic, ref=frame.ref, status="ok", reason="late")


def _crash(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    """Read ``phx_error``: the channel's process died; a client joins again."""
    topic = state.topics.get(frame.topic)
    fault = Happening(
        "error.occurred", type=frame.event, topic=frame.topic, ref=frame.ref,
        reason=_crash_reason(frame, state), error_type="channel_crash", error="the channel crashed",
    )  # fmt: skip
    if topic is None:
        return (fault,)
    if _join_ref(frame) != topic.join_ref or topic.status in ("errored", "closed"):
        return ()
    return (fault, *_down(frame.topic, topic, "errored", "channel_crash", state))


def _close(frame: Frame, state: PhoenixState) -> tuple[Happening, ...]:
    """Read ``phx_close``: expected after a leave and for a join that was replaced; else the server closed the topic.

    It closed it for good then: like phoenix.js, wsmon does not join it again in this session.
    """
    topic = state.topics.get(frame.topic)
    if topic is None or topic.status in ("errored", "closed"):
        return ()
    if _join_ref(frame) != topic.join_ref:
        if _join_ref(frame) == topic.superseded:
            topic.superseded = ""
        return ()
    if topic.status == "leaving":
        leave = state.calls.end(topic.leave_key)
        topic.status, topic.is_renewing = "closed", False
        return completed(leave) if leave is not None else ()
    fault = Happening(
        "error.occurred", type=frame.event, topic=frame.topic, ref=frame.ref,
        error_type="topic_closed", error="the server closed the topic",
    )  # fmt: skip
    down = _down(frame.topic, topic, "closed", "topic_closed", state)
    topic.rejoin_ns = None
    return (fault, *down)


def _down(
    name: str, topic: Topic, status: Literal["errored", "closed"], failure: str, state: PhoenixState
) -> tuple[Happening, ...]:
    """Note that a topic is gone, and with it the pushes that wait for an answer."""
    was_up = topic.is_up or topic.status == "leaving"
    if topic.status != "leaving":
        topic.fall(state.now_ns)
    topic.status, topic.is_renewing, topic.failure = status, False, failure
    return (_lost(name, failure) if was_up else ()) + state.pushes.fail(name, topic.join_ref, failure)


def _lost(name: str, reason: str) -> tuple[Happening, ...]:
    return (Happening("subscription.lost", topic=name, reason=reason),)


def _join_ref(frame: Frame) -> str:
    """Return the join_ref of ``phx_error`` or ``phx_close``, where it equals the ref; version 1 has the ref alone."""
    return frame.join_ref or frame.ref


def _refusal(body: ReplyBody, otherwise: str, state: PhoenixState) -> tuple[str, str]:
    """Return error type and reason of a reply that is not ok."""
    return _ERROR_TYPES.get(body.reason, otherwise), _safe(body.reason, state)


def _crash_reason(frame: Frame, state: PhoenixState) -> str:
    """Return why a channel crashed, if the server says so; released versions of Phoenix do not."""
    try:
        return _safe(reason_of(msgspec.json.decode(frame.payload)), state)
    except UNDECODABLE:
        return ""


def _safe(reason: str, state: PhoenixState) -> str:
    """Return a reason without the credentials that it may repeat; Phoenix's own reasons repeat none."""
    return reason if reason in _ERROR_TYPES else state.credentials.mask(reason)


def _key_of(frame: Frame) -> str:
    """Return what pairs a message and its reply; the topic is part of it, as clients may repeat refs."""
    return f"{frame.ref} {frame.topic}"


_REFUSED = frozenset({401, 403})
_SWITCHING_PROTOCOLS = 101


def handshake_happenings(url_has_credentials: bool, status: int | None) -> tuple[Happening, ...]:
    """Return the authentication, which has no message of its own: the upgrade begins it, its HTTP status ends it.

    ``status`` is None where no answer came. Refusals may have other reasons (origin, version), and the error says so.
    """
    if not url_has_credentials or status not in {*_REFUSED, _SWITCHING_PROTOCOLS}:
        return ()
    started = Happening("auth.started", "auth", "start", "handshake")
    if status == _SWITCHING_PROTOCOLS:
        return (started, Happening("auth.completed", "auth", "end", "handshake", status="ok"))
    refused = Happening(
        "auth.failed", "auth", "end", "handshake", status="error", error_type="upgrade_failure",
        reason=f"HTTP {status}", error="the upgrade was refused: credentials, origin or version",
    )  # fmt: skip
    return (started, refused)


# Interval of heartbeats, as in phoenix.js; a server waits 60 s
BEAT_NS = 30 * SECOND_NS

_NO_PARAMS = b"{}"


def opening(options: ClientOptions, state: PhoenixState) -> tuple[str, ...]:
    """Return joins of the topics, in version 2."""
    state.beat_ns = state.now_ns
    return _joins(options.reveal_topics(), options, state)


def due(now_ns: int, options: ClientOptions, state: PhoenixState) -> tuple[str, ...]:
    """Return a heartbeat every 30 s, and the joins of topics that crashed or were lost, after their delays."""
    if not options.answers:
        return ()
    beat: tuple[str, ...] = ()
    if now_ns - state.beat_ns >= BEAT_NS and not is_silent(state):
        state.beat_ns = now_ns
        beat = (encode_text(Frame("", state.own_ref(), "phoenix", "heartbeat", _NO_PARAMS)).decode(),)
    down = [name for name, topic in state.topics.items() if topic.rejoin_ns is not None and now_ns >= topic.rejoin_ns]
    return beat + _joins(down, options, state)


def is_silent(state: PhoenixState) -> bool:
    """Whether a heartbeat was not answered until the next was due: the server counts as gone then."""
    return state.is_beat_missed


def _joins(topics: Iterable[str], options: ClientOptions, state: PhoenixState) -> tuple[str, ...]:
    params = _params(options)
    joins: list[str] = []
    for topic in topics:
        ref = state.own_ref()
        joins.append(encode_text(Frame(ref, ref, topic, "phx_join", params)).decode())
    return tuple(joins)


def _params(options: ClientOptions) -> bytes:
    """Return ``auth.params`` if it is a JSON object, else no params."""
    params = options.reveal_auth().get("params")
    if not isinstance(params, str):
        return _NO_PARAMS
    try:
        decoded = msgspec.json.decode(params)
    except UNDECODABLE:
        return _NO_PARAMS
    return params.encode() if isinstance(decoded, dict) else _NO_PARAMS


_PATH = "/websocket"
_EVENTS = frozenset({"phx_join", "phx_reply", "phx_leave", "phx_close", "phx_error", "heartbeat"})
# Fields of version 2: join_ref, ref, topic, event, payload; decoders ignore further ones
_FIELDS = 5
_KEYS = frozenset({"topic", "event", "payload", "ref"})


def _recognise_url(url: HandshakeUrl) -> str:
    version = url.parameter("vsn")
    is_it = url.path.endswith(_PATH) and version in ("1.0.0", "2.0.0")
    return f"the path ends in {_PATH} and the query has vsn={version}" if is_it else ""


def _recognise(sample: MessageSample) -> str:
    message, fields = sample.members, sample.items
    if message.keys() >= _KEYS and _is_named(message["ref"], message["topic"], message["event"]):
        return "a message is an object with topic, event, payload and ref"
    if len(fields) < _FIELDS or not _is_named(*fields[1:4]):
        return ""
    is_it = isinstance(fields[0], str | None) and isinstance(fields[4], dict)
    return "a message is a list of join_ref, ref, topic, event and payload" if is_it else ""


def _is_named(ref: object, topic: object, event: object) -> bool:
    """Whether topic and event are texts, and either the event is one of Phoenix's own or the topic has its colon."""
    if not (isinstance(ref, str | None) and isinstance(topic, str) and isinstance(event, str)):
        return False
    return event in _EVENTS or ":" in topic


def _dissect(event: Event, payload: bytes) -> Anatomy | None:
    is_text = event.opcode == "text" and payload[:1] == b"["
    if not event.topic or not (is_text or event.opcode == "binary"):
        return None
    frame: Frame = decode_text(payload) if is_text else decode_binary(event.direction, payload)
    if frame.topic != event.topic:
        return None
    parts = (
        ("Topic", frame.topic),
        ("Event", frame.event),
        ("Ref", frame.ref),
        ("Join ref", frame.join_ref),
        ("Status", frame.status),
    )
    return Anatomy(f"Phoenix {frame.event}", parts, None if is_text else frame.payload)


PROTOCOL = Protocol(
    "phoenix",
    PhoenixState,
    decode,
    has_binary=True,
    subprotocols=("phoenix",),
    recognise_url=_recognise_url,
    recognise=_recognise,
    handshake=handshake_happenings,
    dissect=_dissect,
    client=ProtocolClient(opening, due=due, is_silent=is_silent),
)
