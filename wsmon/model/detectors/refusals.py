"""Finds connections that gave up, and those whose login is refused: facts, told at the first one."""

from __future__ import annotations

from typing import Final

from wsmon.model.detectors.detector import IncidentDetector
from wsmon.model.events import Event
from wsmon.model.spans import BROKEN_OFF
from wsmon.model.statuses import OPEN

REFUSED: Final = frozenset({401, 403})


class RetriesDetector(IncidentDetector):
    """Opens ``retries_exhausted`` where a connection is in ``error``; a new dial ends it."""

    kind = "retries_exhausted"
    silence = "reconnect.max_attempts = 0"

    def _see(self, event: Event) -> None:
        connection = event.source.connection
        if event.to_status == "error":
            attempts = (event.meta or {}).get("attempts")
            after = f" after {attempts} attempts" if isinstance(attempts, int) and attempts > 1 else ""
            why = event.error or event.reason or event.error_type
            self.incidents.open(event.source, f"gave up{after}" + (f": {why}" if why else ""), [event.id])
        elif event.to_status is not None:
            self.incidents.close(connection, "closed" if event.to_status == "closed" else "dialled anew")


class AuthDetector(IncidentDetector):
    """Opens ``auth`` at a login that failed or an upgrade refused with 401 or 403; a login that works ends it."""

    kind = "auth"

    def __init__(self) -> None:
        super().__init__()
        self._refused_upgrades: set[str] = set()
        # connections whose incident ends with an upgrade that is not refused

    def _see(self, event: Event) -> None:
        connection = event.source.connection
        if event.name == "auth.failed" and event.error_type != BROKEN_OFF:  # else nobody refused it
            self._refused_upgrades.discard(connection)
            why = event.error or event.reason
            self.incidents.open(event.source, "login failed" + (f": {why}" if why else ""), [event.id])
        elif event.to_status == "disconnected" and event.status in REFUSED:
            if connection not in self.incidents:
                self._refused_upgrades.add(connection)
            self.incidents.open(event.source, f"the upgrade was refused with {event.status}", [event.id])
        elif event.name in ("auth.completed", "auth.refresh.completed") and event.status != "error":
            self._end(connection, "logged in")
        elif event.to_status == OPEN and connection in self._refused_upgrades:
            self._end(connection, "accepted")
        elif event.to_status == "closed":
            self._end(connection, "closed")

    def _end(self, connection: str, reason: str) -> None:
        self._refused_upgrades.discard(connection)
        self.incidents.close(connection, reason)
