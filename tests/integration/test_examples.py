"""The examples: each is started by one command, seen live on the screen, and found by search, as its README says."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.support.external_programs import free_port, needs
from tests.support.node_peers import REQUIRED
from tests.support.processes import DEADLINE_S, POLL_S, WSMON, Home, Recorder
from tests.support.tmux_terminal import TmuxTerminal

EXAMPLES = Path(__file__).parents[2] / "examples"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{CALLER}-01"


async def start(home: Home, recorder: Recorder, script: str, port: int) -> asyncio.subprocess.Process:
    """Start an example that serves, or runs to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / script, str(port), stdout=asyncio.subprocess.PIPE, cwd=home.folder,
        env={**home.environ, "WSMON_STORE": str(recorder.store)},
    )  # fmt: skip
    home.own(process)
    return process


def configuration(home: Home) -> Path:
    """That of the examples, with a port of its own."""
    text = (EXAMPLES / "wsmon.toml").read_text()
    assert "127.0.0.1:4318" in text
    return home.write(text.replace("127.0.0.1:4318", f"127.0.0.1:{free_port()}"))


async def until_open(port: int) -> None:
    """Wait until a port takes connections."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(POLL_S)  # another process's socket tells nobody
                continue
            writer.close()
            return


async def found(home: Home, recorder: Recorder, query: str, count: int) -> list[dict[str, object]]:
    """What a search finds, once it finds as much."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            code, out, err = await home.run("search", "--store", recorder.store, query, "--json", "--order", "asc")
            assert code in (0, 1), err
            events = [json.loads(line) for line in out.splitlines()]
            if len(events) >= count:
                return events
            await asyncio.sleep(POLL_S)


def get(url: str, **headers: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


@needs("tmux")
async def test_nx_13_nx_14_a_shop_on_starlette_is_traced_live_and_exported(home: Home) -> None:
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        reason = "starlette and uvicorn are not installed: pip install --group test"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    port = free_port()
    recorder = await home.record(configuration(home))
    shop = await start(home, recorder, "asgi_shop.py", port)
    await until_open(port)
    base = f"127.0.0.1:{port}"
    status, body = await asyncio.to_thread(get, f"http://{base}/orders/7?token=1", traceparent=HEADER)
    assert (status, json.loads(body)) == (200, {"stock": 2, "trace": TRACE})
    events = await found(home, recorder, f"trace:{TRACE}", 6)
    assert [(event["name"], event["type"]) for event in events] == [
        ("trace.request.start", "GET /orders/7"),
        ("trace.span.start", "stock.look"),
        ("trace.span.start", "db.stock.get"),
        ("trace.span.end", "db.stock.get"),
        ("trace.span.end", "stock.look"),
        ("trace.request.end", "GET /orders/{number:int}"),
    ]
    assert (events[0]["parent_id"], events[5]["status"], events[5]["connection"]) == (CALLER, 200, "shop")
    assert await found(home, recorder, "trace:missing", 0) == []
    assert await asyncio.to_thread(get, f"http://{base}/fail") == (500, "")
    (failed,) = await found(home, recorder, "name:trace.request.end error:order", 1)
    assert (failed["status"], failed["error_type"], failed["error"]) == (500, "LookupError", "no such order")
    # A request around a WebSocket ends when its socket closes
    async with connect(f"ws://{base}/feed") as socket:
        await socket.send("8")
        assert await socket.recv() == "3"
        opened = await found(home, recorder, 'type:"WS /feed"', 1)
        assert [event["name"] for event in opened] == ["trace.request.start"]
    opened = await found(home, recorder, 'type:"WS /feed"', 2)
    assert (opened[1]["name"], opened[1]["status"]) == ("trace.request.end", 101)
    # The same ids leave by an export
    code, out, err = await home.run("export", "--format", "otlp", "--store", recorder.store, f"trace:{TRACE}")
    assert code == 0, err
    spans = json.loads(out)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {span["traceId"] for span in spans} == {TRACE}
    by_name = {span["name"]: span for span in spans}
    root = by_name["GET /orders/{number:int}"]
    assert root["parentSpanId"] == CALLER
    assert by_name["stock.look"]["parentSpanId"] == root["spanId"]
    assert by_name["db.stock.get"]["parentSpanId"] == by_name["stock.look"]["spanId"]
    with TmuxTerminal("examples", 120, 40, home.environ, home.folder) as terminal:
        terminal.run(WSMON, "attach", recorder.store)
        terminal.until("shop")
        terminal.type(f"/trace:{TRACE}")
        terminal.until("stock.look")
        terminal.press("Enter")
        terminal.until("Enter apply", gone=True)
        terminal.type("gW")
        terminal.until(f"Trace {TRACE} of shop: 3 spans")
        # As a span, with its operation
        terminal.until(r"trace db\.stock\.get")
    shop.send_signal(signal.SIGINT)
    await shop.wait()


async def test_a_client_and_a_server_of_websockets_are_one_trace(home: Home) -> None:
    port = free_port()
    recorder = await home.record(configuration(home))
    server = await start(home, recorder, "echo_server.py", port)
    await until_open(port)
    client = await start(home, recorder, "echo_client.py", port)
    out, _ = await client.communicate()
    trace = out.decode().strip()
    # 2 of the conversation, 6 of round trips, 2 of the connection, 6 of its messages
    events = await found(home, recorder, f"trace:{trace}", 16)
    assert {event["connection"] for event in events} == {"echo-client", "echo-server"}
    ids = {event["type"]: event["span_id"] for event in events}
    parents = {event["type"]: event.get("parent_id", "") for event in events}
    assert parents == {
        "conversation": "", "round trip": ids["conversation"], "WS /echo": ids["conversation"], "echo": ids["WS /echo"],
    }  # fmt: skip
    server.send_signal(signal.SIGINT)
    assert await server.wait() == 0
