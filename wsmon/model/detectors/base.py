"""The incidents of one kind that are open: each is opened once, closed once, and knows the event that opened it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wsmon.model.detectors.watched import IncidentKind, RuleKind, is_rule
from wsmon.model.events import Event, Json, Meta, Source

MOST_EVIDENCE = 20
# event ids that an incident names: enough to begin with


@dataclass(slots=True)
class _Incident:
    source: Source
    opened_mono_ns: int = 0
    id: int = 0
    # 0 until the event that opens it is stored


class Incidents:
    """Makes ``incident.*`` events; ``take`` them, and show each to ``observe`` once it has its id, in that order."""

    def __init__(self, kind: IncidentKind | RuleKind, silence: str = "") -> None:
        """``silence`` says which key keeps such incidents away, beside the one that all connections have.

        What a rule finds is silenced by the rule alone.
        """
        self.kind = kind
        self._silence = silence if is_rule(kind) else f'{silence}{silence and " or "}silence = ["{kind}"]'
        self._open: dict[str, _Incident] = {}
        # by connection
        self._opening: list[tuple[_Incident, str, Meta]] = []
        self._closing: list[tuple[_Incident, str, Meta]] = []
        self._announced: deque[_Incident] = deque()
        # taken, without an id yet

    def __contains__(self, connection: str) -> bool:
        return connection in self._open

    @property
    def connections(self) -> tuple[str, ...]:
        """Those with an open incident."""
        return tuple(self._open)

    def open(
        self, source: Source, reason: str, evidence: Iterable[int], facts: Mapping[str, Json] | None = None
    ) -> None:
        """Begin the incident of a connection; one that is open already stays as it is."""
        if source.connection in self._open:
            return
        incident = self._open[source.connection] = _Incident(source)
        ids = [each for each in evidence if each][-MOST_EVIDENCE:]
        self._opening.append((incident, reason, {"evidence": [*ids], "silence": self._silence, **(facts or {})}))

    def close(self, connection: str, reason: str, facts: Mapping[str, Json] | None = None) -> None:
        """End the incident of a connection, where one is open."""
        incident = self._open.pop(connection, None)
        if incident is not None:
            self._closing.append((incident, reason, facts or {}))

    def observe(self, event: Event) -> None:
        """See the id of an incident that was taken."""
        if event.name == "incident.opened" and event.type == self.kind and self._announced:
            self._announced.popleft().id = event.id

    def take(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """What ended and began since the last time; an end waits until its beginning is stored."""
        closed = [
            Event(
                incident.source,
                "incident.closed",
                ts_ns,
                mono_ns,
                type=self.kind,
                reason=reason,
                duration_ns=mono_ns - incident.opened_mono_ns,
                meta={"incident": incident.id, "evidence": [incident.id], **facts},
            )
            for incident, reason, facts in self._closing
            if incident.id
        ]
        self._closing = [each for each in self._closing if not each[0].id]
        opening, self._opening = self._opening, []
        for incident, _, _ in opening:
            incident.opened_mono_ns = mono_ns
            self._announced.append(incident)
        opened = [
            Event(incident.source, "incident.opened", ts_ns, mono_ns, type=self.kind, reason=reason, meta=meta)
            for incident, reason, meta in opening
        ]
        return (*closed, *opened)
