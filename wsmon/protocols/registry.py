"""The list of protocols, by their names in the configuration.

A new protocol is a module of this package that defines ``PROTOCOL``, a row here, and its name in ``config.specs``;
``named`` has those that are only named.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from wsmon.config.specs import ProtocolName
from wsmon.model.events import Event
from wsmon.protocols import (
    actioncable,
    deribit,
    graphql,
    json,
    jsonrpc,
    mqtt,
    named,
    nats,
    nexus,
    ocpp,
    phoenix,
    pusher,
    raw,
    signalr,
    socketio,
    sockjs,
    stomp,
    wamp,
)
from wsmon.protocols.base import UNDECODABLE, Anatomy, Protocol

# Of one message; a STOMP frame may have any number of headers
MAX_PARTS = 100

# Recognition and dissection try them in this order: Deribit comes before JSON-RPC, which its messages are too. ``auto``
# is no protocol: ``detect`` picks one of these, and falls back to json or raw, which recognise nothing
PROTOCOLS: Mapping[ProtocolName, Protocol[Any]] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            sockjs.PROTOCOL,
            signalr.PROTOCOL,
            mqtt.PROTOCOL,
            stomp.PROTOCOL,
            nats.PROTOCOL,
            deribit.PROTOCOL,
            jsonrpc.PROTOCOL,
            graphql.PROTOCOL,
            nexus.PROTOCOL,
            socketio.PROTOCOL,
            phoenix.PROTOCOL,
            actioncable.PROTOCOL,
            pusher.PROTOCOL,
            ocpp.PROTOCOL,
            wamp.PROTOCOL,
            *named.PROTOCOLS,
            json.PROTOCOL,
            raw.PROTOCOL,
        )
    }
)


def dissect(event: Event, protocols: Mapping[ProtocolName, Protocol[Any]] = PROTOCOLS) -> Anatomy | None:
    """Take a stored message apart as its protocol sees it; None where no protocol can.

    The type and topic that were stored with the message have to fit: a message that no protocol decoded is not guessed.
    """
    payload = event.payload
    if not payload or not event.type:
        return None
    # What was decoded to a text was read as one
    if event.opcode == "binary" and event.holds_text:
        event = msgspec.structs.replace(event, opcode="text")
    for protocol in protocols.values():
        if protocol.dissect is None:
            continue
        try:
            found = protocol.dissect(event, payload)
        except UNDECODABLE:
            found = None
        if found is not None:
            parts = tuple((label, text) for label, text in found.parts if text)
            return found._replace(parts=parts[:MAX_PARTS])
    return None
