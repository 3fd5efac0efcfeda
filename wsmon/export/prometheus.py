"""Prometheus: metrics as text (format 0.0.4, and OpenMetrics 1.0), and the dashboard and rules that come with wsmon.

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
# Not allowed in a label value: control characters that a terminal would obey, and lone surrogates, which UTF-8 has not
_UNPRINTED: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")


def exposition(families: Iterable[MetricFamily], *, is_open_metrics: bool) -> bytes:
    """Return the whole page; families without series are left out."""
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
    # OpenMetrics has the name of the family here, the text format that of its samples
    header = name if is_open_metrics else sample
    yield f"# HELP {header} {_help(family.help)}"
    yield f"# TYPE {header} {family.kind}"
    if is_open_metrics and family.unit:
        yield f"# UNIT {header} {family.unit}"
    for point in family.points:
        if isinstance(point, NumberPoint):
            yield f"{sample}{_labels(point.labels)} {_number(point.value)}"
        else:
            yield from _distribution(name, point)


def _distribution(name: str, point: DistributionPoint) -> Iterator[str]:
    bounds = (*map(_number_with_point, point.bounds), "+Inf")
    for bound, count in zip(bounds, accumulate(point.counts), strict=False):  # a summary has none
        yield f"{name}_bucket{_labels((*point.labels, ('le', bound)))} {count}"
    yield f"{name}_sum{_labels(point.labels)} {_number(point.sum)}"
    yield f"{name}_count{_labels(point.labels)} {point.count}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_UNPRINTED.sub("�", value).translate(_ESCAPES)}"' for name, value in labels)
    return f"{{{','.join(pairs)}}}"


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', "'")


def _number(value: float) -> str:
    """Whole numbers without a point; others with as many digits as it takes to read the same number back."""
    return str(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)


def _number_with_point(value: float) -> str:
    return repr(float(value))


def dashboard() -> str:
    """Return the dashboard as JSON for Grafana, which asks for the data source when it imports it."""
    return _text("grafana.json")


def rules() -> str:
    """Return YAML for Prometheus' ``rule_files``: recording rules and alerts."""
    return _text("prometheus_rules.yml")


def _text(name: str) -> str:
    return (files("wsmon.export") / name).read_text(encoding="utf-8")
