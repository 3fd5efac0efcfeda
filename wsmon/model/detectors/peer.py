"""Detectors of peer identity: another certificate, subprotocol or Server header; certificates about to expire.

Peer addresses alone open no incident, because they change behind every load balancer; they are part of the facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from wsmon.model.detectors.base import IncidentDetector, counted
from wsmon.model.events import Event, Json, Source
from wsmon.model.http import response_header
from wsmon.model.incident_kinds import CERTIFICATE, PEER_CHANGED
from wsmon.model.units import DAY_NS, SECOND_NS

# Known values of one trait: machines behind one name may differ, and each is reported once
MAX_VALUES = 16


@dataclass(slots=True)
class _PeerTraits:
    """The identity of the peer of one connection, as observed in this run."""

    address: str = ""
    """In the newest session."""
    values: dict[str, list[str]] = field(default_factory=dict)
    """Values seen, by trait, the newest last."""
    event_ids: dict[str, int] = field(default_factory=dict)
    """The newest event that showed the trait, by trait."""


class PeerDetector(IncidentDetector):
    """Opens ``peer_changed`` for a value not seen before in this run, and closes it at the next tick."""

    kind = PEER_CHANGED

    def __init__(self) -> None:
        super().__init__()
        # By connection
        self._peers: dict[str, _PeerTraits] = {}
        # Connections whose incident is closed at the next tick
        self._reported: list[str] = []

    def _on_event(self, event: Event) -> None:
        meta = event.meta or {}
        peer = self._peers.setdefault(event.source.connection, _PeerTraits())
        if event.name == "connection.open":
            peer.address = _text(meta.get("peer"))
            tls = meta.get("tls")
            if isinstance(tls, dict):
                self._compare(event, peer, {f"certificate {key}": _text(tls.get(key)) for key in ("subject", "issuer")})
        elif event.name == "connection.completed":
            traits = {"Server header": response_header(event, "Server"), "subprotocol": _text(meta.get("subprotocol"))}
            self._compare(event, peer, traits)

    def _compare(self, event: Event, peer: _PeerTraits, traits: dict[str, str]) -> None:
        changes: dict[str, tuple[str, str]] = {}
        evidence = [peer.event_ids.get(trait, 0) for trait in traits]
        for trait, value in traits.items():
            known = peer.values.setdefault(trait, [])
            if known and value not in known and len(known) < MAX_VALUES:
                changes[trait] = known[-1], value
            if value in known:
                known.remove(value)
            known.append(value)
            del known[:-MAX_VALUES]
            peer.event_ids[trait] = event.id
        if changes:
            reason = ", ".join(f"{trait} {old or 'none'} → {new or 'none'}" for trait, (old, new) in changes.items())
            facts: dict[str, Json] = {"changes": {trait: list(pair) for trait, pair in changes.items()}}
            if peer.address:
                facts["peer"] = peer.address
            self.incidents.open(event.source, reason, [*dict.fromkeys(evidence), event.id], facts)
            self._reported.append(event.source.connection)

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        reported, self._reported = self._reported, []
        for connection in reported:
            self.incidents.close(connection, "now treated as known")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class _Certificate:
    """The verified certificate of a peer; certificates that are not verified are not reported by the TLS library."""

    source: Source
    event_id: int
    """The ``connection.open`` event that showed it."""
    expires_ns: int
    """Wall time."""
    expires: str
    """The same as RFC 3339 text."""


class CertificateDetector(IncidentDetector):
    """Opens ``certificate`` some time before the peer's certificate expires; a renewed certificate ends it."""

    kind = CERTIFICATE

    def __init__(self) -> None:
        super().__init__()
        # By connection, from its newest session
        self._certificates: dict[str, _Certificate] = {}

    def _on_event(self, event: Event) -> None:
        if event.name != "connection.open":
            return
        connection = event.source.connection
        tls = (event.meta or {}).get("tls")
        expires: Json = tls.get("expires") if isinstance(tls, dict) else None
        expires_ns = _wall_ns(expires) if isinstance(expires, str) else None
        if not isinstance(expires, str) or expires_ns is None:
            self._certificates.pop(connection, None)
            self.incidents.close(connection, "the peer has no verified certificate")
            return
        self._certificates[connection] = _Certificate(event.source, event.id, expires_ns, expires)
        if expires_ns - event.ts_ns > self._threshold_ns(connection, "before"):
            self.incidents.close(connection, f"renewed until {expires}")

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        for connection, each in self._certificates.items():
            left_ns = each.expires_ns - ts_ns
            is_due = left_ns <= self._threshold_ns(connection, "before")
            if is_due and connection not in self.incidents and self._is_watched(connection):
                when = f"expires in {counted(left_ns // DAY_NS, 'day')}, on" if left_ns > 0 else "expired on"
                reason = f"the peer's certificate {when} {each.expires}"
                self.incidents.open(each.source, reason, [each.event_id], {"expires": each.expires})


def _wall_ns(moment: str) -> int | None:
    """Convert RFC 3339 to nanoseconds since 1970; ``None`` where the text is no time."""
    try:
        return int(datetime.fromisoformat(moment).timestamp()) * SECOND_NS
    except ValueError:
        return None
