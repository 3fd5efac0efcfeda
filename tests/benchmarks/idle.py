"""What connections cost while nothing happens on them: memory and CPU of the recorder and of a viewer, beside one.

Every connection is open and pinged as often as the default says; its peer sends nothing. A viewer shows them in a
terminal of 120×40.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.cpu import cpu_s, resident_mib
from tests.benchmarks.screen import Screen, environ_of, spent
from tests.benchmarks.table import Options, Row
from tests.support.peers import script
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer

SILENT = script('[[step]]\ndo = "wait"\nfor = "1h"\n')
OPEN_WITHIN_S = 30.0
# After the last upgrade
SETTLE_S = 3.0
ROUNDS = 3
# Connections, and the most MiB that they may take beyond one
COUNTS = {200: 38.0, 1_000: None}
GOAL_PERCENT, GOAL_VIEWER_PERCENT = 2.0, 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one recorder."""

    mib: float
    """Resident, at the end."""
    cpu_percent: float
    """Of a core, once all were open."""
    viewer_percent: float
    """Of a core, of a viewer."""


async def idle(connections: int, seconds: int, folder: Path) -> Cost:
    """Record that many silent connections for a while."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScenarioServer(SILENT, SystemClock()))
        config = folder / "wsmon.toml"
        config.write_text("".join(f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n in range(connections)))
        store, environ = folder / "store.db", environ_of(folder)
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(store), "--quiet"), env=environ
        )
        await server.until(lambda: server.sessions == connections, OPEN_WITHIN_S)
        await asyncio.sleep(SETTLE_S)
        began_s = cpu_s([recorder.pid])
        await asyncio.sleep(seconds)
        mib, percent = resident_mib(recorder.pid), (cpu_s([recorder.pid]) - began_s) / seconds * 100
        cost = Cost(mib, percent, await asyncio.to_thread(watched, store, environ, seconds))
        recorder.terminate()
        await recorder.wait()
    return cost


def watched(store: Path, environ: dict[str, str], seconds: int) -> float:
    """CPU of a viewer, percent of a core, while no key is pressed."""
    screen = Screen(store, environ)
    try:
        screen.wait("q quit")
        return spent(screen, seconds)[0]
    finally:
        screen.close()


def rows(options: Options) -> Iterator[Row]:
    """Measure many connections and one, in turns."""
    for count in COUNTS:
        names = [f"{what}, {count:,} idle connections" for what in ("recorder", "memory beyond one's", "viewer")]
        if not any(options.wants(name) for name in names):
            continue
        connections, costs = options.amount(count, 5), ([], [])  # type: tuple[int, tuple[list[Cost], list[Cost]]]
        for _ in range(options.rounds_or(ROUNDS)):
            for number, found in zip((connections, 1), costs, strict=True):
                with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                    found.append(asyncio.run(idle(number, options.amount(60, 1), Path(folder))))
        many, one = costs
        beyond = tuple(ours.mib - theirs.mib for ours, theirs in zip(many, one, strict=True))
        used = tuple(tuple(cost.cpu_percent for cost in found) for found in costs)
        viewed = tuple(tuple(cost.viewer_percent for cost in found) for found in costs)
        peer = "1 idle connection"
        rows_of = (
            Row(names[0], "% of a core", used[0], peer, used[1], limit=GOAL_PERCENT),
            Row(names[1], "MiB", beyond, limit=COUNTS[count]),
            Row(names[2], "% of a core", viewed[0], peer, viewed[1], limit=GOAL_VIEWER_PERCENT),
        )
        yield from (row for row in rows_of if options.wants(row.name))
