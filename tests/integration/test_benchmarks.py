"""Benchmarks run on small amounts, for its rows and the JSON of a run. What they measure does not matter here."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import benchmarks
from tests.benchmarks.table import Row, paired

# Of each benchmark that can be looked at in a second or two, in the order of the table
ROWS = {
    "alerts": ("50 rules, as fast as taken",),
    "exports": ("export, csv", "export, csv, memory"),
    "growth": ("store, 1,000 types", "search of 50 alert rules", "store, 1,000 open incidents"),
    "protocols": ("decode, json, trade", "1 MiB: brackets, json"),
    "record": ("default, plain, at rest", "default, plain, to commit"),
    "redact": ("redaction, one credential masked",),
    "store": ("writer, 1 connection",),
    "tracing": ("emit, no recorder", "emit, to a recorder", "publish, recorder process"),
    "worst_messages": ("worst messages, digits, 64 KiB",),
}
# A machine under load takes ten times as long
DEADLINE_S = 200

pytestmark = pytest.mark.timeout(DEADLINE_S + 40)


async def run(*arguments: str) -> tuple[int, str]:
    """Run benchmarks; returns the exit code and what was printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=Path(__file__).parents[2],
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode or 0, printed.decode()


async def test_benchmarks_yield_their_rows(tmp_path: Path) -> None:
    written, names = tmp_path / "rows.json", [name for of_benchmark in ROWS.values() for name in of_benchmark]
    wanted = [part for name in names for part in ("--only", name)]
    code, printed = await run(*ROWS, "--quick", "--json", str(written), *wanted)
    assert code == 0, printed
    document = json.loads(written.read_text())
    assert [row["name"] for row in document["rows"]] == names
    assert all(row["cost"] > 0 and row.get("peer_cost", 1) > 0 for row in document["rows"])
    assert {"machine", "cores", "load", "python", "sqlite", "websockets"} <= document["environment"].keys()


async def test_a_peer_that_is_not_installed_is_said_not_to_be_run() -> None:
    code, printed = await run("record", "--quick", "--peers", "/nowhere/python", "--only", "picows, executemany, plain")
    assert code == 0, printed
    assert "not run: there is no environment of peers (CONTRIBUTING.md)" in printed


async def test_a_benchmark_that_is_none_is_refused() -> None:
    code, printed = await run("nothing")
    assert code == 2
    assert "no benchmark nothing; there are alerts, " in printed


@pytest.mark.parametrize(
    ("goal", "limit", "is_met"),
    [
        pytest.param(None, None, None, id="no goal"),
        pytest.param(2.0, None, True, id="the ratio is met"),
        pytest.param(1.9, None, False, id="the ratio is missed"),
        pytest.param(None, 4.0, True, id="the cost is met"),
        pytest.param(2.0, 3.9, False, id="the cost is missed, the ratio met"),
    ],
)
def test_a_row_compares_its_ratio_with_the_goal_and_its_cost_with_the_limit(
    goal: float | None, limit: float | None, is_met: bool | None
) -> None:
    row = Row("a row", "ms", (4.0,), "a peer", (2.0,), goal, limit)
    assert row.is_met is is_met


def test_sides_take_turns_in_being_first() -> None:
    order: list[str] = []

    def measure(side: str) -> float:
        order.append(side)
        return float(len(order))

    assert paired(3, lambda: measure("ours"), lambda: measure("theirs")) == ((1.0, 4.0, 5.0), (2.0, 3.0, 6.0))
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]


def test_every_goal_names_a_benchmark_that_there_is() -> None:
    design = (Path(__file__).parents[2] / "docs" / "design.md").read_text()
    goals = design.partition("| what | goal | benchmark: row |")[2].partition("## ")[0]
    named = {
        part.split("`")[1]
        for line in goals.splitlines()[2:]
        if line
        for part in line.split("|")[3].split(";")
        if "`" in part
    }
    assert named
    assert named <= benchmarks().keys()
