"""What ``wsmon compare`` prints of two sides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from tests.support.builders import MINUTE_NS, SECOND_NS, dialled, event, loss, message, usable
from tests.support.recordings import recorded
from wsmon.cli.compare_output import document, remarks, table
from wsmon.cli.compare_sides import Side
from wsmon.cli.comparison import CompareRequest, ComparisonReport, comparison_of
from wsmon.clock import SystemClock
from wsmon.model.json_path import compile_path
from wsmon.store.reader import Reader

REQUEST = CompareRequest(SECOND_NS, (compile_path("$.id"),))

APART = (
    "Messages more than 1s apart do not match, and count as only on one side; within 1s of an edge or a gap of the "
    "recording they are undecided."
)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as open_views:
        yield open_views


def comparison(stack: ExitStack, folder: Path) -> ComparisonReport:
    """Eight messages of A, seven of them of B too, which is 2 ms behind, but once ahead; B is lost for a while."""
    events = [
        each
        for name in ("feed-a", "feed-b")
        for each in (
            dialled(0, name),
            event("connection.open", 0.1, name, from_status="connecting", to_status="connected"),
            usable(0.2, name),
        )
    ]
    events += [message(f'{{"id":{n}}}', 10 + n, "feed-a") for n in range(8)]
    events += [message(f'{{"id":{n}}}', 10.002 + n, "feed-b") for n in range(6)]
    events += [message('{"id":6}', 15.9995, "feed-b"), loss(16.5, "feed-b"), message('{"n":1}', 16.2, "feed-b")]
    events.append(changed(message('{"id":9}', 20, "feed-a"), truncated=True))
    path = recorded(folder / "s.db", sorted(events, key=lambda each: each.ts_ns), "feed-a", "feed-b")
    views = [Reader(path, SystemClock()) for _ in range(2)]
    for view in views:
        stack.callback(view.close)
    a, b = (Side(view, "live", name, None, None) for view, name in zip(views, ("feed-a", "feed-b"), strict=True))
    return comparison_of(a, b, REQUEST, lambda _report: True)


def test_the_table_has_both_sides_beside_each_other(stack: ExitStack, tmp_path: Path) -> None:
    found = comparison(stack, tmp_path)
    lines = [re.sub(r"  +", "  ", line) for line in table(found, UTC)]
    path = found.a.side.view.path
    assert lines[:2] == [
        f"A  feed-a in live, {path}: 2026-01-10 14:02:24 – 2026-01-10 14:03:24 (UTC)",
        f"B  feed-b in live, {path}: 2026-01-10 14:02:24 – 2026-01-10 14:03:24 (UTC)",
    ]
    assert lines[3] == "Received messages, matched by $.id, at most 1s apart."
    expected = [
        "messages received  9  8",
        "  cut, not compared  1  0",
        "  no key, not compared  0  1",
        "messages compared  8  7",
        "matched  7  7",
        "only on this side  0 to 1  0",
        "  while the other was not connected  1  0",
        "first  6  1",
        "  share  85.71 %  14.28 %",
        "  lead max  2.000 ms  0.500 ms",
        "close code: 1008  0  1",
        "connection_success_rate  100 % (too few samples)  100 % (too few samples)",
        "availability  99.66 %  27.16 % (misses its target)",
    ]
    assert [line for line in lines if line in expected] == expected
    assert f"only in A, e.g.: wsmon search --store {path} id:23" in lines
    assert "greatest lead of B: events 20 and 19 (A and B)" in lines
    (verdict,) = [line for line in lines if "×" in line]
    assert verdict.startswith("  1 × 1008 policy violation: ")


def test_json_has_the_same_and_the_statistics_of_both_sides(stack: ExitStack, tmp_path: Path) -> None:
    found = document(comparison(stack, tmp_path))
    assert (found["schema"], found["key"], found["clock"], found["window_ms"]) == (
        "wsmon.compare/1",
        ["$.id"],
        "monotonic",
        1000.0,
    )
    assert found["matches"] == {"count": 7, "measured": 7, "same_time": 0, "keys_forgotten": 0}
    a = found["a"]
    assert isinstance(a, dict)
    assert a["messages"] == {
        "not_stored": 0,
        "masked": 0,
        "cut": 1,
        "no_payload": 0,
        "no_key": 0,
        "compared": 8,
        "matched": 7,
        "only": 1,
        "only_at_least": 0,
        "only_while_other_disconnected": 1,
        "more_often": 0,
        "near_edge": 0,
        "other_not_recorded": 0,
        "key_forgotten": 0,
        "late": 0,
        "repeated": 0,
    }
    assert (a["first"]["count"], a["first"]["share"]) == (6, 0.857143)
    assert a["first"]["lead_ms"]["max"] == 2.0
    assert (a["only_examples"], a["statistics"]["name"], a["recorded_s"]) == ([23], "feed-a", 60.0)
    assert isinstance(found["remarks"], list)
    assert len(found["remarks"]) == 4


def keys_of(value: object) -> set[str]:
    if isinstance(value, dict):
        return {*value, *(key for each in value.values() for key in keys_of(each))}
    return {key for each in value for key in keys_of(each)} if isinstance(value, list) else set()


def test_the_documentation_names_every_key(stack: ExitStack, tmp_path: Path) -> None:
    found = document(comparison(stack, tmp_path))
    for side in ("a", "b"):
        # In docs/statistics.md
        found[side].pop("statistics")  # type: ignore[attr-defined]
    page = (Path(__file__).parents[3] / "docs" / "compare.md").read_text("utf-8")
    assert [key for key in sorted(keys_of(found)) if f"`{key}`" not in page] == []


def test_remarks_say_what_limits_the_comparison(stack: ExitStack, tmp_path: Path) -> None:
    found = comparison(stack, tmp_path)
    assert list(remarks(found)) == [
        "Times are those of the monotonic clock of one recorder: they are comparable.",
        APART,
        "A has 1 message that cannot be compared: what is only on B may be among them.",
        "B has 1 message that cannot be compared: what is only on A may be among them.",
    ]
    gap = [(0, MINUTE_NS), (2 * MINUTE_NS, 3 * MINUTE_NS)]
    found.matching.forgotten, found.matching.a.repeated = 3, 2
    less = replace(
        found,
        is_monotonic=False,
        common_s=0.0,
        a=replace(found.a, recorded=gap, is_pruned=True, not_stored=None, unlisted_verdicts=3, clock_steps=2),
        b=replace(found.b, statistics=replace(found.b.statistics, shed_messages=5), not_stored=5),
    )
    assert list(remarks(less)) == [
        "Times are wall times of two recorders: leads include the difference between their clocks.",
        APART,
        "A and B were not recorded at the same time: compare periods, e.g. feed@yesterday feed@today.",
        "Keys that come more than once on a side within 1s are counted, but their lead is not measured.",
        "3 keys were forgotten before 1s had passed, because there were too many: try a shorter --window.",
        "A has 1 message that cannot be compared: what is only on B may be among them.",
        "How many messages of A were not stored is not known for this period.",
        "The recording of A was interrupted once.",
        "Older events of the period of A have been deleted to stay within the retention.",
        f"{len(found.a.verdicts)} kinds of verdicts of A are listed; 3 further ends have others.",
        "The wall clock of A was set 2 times: leads include the step.",
        "B has 6 messages that cannot be compared: what is only on A may be among them.",
        "B lost 5 messages while the store could not be written.",
    ]
    from_start = replace(less, request=replace(REQUEST, is_from_start=True))
    assert next(remarks(from_start)) == "Times are measured from the start of each period, with the wall clock."
    assert "A and B have no recorded time in common, measured from the start of each period." in remarks(from_start)
    short = "A and B were recorded together for 1.5 s, not longer than two windows: try a shorter --window."
    assert short in remarks(replace(found, common_s=1.5))
