"""Phoenix Channels: joins, leaves, replies, crashes, presence and heartbeats, in both versions and in binary.

A reply belongs to a message by its ref and its topic. Join params are credentials: no note repeats them.
"""

from __future__ import annotations

import msgspec

from wsmon.model.events import Direction, Opcode
from wsmon.protocols import phoenix_inbound
from wsmon.protocols.base import Call, begun, failed
from wsmon.protocols.decoding import UNDECODABLE, cut, unreadable
from wsmon.protocols.phoenix_codec import Frame, FrameError, decode_binary, decode_text
from wsmon.protocols.phoenix_state import Push, State, Topic
from wsmon.protocols.reading import MAX_NAME_CHARS, UNREAD, Note, Reading

__all__ = ["State", "classify", "handshake_notes"]

MAX_BYTES = 2**20
# a longer message is not read: decoding stays under some 10 ms
_MAX_PARAMS_BYTES = 64 * 1024
# of a join; longer ones are no credentials
_HEARTBEAT = ("phoenix", "heartbeat")
_CONTROL = frozenset({"phx_join", "phx_leave", "phx_reply", "phx_error", "phx_close"})
_PRESENCE = frozenset({"presence_state", "presence_diff"})
_REFUSED = frozenset({401, 403})
_SWITCHING_PROTOCOLS = 101


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:
    """Read one message."""
    if opcode not in ("text", "binary") or not direction:
        return UNREAD
    if len(payload) > MAX_BYTES:
        return Reading(error_type="too_large", error=f"{len(payload)} bytes; up to {MAX_BYTES} are read")
    try:
        frame = decode_text(payload) if opcode == "text" else decode_binary(direction, payload)
    except FrameError as error:
        return Reading(error_type="phoenix", error=str(error))
    except UNDECODABLE as error:
        return unreadable(error, "phoenix")
    frame = _with_short_names(frame)
    notes = _read_sent(frame, state) if direction == "out" else phoenix_inbound.read(frame, state)
    return Reading(_type_of(direction, frame), frame.topic, frame.ref, notes=notes, meta=_meta_of(frame, state))


def handshake_notes(url_has_credentials: bool, status: int | None) -> tuple[Note, ...]:
    """Authentication, which has no message of its own: it began with the upgrade and ended with the answer's status.

    ``status`` is None where no answer came. Refusals may have other reasons (origin, version), and the note says so.
    """
    if not url_has_credentials or status not in {*_REFUSED, _SWITCHING_PROTOCOLS}:
        return ()
    started = Note("auth.started", "auth", "start", "handshake")
    if status == _SWITCHING_PROTOCOLS:
        return (started, Note("auth.completed", "auth", "end", "handshake", status="ok"))
    refused = Note(
        "auth.failed", "auth", "end", "handshake", status="error", error_type="upgrade_failure",
        reason=f"HTTP {status}", error="the upgrade was refused: credentials, origin or version",
    )  # fmt: skip
    return (started, refused)


def _with_short_names(frame: Frame) -> Frame:
    if max(len(frame.topic), len(frame.event), len(frame.ref), len(frame.join_ref)) <= MAX_NAME_CHARS:
        return frame
    return msgspec.structs.replace(
        frame, join_ref=cut(frame.join_ref), ref=cut(frame.ref), topic=cut(frame.topic), event=cut(frame.event)
    )


def _read_sent(frame: Frame, state: State) -> tuple[Note, ...]:
    if (frame.topic, frame.event) == _HEARTBEAT:
        return _beat(frame, state)
    match frame.event:
        case "phx_join":
            return _join(frame, state)
        case "phx_leave":
            return _leave(frame, state)
        case "phx_reply" | "phx_error" | "phx_close":  # a server's words: from a client they mean nothing
            return ()
    return _push(frame, state)


def _beat(frame: Frame, state: State) -> tuple[Note, ...]:
    """A heartbeat; one that is unanswered when the next is sent, is late."""
    before = state.calls.end(state.heartbeat_key)
    notes = failed(before, "timeout", "unanswered when the next was sent") if before else ()
    state.heartbeat_key = phoenix_inbound.key_of(frame)
    return notes + _begin(Call("heartbeat", state.heartbeat_key, state.now_ns, frame.event, frame.ref), state)


def _join(frame: Frame, state: State) -> tuple[Note, ...]:
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


def _leave(frame: Frame, state: State) -> tuple[Note, ...]:
    topic = state.topics.get(frame.topic)
    if topic is not None and topic.status in ("joining", "joined"):
        topic.status = "leaving"
        topic.leave_key = phoenix_inbound.key_of(frame)
    return _begin(_call(frame, "unsubscribe", state), state)


def _push(frame: Frame, state: State) -> tuple[Note, ...]:
    if not frame.ref:
        return ()
    push = Push(
        phoenix_inbound.key_of(frame), state.now_ns, frame.event, frame.topic, frame.ref, frame.join_ref,
        _suspicion(frame, state.topics.get(frame.topic)),
    )  # fmt: skip
    return state.pushes.begin(push)


def _suspicion(frame: Frame, topic: Topic | None) -> str:
    """Why Phoenix may drop a push without a word: 1.8.3 … 1.8.11 want a join_ref, and all want the present one."""
    if topic is None or not topic.is_up:
        return ""
    if not frame.join_ref:
        return "join_ref null"
    return "" if frame.join_ref == topic.join_ref else "join_ref of an earlier join"


def _call(frame: Frame, operation: phoenix_inbound.TopicOperation, state: State) -> Call:
    return Call(operation, phoenix_inbound.key_of(frame), state.now_ns, frame.event, frame.ref, (frame.topic,))


def _begin(call: Call, state: State) -> tuple[Note, ...]:
    """Its start; without a ref nothing can answer it, and nothing waits."""
    if not call.ref:
        return tuple(msgspec.structs.replace(note, phase="", key="") for note in begun(call))
    before = state.calls.end(call.key)
    notes = failed(before, "restarted", "its ref was used again before it was answered") if before else ()
    return notes + state.calls.begin(call)


def _remember_params(frame: Frame, state: State) -> None:
    if frame.is_binary or len(frame.payload) > _MAX_PARAMS_BYTES:
        return
    try:
        params = msgspec.json.decode(frame.payload)
    except UNDECODABLE:  # a number past all ranges, nesting past the limit: what cannot be read here, no server repeats
        return
    state.credentials.remember(params, is_auth=True)


def _type_of(direction: Direction, frame: Frame) -> str:
    """Control messages by their event; those of the application by their kind."""
    if frame.event in _CONTROL or (frame.topic, frame.event) == _HEARTBEAT:
        return frame.event
    if frame.event in _PRESENCE:
        return "presence"
    return "broadcast" if direction == "in" and not frame.join_ref else "push"


def _meta_of(frame: Frame, state: State) -> dict[str, str | bool] | None:
    meta: dict[str, str | bool] = {}
    if frame.event not in _CONTROL:
        meta["event"] = frame.event
    if frame.join_ref:
        meta["join_ref"] = frame.join_ref
        topic = state.topics.get(frame.topic)
        if topic is not None and frame.join_ref != topic.join_ref:
            meta["stale"] = True
    return meta or None
