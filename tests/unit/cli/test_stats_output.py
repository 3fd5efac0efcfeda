"""Statistics for people: the period of options and query, the table, and what went wrong below it."""

from __future__ import annotations

import dataclasses
from datetime import UTC
from pathlib import Path

import pytest

from tests.support.builders import T0_NS, loss, message, usable
from tests.support.recordings import FixedClock, recorded
from wsmon.cli.stats_output import common_period, statistics_of, table
from wsmon.errors import UsageError
from wsmon.export.jsonl import connection_document
from wsmon.model.statistics import Statistics
from wsmon.model.units import SECOND_NS
from wsmon.query.ast import Query
from wsmon.query.parser import ReferenceTime, parse
from wsmon.store.reader import Reader

AT = ReferenceTime(T0_NS + 60 * SECOND_NS, UTC)


def query(text: str) -> Query:
    return parse(text, AT)


def seconds(bound_ns: int | None) -> float | None:
    return None if bound_ns is None else (bound_ns - T0_NS) / SECOND_NS


@pytest.mark.parametrize(
    ("text", "since_s", "until_s", "expected"),
    [
        ("", None, None, (None, None)),
        ("", 5, 50, (5, 50)),
        ("since:-30s", None, None, (30, None)),
        ("since:-30s", 40, None, (40, None)),
        ("since:-30s until:-10s", 20, 45, (30, 45)),
    ],
)
def test_the_period_is_what_options_and_query_have_in_common(
    text: str, since_s: int | None, until_s: int | None, expected: tuple[float | None, float | None]
) -> None:
    bounds = [None if each is None else T0_NS + each * SECOND_NS for each in (since_s, until_s)]
    rest, since_ns, until_ns = common_period(query(text), *bounds)
    assert rest.terms == ()
    assert (seconds(since_ns), seconds(until_ns)) == expected


def test_the_rest_of_the_query_stays() -> None:
    assert common_period(query("conn:a since:-30s"), None, None)[0].terms == query("conn:a").terms


def test_an_empty_period_is_refused() -> None:
    with pytest.raises(UsageError, match="the period is empty"):
        common_period(query("since:-10s"), None, T0_NS)


@pytest.fixture
def view(tmp_path: Path) -> Reader:
    events = [
        usable(0.2, "orders"),
        message("buy", 1, "orders"),
        message("sell", 2, "orders"),
        loss(10, "orders", code=1008),
        usable(10.5, "trades"),
        message("buy", 11, "trades"),
    ]
    return Reader(recorded(tmp_path / "store.db", events, "orders", "trades"), FixedClock(60))


def received(found: Statistics) -> dict[str, int]:
    return {each.name: each.messages.received for each in found.connections}


def counted(view: Reader, text: str, connection: str | None = None, *, has_kpis: bool = False) -> Statistics:
    try:
        return statistics_of(view, query(text), connection, None, None, has_types=False, has_kpis=has_kpis)
    finally:
        view.close()


@pytest.mark.parametrize(
    ("text", "connection", "expected"),
    [
        ("", None, {"orders": 2, "trades": 1}),
        ("conn:trades", None, {"trades": 1}),
        ("", "orders", {"orders": 2}),
        ("buy", None, {"orders": 1, "trades": 1}),
        ("sell", None, {"orders": 1}),
    ],
)
def test_a_query_about_events_counts_what_matches(
    view: Reader, text: str, connection: str | None, expected: dict[str, int]
) -> None:
    assert received(counted(view, text, connection)) == expected


def test_key_figures_of_a_query_about_events_are_refused(view: Reader) -> None:
    with pytest.raises(UsageError, match="KPIs apply to whole connections"):
        counted(view, "buy", has_kpis=True)


def test_an_unknown_connection_is_named_with_the_nearest(view: Reader) -> None:
    with pytest.raises(UsageError, match=r"unknown connection 'order'\. did you mean 'orders'\?"):
        counted(view, "", "order")


def test_the_table_has_a_line_for_each_connection_then_the_troubles(view: Reader) -> None:
    lines = list(table(counted(view, ""), UTC))
    assert lines[0] == "2026-01-10 14:02:24 – 2026-01-10 14:03:24 (UTC)"
    assert lines[2].split()[:3] == ["CONNECTION", "STATUS", "PROFILE"]
    assert [line.split()[0] for line in lines[3:5]] == ["orders", "trades"]
    assert lines[6] == "orders: close codes 1008 × 1"
    assert len({len(line) for line in lines[2:5]}) <= 2


def test_of_a_recording_that_was_cut_off_open_connections_are_not_called_open(view: Reader) -> None:
    found = counted(view, "conn:trades")
    assert "cut off" in list(table(found, UTC, is_cut_off=True))[3]


def test_what_reports_no_transition_is_not_called_initialized_or_cut_off(view: Reader) -> None:
    found = counted(view, "conn:trades")
    shop = dataclasses.replace(found, connections=(dataclasses.replace(found.connections[0], status=""),))
    assert "events only" in list(table(shop, UTC, is_cut_off=True))[3]
    assert connection_document(shop.connections[0])["status"] is None


def test_a_store_without_connections_says_so() -> None:
    empty = Statistics(T0_NS, T0_NS + SECOND_NS, ())
    assert list(table(empty, UTC)) == ["no connections from 2026-01-10 14:02:24 to 2026-01-10 14:02:25 (UTC)"]
