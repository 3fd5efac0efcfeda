"""The example of a plugin: installed as users install it, and used by a recorder against a real server."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.support.processes import Home, stored

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"
PASSWORD = "canary-of-a-plugin"


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example installed."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install --group test")
    folder = tmp_path_factory.mktemp("plugin")
    # A build leaves files beside its source
    shutil.copytree(EXAMPLE, folder / "source")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check")
    installing = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pip", "install", *options, "--target", folder / "site", folder / "source"
    )
    assert await installing.wait() == 0
    return folder / "site"


@pytest.fixture
def with_plugin(site: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose commands see the plugin."""
    monkeypatch.setenv("PYTHONPATH", str(site))
    return home


class House:
    """A server of the protocol, and its log."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.said: list[str] = []

    async def __call__(self, connection: ServerConnection) -> None:
        await self._say(connection, "PING")
        async for message in connection:
            assert isinstance(message, str)
            self.heard.append(message)
            match message.split("|"):
                case ["HELLO", _, password]:
                    await self._say(connection, "WELCOME" if password == PASSWORD else "DENIED|who are you")
                case ["SUB", number, "prices"]:
                    await self._say(connection, f"OK|{number}")
                    await self._say(connection, "PUB|prices|1.5")
                case ["SUB", number, _]:
                    await self._say(connection, f"ERR|{number}|no such topic")

    async def _say(self, connection: ServerConnection, text: str) -> None:
        self.said.append(text)
        await connection.send(text)


@pytest.mark.parametrize("protocol", ["barline", "auto"])
async def test_the_protocol_of_the_plugin_is_spoken_and_understood(with_plugin: Home, protocol: str) -> None:
    home, server = with_plugin, House()
    async with serve(server, "127.0.0.1", 0, subprotocols=[Subprotocol("barline")]) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        # What "auto" offers has to be configured
        offered = 'subprotocols = ["barline"]\n' if protocol == "auto" else ""
        config = home.write(
            f'[[connection]]\nname = "house"\nurl = "ws://127.0.0.1:{port}/"\nprotocol = "{protocol}"\n{offered}'
            f'answer = true\nauth = {{ user = "me", password = "{PASSWORD}" }}\nsubscribe = ["prices", "none"]\n'
        )
        recorder = await home.record(config)
        await recorder.until_stored(5)
        await recorder.until_stored(1, "heartbeat.responded")
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended() == 0
    assert sorted(server.heard) == [f"HELLO|me|{PASSWORD}", "PONG", "SUB|1|prices", "SUB|2|none"]
    assert PASSWORD.encode() not in recorder.store.read_bytes()
    events = stored(recorder.store)
    received = [event for event in events if event.name == "message.received"]
    assert [(event.payload or b"").decode() for event in received] == server.said
    (login,) = [event for event in events if event.name == "message.sent" and event.type == "HELLO"]
    assert (login.payload, login.redacted) == (b"HELLO|me|[FILTERED]", True)
    ends = [(event.name, event.topic, event.status, event.error) for event in events if event.status in ("ok", "error")]
    assert sorted(end for end in ends if not end[0].startswith("self.")) == [
        ("auth.completed", "", "ok", ""),
        ("heartbeat.responded", "", "ok", ""),
        ("subscription.subscribe.completed", "none", "error", "no such topic"),
        ("subscription.subscribe.completed", "prices", "ok", ""),
    ]


async def test_commands_name_the_plugin(with_plugin: Home) -> None:
    config = with_plugin.write('[[connection]]\nname = "house"\nurl = "ws://h/"\nprotocol = "barlin"\n')
    code, _, said = await with_plugin.run("check", config)
    assert (code, said.count('did you mean "barline"?')) == (2, 1)
    _, out, _ = await with_plugin.run("doctor", "--json")
    facts = {each["check"]: each["fact"] for each in json.loads(out)["checks"]}
    assert facts["plugins"] == "protocol barline (wsmon-barline 1.0), decoder hexline (wsmon-barline 1.0)"


async def test_the_decoder_of_the_plugin_comes_before_the_protocol(with_plugin: Home) -> None:
    async def talk(connection: ServerConnection) -> None:
        for text in (b"PUB|prices|1.5".hex(), "no hexadecimal", b"PUB|prices|2".hex()):
            await connection.send(text)
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        config = with_plugin.write(
            f'[[connection]]\nname = "house"\nurl = "ws://127.0.0.1:{port}/"\n'
            'protocol = "barline"\ndecode = "hexline"\n'
        )
        recorder = await with_plugin.record(config)
        await recorder.until_stored(3)
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended() == 0
    events = stored(recorder.store)
    received = [event for event in events if event.name == "message.received"]
    assert [(event.type, event.topic, event.payload) for event in received] == [
        ("PUB", "prices", b"PUB|prices|1.5"), ("", "", b"no hexadecimal"), ("PUB", "prices", b"PUB|prices|2"),
    ]  # fmt: skip
    assert [(event.meta or {}).get("encoding") for event in received] == ["hexline", None, "hexline"]


BROKEN = """
from wsmon.protocols.base import Protocol, ProtocolClient

class State:
    def at(self, now_ns): pass
    def overdue(self, now_ns): raise LookupError("overdue")

def fails(*arguments):
    raise LookupError(repr(arguments))

PROTOCOL = Protocol(
    "broken", State, fails, recognise=fails, recognise_url=fails, prepare=fails, handshake=fails, split=fails,
    new_masks=lambda _state: {"in": fails}, client=ProtocolClient(fails, fails, fails, fails),
)
"""


async def test_a_plugin_that_fails_everywhere_ends_no_session_and_leaks_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "wsmon_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "wsmon_broken.py").write_text(BROKEN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wsmon-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[wsmon.protocols]\nbroken = wsmon_broken:PROTOCOL\nmissing = wsmon_missing:PROTOCOL\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))

    async def talk(connection: ServerConnection) -> None:
        for number in range(3):
            await connection.send(f"secret {PASSWORD} {number}")
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        connections = [
            f'[[connection]]\nname = "{name}"\nurl = "ws://127.0.0.1:{port}/"\nprotocol = "{name}"\nanswer = true\n'
            for name in ("broken", "missing")
        ]
        recorder = await home.record(home.write("".join(connections)))
        await recorder.until_stored(6)
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended() == 0
    assert PASSWORD.encode() not in recorder.store.read_bytes()
    events = stored(recorder.store)
    received = [event for event in events if event.name == "message.received"]
    assert {(event.payload, event.redacted) for event in received} == {(b"[FILTERED]", True)}
    assert [event.size for event in received] == [len(f"secret {PASSWORD} 0")] * 6
    # One session each, to its end
    assert sorted(event.source.connection for event in events if event.name == "connection.completed") == [
        "broken",
        "missing",
    ]
    failed = [event.reason for event in events if event.name == "self.plugin.failed"]
    assert failed[0] == "protocol missing could not be loaded; its messages are not stored"
    assert {f"protocol broken failed in {function}" for function in ("mask", "split", "prepare", "handshake")} <= {
        *failed
    }
    assert len(failed) == len(set(failed))
    (error,) = [event.error for event in events if event.error_type == "classifier"]
    assert error == "broken: UnfitError: LookupError at wsmon_broken.py:9"
