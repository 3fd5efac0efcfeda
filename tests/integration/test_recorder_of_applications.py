"""A recorder without connections: it says what it waits for, and shows, counts and sends what applications report."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.request

from tests.support.applications import RawApplication
from tests.support.collectors import FakeCollector, plain
from tests.support.engines import raw_server
from tests.support.external_programs import free_port, needs
from tests.support.processes import DEADLINE_S, POLL_S, WSMON, Home, Recorder, socket_in
from tests.support.tmux_terminal import TmuxTerminal

REQUEST: dict[str, object] = {"trace_id": "t" * 32, "span_id": "1" * 16}
REPORTED: tuple[dict[str, object], ...] = (
    {"seq": 1, "name": "trace.request.start", "type": "GET /", "connection": "shop", **REQUEST},
    {"seq": 2, "name": "trace.request.end", "type": "GET /", "connection": "shop", "status": 200, **REQUEST},
    {"seq": 3, "name": "message.received", "direction": "in", "opcode": "text", "payload": "hello", "type": "greeting",
     "connection": "feed"},
    {"seq": 4, "name": "message.process.completed", "type": "greeting", "duration_ms": 7, "connection": "feed"},
    {"seq": 5, "name": "connection.started", "from_status": "initialized", "to_status": "connecting",
     "connection": "broker", "connection_id": "5e551011c0ffee11"},
)  # fmt: skip
COUNTED = 'wsmon_message_received_total{client_id="feed",type="greeting"} 1'
METRICS = "/v1/metrics"


async def reporting(home: Home, recorder: Recorder) -> RawApplication:
    application = await RawApplication.dialled(socket_in(home, recorder.store))
    application.greet()
    application.send(*REPORTED)
    await application.until_acked(5)
    return application


def page(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text: str = answer.read().decode()
    return text.splitlines()


async def counted(port: int) -> list[str]:
    """The metrics, once what was reported is among them."""
    async with asyncio.timeout(DEADLINE_S):
        while COUNTED not in (lines := await asyncio.to_thread(page, port)):
            await asyncio.sleep(POLL_S)  # what is over is told once a second
    return lines


async def test_it_says_what_it_waits_for_and_takes_what_comes(home: Home) -> None:
    port, listen = free_port(), free_port()
    configuration = home.write(f'[wsmon]\nprometheus = "127.0.0.1:{port}"\notlp_listen = "127.0.0.1:{listen}"\n')
    code, out, err = await home.run("check", configuration)
    assert (code, "error" in err) == (0, False), (out, err)
    recorder = await home.record(configuration)
    application = await reporting(home, recorder)
    lines = await counted(port)
    assert 'wsmon_message_received_size_bytes_sum{client_id="feed",type="greeting"} 5' in lines
    assert 'wsmon_message_process_completed_duration_seconds_count{client_id="feed",type="greeting"} 1' in lines
    # Neither up nor down: they report no connection
    assert [line for line in lines if line.startswith("wsmon_connection_up")] == [
        'wsmon_connection_up{client_id="broker"} 0'
    ]
    code, out, err = await home.run("stats", "--store", recorder.store, "--json")
    statistics = {each["name"]: each for each in json.loads(out)["connections"]}
    assert {name: each["status"] for name, each in statistics.items()} == {
        "shop": None,
        "feed": None,
        "broker": "connecting",
    }
    assert {each["down_since"] for each in statistics.values()} == {None}
    assert statistics["shop"]["availability"] is None
    code, out, err = await home.run("stats", "--store", recorder.store)
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert ["events only" in rows[name] for name in ("shop", "feed", "broker")] == [True, True, False]
    assert "initialized" not in out
    application.hang_up()
    code, out, err = await home.run("stop", recorder.store)
    assert code == 0, err
    assert await recorder.ended() == 0
    assert (await home.run("stats", "--store", recorder.store))[1].count("events only") == 2


async def test_their_metrics_go_to_a_collector(home: Home) -> None:
    collector = FakeCollector()
    async with raw_server(collector.serve) as port:
        page_port = free_port()
        text = f'[wsmon]\notlp = "http://127.0.0.1:{port}"\nprometheus = "127.0.0.1:{page_port}"\n'
        recorder = await home.record(home.write(text))
        application = await reporting(home, recorder)
        await counted(page_port)
        application.hang_up()
        # The last push has everything
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended() == 0
    (resource,) = collector.taken[METRICS][-1].resource_metrics
    metrics = {each.name: each for each in resource.scope_metrics[0].metrics}
    (received,) = (p for p in metrics["wsmon.message.received"].sum.data_points if p.as_int)
    assert plain(received.attributes) == {"websocket.connection": "feed", "websocket.type": "greeting"}
    (took,) = (p for p in metrics["wsmon.message.process.completed.duration"].histogram.data_points if p.count)
    assert (plain(took.attributes), took.count) == ({"websocket.connection": "feed", "websocket.type": "greeting"}, 1)
    assert {plain(p.attributes)["websocket.connection"] for p in metrics["wsmon.connection.up"].gauge.data_points} == {
        "broker"
    }


@needs("tmux")
async def test_the_screen_says_what_it_waits_for_and_that_there_are_events_only(home: Home) -> None:
    recorder = await home.record(home.write("[wsmon]\n"))
    with TmuxTerminal("applications", 120, 40, home.environ, home.folder) as terminal:
        terminal.run(WSMON, "attach", recorder.store)
        terminal.until("no connection is configured, and no application has reported events yet")
        application = await reporting(home, recorder)
        terminal.until(r"– shop +events only")
        terminal.until(r"2 events only")
        terminal.until("initialized", gone=True)
        application.hang_up()
        terminal.type("q")
