#!/usr/bin/env bash
# mitmproxy: the HTTP Archive of the option hardump has no entry for a WebSocket that is open when mitmdump is stopped; the
# connection and all of its messages are missing, however long it lasted. The flow file that the same run writes has them.
#
# One would expect both files to hold what the proxy relayed. An ordinary request is kept when its response is there; a
# WebSocket only at its end, and the addon that writes the archive does so before the end of the proxy ends the connections.
# (The addon that writes flows adds those that have no end yet.) 12.3.1, which needs Python 3.12, does the same.
#
# Prints the versions, what either file holds of two connections, one closed before the stop and one not, and exits 1 if the
# archive no longer lacks the open one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'mitmproxy==11.0.2' 'websockets==17.4'

cat > run.py <<'PYTHON'
"""Two WebSockets through mitmdump as a reverse proxy; one of them is closed, then mitmdump is stopped as by Ctrl-C."""

import asyncio
import json
import platform
import re
import signal
import subprocess
from importlib.metadata import version
from urllib.parse import urlsplit

from mitmproxy.io import FlowReader
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

MESSAGES = 3


async def echo(connection: ServerConnection) -> None:
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


async def talk(connection: ClientConnection) -> None:
    for number in range(MESSAGES):
        await connection.send(f"message {number}")
        await connection.recv()


async def relay() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        upstream = f"reverse:http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        options = ["confdir=settings", "hardump=archive.har", "save_stream_file=flows"]
        options += ["listen_host=127.0.0.1", "listen_port=0"]
        proxy = await asyncio.create_subprocess_exec(
            "venv/bin/mitmdump",
            "--mode",
            upstream,
            *(word for option in options for word in ("--set", option)),
            env={"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert proxy.stdout is not None
        while not (listening := re.search(rb"listening at 127\.0\.0\.1:(\d+)", await proxy.stdout.readline())):
            pass
        url = f"ws://127.0.0.1:{int(listening[1])}"
        closed, left_open = await connect(f"{url}/closed"), await connect(f"{url}/open")
        await talk(closed)
        await talk(left_open)
        await closed.close()
        await talk(left_open)  # the proxy is done with the one that was closed
        proxy.send_signal(signal.SIGINT)
        await proxy.communicate()
        await left_open.close()


asyncio.run(relay())
with open("archive.har", encoding="utf-8") as file:
    entries = json.load(file)["log"]["entries"]
in_archive = {urlsplit(entry["request"]["url"]).path: len(entry["_webSocketMessages"]) for entry in entries}
with open("flows", "rb") as file:
    in_flows = {flow.request.path: len(flow.websocket.messages) for flow in FlowReader(file).stream()}

print("mitmproxy", version("mitmproxy"), "on Python", platform.python_version())
print("relayed, messages by path: ", {"/closed": 2 * MESSAGES, "/open": 4 * MESSAGES})
print("in the flow file:          ", in_flows)
print("in the archive:            ", in_archive)
as_found = in_archive == {"/closed": 2 * MESSAGES} and in_flows == {"/closed": 2 * MESSAGES, "/open": 4 * MESSAGES}
raise SystemExit(0 if as_found else 1)
PYTHON
timeout 60 venv/bin/python run.py
