"""``wsmon search --follow --since-id``: a script reads each event once, over its own ends and the recorder's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import DEADLINE_S, Home, Recorder
from wsmon.trace import Sink, TraceEvent

# Applications alone report
CONFIGURATION = """
[[connection]]
name = "off"
url = "ws://127.0.0.1:9/"
enabled = false
"""


class Script:
    """A program that reads what ``wsmon search --json --follow`` prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def read(self, count: int) -> list[dict[str, Any]]:
        """The next lines."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            return [json.loads(await self._process.stdout.readline()) for _ in range(count)]

    async def hang_up(self) -> None:
        """Stop reading."""
        self._process.send_signal(signal.SIGINT)
        await self._process.communicate()


@asynccontextmanager
async def following(home: Home, store: Path, *arguments: str) -> AsyncIterator[Script]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsmon", "search", "--follow", "--json", "--store", str(store), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=home.environ,
    )  # fmt: skip
    home.own(process)
    script = Script(process)
    yield script
    await script.hang_up()


async def recorded(home: Home) -> Recorder:
    return await home.record(home.write(CONFIGURATION))


async def stopped(recorder: Recorder) -> None:
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0


def emit(sink: Sink, first: int, last: int) -> None:
    for number in range(first, last + 1):
        sink.emit(TraceEvent(name=f"e{number}", trace_id="ab"[number % 2]))
    assert sink.flush(DEADLINE_S)


async def test_nx_04_nx_13_a_script_takes_what_is_newer_and_a_trace_in_its_order(home: Home) -> None:
    recorder = await recorded(home)
    sink = Sink(recorder.store)
    emit(sink, 1, 5)
    await recorder.until_stored(5, "trace.log")
    code, out, _ = await home.run("search", "--json", "--order", "asc", "conn:app", "--store", recorder.store)
    third = json.loads(out.splitlines()[2])["id"]
    code, out, _ = await home.run("search", "--json", "conn:app", "--since-id", str(third), "--store", recorder.store)
    assert (code, types(out)) == (0, ["e4", "e5"])
    for trace, expected in (("b", ["e1", "e3", "e5"]), ("a", ["e2", "e4"]), ("missing", []), ('""', [])):
        code, out, _ = await home.run(
            "search", "--json", "--order", "asc", "name:trace.log", f"trace:{trace}", "--store", recorder.store
        )
        assert (trace, code, types(out)) == (trace, 0, expected)
    sink.close()


def types(out: str) -> list[str]:
    return [json.loads(line)["type"] for line in out.splitlines()]


async def test_nx_18_nx_21_scripts_and_recorders_come_and_go_and_each_event_is_read_once(home: Home) -> None:
    recorder = await recorded(home)
    sink = Sink(recorder.store)
    found: list[dict[str, Any]] = []
    cursor = 0
    for start in range(0, 900, 300):
        async with following(home, recorder.store, "name:trace.log", "--since-id", str(cursor)) as script:
            emit(sink, start + 1, start + 100)
            found += await script.read(100)
            # The script goes on with the next recorder
            if start == 300:
                recorder.signal(signal.SIGKILL)
                await recorder.ended()
            else:
                await stopped(recorder)
            emit(sink, start + 101, start + 150)
            recorder = await recorded(home)
            emit(sink, start + 151, start + 200)
            found += await script.read(70)
            cursor = found[-1]["id"]
        emit(sink, start + 201, start + 300)
    async with following(home, recorder.store, "name:trace.log", "--since-id", str(cursor)) as script:
        found += await script.read(900 - len(found))
    assert [event["type"] for event in found] == [f"e{number}" for number in range(1, 901)]
    identifiers = [event["id"] for event in found]
    assert identifiers == sorted(set(identifiers))
    sink.close()


async def test_a_store_that_is_renewed_is_followed_without_a_gap(home: Home) -> None:
    recorder = await recorded(home)
    sink = Sink(recorder.store)
    async with following(home, recorder.store, "--since-id", "0") as script:
        emit(sink, 1, 20)
        found = [*await script.read(1)]
        while found[-1].get("type") != "e20":
            found += await script.read(1)
        os.truncate(recorder.store, 4096)
        emit(sink, 21, 40)
        while found[-1].get("type") != "e40":
            found += await script.read(1)
    assert [event["id"] for event in found] == list(range(1, found[-1]["id"] + 1))
    assert [event["type"] for event in found if event["name"] == "trace.log"] == [f"e{n}" for n in range(1, 41)]
    assert "self.store.tampered" in {event["name"] for event in found}
    sink.close()


async def test_a_store_that_was_removed_is_followed_from_the_first_event_of_the_new_one(home: Home) -> None:
    recorder = await recorded(home)
    sink = Sink(recorder.store)
    async with following(home, recorder.store, "name:trace.log", "--since-id", "0") as script:
        emit(sink, 1, 20)
        found = await script.read(20)
        await stopped(recorder)
        for file in recorder.store.parent.glob("store.db*"):
            file.unlink()
        recorder = await recorded(home)
        other = Sink(recorder.store)
        emit(other, 1, 3)
        marker, *found = await script.read(4)
    assert marker == {"truncated": True, "oldest_id": 1}
    assert [event["type"] for event in found] == ["e1", "e2", "e3"]
    sink.close()
    other.close()


@pytest.mark.parametrize("since_id", ["-1", "0"])
async def test_nx_22_what_is_no_id_of_an_event_is_the_beginning(home: Home, since_id: str) -> None:
    recorder = await recorded(home)
    async with following(home, recorder.store, "--since-id", since_id) as script:
        (first,) = await script.read(1)
    assert (first["id"], first["name"]) == (1, "self.run.started")
