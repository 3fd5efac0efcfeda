"""Finds peers that are somebody else than before: certificate, subprotocol, Server header.

Addresses change behind every load balancer and say nothing at three in the morning; they are told with what is found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from wsmon.model.detectors.base import IncidentDetector, counted
from wsmon.model.events import Event, Json, Source
from wsmon.model.http import response_header
from wsmon.model.units import DAY_NS, SECOND_NS

# Of one trait that are known: machines behind one name may differ, each is told once
MOST_VALUES = 16


@dataclass(slots=True)
class _Peer:
    """How the peer of a connection has shown itself in this run."""

    address: str = ""
    """Of the newest session."""
    traits: dict[str, list[str]] = field(default_factory=dict)
    """The newest last."""
    event_ids: dict[str, int] = field(default_factory=dict)
    """The newest event that showed a trait."""


class PeerDetector(IncidentDetector):
    """Opens ``peer_changed`` for a value never seen before in this run, and closes it: from then on it is known."""

    kind = "peer_changed"

    def __init__(self) -> None:
        super().__init__()
        self._peers: dict[str, _Peer] = {}
        self._told: list[str] = []

    def _see(self, event: Event) -> None:
        meta = event.meta or {}
        peer = self._peers.setdefault(event.source.connection, _Peer())
        if event.name == "connection.open":
            peer.address = _text(meta.get("peer"))
            tls = meta.get("tls")
            if isinstance(tls, dict):
                self._compare(event, peer, {f"certificate {key}": _text(tls.get(key)) for key in ("subject", "issuer")})
        elif event.name == "connection.completed":
            traits = {"Server header": response_header(event, "Server"), "subprotocol": _text(meta.get("subprotocol"))}
            self._compare(event, peer, traits)

    def _compare(self, event: Event, peer: _Peer, traits: dict[str, str]) -> None:
        changes: dict[str, tuple[str, str]] = {}
        evidence = [peer.event_ids.get(trait, 0) for trait in traits]
        for trait, value in traits.items():
            known = peer.traits.setdefault(trait, [])
            if known and value not in known and len(known) < MOST_VALUES:
                changes[trait] = known[-1], value
            if value in known:
                known.remove(value)
            known.append(value)
            del known[:-MOST_VALUES]
            peer.event_ids[trait] = event.id
        if changes:
            said = ", ".join(f"{trait} {old or 'none'} → {new or 'none'}" for trait, (old, new) in changes.items())
            facts: dict[str, Json] = {"changes": {trait: list(pair) for trait, pair in changes.items()}}
            if peer.address:
                facts["peer"] = peer.address
            self.incidents.open(event.source, said, [*dict.fromkeys(evidence), event.id], facts)
            self._told.append(event.source.connection)

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        told, self._told = self._told, []
        for connection in told:
            self.incidents.close(connection, "known from here on")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


# Finds certificates of peers that are about to expire; known only of peers that are verified.

# What renews by itself does so 30 days before
FIRST_WARNING_NS = 14 * DAY_NS


@dataclass(frozen=True, slots=True)
class _Certificate:
    source: Source
    event_id: int
    """That showed it."""
    expires_ns: int
    """Wall."""
    expires: str


class CertificateDetector(IncidentDetector):
    """Opens ``certificate`` two weeks before one expires; a session with one that lasts longer ends it."""

    kind = "certificate"

    def __init__(self) -> None:
        super().__init__()
        # Of the newest session, by connection
        self._certificates: dict[str, _Certificate] = {}

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
