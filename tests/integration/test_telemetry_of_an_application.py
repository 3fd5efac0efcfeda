"""Telemetry of an application, as ``wsmon search`` and ``wsmon stats`` show it from a recorder that runs."""

from __future__ import annotations

import json

import pytest

from tests.support.peers import Peers
from tests.support.processes import Home, Recorder
from wsmon.trace import Sink, Telemetry

CONFIGURATION = """
[[connection]]
name = "orders"
url = "{url}"
"""
FEED = {"client_id": "feed"}


async def started(home: Home, peers: Peers, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A recorder that the applications of this process find."""
    server = await peers.start("echo")
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", home.environ["XDG_RUNTIME_DIR"])
    return recorder


async def found(home: Home, recorder: Recorder, *query: str) -> list[dict[str, object]]:
    """What ``wsmon search`` finds, oldest first."""
    code, out, err = await home.run("search", "--store", recorder.store, *query, "--json", "--order", "asc")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


async def test_tg_01_tg_05_events_of_the_guide_are_those_of_a_connection(
    home: Home, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = await started(home, peers, monkeypatch)
    sink = Sink(recorder.store)
    telemetry = Telemetry(sink)
    telemetry.execute("connection.started", {"system_time": 1}, FEED)
    telemetry.execute("connection.completed", {"duration": 250_000_000}, FEED)
    telemetry.execute("message.received", {"size": 17}, {**FEED, "type": "text"})
    telemetry.execute("message.decode.started", {}, {**FEED, "type": "trade"})
    telemetry.execute("message.decode.completed", {"duration": 2_000_000}, {**FEED, "type": "trade"})
    with telemetry.span("checkout", FEED):
        telemetry.execute("cart.priced", {}, {**FEED, "password": "hunter2"})
    assert sink.flush(20)
    assert sink.state.refused == 0
    sink.close()
    events = await found(home, recorder, "conn:feed")
    assert [event["name"] for event in events] == [
        "connection.started", "connection.completed", "message.received", "message.decode.started",
        "message.decode.completed", "trace.span.start", "trace.log", "trace.span.end",
    ]  # fmt: skip
    assert [event["trace_id"] for event in events[5:]] == [events[5]["trace_id"]] * 3
    assert events[6]["meta"] == {"password": "[FILTERED]"}
    assert await found(home, recorder, f"trace:{events[5]['trace_id']}") == events[5:]
    assert await found(home, recorder, "conn:feed lat>=250ms") == [events[1]]
    code, out, _ = await home.run("stats", "--store", recorder.store, "--json", "--connection", "feed")
    (feed,) = json.loads(out)["connections"]
    assert (code, feed["status"], feed["messages"]["received"], feed["bytes"]["received"]) == (
        0, "websocket_connected", 1, 17,
    )  # fmt: skip


async def test_tg_03_a_handler_that_fails_is_found_with_its_error_and_place(
    home: Home, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = await started(home, peers, monkeypatch)
    sink = Sink(recorder.store)
    telemetry = Telemetry(sink)

    def count(*_: object) -> None:
        raise LookupError("no metric orders_total")

    telemetry.attach_many("metrics", ["order.placed", "order.cancelled"], count)
    telemetry.execute("order.placed")
    telemetry.execute("order.cancelled")
    telemetry.attach("metrics", "order.placed", lambda *_: None)
    assert sink.flush(20)
    sink.close()
    (failure,) = await found(home, recorder, "telemetry.handler.failure")
    assert [failure[key] for key in ("type", "ref", "topic", "error_type", "error")] == [
        "telemetry.handler.failure", "metrics", "order.placed", "LookupError", "no metric orders_total",
    ]  # fmt: skip
    assert "test_telemetry_of_an_application.py:" in str(failure["reason"])
    for query in ("is:problem type:telemetry.handler.failure", "orders_total", "test_telemetry_of_an_application.py"):
        assert await found(home, recorder, query) == [failure]
