"""What wsmon says to a Phoenix server: joins, heartbeats, and joins again of topics that crashed or were closed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wsmon.model.durations import SECOND_NS
from wsmon.protocols.decoding import UNDECODABLE
from wsmon.protocols.phoenix_codec import Frame, encode_text
from wsmon.protocols.phoenix_state import State
from wsmon.protocols.wanted import Wanted

BEAT_NS = 30 * SECOND_NS
# between two heartbeats, as phoenix.js; a server waits 60 s

_NO_PARAMS = b"{}"


def opening(wanted: Wanted, state: State) -> tuple[str, ...]:
    """Joins of the topics, in version 2; their refs are unlike those that people write."""
    state.beat_ns = state.now_ns
    return _joins(wanted.reveal_topics(), wanted, state)


def due(now_ns: int, wanted: Wanted, state: State) -> tuple[str, ...]:
    """A heartbeat every 30 s, and the joins whose time has come."""
    if not wanted.answers:
        return ()
    beat: tuple[str, ...] = ()
    if now_ns - state.beat_ns >= BEAT_NS and not is_silent(state):
        state.beat_ns = now_ns
        beat = (encode_text(Frame("", state.own_ref(), "phoenix", "heartbeat", _NO_PARAMS)).decode(),)
    down = [name for name, topic in state.topics.items() if topic.rejoin_ns is not None and now_ns >= topic.rejoin_ns]
    return beat + _joins(down, wanted, state)


def is_silent(state: State) -> bool:
    """Whether the last heartbeat was not answered until the next was due: the server counts as gone then."""
    return state.is_beat_missed


def _joins(topics: Iterable[str], wanted: Wanted, state: State) -> tuple[str, ...]:
    params = _params(wanted)
    joins: list[str] = []
    for topic in topics:
        ref = state.own_ref()
        joins.append(encode_text(Frame(ref, ref, topic, "phx_join", params)).decode())
    return tuple(joins)


def _params(wanted: Wanted) -> bytes:
    """``auth.params``, JSON; no params where it is none."""
    params = wanted.reveal_auth().get("params")
    if not isinstance(params, str):
        return _NO_PARAMS
    try:
        decoded = msgspec.json.decode(params)
    except UNDECODABLE:
        return _NO_PARAMS
    return params.encode() if isinstance(decoded, dict) else _NO_PARAMS
