"""Metrics as OTLP/JSON: cumulative sums, gauges, histograms and summaries, of one moment.

Labels become attributes with the names that spans and logs have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from wsmon.export.otlp_values import attributes
from wsmon.model.events import Json
from wsmon.model.metrics.family import Family, Labels, Point, Spread

CUMULATIVE: Final = 2
# AggregationTemporality
_UNITS: Final[Mapping[str, str]] = MappingProxyType({"seconds": "s", "bytes": "By", "": "1"})
# as UCUM writes them
_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "client_id": "websocket.connection",
        "group": "websocket.group",
        "uri": "url.full",
        "type": "websocket.type",
        "channel": "websocket.topic",
        "code": "websocket.close.code",
        "error_type": "error.type",
    }
)


def metric_records(families: Iterable[Family], begun_ns: int, at_ns: int) -> Iterator[bytes]:
    """A record of each family that has series; counters began at ``begun_ns``, both are wall times."""
    times: Mapping[str, Json] = {"startTimeUnixNano": str(begun_ns), "timeUnixNano": str(at_ns)}
    for family in families:
        if family.points:
            told: dict[str, Json] = {
                "name": family.name,
                "description": family.help,
                "unit": _UNITS[family.unit],
                **_values(family, times),
            }
            yield msgspec.json.encode(told)


def point_count(families: Iterable[Family]) -> int:
    """How many points the records of these families have."""
    return sum(len(family.points) for family in families)


def _values(family: Family, times: Mapping[str, Json]) -> dict[str, Json]:
    points: list[Json] = [
        _number(point, times) if isinstance(point, Point) else _spread(point, times) for point in family.points
    ]
    match family.kind:
        case "counter":
            return {"sum": {"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": True}}
        case "gauge":
            return {"gauge": {"dataPoints": points}}
        case "histogram":
            return {"histogram": {"dataPoints": points, "aggregationTemporality": CUMULATIVE}}
        case "summary":
            return {"summary": {"dataPoints": points}}


def _number(point: Point, times: Mapping[str, Json]) -> dict[str, Json]:
    value: dict[str, Json] = {"asDouble": point.value}
    if isinstance(point.value, int):
        value = {"asInt": str(int(point.value))}
    return {"attributes": _attributes(point.labels), **times, **value}


def _spread(spread: Spread, times: Mapping[str, Json]) -> dict[str, Json]:
    told: dict[str, Json] = {
        "attributes": _attributes(spread.labels), **times, "count": str(spread.count), "sum": spread.sum,
    }  # fmt: skip
    if spread.counts:
        told["explicitBounds"] = list(spread.bounds)
        told["bucketCounts"] = [str(count) for count in spread.counts]
    return told


def _attributes(labels: Labels) -> list[Json]:
    return attributes({_ATTRIBUTES.get(name, name): value for name, value in labels})
