"""Key figures of a connection against the thresholds of its profile: the table of the telemetry guide.

What was never measured has no value and breaches nothing. All comparisons are strict, as the guide's are: 99.9 % is
not more than 99.9 %. Averages are exact, which percentiles are not. Of the guide's table, throughput has no threshold,
and how often errors are handled is known of one protocol only: both are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from wsmon.model.statistics import ConnectionStatistics, Kpi, Summary
from wsmon.model.statuses import Status

_DIALLING: Final[frozenset[Status]] = frozenset({"connecting", "connected"})
_GAVE_UP: Final = "retries_exhausted"
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Measured:
    """A figure and what it was made from; without samples it has no value."""

    total: float
    # of the samples: how many succeeded or failed, or milliseconds
    samples: int

    @property
    def value(self) -> float | None:
        """The total a sample."""
        return self.total / self.samples if self.samples else None


@dataclass(frozen=True, slots=True)
class _Rule:
    """A figure, and where it must lie."""

    measure: Callable[[ConnectionStatistics], _Measured]
    financial: float
    standard: float
    is_floor: bool = False
    # it must be above the threshold, not below
    is_share: bool = False
    # 0…1; the others are milliseconds


def _connected(of: ConnectionStatistics) -> _Measured:
    """Dials that led to a usable session; one that is still under way is neither a success nor a failure."""
    dials = max(0, of.sessions - (of.status in _DIALLING))
    return _Measured(min(of.connection_count, dials), dials)


def _reconnected(of: ConnectionStatistics) -> _Measured:
    """Outages that ended; the others ended in giving up. One that lasts is neither."""
    ended = of.reconnect_ms.count if of.reconnect_ms else 0
    return _Measured(ended, ended + of.errors.get(_GAVE_UP, 0))


def _failed_messages(of: ConnectionStatistics) -> _Measured:
    """Messages that could not be read, and requests that failed."""
    return _Measured(of.failed_messages, of.messages.received + of.messages.sent)


def _average(summary: Summary | None) -> _Measured:
    return _Measured(summary.mean * summary.count, summary.count) if summary else _Measured(0.0, 0)


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "connection_success_rate": _Rule(_connected, 0.999, 0.99, is_floor=True, is_share=True),
        "connection_time_ms": _Rule(lambda of: _average(of.connect_ms), 500.0, 1_000.0),
        "reconnection_success_rate": _Rule(_reconnected, 0.99, 0.99, is_floor=True, is_share=True),
        "reconnection_time_ms": _Rule(lambda of: _average(of.reconnect_ms), 2_000.0, 5_000.0),
        "processing_time_ms": _Rule(lambda of: _average(of.process_ms), 10.0, 50.0),
        "message_error_rate": _Rule(_failed_messages, 0.0001, 0.001, is_share=True),
    }
)
KPI_NAMES: Final = tuple(_RULES)
KPI_SHARES: Final = frozenset(name for name, rule in _RULES.items() if rule.is_share)
# whose thresholds are 0…1; those of the others are milliseconds


def kpis(of: ConnectionStatistics, overrides: Mapping[str, float] = _NOTHING) -> tuple[Kpi, ...]:
    """All key figures of a connection, in the order of ``KPI_NAMES``.

    ``overrides`` are thresholds of the configuration by name. Profiles but ``financial`` have the thresholds of
    ``standard``.
    """
    return tuple(_kpi(name, rule, of, overrides.get(name)) for name, rule in _RULES.items())


def _kpi(name: str, rule: _Rule, of: ConnectionStatistics, override: float | None) -> Kpi:
    standing = rule.financial if of.profile == "financial" else rule.standard
    threshold = standing if override is None else override
    measured = rule.measure(of)
    value = measured.value
    if value is None:
        return Kpi(name, None, threshold, None, 0, None, rule.is_floor, rule.is_share)
    ok = value > threshold if rule.is_floor else value < threshold
    left = _budget_left(rule, value, threshold)
    return Kpi(name, value, threshold, ok, measured.samples, left, rule.is_floor, rule.is_share)


def _budget_left(rule: _Rule, value: float, threshold: float) -> float | None:
    """The part that is left of what may go wrong, or of the time that it may take; below 0: overdrawn."""
    spent, allowed = (1 - value, 1 - threshold) if rule.is_floor else (value, threshold)
    return 1 - spent / allowed if allowed > 0 else None
