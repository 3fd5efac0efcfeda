"""Archives that a real Chromium's traffic was saved to, by Playwright and by the developer tools: every message is
imported at its time.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tests.support.node_peers import FOLDER, RealPeers
from tests.support.stores import stored_events
from wsmon.export.importing import import_files
from wsmon.model.events import Event
from wsmon.store.replay import replaying

pytestmark = pytest.mark.timeout(120)

# The oldest that playwright-core runs on
NODE_VERSION = 20
# The developer tools know no time of a connection that was refused before the upgrade was sent
TIMELESS = (
    "`startedDateTime` must be between 1970 and 2255 (got '1969-12-31T23:59:59.000Z'); "
    "placed at the time of the previous entry"
)
# The browser's clock is the machine's, read at another moment
SLACK_NS = 1_000_000_000

# Four connections: closed by the page, closed by the server, refused with a status, and with nothing that listens
PAGE = """<!doctype html><title>busy</title><script>
const saw = [], host = location.host;
let left = 4;
function over() { if (--left === 0) document.title = "done"; }
function open(path, onopen, onmessage, to = host) {
  const socket = new WebSocket(`ws://${to}${path}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => onopen(socket);
  socket.onmessage = ({ data }) => onmessage(socket, data);
  socket.onclose = ({ code, reason }) => { saw.push({ path, code, reason }); over(); };
}
open("/page", (s) => { s.send('{"op":"sub"}'); s.send(new Uint8Array([0, 255, 1])); },
     (s, data) => { if (data === "4") s.close(4001, "bye"); });
open("/server", (s) => s.send("kick me"), () => {});
open("/forbidden", () => {}, () => {});
open("/nobody", () => {}, () => {}, "127.0.0.1:CLOSED");
</script>"""


async def answer(connection: ServerConnection) -> None:
    """What the page expects of each path."""
    if connection.request is not None and connection.request.path == "/server":
        assert await connection.recv() == "kick me"
        await connection.close(4003, "token expired")
        return
    assert await connection.recv() == '{"op":"sub"}'
    assert await connection.recv() == b"\x00\xff\x01"
    for text in ("1", "zwei ü €", "3", "4"):
        await connection.send(text)
    await connection.wait_closed()


def page_or_upgrade(closed_port: int, connection: ServerConnection, request: Request) -> Response | None:
    """The page itself, a refusal, or None to go on with the upgrade."""
    if request.path == "/forbidden":
        return connection.respond(HTTPStatus.FORBIDDEN, "no\n")
    if request.headers.get("Upgrade") is not None:
        return None
    if request.path != "/":
        return connection.respond(HTTPStatus.NOT_FOUND, "no\n")
    body = PAGE.replace("CLOSED", str(closed_port)).encode()
    return Response(200, "OK", Headers({"Content-Type": "text/html", "Content-Length": str(len(body))}), body)


def closed_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        port: int = once.getsockname()[1]
        return port


def chromium() -> str:
    """The path of Debian's Chromium; without it, or what drives it, the test is not run."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("not run: chromium is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    if int(version.removeprefix("v").partition(".")[0]) < NODE_VERSION:
        pytest.skip(f"not run: Playwright needs node {NODE_VERSION}, this is {version.strip()}")
    if not (FOLDER / "node_modules" / ".devtools" / "har.mjs").exists():
        pytest.skip("not run: the developer tools are not built: node build_devtools.mjs in tests/real_peers")
    return found


def imported(archive: Path, *faults: str) -> list[Event]:
    """The events of an archive, and what it is told not to have."""
    store = archive.with_suffix(".db")
    with replaying(store) as replay:
        report = import_files([str(archive)], None, replay)
    assert tuple(one.fault.problem for one in report.named) == faults
    assert not report.lost
    return list(stored_events(store))


def in_file(archive: Path, unit: int) -> dict[str, list[tuple[int, str, str]]]:
    """Path -> time in microseconds, direction and data of each message, as the file has them."""
    entries = json.loads(archive.read_text(), parse_float=Decimal)["log"]["entries"]
    return {
        urlsplit(one["request"]["url"]).path: [
            (round(frame["time"] * unit), frame["type"], frame["data"])
            for frame in one.get("_webSocketMessages", [])
            if frame["opcode"] > 0
        ]
        for one in entries
        if one["request"]["url"].startswith("ws")
    }


def of_path(events: list[Event]) -> dict[str, list[Event]]:
    """Path -> events of its session."""
    sessions = {
        one.source.connection_id: urlsplit(str((one.meta or {})["url"])).path
        for one in events
        if one.name == "connection.started"
    }
    return {path: [one for one in events if one.source.connection_id == session] for session, path in sessions.items()}


def data(event: Event) -> str:
    """The payload as an archive has it."""
    payload = event.payload or b""
    return payload.decode() if event.opcode == "text" else base64.b64encode(payload).decode()


async def test_i1_to_i4_every_message_of_a_real_browser_is_imported_at_its_time(
    real_peers: RealPeers, tmp_path: Path
) -> None:
    browser = await real_peers.start("browser", 0, chromium())
    archives = {"playwright": tmp_path / "playwright.har", "devtools": tmp_path / "devtools.har"}
    port = closed_port()
    began_ns = time.time_ns()
    async with serve(answer, "127.0.0.1", 0, process_request=partial(page_or_upgrade, port)) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await browser.order("visit", url=url, **{name: str(file) for name, file in archives.items()})
        saw = await browser.until("saw")
    ended_ns = time.time_ns()
    assert sorted((one["path"], one["code"]) for one in saw["saw"]) == [
        ("/forbidden", 1006),
        ("/nobody", 1006),
        ("/page", 4001),
        ("/server", 4003),
    ]
    for name, unit, faults in (("playwright", 1_000, ()), ("devtools", 1_000_000, (TIMELESS,))):
        events = of_path(imported(archives[name], *faults))
        expected = in_file(archives[name], unit)
        assert sorted(events) == sorted(expected) == ["/forbidden", "/nobody", "/page", "/server"]
        for place, found in events.items():
            frames = [one for one in found if one.opcode]
            in_order = sorted(expected[place])
            assert [("send" if one.direction == "out" else "receive", data(one)) for one in frames] == [
                frame[1:] for frame in in_order
            ], (name, place)
            # A time that lies half way between two microseconds may become either
            assert all(abs(one.ts_ns // 1_000 - us) <= 1 for one, (us, *_) in zip(frames, in_order, strict=True)), (
                name,
                place,
            )
            assert all(began_ns <= one.ts_ns + SLACK_NS and one.ts_ns <= ended_ns + SLACK_NS for one in found)
        assert [data(one) for one in events["/page"] if one.opcode] == [
            '{"op":"sub"}',
            "AP8B",
            "1",
            "zwei ü €",
            "3",
            "4",
        ]
        assert [data(one) for one in events["/server"] if one.opcode] == ["kick me"]
        ends = {place: found[-1] for place, found in events.items() if found[-1].to_status == "disconnected"}
        assert {place: (one.error_type, one.close_by, one.status) for place, one in ends.items()} == {
            "/forbidden": ("http_status", "refusal", 403),
            "/nobody": ("tcp_refused", "network", None),
        }, name
