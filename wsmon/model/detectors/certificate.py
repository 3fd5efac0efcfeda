"""Finds certificates of peers that are about to expire; known only of peers that are verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wsmon.model.detectors.detector import IncidentDetector, counted
from wsmon.model.durations import DAY_NS, SECOND_NS
from wsmon.model.events import Event, Json, Source

FIRST_WARNING_NS = 14 * DAY_NS
# what renews by itself does so 30 days before


@dataclass(frozen=True, slots=True)
class _Certificate:
    source: Source
    event_id: int
    # that showed it
    expires_ns: int
    # wall
    expires: str


class CertificateDetector(IncidentDetector):
    """Opens ``certificate`` two weeks before one expires; a session with one that lasts longer ends it."""

    kind = "certificate"

    def __init__(self) -> None:
        super().__init__()
        self._certificates: dict[str, _Certificate] = {}
        # of the newest session, by connection

    def _see(self, event: Event) -> None:
        if event.name != "connection.open":
            return
        connection = event.source.connection
        tls = (event.meta or {}).get("tls")
        expires: Json = tls.get("expires") if isinstance(tls, dict) else None
        expires_ns = _wall_ns(expires) if isinstance(expires, str) else None
        if not isinstance(expires, str) or expires_ns is None:
            self._certificates.pop(connection, None)
            self.incidents.close(connection, "the peer shows no verified certificate")
            return
        self._certificates[connection] = _Certificate(event.source, event.id, expires_ns, expires)
        if expires_ns - event.ts_ns > FIRST_WARNING_NS:
            self.incidents.close(connection, f"renewed until {expires}")

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        for connection, each in self._certificates.items():
            left_ns = each.expires_ns - ts_ns
            if left_ns <= FIRST_WARNING_NS and connection not in self.incidents and self._is_watched(connection):
                when = f"expires in {counted(left_ns // DAY_NS, 'day')}, on" if left_ns > 0 else "expired on"
                reason = f"the peer's certificate {when} {each.expires}"
                self.incidents.open(each.source, reason, [each.event_id], {"expires": each.expires})


def _wall_ns(moment: str) -> int | None:
    """RFC 3339 as nanoseconds since 1970; ``None`` where it is none."""
    try:
        return int(datetime.fromisoformat(moment).timestamp()) * SECOND_NS
    except ValueError:
        return None
