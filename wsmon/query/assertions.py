"""Assertion language: the text of an assertion becomes a figure or a count, a comparison and its bound.

assertion  = figure comparison bound [per] | "no" query | "count(" query ")" comparison number [per]
figure     = a KPI | ("p50" | "p95" | "p99" | "max") "(" field ")"
comparison = "<" | "<=" | ">" | ">=" | "=" | "!="
per        = "by" field-or-path
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from wsmon.errors import QueryError, UsageError
from wsmon.model.json_path import JsonPath, compile_path
from wsmon.model.statistics import DISTRIBUTIONS, KPI_NAMES, KPI_UNITS
from wsmon.model.units import UNIT_BYTES, UNIT_NS
from wsmon.query.ast import Query
from wsmon.query.fields import FIELDS, Field, find
from wsmon.query.parser import ReferenceTime, parse

Rank = Literal["p50", "p95", "p99", "max"]
RANKS: Mapping[Rank, float] = MappingProxyType({"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0})
# The fewest samples of which one lies beyond the percentile; with fewer, p99 is the maximum under another name
MIN_SAMPLES: Mapping[Rank, int] = MappingProxyType({"p50": 3, "p95": 20, "p99": 100, "max": 1})

# Shares are 0…1, durations in milliseconds, sizes in bytes, rates per second
Unit = Literal["share", "ms", "bytes", "per_s", "number"]
Comparison = Literal["<", "<=", ">", ">=", "=", "!="]
COMPARISONS: Mapping[Comparison, Callable[[float, float], bool]] = MappingProxyType(
    {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "=": operator.eq,
        "!=": operator.ne,
    }
)
# Fields whose values are numbers that can be ranked
_RANKED = frozenset({"size", "duration", "number"})
# Fields whose values name a group
_GROUPING = frozenset({"text", "choice", "status", "number"})

_SIGN = r"(?P<sign>>=|<=|!=|=|>|<)"
_BOUND = r"(?P<bound>.+?)(?:\s+by\s+(?P<by>\S.*))?"
_FIGURE = re.compile(rf"(?P<name>[A-Za-z_]\w*)\s*(?:\((?P<of>[^()]*)\))?\s*{_SIGN}\s*{_BOUND}", re.ASCII)
_COUNT = re.compile(rf"count\s*\((?P<query>.*)\)\s*{_SIGN}\s*{_BOUND}", re.ASCII)
_NONE = re.compile(r"no(?:\s+(?P<query>.*))?", re.ASCII)
_GROUPED = re.compile(r"\sby\s+\S+$", re.ASCII)
_NUMBER = re.compile(r"(?P<digits>-?\d{1,40}(?:\.\d{1,12})?)\s*(?P<unit>[A-Za-zµ]*|%)", re.ASCII)
_UNIT_NAMES: Mapping[Unit, str] = MappingProxyType(
    {
        "share": "a percentage or a number from 0 to 1, e.g. 99.9%",
        "ms": "a duration, e.g. 250ms",
        "bytes": "a size, e.g. 10kb",
        "per_s": "a number per second, e.g. 50",
        "number": "a number",
    }
)
FORMS = "examples: availability >= 99.9%; p95(lat) < 250ms; no is:gap; count(type:trade) > 0 by $.symbol"


@dataclass(frozen=True, slots=True)
class KpiFigure:
    """A KPI of each connection."""

    name: str


@dataclass(frozen=True, slots=True)
class ConnectionPercentile:
    """A percentile of a distribution that statistics have of each connection, such as ``rtt_ms``."""

    name: str
    rank: Rank


@dataclass(frozen=True, slots=True)
class FieldPercentile:
    """A percentile of the values that a field of the search language has in events."""

    field: Field
    rank: Rank


@dataclass(frozen=True, slots=True)
class QueryCount:
    """How many events match a query."""

    query: Query


Subject: TypeAlias = KpiFigure | ConnectionPercentile | FieldPercentile | QueryCount
Grouping: TypeAlias = Field | JsonPath


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is to hold of a recording."""

    text: str
    """As written."""
    subject: Subject
    comparison: Comparison
    bound: float
    """In the unit."""
    unit: Unit
    by: Grouping | None = None
    """The groups that it is to hold for, each on its own; None = the subject's own."""

    def holds(self, value: float) -> bool:
        """Return whether a value is on the right side of the bound."""
        return COMPARISONS[self.comparison](value, self.bound)


def parse_assertion(text: str, now: ReferenceTime) -> Assertion:
    """Return the assertion that a text means; raises ``UsageError`` with the nearest name for an unknown one."""
    text = text.strip()
    if found := _COUNT.fullmatch(text):
        query = _query(found["query"], now)
        by = _grouping(found["by"])
        return Assertion(text, QueryCount(query), _sign(found), _bound(found["bound"], "number"), "number", by)
    if (found := _NONE.fullmatch(text)) and not _FIGURE.fullmatch(text):
        return Assertion(text, QueryCount(_of_none(found["query"] or "", now)), "=", 0, "number")
    if found := _FIGURE.fullmatch(text):
        return _of_figure(text, found)
    if text.startswith("count"):
        raise UsageError("no count(QUERY) with a comparison and a number", "example: count(type:trade) > 0")
    raise UsageError("not an assertion", FORMS)


def _of_none(text: str, now: ReferenceTime) -> Query:
    if not text.strip():
        raise UsageError("no query after `no`", "example: no is:gap")
    # As words of the query they would match nothing, and the assertion would hold for the wrong reason
    if _GROUPED.search(text):
        raise UsageError("`no` takes no groups", 'use count(QUERY) = 0 by FIELD, or quote "by" to search for the word')
    return _query(text, now)


