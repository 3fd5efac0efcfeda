"""The protocols by name: what each remembers, reads, masks and, where it may, says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from wsmon.config.specs import ProtocolName
from wsmon.model.events import Direction, Opcode
from wsmon.protocols import (
    configured,
    deribit,
    graphql,
    json,
    jsonrpc,
    mqtt,
    mqtt_packets,
    nexus,
    phoenix,
    socketio,
    stomp,
)
from wsmon.protocols.base import Note, Reading, SessionState, Wanted
from wsmon.protocols.configured import Messages
from wsmon.protocols.json_messages import mask_sent

S = TypeVar("S", bound=SessionState)

Mask = Callable[[Opcode, bytes], tuple[bytes, bool]]

_NO_CODES: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Adapter(Generic[S]):
    """A protocol, as the engine uses it; it speaks only where topics are wanted, or answers."""

    new_state: Callable[[], S]
    """For the first session of a connection."""
    classify: Callable[[Direction, Opcode, bytes, S], Reading]
    opening: Callable[[Wanted, S], Messages] = lambda _wanted, _state: ()
    """What is sent first."""
    answer: Callable[[Reading, Wanted, S], Messages] = lambda _reading, _wanted, _state: ()
    """What is sent after a message was read."""
    due: Callable[[int, Wanted, S], Messages] = lambda _now_ns, _wanted, _state: ()
    """What is sent because it is time, on the session's monotonic clock."""
    is_silent: Callable[[S], bool] = lambda _state: False
    """Whether a heartbeat of the protocol's own went unanswered, so that a client gives the connection up."""
    handshake: Callable[[bool, int | None], tuple[Note, ...]] = lambda _has_credentials, _status: ()
    """What an upgrade with or without credentials, and its HTTP status, say happened."""
    next_state: Callable[[S], S] | None = None
    """For the session after one with this state; None where nothing is carried over."""
    new_mask: Callable[[], Mask] | None = None
    """Masks credentials that only the protocol finds, before all other redaction; one a direction of a session."""
    mask_sent: Mask | None = None
    """The same where only what goes out may hold some, message by message."""
    close_codes: Mapping[int, str] = field(default_factory=lambda: _NO_CODES)
    """What its own close codes mean."""


# ``auto`` is none: a Detector picks one of these
ADAPTERS: Mapping[ProtocolName, Adapter[Any]] = MappingProxyType(
    {
        "raw": Adapter(configured.State, configured.classify, configured.open_raw, configured.answer_raw),
        "json": Adapter(
            json.State,
            json.classify,
            configured.open_json,
            configured.answer_json,
            configured.due_json,
            mask_sent=mask_sent,
        ),
        "jsonrpc": Adapter(
            jsonrpc.State,
            jsonrpc.classify,
            configured.open_jsonrpc,
            configured.answer_jsonrpc,
            mask_sent=mask_sent,
        ),
        "deribit": Adapter(
            deribit.State,
            deribit.classify,
            configured.open_deribit,
            configured.answer_deribit,
            configured.due_deribit,
        ),
        "phoenix": Adapter(
            phoenix.State,
            phoenix.classify,
            phoenix.opening,
            due=phoenix.due,
            is_silent=phoenix.is_silent,
            handshake=phoenix.handshake_notes,
        ),
        "graphql-ws": Adapter(
            graphql.State,
            graphql.classify,
            lambda wanted, _: graphql.opening(wanted),
            lambda reading, wanted, _: graphql.answer(reading, wanted),
            close_codes=graphql.CLOSE_CODES,
        ),
        "socketio": Adapter(
            socketio.State,
            socketio.classify,
            answer=lambda reading, wanted, _: socketio.answer(reading, wanted),
        ),
        "stomp": Adapter(stomp.State, stomp.classify, new_mask=lambda: lambda _opcode, payload: stomp.mask(payload)),
        "mqtt": Adapter(
            mqtt.State,
            mqtt.classify,
            mqtt.opening,
            mqtt.answer,
            mqtt.due,
            new_mask=mqtt_packets.new_mask,
        ),
        "nexus": Adapter(
            nexus.State,
            nexus.classify,
            next_state=lambda state: nexus.State(state.last_id, state.last_at_ns),
        ),
    }
)
