"""MetricsBackend: counters and histograms of the events of an application, in the text format of Prometheus."""

from __future__ import annotations

import os
import threading
import weakref
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from wsmon.errors import UsageError
from wsmon.trace.backend import key_text

if TYPE_CHECKING:
    from wsmon.model.metrics import Labels, MetricFamily

# Upper bounds in seconds
DEFAULT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Series of one backend: labels come from payloads
MOST_SERIES: Final = 1_000
_COUNTED: Final = (".started", ".completed", ".failed", ".cancelled")
_LABELS: Final = ("status", "handler", "namespace")


class Counter:
    """A number that only rises; any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0

    def increment(self, by: object = 1) -> bool:
        """Add a whole number, and return True; what is no whole number is refused, with False.

        Raises ``UsageError`` for a number below 0.
        """
        if not isinstance(by, int) or isinstance(by, bool):
            return False
        if by < 0:
            raise UsageError(f"a counter only rises: {by} is below 0")
        with self._lock:
            self._value += by
        return True

    @property
    def value(self) -> int:
        """The sum."""
        return self._value


class Histogram:
    """How many values lie up to each bound; any thread may call."""

    def __init__(self, buckets: Iterable[float] = DEFAULT_BUCKETS) -> None:
        """``buckets`` are upper bounds, in any order; one for all above is added. Raises ``UsageError`` for none."""
        self.bounds = tuple(sorted(set(buckets)))
        if not self.bounds:
            raise UsageError("a histogram needs a bucket", "name at least one bound")
        self._lock = threading.Lock()
        # Above the bound before and up to each, and above all
        self._counts = [0] * (len(self.bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        with self._lock:
            self._counts[bisect_left(self.bounds, value)] += 1
            self._sum += value

    @property
    def counts(self) -> tuple[int, ...]:
        """How many values lie above the bound before and up to each, and, last, above all."""
        with self._lock:
            return tuple(self._counts)

    @property
    def sum(self) -> float:
        """The sum of all values."""
        return self._sum

    @property
    def average(self) -> float:
        """The mean of all values; 0.0 without one."""
        count = sum(self.counts)
        return self._sum / count if count else 0.0


class MetricsBackend:
    """Counts events by their names: ``task.completed`` is ``task_completed_total``; any thread may call.

    Events with a ``duration`` (seconds) are measured in ``task_duration_seconds``. Labels are ``status``, ``handler``
    and ``namespace`` of the payload.
    """

    def __init__(self) -> None:
        # Guards what follows
        self._lock = threading.RLock()
        self._counters: dict[tuple[str, Labels], Counter] = {}
        self._histograms: dict[tuple[str, Labels], Histogram] = {}
        _ALL.add(self)

    def handle_event(self, name: str, payload: object = None) -> bool:
        """Count an event; returns False for one that is none to count, or whose payload is no mapping."""
        suffix = next((each for each in _COUNTED if name.endswith(each)), "")
        if not suffix or not isinstance(payload, Mapping):
            return False
        told: dict[str, Any] = {key_text(key): value for key, value in payload.items()}
        labels = tuple((label, str(told[label])) for label in _LABELS if told.get(label) is not None)
        entity = _metric_name(name.removesuffix(suffix))
        with self._lock:
            place = (f"{entity}{suffix}", labels)
            if place not in self._counters and len(self._counters) >= MOST_SERIES:
                return False
            self._counters.setdefault(place, Counter()).increment()
            duration_s = told.get("duration")
            if isinstance(duration_s, int | float) and not isinstance(duration_s, bool):
                self._histograms.setdefault((f"{entity}.duration", labels), Histogram()).observe(duration_s)
        return True

    def exposition(self) -> str:
        """Return all metrics in the text format of Prometheus."""
        # Imported now: most applications count nothing here
        from wsmon.export.prometheus import exposition

        return exposition(self._families(), is_open_metrics=False).decode()

    def after_fork(self) -> None:
        """Go on in a forked child."""
        self._lock = threading.RLock()

    def _families(self) -> list[MetricFamily]:
        from wsmon.model.metrics import DistributionPoint, MetricFamily, NumberPoint

        numbers: dict[str, list[NumberPoint]] = {}
        spreads: dict[str, list[DistributionPoint]] = {}
        with self._lock:
            for (name, labels), counter in self._counters.items():
                numbers.setdefault(name, []).append(NumberPoint(labels, counter.value))
            for (name, labels), each in self._histograms.items():
                point = DistributionPoint(labels, sum(each.counts), each.sum, each.bounds, each.counts)
                spreads.setdefault(name, []).append(point)
        counted = [MetricFamily(name, "counter", f"Events {name}", tuple(points)) for name, points in numbers.items()]
        measured = [
            MetricFamily(name, "histogram", f"Seconds of {name}", tuple(points), "seconds")
            for name, points in spreads.items()
        ]
        return counted + measured


def _metric_name(name: str) -> str:
    """A name that Prometheus takes."""
    valid = "".join(char if char.isascii() and (char.isalnum() or char in "._") else "_" for char in name)
    return f"_{valid}" if valid[:1].isdigit() else valid


def _forked() -> None:
    """Let a forked child go on where a thread of its parent held a lock."""
    for backend in tuple(_ALL):
        backend.after_fork()


_ALL: weakref.WeakSet[MetricsBackend] = weakref.WeakSet()
os.register_at_fork(after_in_child=_forked)