def _query(text: str, now: ReferenceTime) -> Query:
    try:
        return parse(text.strip(), now)
    except QueryError as error:
        raise UsageError(error.what, error.hint) from error


def _of_figure(text: str, found: re.Match[str]) -> Assertion:
    name, of = found["name"], found["of"]
    by = _grouping(found["by"])
    if of is None:
        if name not in KPI_NAMES:
            raise UsageError(f"unknown figure {name!r}", _figure_hint(name))
        _refuse_groups(name, by)
        unit: Unit = KPI_UNITS[name]
        return Assertion(text, KpiFigure(name), _sign(found), _bound(found["bound"], unit), unit, by)
    rank = next((each for each in RANKS if each == name), None)
    if rank is None:
        hint = f"{name} stands without parentheses" if name in KPI_NAMES else f"use {', '.join(RANKS)} or count"
        raise UsageError(f"unknown function {name!r}", hint)
    of = of.strip()
    if of in DISTRIBUTIONS:
        _refuse_groups(of, by)
        unit = "bytes" if of == "message_size" else "ms"
        return Assertion(text, ConnectionPercentile(of, rank), _sign(found), _bound(found["bound"], unit), unit, by)
    field = _ranked_field(of)
    unit = _unit_of(field)
    return Assertion(text, FieldPercentile(field, rank), _sign(found), _bound(found["bound"], unit), unit, by)


def _figure_hint(name: str) -> str:
    near = difflib.get_close_matches(name, (*KPI_NAMES, *RANKS, "count"), n=1)
    if near and (near[0] in RANKS or near[0] == "count"):
        return f"did you mean {near[0]}(…)?"
    if name in DISTRIBUTIONS or ((field := find(name)) is not None and field.kind in _RANKED):
        return f"did you mean p95({name})?"
    return f"did you mean {near[0]}?" if near else f"KPIs: {', '.join(KPI_NAMES)}"


def _ranked_field(name: str) -> Field:
    field = find(name)
    if field is None:
        rankable = [each.name for each in FIELDS.values() if each.kind in _RANKED]
        aliases = [alias for each in FIELDS.values() if each.kind in _RANKED for alias in each.aliases]
        near = difflib.get_close_matches(name, (*rankable, *aliases, *DISTRIBUTIONS), n=1)
        fields = ", ".join((*rankable, *DISTRIBUTIONS))
        raise UsageError(f"unknown field {name!r}", f"did you mean {near[0]}?" if near else f"fields: {fields}")
    if field.kind not in _RANKED:
        raise UsageError(f"{name} is not a number", "percentiles are of sizes, durations and numbers")
    return field


def _unit_of(field: Field) -> Unit:
    if field.kind == "size":
        return "bytes"
    return "ms" if field.kind == "duration" or field.name == "latency" else "number"


def _grouping(text: str | None) -> Grouping | None:
    """Return the field or path after ``by``."""
    if text is None:
        return None
    text = text.strip()
    if text.startswith("$"):
        try:
            return compile_path(text)
        except ValueError as error:
            raise UsageError(f"invalid path {text!r}", str(error)) from error
    field = find(text)
    groups = [each.name for each in FIELDS.values() if each.kind in _GROUPING and not each.is_of_notes]
    if field is None:
        near = difflib.get_close_matches(text, groups, n=1)
        hint = f"did you mean {near[0]}?" if near else "use a field such as connection or type, or a path such as $.a"
        raise UsageError(f"unknown field {text!r} after by", hint)
    if field.name not in groups:
        raise UsageError(f"events cannot be grouped by {text}", f"use a path, or one of {', '.join(groups)}")
    return field


def _refuse_groups(name: str, by: Grouping | None) -> None:
    """Raise ``UsageError`` where a figure of connections is to be split by anything else."""
    if by is not None and not (isinstance(by, Field) and by.name == "connection"):
        raise UsageError(f"{name} is kept by connection only", "remove `by`: each connection is judged on its own")


def _sign(found: re.Match[str]) -> Comparison:
    return next(each for each in COMPARISONS if each == found["sign"])


def _bound(text: str, unit: Unit) -> float:
    """Return the number in the unit; one without a unit of its own has that unit."""
    if text.startswith(("=", "<", ">")):
        raise UsageError("unknown comparison", f"use one of {' '.join(COMPARISONS)}")
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"invalid value {text!r}", f"expected {_UNIT_NAMES[unit]}")
    number, suffix = float(found["digits"]), found["unit"].lower()
    factor = 1.0
    if suffix:
        factors: Mapping[str, float] = {
            "share": {"%": 0.01},
            "ms": {name: ns / UNIT_NS["ms"] for name, ns in UNIT_NS.items()},
            "bytes": UNIT_BYTES,
            "per_s": {},
            "number": {},
        }[unit]
        if suffix not in factors:
            raise UsageError(f"invalid value {text!r}", f"expected {_UNIT_NAMES[unit]}")
        factor = factors[suffix]
    # 99.9 % is 0.999, and not 0.9990000000000001
    scaled = float(f"{found['digits']}e-2") if suffix == "%" else number * factor
    if unit == "share" and not 0 <= scaled <= 1:
        meant = f"did you mean {text.strip()}%?" if not suffix and scaled <= 100 else ""
        raise UsageError(f"{text.strip()} is not a share", meant or f"expected {_UNIT_NAMES[unit]}")
    return scaled
