"""Traces of a worker, as ``wsmon search`` shows them from a recorder that runs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.peers import Peers
from tests.support.processes import Home, Recorder
from wsmon.trace import Sink, TraceBackend

WORKER = Path(__file__).parents[2] / "examples" / "worker.py"
CONFIGURATION = """
[[connection]]
name = "orders"
url = "{url}"
"""


async def found(home: Home, recorder: Recorder, *query: str) -> list[dict[str, object]]:
    """What ``wsmon search`` finds, oldest first."""
    code, out, err = await home.run("search", "--store", recorder.store, *query, "--json", "--order", "asc")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


async def test_tk_13_what_a_worker_reports_is_counted_and_found(
    home: Home, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await peers.start("echo")
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", home.environ["XDG_RUNTIME_DIR"])
    sink = Sink(recorder.store)
    backend = TraceBackend(sink, connection="worker", instance_id="host-1")
    for number in range(5):
        backend.handle_event("task.started", {"task_id": number, "api_key": "k3y"})
    backend.handle_event("step.started", {"task_id": 1, "workflow_step_id": 9})
    backend.handle_event("step.completed", {"task_id": 1, "workflow_step_id": 9})
    backend.handle_event("task.completed", {"task_id": 1})
    backend.handle_event("task.failed", {"task_id": 2, "error": "no stock"})
    backend.handle_event("task.completed", {"task_id": 77})
    backend.handle_event("cache.flushed", {"entries": 3})
    stats = backend.stats()
    assert (stats.active, stats.finished, stats.orphaned, stats.generic) == (3, 3, 1, 1)
    assert sink.flush(20)
    assert (sink.state.refused, sink.state.lost) == (0, 0)
    sink.close()
    ended = await found(home, recorder, "conn:worker", "event:trace.span.end")
    assert [(event["type"], event["ref"], event["outcome"]) for event in ended] == [
        ("step", "step_9", "ok"), ("task", "task_1", "ok"), ("task", "task_2", "error"), ("task", "task_77", "orphan"),
    ]  # fmt: skip
    assert await found(home, recorder, "status:orphan") == ended[3:]
    assert await found(home, recorder, "no stock", "type:task", "status:error") == ended[2:3]
    (generic,) = await found(home, recorder, "cache.flushed")
    assert generic["meta"] == {"entries": 3}
    task = await found(home, recorder, f"trace:{ended[0]['trace_id']}")
    assert [event["type"] for event in task] == ["task", "step", "step", "task"]
    assert task[0]["meta"] == {
        "event": "task.started", "task_id": 1, "api_key": "[FILTERED]", "instance_id": "host-1",
    }  # fmt: skip
    assert await found(home, recorder, "k3y") == []


async def work(home: Home, *arguments: str | Path) -> str:
    """Run the example to its end; what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, WORKER, *arguments, env={**os.environ, **home.environ}, cwd=home.folder,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    home.own(process)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_the_worker_of_the_examples_is_found(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url)))
    assert await work(home, "--tasks", "5", "--store", recorder.store) == "18 traces finished, 0 are open\n"
    failed = await found(home, recorder, "conn:worker", "status:error")
    assert [(event["type"], event["error"]) for event in failed] == [("step", "out of stock"), ("task", "out of stock")]
    # Each step is a span of its task, and has a part
    of_task = await found(home, recorder, f"trace:{failed[0]['trace_id']}", "event:trace.span.end")
    assert [event["type"] for event in of_task] == ["step.call", "step", "task"]
    assert [event["parent_id"] for event in of_task[:2]] == [of_task[1]["span_id"], of_task[2]["span_id"]]


async def test_the_worker_writes_a_store_of_its_own(home: Home) -> None:
    store = home.folder / "worker.db"
    assert await work(home, "--tasks", "1", "--store", store, "--own") == "4 traces finished, 0 are open\n"
    code, out, err = await home.run("search", "--store", store, "type:task", "event:trace.span.end", "--json")
    assert (code, [json.loads(line)["ref"] for line in out.splitlines()]) == (0, ["task_1"]), err
