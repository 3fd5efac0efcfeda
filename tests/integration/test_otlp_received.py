"""Programs that report over OTLP to a recorder, by hand and with the SDKs: found by search, shown, counted."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.external_programs import free_port, program
from tests.support.node_peers import CONSUMERS, REQUIRED
from tests.support.otlp_requests import SPAN_ID, TRACE_ID, json_logs, json_span, json_spans, post
from tests.support.peers import Peers
from tests.support.processes import DEADLINE_S, Home, Recorder, stored

EXAMPLES = Path(__file__).parents[2] / "examples"
TOKEN = "t0ken-of-the-programs"


async def receiving(home: Home, peers: Peers, port: int, more: str = "") -> Recorder:
    server = await peers.start("echo")
    return await home.record(
        home.write(
            f'[wsmon]\notlp_listen = "127.0.0.1:{port}"\n{more}\n[[connection]]\nname = "a"\nurl = "{server.url}"\n'
        )
    )


async def found(home: Home, recorder: Recorder, *query: str) -> list[dict[str, Any]]:
    """The events of a search, in their order."""
    code, out, err = await home.run("search", "--store", recorder.store, "--json", "--order", "asc", *query)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


async def test_a_trace_is_found_by_its_id_and_shows_no_secret(home: Home, peers: Peers) -> None:
    port = free_port()
    recorder = await receiving(home, peers, port)
    header = {"values": [{"stringValue": "Bearer kr4ken"}]}
    attributes = [
        {"key": "http.request.header.authorization", "value": {"arrayValue": header}},
        {"key": "note", "value": {"stringValue": "\x1b[2J password=kr4ken"}},
    ]
    child = json_span(spanId="7d" * 8, parentSpanId=SPAN_ID, name="SELECT", kind=3)
    spans = json_spans(child, json_span(attributes=attributes, status={"code": 2, "message": "password=kr4ken"}))
    log = {"body": {"stringValue": "Authorization: Bearer kr4ken"}, "traceId": TRACE_ID, "spanId": SPAN_ID}
    # A client whose answer was lost sends again
    for _ in range(2):
        assert (await post(port, "/v1/traces", spans))[0] == "200 OK"
    assert (await post(port, "/v1/logs", json_logs(log)))[0] == "200 OK"
    events = await found(home, recorder, f"trace:{TRACE_ID}")
    assert [(event["name"], event["connection"]) for event in events[-5:]] == [
        ("trace.span.start", "shop"),
        ("trace.span.end", "shop"),
        ("trace.request.start", "shop"),
        ("trace.request.end", "shop"),
        ("trace.log", "shop"),
    ]
    assert "kr4ken" not in json.dumps(events)
    assert "\x1b" not in (await home.run("search", "--store", recorder.store, f"trace:{TRACE_ID}"))[1]
    assert [event["name"] for event in await found(home, recorder, "is:problem", "conn:shop")] == [
        "trace.request.end"
    ] * 2
    code, out, _ = await home.run("export", "--format", "otlp", "--store", recorder.store, "conn:shop", "--output", "-")
    (spans_out,) = json.loads(out)["resourceSpans"]
    exported = spans_out["scopeSpans"][0]["spans"]
    assert (code, {span["traceId"] for span in exported}) == (0, {TRACE_ID})
    assert {(span["spanId"], span.get("parentSpanId")) for span in exported} == {
        (SPAN_ID, None), ("7d" * 8, SPAN_ID),
    }  # fmt: skip
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    assert (await home.run("doctor", recorder.store))[0] == 0


async def test_a_port_in_use_is_an_error_with_its_line_and_nothing_is_recorded(home: Home, peers: Peers) -> None:
    port = free_port()
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    peer = await peers.start("echo")
    file = home.write(f'[wsmon]\notlp_listen = ":{port}"\n[[connection]]\nname = "a"\nurl = "{peer.url}"\n')
    async with server:
        code, _, err = await home.run("record", file, "--store", "taken.db")
    assert (code, f"{file}:2: wsmon.otlp_listen: cannot listen: Address already in use" in err) == (2, True), err


async def test_a_reload_moves_the_listener(home: Home, peers: Peers) -> None:
    first, second = free_port(), free_port()
    recorder = await receiving(home, peers, first)
    file = home.write("", "unused.toml").with_name("wsmon.toml")
    text = file.read_text()
    file.write_text(text.replace(f":{first}", f":{second}"))
    recorder.signal(signal.SIGHUP)
    (event,) = await recorder.until_stored(1, "self.config.reloaded")
    assert event.reason.startswith("monitoring changed")
    assert (await post(second, "/v1/logs", json_logs({})))[0] == "200 OK"
    with pytest.raises(ConnectionRefusedError):
        await post(first, "/v1/logs", json_logs({}))


async def test_what_was_answered_with_success_outlives_a_recorder_that_is_killed(home: Home, peers: Peers) -> None:
    port = free_port()
    recorder = await receiving(home, peers, port)
    answered: list[str] = []

    async def keep_posting() -> None:
        with suppress(OSError, IndexError):
            for number in itertools.count():
                name = f"event-{number}"
                status, *_ = await post(port, "/v1/logs", json_logs({"eventName": name}))
                if status == "200 OK":
                    answered.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_posting(), name="posts")
        async with asyncio.timeout(DEADLINE_S):
            while len(answered) < 20:
                await asyncio.sleep(0.001)  # the other task tells nobody
        recorder.signal(signal.SIGKILL)
    await recorder.ended()
    found = {event.type for event in stored(recorder.store) if event.name == "trace.log"}
    assert found.issuperset(answered)


async def ran(port: int, *command: str | Path) -> list[str]:
    """Run a program whose SDK reports to a port, by its environment alone; the ids of its traces."""
    environment = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{TOKEN}",
    }
    process = await asyncio.create_subprocess_exec(
        *map(str, command), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(3 * DEADLINE_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, out.decode()
    return re.findall(r"^trace:([0-9a-f]{32})$", out.decode(), re.MULTILINE)


def not_there(reason: str) -> None:
    if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


async def test_the_example_of_node_is_found(home: Home, peers: Peers) -> None:
    if not (EXAMPLES / "otel-node" / "node_modules").is_dir():
        not_there("the example is not installed: npm ci in examples/otel-node")
    port = free_port()
    recorder = await receiving(home, peers, port, f'otlp_listen_token = "{TOKEN}"')
    node = program("node", "nodejs")
    await check_example(home, recorder, "shop-node", await ran(port, node, EXAMPLES / "otel-node" / "main.mjs"))


async def test_the_example_of_python_is_found(home: Home, peers: Peers) -> None:
    if not CONSUMERS.exists():
        not_there("the SDK of OpenTelemetry is not installed: .ci/real-peers")
    port = free_port()
    recorder = await receiving(home, peers, port, f'otlp_listen_token = "{TOKEN}"')
    await check_example(home, recorder, "shop-python", await ran(port, CONSUMERS, EXAMPLES / "otel-python" / "main.py"))


async def check_example(home: Home, recorder: Recorder, service: str, traces: list[str]) -> None:
    """Three requests, each with a span and a log record; the last one failed."""
    assert len(traces) == 3
    for number, trace in enumerate(traces, 1):
        events = await found(home, recorder, f"conn:{service}", f"trace:{trace}")
        ends = {event["name"]: event for event in events if event["name"].endswith(".end")}
        request, span = ends["trace.request.end"], ends["trace.span.end"]
        assert (request["type"], span["type"], span["parent_id"]) == ("GET /orders", "reserve", request["span_id"])
        assert span["duration_ms"] >= 15
        assert span["meta"]["attributes"] == {"quantity": number}
        (log,) = (event for event in events if event.get("payload"))
        assert (log["payload"], log["span_id"]) == (f"order of {number} placed", span["span_id"])
        assert (request["status"], request.get("error")) == ((200, None) if number < 3 else (503, "out of stock"))
    (problem, _) = await found(home, recorder, f"conn:{service}", "is:problem")
    assert (problem["type"], problem["error"]) == ("exception", "out of stock")
    assert service in (await home.run("stats", "--store", recorder.store))[1]
