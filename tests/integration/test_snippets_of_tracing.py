"""The programs in docs/trace.md run as they stand there, and what they report is found."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.external_programs import free_port, needs
from tests.support.processes import DEADLINE_S, Home, Recorder, stored

PAGE = (Path(__file__).parents[2] / "docs" / "trace.md").read_text().partition("## Reference\n")[0]
CONFIGURATION = '[[connection]]\nname = "off"\nurl = "ws://127.0.0.1:9/"\nenabled = false\n'
# What stands in for a loop without end, and for a server that is started otherwise
STOPS = (("        cursor = subscription.cursor\n", "        cursor = subscription.cursor\n        break\n"),)
REQUEST = """
async def receive():
    return {"type": "http.request", "body": b""}

async def send(message):
    assert message.get("status", 200) == 200

scope = {"type": "http", "method": "GET", "path": "/checkout", "query_string": b"", "headers": [], "server": ("a", 80)}
asyncio.run(app(scope, receive, send))
"""


def snippets(language: str) -> list[str]:
    """The programs in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def snippet(words: str) -> str:
    """The Python program with these words."""
    (found,) = (each for each in snippets("python") if words in each)
    return found.replace("8765", str(free_port()))


async def run(home: Home, recorder: Recorder, *command: str | Path) -> str:
    """Run a program to its end; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=recorder.store.parent,
        env={**home.environ, "WSMON_STORE": str(recorder.store)},
    )
    home.own(process)
    async with asyncio.timeout(DEADLINE_S):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def recording(home: Home) -> Recorder:
    return await home.record(home.write(CONFIGURATION))


@pytest.mark.parametrize(
    ("words", "connection", "types"),
    [
        ("sink = sink_of()", "shop", {"order.placed"}),
        ("tracer = Tracer(", "broker", {"dial", "up", "lost"}),
        ("telemetry_of()", "feed", {"text", "trade"}),
        ("async def main", "feed", {"handle"}),
        ("TraceBackend(", "worker", {"task", "step"}),
        ("Bus(connection", "shop", {"order.placed"}),
    ],
)
async def test_a_python_program_reports_what_the_page_says(
    home: Home, words: str, connection: str, types: set[str]
) -> None:
    recorder = await recording(home)
    source = snippet(words)
    for before, after in STOPS:
        source = source.replace(before, after)
    await run(home, recorder, sys.executable, "-c", source)
    found = {event.type for event in stored(recorder.store) if event.source.connection == connection}
    assert types <= found, found


async def test_requests_of_the_page_are_a_trace(home: Home) -> None:
    pytest.importorskip("starlette", reason="starlette is not installed")
    recorder = await recording(home)
    await run(home, recorder, sys.executable, "-c", snippet("add_middleware") + REQUEST)
    ended = {event.type: event for event in stored(recorder.store) if event.name.endswith(".end")}
    assert set(ended) == {"price", "db.orders.insert", "GET /checkout"}
    assert len({event.source.trace_id for event in ended.values()}) == 1


async def test_a_server_of_the_page_serves_in_threads(home: Home) -> None:
    recorder = await recording(home)
    source = snippet("websockets.sync.server")
    (port,) = re.findall(r"^    (\d+),$", source, re.MULTILINE)
    client = f"""
import threading
from websockets.sync.client import connect
def ask():
    with connect("ws://127.0.0.1:{port}/") as connection:
        connection.send("hello")
        assert connection.recv() == "hello"
    server.shutdown()
threading.Thread(target=ask).start()
"""
    source = source.replace("server.serve_forever()", client + "server.serve_forever()")
    await run(home, recorder, sys.executable, "-c", source)
    assert {event.type for event in stored(recorder.store) if event.name == "trace.request.end"} == {"WS /"}


async def through_socket(home: Home, *command: str | Path) -> None:
    recorder = await recording(home)
    lock = json.loads((recorder.store.parent / "recorder.lock").read_text())
    await run(home, recorder, *command, *(() if command[0] == "sh" else (lock["socket"],)))
    (told,) = await recorder.until_stored(1, "trace.log")
    assert (told.source.connection, told.type) == ("shop", "order.placed")


@needs("go")
async def test_the_program_in_go_reports(home: Home) -> None:
    (source,) = snippets("go")
    await through_socket(home, "go", "run", home.write(source, "main.go"))


@needs("ruby")
async def test_the_program_in_ruby_reports(home: Home) -> None:
    (source,) = snippets("ruby")
    await through_socket(home, "ruby", home.write(source, "main.rb"))


@needs("elixir")
async def test_the_program_in_elixir_reports(home: Home) -> None:
    (source,) = snippets("elixir")
    await through_socket(home, "elixir", home.write(source, "main.exs"))


@needs("nc")
@needs("jq")
async def test_the_line_of_a_shell_reports(home: Home) -> None:
    (source,) = snippets("sh")
    await through_socket(home, "sh", "-c", source)
