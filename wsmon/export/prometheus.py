"""Metrics as text that Prometheus scrapes: the text format 0.0.4, and OpenMetrics 1.0.

https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import accumulate
from typing import Final

from wsmon.model.metrics import DistributionPoint, Labels, MetricFamily, NumberPoint

PLAIN: Final = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
# Of a label value: a terminal that shows the page obeys nothing, and what is no text becomes UTF-8
_UNPRINTED: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")


def exposition(families: Iterable[MetricFamily], *, is_open_metrics: bool) -> bytes:
    """The whole page; a family without series is left out."""
    lines: list[str] = []
    for family in families:
        if family.points:
            lines += _family(family, is_open_metrics=is_open_metrics)
    if is_open_metrics:
        lines.append("# EOF")
    return "".join(f"{line}\n" for line in lines).encode()


def _family(family: MetricFamily, *, is_open_metrics: bool) -> Iterator[str]:
    name = family.written_name
    sample = f"{name}_total" if family.kind == "counter" else name
    header = name if is_open_metrics else sample
    # OpenMetrics names the family, the text format what its samples are called
    yield f"# HELP {header} {_help(family.help)}"
    yield f"# TYPE {header} {family.kind}"
    if is_open_metrics and family.unit:
        yield f"# UNIT {header} {family.unit}"
    for point in family.points:
        if isinstance(point, NumberPoint):
            yield f"{sample}{_labels(point.labels)} {_number(point.value)}"
        else:
            yield from _spread(name, point)


def _spread(name: str, spread: DistributionPoint) -> Iterator[str]:
    bounds = (*map(_number_with_point, spread.bounds), "+Inf")
    for bound, count in zip(bounds, accumulate(spread.counts), strict=False):  # a summary has none
        yield f"{name}_bucket{_labels((*spread.labels, ('le', bound)))} {count}"
    yield f"{name}_sum{_labels(spread.labels)} {_number(spread.sum)}"
    yield f"{name}_count{_labels(spread.labels)} {spread.count}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_UNPRINTED.sub("�", value).translate(_ESCAPES)}"' for name, value in labels)
    return f"{{{','.join(pairs)}}}"


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', "'")


def _number(value: float) -> str:
    """Whole numbers without a point; of others as many digits as it takes to read the same number back."""
    return str(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)


def _number_with_point(value: float) -> str:
    return repr(float(value))


# What comes with wsmon for monitoring systems: a dashboard for Grafana, rules for Prometheus.


def dashboard() -> str:
    """JSON that Grafana imports; it asks for its Prometheus."""
    return _text("grafana.json")


def rules() -> str:
    """YAML for ``rule_files``: the telemetry guide's metric names, and alerts."""
    return _text("prometheus_rules.yml")


def _text(name: str) -> str:
    return (files("wsmon.export") / name).read_text(encoding="utf-8")
