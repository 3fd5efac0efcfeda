"""Applications that report to a recorder: what they say is stored, shown, searched and counted as of any connection."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys

from tests.support.applications import CLIENT, RawApplication
from tests.support.peers import Peers
from tests.support.processes import Home, Recorder, socket_in, stored

CONFIGURATION = """
[[connection]]
name = "orders"
url = "{url}"
headers = {{ Authorization = "Bearer kr4ken-s3cret" }}
"""
SESSION = "5e551011c0ffee11"


async def reporting(home: Home, recorder: Recorder) -> RawApplication:
    return await RawApplication.dialled(socket_in(home, recorder.store))


async def test_an_application_has_a_connection_like_any_other(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url)))
    application = await reporting(home, recorder)
    application.greet(connection="shop", group="web", pid=7, version="1.0")
    shared = {"connection_id": SESSION, "trace_id": "t" * 32}
    application.send(
        {"seq": 1, "name": "connection.started", "to_status": "connecting", "from_status": "initialized", **shared},
        {"seq": 2, "name": "connection.open", "to_status": "connected", "from_status": "connecting", **shared},
        {"seq": 3, "name": "connection.completed", "to_status": "websocket_connected", "from_status": "connected",
         "duration_ms": 5, **shared},
        {"seq": 4, "name": "message.received", "direction": "in", "opcode": "text", "payload": "hello kr4ken-s3cret",
         **shared},
        {"seq": 5, "name": "order.placed", "meta": {"qty": 3}, **shared},
        {"seq": 6, "name": "trace.span.end", "span_id": "1" * 16, "parent_id": "2" * 16, "duration_ms": 7, "type": "db",
         **shared},
        {"seq": 7, "name": "connection.disconnected", "from_status": "websocket_connected", "close_code": 1006,
         "to_status": "disconnected", "close_by": "network", **shared},
        # The name is the configuration's
        {"seq": 8, "name": "x", "connection": "orders"},
    )  # fmt: skip
    await application.until_acked(8)
    application.hang_up()
    code, out, err = await home.run("search", "--store", recorder.store, "conn:shop", "--json", "--order", "asc")
    assert (code, err.count("kr4ken")) == (0, 0)
    events = [json.loads(line) for line in out.splitlines()]
    assert [(event["name"], event.get("type")) for event in events][:7] == [
        ("connection.started", None),
        ("connection.open", None),
        ("connection.completed", None),
        ("message.received", None),
        ("trace.log", "order.placed"),
        ("trace.span.end", "db"),
        ("connection.disconnected", None),
    ]
    assert events[3]["payload"] == "hello [FILTERED]"
    assert events[6]["verdict"]["by"] == "network"
    assert {event["group"] for event in events} == {"web"}
    code, out, _ = await home.run("stats", "--store", recorder.store, "--json", "--connection", "shop")
    (shop,) = json.loads(out)["connections"]
    assert (shop["status"], shop["sessions"], shop["connection_count"]) == ("disconnected", 1, 1)
    assert (shop["messages"]["received"], shop["close_codes"]) == (1, {"1006": 1})
    for command in (
        ["ps"],
        ["ps", "--json"],
        ["doctor", str(recorder.store)],
        ["stats", "--store", str(recorder.store)],
    ):
        code, out, err = await home.run(*command)
        assert (code, "Traceback" in err) == (0, False), (command, out, err)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    found = [event for event in stored(recorder.store) if event.source.connection == "orders.app"]
    assert [event.type for event in found] == ["x"]
    # What it said is kept by the next recorder
    assert (await home.run("export", "--format", "otlp", "--store", recorder.store))[0] == 0


async def test_a_recorder_that_is_killed_takes_each_line_once(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    configuration = home.write(CONFIGURATION.format(url=server.url))
    lines: list[dict[str, object]] = [{"seq": n, "name": f"e{n}"} for n in range(1, 31)]
    recorder = await home.record(configuration)
    first = await reporting(home, recorder)
    first.greet(CLIENT)
    first.send(*lines[:20])
    await first.until_acked(10)
    recorder.signal(signal.SIGKILL)
    await recorder.ended()
    first.hang_up()
    recorder = await home.record(configuration)
    second = await reporting(home, recorder)
    second.greet(CLIENT)
    second.send(*lines)
    await second.until_acked(30)
    second.hang_up()
    assert [event.type for event in stored(recorder.store) if event.name == "trace.log"] == [
        f"e{n}" for n in range(1, 31)
    ]


TRACING = """
import sys
from wsmon.trace import Tracer
tracer = Tracer(connection="broker", store=sys.argv[1])
tracer.transition("dial", "initialized", "connecting")
tracer.transition("up", "connecting", "connected")
tracer.transition("upgrade", "connected", "websocket_connected")
tracer.flush(20)
print("up", flush=True)
sys.stdin.read()
"""


async def test_an_application_that_is_killed_has_no_open_connections(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TRACING, str(recorder.store),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=home.environ,
    )  # fmt: skip
    home.own(process)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    process.kill()
    await process.communicate()
    (end,) = [
        event
        for event in await recorder.until_stored(1, "connection.disconnected")
        if event.source.connection == "broker"
    ]
    assert (end.error_type, end.reason) == ("application_ended", f"the application (process {process.pid}) ended")
    assert end.verdict is not None
    assert end.verdict.cause.endswith("the application that reported this connection ended without closing it")


async def test_a_program_may_write_its_lines_and_leave(home: Home, peers: Peers) -> None:
    """As three lines of any language do, which read no greeting; also where it sends more than a socket's buffer."""
    server = await peers.start("echo")
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url)))
    path = str(socket_in(home, recorder.store))

    def leave() -> None:
        for number in range(50):
            with socket.socket(socket.AF_UNIX) as program:
                program.connect(path)
                program.sendall(b'{"name": "left", "connection": "three-lines", "ref": "%d"}\n' % number)
        with socket.socket(socket.AF_UNIX) as program:
            program.connect(path)
            program.sendall(b'{"name": "much", "connection": "three-lines", "payload": "%s"}\n' % (b"x" * 500) * 2_000)

    await asyncio.to_thread(leave)
    await recorder.until_stored(2_050, "trace.log")
    events = [event for event in stored(recorder.store) if event.source.connection == "three-lines"]
    assert {event.ref for event in events if event.type == "left"} == {str(number) for number in range(50)}
    assert [event.type for event in events].count("much") == 2_000
