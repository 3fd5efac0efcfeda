"""The command lines that print what the screen shows, quoted so that a shell hands them over as they are."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.builders import T0_NS
from wsmon.export.run import ExportRequest
from wsmon.model.ranges import Ranking
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query, Range
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.command_line import of_event, of_export, of_log, of_statistics, of_timeline, query_text
from wsmon.tui.panes.log_filter import LogScope
from wsmon.tui.panes.statistics import StatisticsSelection

STORE = Path("/my stores/it's.db")
NOW = ReferenceTime(T0_NS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ('"a b" OR conn:x', ['"a b" OR conn:x']),
        ("-kind:heartbeat", ["--", "-kind:heartbeat"]),
        ('"it\'s" `x`', ['"it\'s" `x`']),
    ],
)
def test_the_log_is_a_search_of_its_store_in_its_order(text: str, words: list[str]) -> None:
    found = shlex.split(of_log([str(STORE)], LogScope(parse(text, NOW) if text else EVERYTHING)).text)
    assert found == ["wsmon", "search", "--store", str(STORE), "--order", "asc", *words]


@pytest.mark.parametrize("ranking", ["duration", "size"])
def test_a_log_that_is_sorted_otherwise_is_a_search_in_that_order(ranking: Ranking) -> None:
    found = shlex.split(of_log([str(STORE)], LogScope(parse("conn:a", NOW)), ranking).text)
    assert found[4:] == ["--order", ranking, "--limit", "1000", "conn:a"]


def test_heartbeats_that_are_hidden_are_not_searched_and_a_context_is_no_filter() -> None:
    hidden = "-name:heartbeat.sent,heartbeat.received,heartbeat.responded"
    query = parse("a OR b", NOW)
    assert shlex.split(of_log([str(STORE)], LogScope(query, hides_heartbeats=True)).text)[-1] == f"(a OR b) {hidden}"
    assert shlex.split(of_log([str(STORE)], LogScope(query, is_in_context=True)).text)[-1] == "asc"


def test_events_statistics_and_timeline_have_commands() -> None:
    assert shlex.split(of_event(STORE, 7).text)[2:] == ["--store", str(STORE), "--json", "id:7"]
    assert shlex.split(of_statistics(STORE, "orders", StatisticsSelection()).text)[4:] == [
        "--connection", "orders", "--since=-3600s",
    ]  # fmt: skip
    everything = StatisticsSelection().everything()
    assert shlex.split(of_statistics(STORE, "", everything).text)[4:] == []
    assert shlex.split(of_timeline([str(STORE)], T0_NS, T0_NS + 60_000_000_000).text)[4:] == [
        "--since", "2026-01-10T14:02:24.000000Z", "--until", "2026-01-10T14:03:24.000000Z", "--order", "asc",
        "kind:connection,incident",
    ]  # fmt: skip


def test_the_last_export_is_repeated_with_its_choice() -> None:
    request = ExportRequest("har", Path("o.har"), parse("is:problem", NOW))
    assert shlex.split(of_export([str(STORE)], request).text)[4:] == [
        "--format",
        "har",
        "--output",
        "o.har",
        "is:problem",
    ]
    incident = ExportRequest("jsonl", Path("o.jsonl"), incident=12, margin_s=30.0)
    assert shlex.split(of_export([str(STORE)], incident).text)[8:] == ["--incident", "12", "--around", "30s"]


def test_queries_that_the_screen_makes_are_written_as_they_are_typed() -> None:
    made = (
        EVERYTHING.within(5, 9),
        Query((FieldTerm("connection", (Exact("a"),)), FieldTerm("ts", (Range(T0_NS, T0_NS + 10**9),))), "a at noon"),
    )
    texts = [query_text(each) for each in made]
    assert texts == ["id:5..9", "conn:a ts:2026-01-10T14:02:24.000000Z..2026-01-10T14:02:25.000000Z"]
    assert parse(texts[0], NOW).terms == made[0].terms
