"""Credentials that only a protocol's messages hold are in no byte of a recording, whether it was named or found out."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.peers import Peers, script
from tests.support.processes import Home

CANARY = "cAnArY-x7Q9zz-of-a-login"
LOGINS = {
    "json": json.dumps({"type": "auth", "id": 1, "token": CANARY, "topic": "trades"}),
    "jsonrpc": json.dumps({"jsonrpc": "2.0", "id": 1, "method": "login", "params": {"api_key": CANARY}}),
    "deribit": json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "public/auth",
            "params": {"grant_type": "client_credentials", "client_id": "me", "client_secret": CANARY},
        }
    ),
    "phoenix": json.dumps(["1", "1", "room:lobby", "phx_join", {"token": CANARY}]),
    "graphql-ws": json.dumps({"type": "connection_init", "payload": {"authToken": CANARY}}),
    "socketio": "40" + json.dumps({"token": CANARY}),
    "stomp": f"CONNECT\naccept-version:1.2\nlogin:guest\npasscode:{CANARY}\n\n\0",
    "actioncable": json.dumps(
        {"command": "subscribe", "identifier": json.dumps({"channel": "A", "token": CANARY}), "type": "disconnect"}
    ),
    "pusher": json.dumps(
        {"event": "pusher:subscribe", "data": {"auth": f"key:{CANARY}", "channel": "private-a"}, "channel": "a"}
    ),
    "ocpp": json.dumps([2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": CANARY}]),
    "wamp": json.dumps([5, CANARY, {}]),
    "nats": 'CONNECT {"user":"me","verbose":false,"auth_token":"' + CANARY + '"}\r\n',
    "nexus": json.dumps({"kind": "log", "id": 1, "traceId": "t", "password": CANARY}),
}
ECHO = script('[[step]]\ndo = "echo"\n[[step]]\ndo = "receive"\n[[step]]\ndo = "silence"\nfor = "60s"\n')


@pytest.mark.parametrize("is_named", [True, False], ids=["named", "auto"])
async def test_a_login_is_recorded_without_its_secret(home: Home, peers: Peers, is_named: bool) -> None:
    config = await configured(home, peers, is_named=is_named)
    recorder = await home.record(config)
    received = await recorder.until_stored(len(LOGINS), "message.received")
    assert {event.source.connection for event in received} == set(LOGINS)
    assert {event.redacted for event in received} == {True}
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    assert files_with_the_canary(home.folder, config) == []


@pytest.mark.parametrize(
    ("profile", "row"),
    [
        ("financial", "message.received"),
        ("standard", "message.batch_processed"),
        ("lightweight", "message.batch_processed"),
    ],
)
async def test_no_profile_shows_a_secret(home: Home, peers: Peers, profile: str, row: str) -> None:
    config = await configured(home, peers, is_named=True, head=f'[wsmon]\nprofile = "{profile}"\n')
    recorder = await home.record(config)
    await recorder.until_stored(len(LOGINS), row)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    assert files_with_the_canary(home.folder, config) == []


async def configured(home: Home, peers: Peers, *, is_named: bool, head: str = "") -> Path:
    """A configuration that logs in by every protocol, at peers that say it all again."""
    entries = [head]
    for name, login in LOGINS.items():
        server = await peers.start(ECHO)
        protocol = name if is_named else "auto"
        texts = json.dumps([login], ensure_ascii=True)
        entries.append(
            f'[[connection]]\nname = "{name}"\nurl = "{server.url}"\nprotocol = "{protocol}"\nsend = {texts}\n'
        )
    return home.write("".join(entries))


def files_with_the_canary(folder: Path, config: Path) -> list[str]:
    """All files but the configuration itself."""
    files = [path for path in folder.rglob("*") if path.is_file() and path != config]
    assert any(path.name == "store.db" for path in files)
    return [path.name for path in files if CANARY.encode() in path.read_bytes()]
