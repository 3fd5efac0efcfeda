"""What ``wsmon assert`` prints and writes; JUnit XML is read by a parser that is not ours."""

from __future__ import annotations

from pathlib import Path

from junitparser import Error, Failure, JUnitXml

from tests.support.builders import T0_NS
from wsmon.cli import assert_output as output
from wsmon.cli.assertion_results import AssertionResult, GroupResult
from wsmon.query.assertions import parse_assertion
from wsmon.query.parser import ReferenceTime

NOW = ReferenceTime(T0_NS)
STORE = Path("/var/lib/wsmon/store.db")


def result(text: str, *groups: GroupResult, why: str = "") -> AssertionResult:
    return AssertionResult(parse_assertion(text, NOW), groups, why, took_s=0.25)


RESULTS = (
    result("no is:gap", GroupResult("", True, 0)),
    result("p95(lat) < 250ms", GroupResult("", False, 312.5, 1_234, 20)),
    result("count(type:trade) > 0 by $.symbol", GroupResult("BTC", True, 7), GroupResult("E\x1b[2J", False, 0)),
    result(
        "availability >= 99.9%",
        GroupResult("orders", True, 0.9995, 3_600, 60, is_of_time=True),
        GroupResult("quotes", None, 1.0, 12, 60, "too few samples", is_of_time=True),
    ),
    result("count(type:trade) > 0 by $.nowhere", why="no event of the period has $.nowhere"),
    result("p99(rtt_ms) < 1s", GroupResult("orders", True, 18, 100, 100)),
)


def test_the_table_says_what_failed_and_what_cannot_be_evaluated() -> None:
    assert list(output.table(RESULTS)) == [
        "holds          no is:gap: 0 events",
        "fails          p95(lat) < 250ms: 312 ms (1,234 samples)",
        "fails          count(type:trade) > 0 by $.symbol: 1 of 2 hold",
        "               - E␛[2J: fails, 0 events",
        "not evaluated  availability >= 99.9%: 1 of 2 hold, 1 not evaluated",
        "               - quotes: too few samples (12 s of 1m scheduled time needed); so far 100 %",
        "not evaluated  count(type:trade) > 0 by $.nowhere: no event of the period has $.nowhere",
        "holds          p99(rtt_ms) < 1s: orders, 18 ms (100 samples)",
        "",
        "2 hold, 2 fail, 2 not evaluated",
    ]


def test_the_table_lists_so_many_groups() -> None:
    groups = (GroupResult(f"S{number}", False, 0) for number in range(25))
    lines = list(output.table((result("count(x) > 0 by $.symbol", *groups),)))
    assert (len(lines), lines[-3]) == (24, "               - and 5 more; --json lists all")


def test_json_has_every_group_and_null_for_what_is_not_evaluated() -> None:
    document = output.document(RESULTS, STORE)
    assert (document["schema"], document["ok"], document["store"]) == ("wsmon.assert/1", False, str(STORE))
    assertions = document["assertions"]
    assert isinstance(assertions, list)
    assert [each["ok"] for each in assertions] == [True, False, False, None, None, True]
    assert assertions[3] == {
        "assertion": "availability >= 99.9%",
        "ok": None,
        "why": "",
        "comparison": ">=",
        "bound": 0.999,
        "unit": "share",
        "results": [
            {"group": "orders", "ok": True, "value": 0.9995, "samples": 3_600, "needed": 60, "why": ""},
            {"group": "quotes", "ok": None, "value": 1.0, "samples": 12, "needed": 60, "why": "too few samples"},
        ],
    }


def test_one_failure_outweighs_what_cannot_be_evaluated() -> None:
    assert [output.verdict(RESULTS), output.verdict(RESULTS[3:]), output.verdict(RESULTS[:1])] == [False, None, True]


def test_a_foreign_parser_reads_the_junit_file() -> None:
    suites = JUnitXml.fromstring(output.junit(RESULTS, STORE, T0_NS))
    (suite,) = suites
    assert (suites.tests, suites.failures, suites.errors, suites.time) == (8, 2, 2, 1.5)
    assert (suite.name, suite.tests, suite.timestamp) == ("wsmon assert", 8, "2026-01-10T14:02:24")
    cases = {case.name: case for case in suite}
    assert list(cases) == [
        "no is:gap",
        "p95(lat) < 250ms",
        "count(type:trade) > 0 by $.symbol [BTC]",
        "count(type:trade) > 0 by $.symbol [E␛[2J]",
        "availability >= 99.9% [orders]",
        "availability >= 99.9% [quotes]",
        "count(type:trade) > 0 by $.nowhere",
        "p99(rtt_ms) < 1s [orders]",
    ]
    assert [case.is_passed for case in cases.values()] == [True, False, True, False, True, False, False, True]
    (failure,), (error,) = cases["p95(lat) < 250ms"].result, cases["count(type:trade) > 0 by $.nowhere"].result
    assert (type(failure), failure.message) == (Failure, "312 ms (1,234 samples)")
    assert (type(error), error.message) == (Error, "no event of the period has $.nowhere")


def test_texts_that_xml_cannot_hold_are_replaced() -> None:
    results = (result("count(x) > 0 by $.s", GroupResult("\x00\ud800\ufffe<&\"'", False, 0)),)
    (suite,) = JUnitXml.fromstring(output.junit(results, STORE, T0_NS))
    (case,) = suite
    assert case.name.startswith("count(x) > 0 by $.s [")
    assert case.name.endswith("<&\"']")
