"""An alert as one JSON object (docs/alerts.md): what commands and webhooks get."""

from __future__ import annotations

import msgspec

from wsmon.export.jsonl import EventDocument, event_document, rfc3339
from wsmon.model.alerts import summary
from wsmon.model.events import Event, Json
from wsmon.model.sanitize import sanitize

SCHEMA = "wsmon.alert/1"
TEXT_LIMIT = 500
# characters of the line for people


class Origin(msgspec.Struct, frozen=True):
    """Which recording an alert comes from."""

    host: str
    configuration: str
    store: str


class IncidentDocument(msgspec.Struct, frozen=True):
    """What a detector found."""

    id: int
    # of the event that opened it
    kind: str
    evidence: Json
    # ids of the events that prove it
    silence: Json
    # how not to hear of such incidents


class AlertDocument(msgspec.Struct, frozen=True):
    """The keys of the contract, in their order."""

    schema: str
    text: str
    # one line for people; the key that chat services' incoming webhooks show
    at: str
    connection: str
    kind: str
    # of the incident, or type of the error
    origin: Origin
    incident: IncidentDocument | None
    # None for a critical error that is no incident
    event: EventDocument


def alert_json(event: Event, origin: Origin) -> bytes:
    """The alert about a notable event."""
    facts = event.meta or {}
    incident = (
        IncidentDocument(event.id, event.type, facts.get("evidence"), facts.get("silence"))
        if event.name == "incident.opened"
        else None
    )
    return msgspec.json.encode(
        AlertDocument(
            SCHEMA,
            sanitize(summary(event), TEXT_LIMIT),
            rfc3339(event.ts_ns),
            event.source.connection,
            event.type or event.error_type,
            origin,
            incident,
            event_document(event),
        )
    )
