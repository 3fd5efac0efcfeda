"""How sending to a collector goes: what arrived, what was lost, what is wrong now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from wsmon.export.otlp_values import RecordKind
from wsmon.model.durations import SECOND_NS
from wsmon.model.metrics.of_recorder import SignalTotals, SinkState
from wsmon.ports import Clock

LOSS_SHOWN_NS: Final = 600 * SECOND_NS
# how long a loss stands in the header; the counters keep it
SIGNALS: Final[dict[RecordKind, str]] = {"spans": "spans", "logRecords": "logs", "metrics": "metrics"}
# how people call what the protocol calls so; of metrics, points are counted


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why records of a kind do not arrive."""

    why: str
    since_ns: int
    # monotonic


@dataclass(frozen=True, slots=True)
class _Loss:
    """The newest records that were given up."""

    why: str
    kind: RecordKind
    records: int
    at_ns: int
    # monotonic


class SinkHealth:
    """Written by the event loop; any thread may read it."""

    def __init__(self, kinds: tuple[RecordKind, ...], clock: Clock) -> None:
        self._kinds = kinds
        self._clock = clock
        self._sent: Counter[RecordKind] = Counter()
        self._dropped: Counter[RecordKind] = Counter()
        self._troubles: dict[RecordKind, _Trouble] = {}
        self._behind: dict[RecordKind, int] = {}
        self._loss: _Loss | None = None
        self.name = ""
        # of the collector, secrets masked

    def follow(self, name: str, kinds: tuple[RecordKind, ...]) -> None:
        """Another collector, or none, gets other kinds from now on; what was counted stays."""
        self.name, self._kinds = name, kinds
        self._troubles.clear()
        self._behind.clear()
        self._loss = None

    def taken(self, kind: RecordKind, records: int) -> None:
        """Records arrived."""
        self._sent[kind] += records
        self._troubles.pop(kind, None)

    def failed(self, kind: RecordKind, why: str) -> None:
        """Records did not arrive, and wait."""
        before = self._troubles.get(kind)
        self._troubles[kind] = _Trouble(why, before.since_ns if before else self._clock.mono_ns())

    def dropped(self, kind: RecordKind, records: int, why: str) -> None:
        """Records were given up."""
        self._dropped[kind] += records
        now_ns = self._clock.mono_ns()
        if self._loss is not None and self._loss.kind == kind and now_ns - self._loss.at_ns < LOSS_SHOWN_NS:
            records += self._loss.records
        self._loss = _Loss(why, kind, records, now_ns)

    def wait(self, kind: RecordKind, events: int) -> None:
        """So many events are not sent yet."""
        self._behind[kind] = events

    @property
    def warning(self) -> str:
        """What is wrong; empty = all arrives."""
        now_ns = self._clock.mono_ns()
        troubles = dict(self._troubles)
        if troubles:
            kind, trouble = next(iter(troubles.items()))
            for_s = (now_ns - trouble.since_ns) // SECOND_NS
            what = SIGNALS[kind] if len(troubles) < len(self._kinds) else "telemetry"
            waiting = max(self._behind.values(), default=0)
            return f"otlp: {what} not sent for {for_s} s: {self.name} {trouble.why}; {waiting:,} events wait"
        loss = self._loss
        if loss is not None and now_ns - loss.at_ns < LOSS_SHOWN_NS:
            return f"otlp: {loss.records:,} {SIGNALS[loss.kind]} were lost: {loss.why}"
        return ""

    def state(self) -> SinkState | None:
        """For metrics; ``None`` where nothing is sent and nothing was."""
        if not self.name and not self._sent and not self._dropped:
            return None
        signals = tuple(
            SignalTotals(SIGNALS[kind], self._sent[kind], self._dropped[kind])
            for kind in SIGNALS
            if kind in self._kinds or self._sent[kind] or self._dropped[kind]
        )
        return SinkState("otlp", not self._troubles, max(self._behind.copy().values(), default=0), signals)
