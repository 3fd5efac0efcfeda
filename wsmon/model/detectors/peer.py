"""Finds peers that are somebody else than before: certificate, subprotocol, Server header.

Addresses change behind every load balancer and say nothing at three in the morning; they are told with what is found.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wsmon.model.detectors.detector import IncidentDetector
from wsmon.model.events import Event, Json
from wsmon.model.response_headers import response_header

MOST_VALUES = 16
# of one trait that are known: machines behind one name may differ, each is told once


@dataclass(slots=True)
class _Peer:
    """How the peer of a connection has shown itself in this run."""

    address: str = ""
    # of the newest session
    traits: dict[str, list[str]] = field(default_factory=dict)
    # the newest last
    event_ids: dict[str, int] = field(default_factory=dict)
    # the newest event that showed a trait


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
