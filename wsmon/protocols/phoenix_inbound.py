"""What a Phoenix server says of topics, joins and pushes, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from wsmon.model.events import EventName
from wsmon.protocols.base import Call, completed, failed, note_key
from wsmon.protocols.decoding import UNDECODABLE
from wsmon.protocols.phoenix_codec import REPLY, Frame, ReplyBody, decode_reply, reason_of
from wsmon.protocols.phoenix_state import Push, State, Topic
from wsmon.protocols.reading import Note

TopicOperation = Literal["subscribe", "unsubscribe"]

UNMATCHED_TOPIC = "unmatched topic"
# what a server says of a topic it does not know

_ERROR_TYPES: Mapping[str, str] = MappingProxyType(
    {
        UNMATCHED_TOPIC: "unmatched_topic",
        "join crashed": "join_crashed",
        "too many channels joined": "too_many_channels",
        "unauthorized": "unauthorized",
        "channel_crash": "channel_crash",
    }
)
# reasons that Phoenix itself gives


def key_of(frame: Frame) -> str:
    """What pairs a message and its reply: refs are unique only by the client's good will."""
    return f"{frame.ref} {frame.topic}"


def read(frame: Frame, state: State) -> tuple[Note, ...]:
    """What an incoming message says happened."""
    match frame.event:
        case "phx_reply":
            return _reply(frame, state)
        case "phx_error":
            return _crash(frame, state)
        case "phx_close":
            return _close(frame, state)
    return ()


def _reply(frame: Frame, state: State) -> tuple[Note, ...]:
    body = _body(frame)
    key = key_of(frame)
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
    except UNDECODABLE:  # no object: a reply all the same, and not an ok
        return ReplyBody()


def _beat_answered(call: Call, body: ReplyBody) -> tuple[Note, ...]:
    if body.status_text == "ok":
        return completed(call)
    return failed(call, "heartbeat_refused", "answered, and not with ok")


def _joined(call: Call, frame: Frame, body: ReplyBody, state: State) -> tuple[Note, ...]:
    topic = _topic_of_join(frame, state)
    if body.status_text == "ok":
        return completed(call) + _up(frame.topic, topic)
    error_type, reason = _refusal(body, "join_refused", state)
    end = Note(
        "subscription.subscribe.completed", "subscribe", "end", note_key(call.key, frame.topic), call.type,
        frame.topic, call.ref, "error", reason,
    )  # fmt: skip
    told = Note(
        "error.occurred", "subscribe", type=call.type, topic=frame.topic, ref=call.ref,
        reason=reason, error_type=error_type, error="the server refused to join",
    )  # fmt: skip
    lost = _lost(frame.topic, reason or error_type) if topic is not None and topic.is_renewing else ()
    if topic is not None:
        topic.status, topic.is_renewing = "closed", False
        if topic.tries:
            topic.fall(state.now_ns)
    return (end, told, *lost)


def _topic_of_join(frame: Frame, state: State) -> Topic | None:
    """The topic whose present join this answers."""
    topic = state.topics.get(frame.topic)
    return topic if topic is not None and topic.join_ref == frame.ref else None


def _up(name: str, topic: Topic | None) -> tuple[Note, ...]:
    """A topic is joined; what failed on it before is handled."""
    if topic is None or topic.status != "joining":
        return ()
    topic.status, topic.is_renewing, topic.tries = "joined", False, 0
    failure, topic.failure = topic.failure, ""
    return (Note("error.handled", "subscribe", topic=name, error_type=failure),) if failure else ()


def _left(call: Call, frame: Frame, body: ReplyBody, state: State) -> tuple[Note, ...]:
    """A topic is left; where the server says it knows no such topic, it was lost before."""
    topic = state.topics.get(frame.topic)
    was_leaving = topic is not None and topic.status == "leaving" and topic.leave_key == call.key
    if topic is not None and was_leaving:
        topic.status, topic.is_renewing = "closed", False
    if body.status_text == "ok":
        return completed(call)
    error_type, reason = _refusal(body, "leave_refused", state)
    lost = _lost(frame.topic, reason or error_type) if was_leaving else ()
    return failed(call, error_type, "the server refused to leave", reason=reason) + lost


