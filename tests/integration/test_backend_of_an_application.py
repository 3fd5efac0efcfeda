"""Traces of a worker, as ``wsmon search`` shows them from a recorder that runs."""

from __future__ import annotations

import json

import pytest

from tests.support.peers import Peers
from tests.support.processes import Home, Recorder
from wsmon.trace import Sink, TraceBackend

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
