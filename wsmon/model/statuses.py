"""The connection state machine as a table: the statuses, and which may follow which.

Drawn from the table::

    initialized → connecting → connected → websocket_connected → disconnected
                      ↑            (each may fail into disconnected)    ↓
                      └───────────────────────────────────────── reconnecting

``error`` (gave up) and ``closed`` (closed by the user) are final until the user connects again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

Status = Literal[
    "initialized",
    "connecting",
    "connected",
    "websocket_connected",
    "disconnected",
    "reconnecting",
    "error",
    "closed",
]

STATUSES: tuple[Status, ...] = get_args(Status)
# Empty: an application reports requests, spans, messages or other events, and no transition of a connection
ConnectionStatus: TypeAlias = Status | Literal[""]

ALLOWED: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        "initialized": frozenset({"connecting", "error", "closed"}),
        "connecting": frozenset({"connected", "disconnected", "error", "closed"}),
        "connected": frozenset({"websocket_connected", "disconnected", "error", "closed"}),
        "websocket_connected": frozenset({"disconnected", "error", "closed"}),
        "disconnected": frozenset({"reconnecting", "connecting", "error", "closed"}),
        "reconnecting": frozenset({"connecting", "disconnected", "error", "closed"}),
        "error": frozenset({"connecting", "error"}),
        "closed": frozenset({"connecting", "error"}),
    }
)

OPEN: Status = "websocket_connected"
# Final until the user connects again
STOPPED: frozenset[Status] = frozenset({"error", "closed"})
SESSION_ENDS: frozenset[Status] = STOPPED | {"disconnected"}

# What each means, for users
MEANINGS: Mapping[Status, str] = MappingProxyType(
    {
        "initialized": "not started yet",
        "connecting": "an attempt is under way",
        "connected": "TCP (and TLS) is up; the upgrade is pending",
        "websocket_connected": "the WebSocket is open",
        "disconnected": "lost or refused",
        "reconnecting": "waiting for the next attempt",
        "error": "gave up",
        "closed": "closed by wsmon, by an application, or disabled",
    }
)
# As the screen shows them
LABELS: Mapping[ConnectionStatus, str] = MappingProxyType(
    {**{status: status for status in STATUSES}, OPEN: "open", "": "events only"}
)


def is_allowed(before: Status, after: Status) -> bool:
    """Return whether ``after`` may follow ``before``; other transitions are recorded and flagged, not refused."""
    return after in ALLOWED[before]
