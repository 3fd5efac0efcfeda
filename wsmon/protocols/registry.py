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
from wsmon.protocols.base import ClientOptions, Decoded, Happening, ProtocolState
from wsmon.protocols.configured import Outbox
from wsmon.protocols.json_messages import mask_sent
from wsmon.protocols.phoenix_state import PhoenixState

S = TypeVar("S", bound=ProtocolState)

Mask = Callable[[Opcode, bytes], tuple[bytes, bool]]

_NO_CODES: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Adapter(Generic[S]):
    """A protocol, as the engine uses it; it speaks only where topics are wanted, or answers."""

    new_state: Callable[[], S]
    """For the first session of a connection."""
    decode: Callable[[Direction, Opcode, bytes, S], Decoded]
    opening: Callable[[ClientOptions, S], Outbox] = lambda _options, _state: ()
    """What is sent first."""
    answer: Callable[[Decoded, ClientOptions, S], Outbox] = lambda _reading, _options, _state: ()
    """What is sent after a message was read."""
    due: Callable[[int, ClientOptions, S], Outbox] = lambda _now_ns, _options, _state: ()
    """What is sent because it is time, on the session's monotonic clock."""
    is_silent: Callable[[S], bool] = lambda _state: False
    """Whether a heartbeat of the protocol's own went unanswered, so that a client gives the connection up."""
    handshake: Callable[[bool, int | None], tuple[Happening, ...]] = lambda _has_credentials, _status: ()
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
        "raw": Adapter(configured.RawState, configured.decode, configured.open_raw, configured.answer_raw),
        "json": Adapter(
            json.JsonState,
            json.decode,
            configured.open_json,
            configured.answer_json,
            configured.due_json,
            mask_sent=mask_sent,
        ),
        "jsonrpc": Adapter(
            jsonrpc.JsonRpcState,
            jsonrpc.decode,
            configured.open_jsonrpc,
            configured.answer_jsonrpc,
            mask_sent=mask_sent,
        ),
        "deribit": Adapter(
            deribit.DeribitState,
            deribit.decode,
            configured.open_deribit,
            configured.answer_deribit,
            configured.due_deribit,
        ),
        "phoenix": Adapter(
            PhoenixState,
            phoenix.decode,
            phoenix.opening,
            due=phoenix.due,
            is_silent=phoenix.is_silent,
            handshake=phoenix.handshake_happenings,
        ),
        "graphql-ws": Adapter(
            graphql.GraphqlState,
            graphql.decode,
            lambda options, _: graphql.opening(options),
            lambda decoded, options, _: graphql.answer(decoded, options),
            close_codes=graphql.CLOSE_CODES,
        ),
        "socketio": Adapter(
            socketio.SocketIoState,
            socketio.decode,
            answer=lambda decoded, options, _: socketio.answer(decoded, options),
        ),
        "stomp": Adapter(stomp.StompState, stomp.decode, new_mask=lambda: lambda _opcode, payload: stomp.mask(payload)),
        "mqtt": Adapter(
            mqtt.MqttState,
            mqtt.decode,
            mqtt.opening,
            mqtt.answer,
            mqtt.due,
            new_mask=mqtt_packets.new_mask,
        ),
        "nexus": Adapter(
            nexus.NexusState,
            nexus.decode,
            next_state=lambda state: nexus.NexusState(state.last_id, state.last_at_ns),
        ),
    }
)
