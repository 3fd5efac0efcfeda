"""Finds peers that answer far slower than they do, or slower than anybody should: pings and requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsmon.model.detectors.detector import IncidentDetector
from wsmon.model.detectors.level import Level
from wsmon.model.detectors.watched import Traffic
from wsmon.model.durations import MS_NS, SECOND_NS
from wsmon.model.events import Event
from wsmon.model.statuses import SESSION_ENDS
from wsmon.model.units import milliseconds

TIMES_USUAL = 4
END_FRACTION = 0.5
# of the limit that was passed: below it the peer is fast again


@dataclass(frozen=True, slots=True)
class _Limit:
    """When a quantity is too slow."""

    what: str
    margin_ns: int
    # at least so much above what is usual: a peer in the same rack may take four times nothing
    longest_ns: int
    # where nothing usual is known, or the usual is less than half of it


_RTT = _Limit("round trip", 100 * MS_NS, SECOND_NS)
_PROCESS = _Limit("replies", 250 * MS_NS, 5 * SECOND_NS)


@dataclass(slots=True)
class _Peer:
    """How fast the peer of a connection is."""

    rtt: Level = field(default_factory=lambda: Level(newest=5, least=5, rank=0.5))
    # pings come every 20 s: the middle of five, so that two that were lost and sent again are no alarm
    process: Level = field(default_factory=lambda: Level(newest=100, least=20, rank=0.9))
    # replies come as often as requests: the slowest tenth, which of twenty are two
    limit_ns: float = 0.0
    # that was passed
    slow: _Limit | None = None

    def level(self, limit: _Limit) -> Level:
        return self.rtt if limit is _RTT else self.process


class SlowDetector(IncidentDetector):
    """Opens ``slow`` at four times the usual, or past what is bearable; half of that limit ends it."""

    kind = "slow"
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        self._peers: dict[str, _Peer] = {}

    def _see(self, event: Event) -> None:
        if event.to_status in SESSION_ENDS:
            connection = event.source.connection
            self.incidents.close(connection, "the session ended")
            if (peer := self._peers.get(connection)) is not None:
                peer.slow = None
                peer.rtt.forget_recent()
                peer.process.forget_recent()

    def _see_traffic(self, traffic: Traffic) -> None:
        if not (traffic.rtt or traffic.process):
            return
        peer = self._peers.setdefault(traffic.source.connection, _Peer())
        peer.rtt.add(traffic.rtt, is_usual=peer.slow is not _RTT)
        peer.process.add(traffic.process, is_usual=peer.slow is not _PROCESS)
        if peer.slow is not None:
            self._close(traffic.source.connection, peer, peer.slow)
        for limit in (_RTT, _PROCESS):
            if peer.slow is None:
                self._open(traffic, peer, limit)

    def _open(self, traffic: Traffic, peer: _Peer, limit: _Limit) -> None:
        level = peer.level(limit)
        now_ns, usual_ns = level.now, level.usual
        limit_ns = _limit_ns(limit, usual_ns)
        if now_ns is None or now_ns <= limit_ns:
            return
        peer.slow, peer.limit_ns = limit, limit_ns
        against = "" if usual_ns is None else f", usually {milliseconds(usual_ns / MS_NS)}"
        reason = f"{limit.what} {milliseconds(now_ns / MS_NS)}{against}"
        facts = {"now_ms": round(now_ns / MS_NS, 3), "limit_ms": round(limit_ns / MS_NS, 3)}
        if usual_ns is not None:
            facts["usual_ms"] = round(usual_ns / MS_NS, 3)
        self.incidents.open(traffic.source, reason, [traffic.newest_id], facts)

    def _close(self, connection: str, peer: _Peer, limit: _Limit) -> None:
        now_ns = peer.level(limit).now
        if now_ns is not None and now_ns < peer.limit_ns * END_FRACTION:
            peer.slow = None
            self.incidents.close(connection, f"{limit.what} {milliseconds(now_ns / MS_NS)} again")


def _limit_ns(limit: _Limit, usual_ns: float | None) -> float:
    if usual_ns is None:
        return limit.longest_ns
    relative_ns = max(TIMES_USUAL * usual_ns, usual_ns + limit.margin_ns)
    return min(relative_ns, limit.longest_ns) if usual_ns < limit.longest_ns * END_FRACTION else relative_ns
