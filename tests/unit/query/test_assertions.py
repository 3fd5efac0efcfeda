"""The assertion language: what each form means, and what is refused with which hint."""

from __future__ import annotations

import pytest

from tests.support.builders import T0_NS
from wsmon.errors import UsageError
from wsmon.query.assertions import (
    Assertion,
    ConnectionPercentile,
    FieldPercentile,
    KpiFigure,
    QueryCount,
    Subject,
    Unit,
    parse_assertion,
)
from wsmon.query.fields import FIELDS
from wsmon.query.parser import ReferenceTime, parse

NOW = ReferenceTime(T0_NS)


def parsed(text: str) -> Assertion:
    return parse_assertion(text, NOW)


@pytest.mark.parametrize(
    ("text", "subject", "comparison", "bound", "unit"),
    [
        ("availability >= 99.9%", KpiFigure("availability"), ">=", 0.999, "share"),
        ("availability>=0.999", KpiFigure("availability"), ">=", 0.999, "share"),
        ("error_to_alert_ms < 5s", KpiFigure("error_to_alert_ms"), "<", 5_000, "ms"),
        ("error_recovery_rate > 99%", KpiFigure("error_recovery_rate"), ">", 0.99, "share"),
        ("throughput_per_s >= 2.5", KpiFigure("throughput_per_s"), ">=", 2.5, "per_s"),
        ("connection_time_ms < 500", KpiFigure("connection_time_ms"), "<", 500, "ms"),
        ("connection_time_ms < 1.5s by connection", KpiFigure("connection_time_ms"), "<", 1500, "ms"),
        ("p95(lat) < 250ms", FieldPercentile(FIELDS["duration"], "p95"), "<", 250, "ms"),
        ("p99( latency ) <= 2", FieldPercentile(FIELDS["latency"], "p99"), "<=", 2, "ms"),
        ("max(size) < 10kb", FieldPercentile(FIELDS["size"], "max"), "<", 10_000, "bytes"),
        ("p50(gap) = 1", FieldPercentile(FIELDS["gap"], "p50"), "=", 1, "number"),
        ("p50(rtt_ms) < 50ms", ConnectionPercentile("rtt_ms", "p50"), "<", 50, "ms"),
        ("p50(message_size) < 1kib", ConnectionPercentile("message_size", "p50"), "<", 1024, "bytes"),
        ("no is:gap since:-10m", QueryCount(parse("is:gap since:-10m", NOW)), "=", 0, "number"),
        ("no size>10kb", QueryCount(parse("size>10kb", NOW)), "=", 0, "number"),
        ("count(type:trade) > 0", QueryCount(parse("type:trade", NOW)), ">", 0, "number"),
        ("count() != 3", QueryCount(parse("", NOW)), "!=", 3, "number"),
        ("count((a OR b) size>1) >= 3", QueryCount(parse("(a OR b) size>1", NOW)), ">=", 3, "number"),
    ],
)
def test_each_form_means_a_subject_and_a_bound(
    text: str, subject: Subject, comparison: str, bound: float, unit: Unit
) -> None:
    found = parsed(text)
    assert (found.text, found.subject, found.comparison, found.bound, found.unit) == (
        *(text, subject, comparison, bound, unit),
    )


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("count(type:trade) > 0 by $.symbol", ("symbol",)),
        ("count(type:trade) > 0 by conn", FIELDS["connection"]),
        ('count(by connection) = 0 by $."a by b"', ("a by b",)),
        ("max(size) < 1mib by type", FIELDS["type"]),
        ("count(a) > 0", None),
    ],
)
def test_by_is_a_field_or_a_path(text: str, by: object) -> None:
    assert parsed(text).by == by


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "not an assertion", "examples: "),
        ("is:gap", "not an assertion", "examples: "),
        ("availabilty > 1%", "unknown figure 'availabilty'", "did you mean availability?"),
        ("lat < 250ms", "unknown figure 'lat'", "did you mean p95(lat)?"),
        ("rtt_ms < 250ms", "unknown figure 'rtt_ms'", "did you mean p95(rtt_ms)?"),
        ("p95 < 250ms", "unknown figure 'p95'", "did you mean p95(…)?"),
        ("p90(lat) < 250ms", "unknown function 'p90'", "use p50, p95, p99, max or count"),
        ("p95(latt) < 250ms", "unknown field 'latt'", "did you mean lat?"),
        ("p95(type) < 250ms", "type is not a number", "percentiles are of sizes"),
        ("p95(lat) < 250", "", ""),
        ("p95(lat) < 250kb", "invalid value '250kb'", "expected a duration"),
        ("max(size) < 250ms", "invalid value '250ms'", "expected a size"),
        ("throughput_per_s > 2%", "invalid value '2%'", "expected a number per second, e.g. 50"),
        ("availability > 99.9", "99.9 is not a share", "did you mean 99.9%?"),
        ("availability > 101%", "101% is not a share", "expected a percentage"),
        ("availability == 99%", "unknown comparison", "use one of < <= > >= = !="),
        ("availability > 99% by type", "availability is kept by connection only", "remove `by`"),
        ("count(type:trade)", "no count(QUERY) with a comparison", "example: "),
        ("count(a) > x", "invalid value 'x'", "expected a number"),
        ("count(typ:trade) > 0", "unknown field 'typ'", "did you mean"),
        ("count(a) > 0 by symbol", "unknown field 'symbol' after by", "use a field"),
        ("count(a) > 0 by connectoin", "unknown field 'connectoin' after by", "did you mean connection?"),
        ("count(a) > 0 by payload", "events cannot be grouped by payload", "use a path"),
        ("count(a) > 0 by $.a b", "invalid path '$.a b'", "examples"),
        ("no", "no query after `no`", "example: no is:gap"),
        ("no is:gap by connection", "`no` takes no groups", "use count(QUERY) = 0 by FIELD"),
        ("no is:nothing", "invalid is 'nothing'", "example"),
    ],
)
def test_what_has_no_meaning_is_refused_with_a_hint(text: str, what: str, hint: str) -> None:
    if not what:
        assert parsed(text).bound == 250
        return
    with pytest.raises(UsageError) as caught:
        parsed(text)
    assert (caught.value.what[: len(what)], hint in caught.value.hint) == (what, True), str(caught.value)


def test_a_comparison_is_strict_or_not_as_written() -> None:
    held = {
        sign: [parsed(f"count(a) {sign} 3").holds(value) for value in (2, 3, 4)]
        for sign in ["<", "<=", ">", ">=", "=", "!="]
    }
    assert held == {
        "<": [True, False, False],
        "<=": [True, True, False],
        ">": [False, False, True],
        ">=": [False, True, True],
        "=": [False, True, False],
        "!=": [True, False, True],
    }
