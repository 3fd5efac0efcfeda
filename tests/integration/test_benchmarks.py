"""Benchmarks run on small amounts, for its rows and the JSON of a run. What they measure does not matter here."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

# Rows whose measuring takes a second or two; the others measure the same with other numbers
ROWS = {
    "record": ("default, plain, at rest", "default, plain, to commit"),
    "alerts": ("50 rules, as fast as taken",),
    "growth": ("store, 1,000 types", "search of 50 alert rules"),
    "store": ("writer, 1 connection",),
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


@pytest.mark.parametrize("benchmark", ROWS)
async def test_a_benchmark_yields_its_rows(benchmark: str, tmp_path: Path) -> None:
    written = tmp_path / "rows.json"
    wanted = [part for name in ROWS[benchmark] for part in ("--only", name)]
    code, printed = await run(benchmark, "--quick", "--json", str(written), *wanted)
    assert code == 0, printed
    document = json.loads(written.read_text())
    assert tuple(row["name"] for row in document["rows"]) == ROWS[benchmark]
    assert all(row["cost"] > 0 and row["peer_cost"] > 0 for row in document["rows"])
    assert {"machine", "cores", "load", "python", "sqlite", "websockets"} <= document["environment"].keys()


async def test_a_peer_that_is_not_installed_is_said_not_to_be_run() -> None:
    code, printed = await run("record", "--quick", "--peers", "/nowhere/python", "--only", "picows, executemany, plain")
    assert code == 0, printed
    assert "not run: there is no environment of peers (CONTRIBUTING.md)" in printed


async def test_a_benchmark_that_is_none_is_refused() -> None:
    code, printed = await run("nothing")
    assert code == 2
    assert "no benchmark nothing; there are alerts, " in printed