def _push_answered(push: Push, body: ReplyBody, state: State) -> tuple[Note, ...]:
    if body.status_text == "ok":
        return (push.end("ok"),)
    error_type, reason = _refusal(body, "reply_error", state)
    told = Note(
        "error.occurred", "request", type=push.event, topic=push.topic, ref=push.ref,
        reason=reason, error_type=error_type, error="the server answered with an error",
    )  # fmt: skip
    notes = (push.end("error", reason, error_type), told)
    topic = state.topics.get(push.topic)
    if error_type != "unmatched_topic" or topic is None or not topic.is_up:
        return notes
    return notes + _down(push.topic, topic, "closed", "topic_lost", state)


def _late(key: str, frame: Frame, body: ReplyBody, state: State) -> tuple[Note, ...]:
    """A reply for which nobody waits (any more)."""
    if push := state.pushes.answer_late(key):
        waited_ns = state.now_ns - push.at_ns
        return (
            Note(
                "message.process.completed", type=push.event, topic=push.topic, ref=push.ref,
                status=body.status_text or None, reason="late", duration_ns=waited_ns,
            ),
        )  # fmt: skip
    topic = state.topics.get(frame.topic)
    if topic is not None and topic.leave_key == key:
        return _left_late(frame, topic)
    if topic is not None and topic.join_ref == frame.ref and topic.status == "joining" and body.status_text == "ok":
        return (_late_end(frame, "subscription.subscribe.completed"), *_up(frame.topic, topic))
    return (
        Note(
            "error.occurred", "request", "end", key, REPLY, frame.topic, frame.ref,
            error_type="unmatched_reply", error="answers nothing that is in flight",
        ),
    )  # fmt: skip


def _left_late(frame: Frame, topic: Topic) -> tuple[Note, ...]:
    """The reply to a leave that ``phx_close`` has completed, or that took too long."""
    topic.leave_key = ""
    if topic.status != "leaving":
        return ()
    topic.status = "closed"
    return (_late_end(frame, "subscription.unsubscribe.completed"),)


def _late_end(frame: Frame, name: EventName) -> Note:
    return Note(name, topic=frame.topic, ref=frame.ref, status="ok", reason="late")


def _crash(frame: Frame, state: State) -> tuple[Note, ...]:
    """``phx_error``: the channel's process died; a client joins again."""
    topic = state.topics.get(frame.topic)
    told = Note(
        "error.occurred", type=frame.event, topic=frame.topic, ref=frame.ref,
        reason=_crash_reason(frame, state), error_type="channel_crash", error="the channel crashed",
    )  # fmt: skip
    if topic is None:
        return (told,)
    if _join_ref(frame) != topic.join_ref or topic.status in ("errored", "closed"):
        return ()
    return (told, *_down(frame.topic, topic, "errored", "channel_crash", state))


def _close(frame: Frame, state: State) -> tuple[Note, ...]:
    """``phx_close``: expected after a leave and for a join that another one replaced, else the server's own doing."""
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
    told = Note(
        "error.occurred", type=frame.event, topic=frame.topic, ref=frame.ref,
        error_type="topic_closed", error="the server closed the topic",
    )  # fmt: skip
    return (told, *_down(frame.topic, topic, "closed", "topic_closed", state))


def _down(
    name: str, topic: Topic, status: Literal["errored", "closed"], failure: str, state: State
) -> tuple[Note, ...]:
    """A topic that was joined is gone, and with it the pushes that waited."""
    was_up = topic.is_up or topic.status == "leaving"
    if topic.status != "leaving":
        topic.fall(state.now_ns)
    topic.status, topic.is_renewing, topic.failure = status, False, failure
    return (_lost(name, failure) if was_up else ()) + state.pushes.fail(name, topic.join_ref, failure)


def _lost(name: str, reason: str) -> tuple[Note, ...]:
    return (Note("subscription.lost", topic=name, reason=reason),)


def _join_ref(frame: Frame) -> str:
    """Of ``phx_error`` and ``phx_close``, where ref and join_ref are the same; version 1 has the ref alone."""
    return frame.join_ref or frame.ref


def _refusal(body: ReplyBody, otherwise: str, state: State) -> tuple[str, str]:
    """Error type and reason of a reply that is not ok."""
    return _ERROR_TYPES.get(body.reason, otherwise), _safe(body.reason, state)


def _crash_reason(frame: Frame, state: State) -> str:
    """Why a channel crashed; released versions of Phoenix do not say."""
    try:
        return _safe(reason_of(msgspec.json.decode(frame.payload)), state)
    except UNDECODABLE:
        return ""


def _safe(reason: str, state: State) -> str:
    """A reason without the credentials that it may repeat; Phoenix's own repeat none."""
    return reason if reason in _ERROR_TYPES else state.credentials.mask(reason)
