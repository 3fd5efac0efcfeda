"""Detectors of failing connection attempts: reconnect storms, exhausted retries, refused logins."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from wsmon.model.detectors.base import IncidentDetector, counted, seconds
from wsmon.model.ends import fact, shortened
from wsmon.model.events import Event, Source
from wsmon.model.incident_kinds import AUTH, RETRIES_EXHAUSTED, STORM
from wsmon.model.spans import BROKEN_OFF
from wsmon.model.statuses import OPEN, STOPPED
from wsmon.model.units import SECOND_NS

# A session ends the storm when it was open for this many mean gaps between dials; one that drops at the pace of the
# storm does not
HELD_GAPS = 2


@dataclass(slots=True)
class _Dials:
    """The newest dials on a connection that the user did not close."""

    source: Source
    started: deque[tuple[int, int, bool]] = field(default_factory=deque)
    """Monotonic time of each dial, its event id, and whether it led to a usable session."""
    open_since_ns: int | None = None
    """Monotonic time since which the session is usable; None while there is no such session."""
    newest_end: str = ""
    """How the newest session or attempt ended, as a sentence; empty while none ended."""
    newest_end_id: int = 0
    """The event of that end."""

    @property
    def gap_ns(self) -> int:
        """Mean time between two dials."""
        return (self.started[-1][0] - self.started[0][0]) // max(1, len(self.started) - 1)


class StormDetector(IncidentDetector):
    """Opens ``storm`` at five dials in 60 s, accepted or not; a session that holds or rare dials end it."""

    kind = STORM

    def __init__(self) -> None:
        super().__init__()
        self._dials: dict[str, _Dials] = {}

    def _on_event(self, event: Event) -> None:
        connection = event.source.connection
        if event.name == "connection.started":
            if event.from_status in STOPPED:
                self._forget(connection, "reconnected manually")
            dials = self._dials.setdefault(connection, _Dials(event.source))
            dials.source = event.source
            dials.started.append((event.mono_ns, event.id, False))
            self._drop_old(dials, event.mono_ns)
            if len(dials.started) >= self._threshold(connection, "opens"):
                self._open(dials)
        elif event.to_status == OPEN and connection in self._dials:
            dials = self._dials[connection]
            dials.open_since_ns = event.mono_ns
            if dials.started:
                began_ns, event_id, _ = dials.started.pop()
                dials.started.append((began_ns, event_id, True))
        elif event.to_status in STOPPED:
            self._forget(connection, "closed" if event.to_status == "closed" else "gave up")
        elif event.to_status == "disconnected" and connection in self._dials:
            dials = self._dials[connection]
            dials.open_since_ns = None
            dials.newest_end, dials.newest_end_id = fact(event), event.id

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        for connection in self.incidents.connections:
            dials = self._dials[connection]
            self._drop_old(dials, mono_ns)
            open_ns = 0 if dials.open_since_ns is None else mono_ns - dials.open_since_ns
            stable_ns = self._expectation(connection).stable_after_s * SECOND_NS
            if open_ns and open_ns >= max(stable_ns, HELD_GAPS * dials.gap_ns):
                self.incidents.close(connection, f"open for {seconds(open_ns)}")
                dials.started.clear()
            elif len(dials.started) <= self._threshold(connection, "closes"):
                within = seconds(self._threshold_ns(connection, "within"))
                self.incidents.close(connection, f"{counted(len(dials.started), 'attempt')} in the last {within}")

    def _open(self, dials: _Dials) -> None:
        accepted = sum(was_open for *_, was_open in dials.started)
        reason = f"{len(dials.started)} attempts in {seconds(dials.started[-1][0] - dials.started[0][0])}"
        if accepted:
            reason += f", {accepted} of them connected and then dropped"
        if dials.newest_end:
            reason += f"; last: {dials.newest_end}"
        evidence = sorted([*(event_id for _, event_id, _ in dials.started), dials.newest_end_id])
        self.incidents.open(dials.source, reason, evidence, {"attempts": len(dials.started), "accepted": accepted})

    def _forget(self, connection: str, reason: str) -> None:
        self._dials.pop(connection, None)
        self.incidents.close(connection, reason)

    def _drop_old(self, dials: _Dials, now_ns: int) -> None:
        within_ns = self._threshold_ns(dials.source.connection, "within")
        while dials.started and now_ns - dials.started[0][0] > within_ns:
            dials.started.popleft()


# HTTP statuses that refuse an upgrade for lack of credentials or rights
REFUSED: Final = frozenset({401, 403})


class RetriesDetector(IncidentDetector):
    """Opens ``retries_exhausted`` when a connection enters ``error``; a new dial ends it."""

    kind = RETRIES_EXHAUSTED

    def _on_event(self, event: Event) -> None:
        connection = event.source.connection
        if event.to_status == "error":
            attempts = (event.meta or {}).get("attempts")
            after = f" after {attempts} attempts" if isinstance(attempts, int) and attempts > 1 else ""
            why = event.error or event.reason or event.error_type
            self.incidents.open(event.source, f"gave up{after}" + (f": {why}" if why else ""), [event.id])
        elif event.to_status is not None:
            self.incidents.close(connection, "closed" if event.to_status == "closed" else "reconnected")


class AuthDetector(IncidentDetector):
    """Opens ``auth`` at a login that failed or an upgrade refused with 401 or 403; a login that succeeds ends it."""

    kind = AUTH

    def __init__(self) -> None:
        super().__init__()
        # Connections whose incident an accepted upgrade ends, because a refused upgrade opened it
        self._refused_upgrades: set[str] = set()

    def _on_event(self, event: Event) -> None:
        connection = event.source.connection
        # A login that the end of the session interrupted was not refused
        if event.name == "auth.failed" and event.error_type != BROKEN_OFF:
            self._refused_upgrades.discard(connection)
            why = event.error or event.reason
            self.incidents.open(event.source, "login failed" + (f": “{shortened(why)}”" if why else ""), [event.id])
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
