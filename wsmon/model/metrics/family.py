"""A metric with all its series, in no format yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind = Literal["counter", "gauge", "histogram", "summary"]
Labels: TypeAlias = "tuple[tuple[str, str], ...]"
# in the order in which they are written


@dataclass(frozen=True, slots=True)
class Point:
    """One series of a counter or a gauge."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Spread:
    """One series of a histogram or a summary."""

    labels: Labels
    count: int
    sum: float
    # in the unit of the family
    bounds: tuple[float, ...] = ()
    # ascending, in the same unit
    counts: tuple[int, ...] = ()
    # up to each bound and above the one before, and above all; empty for a summary


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str
    # dotted, without its unit
    kind: Kind
    help: str
    # one sentence without its full stop
    points: tuple[Point, ...] | tuple[Spread, ...]
    unit: str = ""
    # seconds, bytes, or none

    @property
    def written_name(self) -> str:
        """The name in Prometheus's text, without what counters and histograms append: snake case, the unit behind."""
        name = self.name.replace(".", "_")
        return f"{name}_{self.unit}" if self.unit else name
