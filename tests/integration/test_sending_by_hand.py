"""Sending by hand, over the control socket of a real recorder: what it refuses, sends, masks and records."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.peers import Peers, script
from tests.support.processes import Home, Recorder, socket_in, stored
from wsmon.control.messages import LINE_LIMIT_BYTES, PROTOCOL

SECRET = "s3cr3t-by-hand"
ECHO = '[[step]]\ndo = "echo"\n[[step]]\ndo = "repeat"\nsteps = [{ do = "wait", for = "1s" }]\n'
WHERE = "the recorder looks in the environment that it was started in"
CONNECTION = '[[connection]]\nname = "{name}"\nurl = "{url}"\n'


class Viewer:
    """A viewer of another make: a socket and JSON."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._ref = 0

    @classmethod
    @asynccontextmanager
    async def dialled(cls, recorder: Recorder, home: Home) -> AsyncIterator[Viewer]:
        socket = str(socket_in(home, recorder.store))
        viewer = cls(*await asyncio.open_unix_connection(socket, limit=2 * LINE_LIMIT_BYTES))
        try:
            hello = await viewer.heard("hello")
            viewer.say({"type": "hello", **{key: hello[key] for key in ("version", "schema", "run", "pid", "last_id")}})
            yield viewer
        finally:
            viewer._writer.close()

    def say(self, line: dict[str, Any] | bytes) -> None:
        if isinstance(line, dict) and line.get("type") == "hello":
            line["protocol"] = PROTOCOL
        self._writer.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")

    async def heard(self, kind: str) -> dict[str, Any]:
        """The next message of a type."""
        async with asyncio.timeout(20):
            while line := await self._reader.readline():
                message: dict[str, Any] = json.loads(line)
                if message["type"] == kind:
                    return message
        raise AssertionError("the recorder closed the connection")

    async def send(self, connection: str, **keys: Any) -> tuple[bool, str, str]:
        """What is answered to a command ``send``."""
        self._ref += 1
        self.say({"type": "command", "ref": self._ref, "action": "send", "connection": connection, **keys})
        reply = await self.heard("reply")
        assert reply["ref"] == self._ref
        return reply["ok"], reply["text"], reply["kept"]

    async def is_closed(self) -> bool:
        """Whether the recorder closes the connection."""
        async with asyncio.timeout(20):
            while line := await self._reader.readline():
                if json.loads(line)["type"] == "reply":
                    return False
        return True


async def recording(home: Home, peers: Peers) -> Recorder:
    server = await peers.start(script(ECHO))
    url = server.url
    text = CONNECTION.format(name="open", url=url) + "allow_send = true\n"
    text += CONNECTION.format(name="closed", url="ws://127.0.0.1:1/") + "allow_send = true\n"
    text += CONNECTION.format(name="quiet", url=url)
    recorder = await home.record(home.write(text))
    await recorder.until_stored(2, "connection.completed")
    return recorder


async def test_the_recorder_refuses_what_may_not_be_sent(home: Home, peers: Peers) -> None:
    recorder = await recording(home, peers)
    async with Viewer.dialled(recorder, home) as viewer:
        refused = [
            await viewer.send("quiet", text="x"),
            await viewer.send("quiet", data=base64.b64encode(b"x").decode()),
            await viewer.send("quiet", text="${secret:NO_SUCH_NAME}"),
            await viewer.send("closed", text="x"),
            await viewer.send("other", text="x"),
            await viewer.send("open"),
            await viewer.send("open", text="x", data="eA=="),
            await viewer.send("open", text='{"a":"${secret:NO_SUCH_NAME}"}'),
            await viewer.send("open", text="${secret:}"),
        ]
    disabled = "manual sending is disabled for quiet. set allow_send = true on the connection"
    assert [text for _, text, _ in refused] == [
        disabled,
        disabled,
        disabled,
        "not sent to closed: it is not open",
        "no connection named 'other'. connections: open, closed, quiet",
        "no text to send",
        "not sent: a message is either text or binary",
        f"not sent: ${{secret:NO_SUCH_NAME}}: environment variable is not set. {WHERE}",
        f"not sent: ${{secret:}}: environment variable is not set. {WHERE}",
    ]
    assert {(ok, kept) for ok, _, kept in refused} == {(False, "")}
    assert [event for event in stored(recorder.store) if event.name == "message.sent"] == []


MALFORMED = (
    b'{"type":"command","ref":1,"action":"send","connection":"open","text":"' + b"x" * LINE_LIMIT_BYTES + b'"}',
    b'{"type":"command","ref":1,"action":"send","connection":"open","text":7}',
    b'{"type":"command","ref":1,"action":"send","connection":"open","data":"no base 64!"}',
    b'{"type":"command","ref":1,"action":"send","connection":"open","text":"\xff"}',
    b'{"type":"command","ref":1,"action":"shout","connection":"open","text":"x"}',
    b'{"type":"command","ref":-1,"action":"send","connection":"open","text":"x"}',
    b"send open x",
)


async def test_a_malformed_request_ends_the_viewer_and_nothing_else(home: Home, peers: Peers) -> None:
    recorder = await recording(home, peers)
    for line in MALFORMED:
        async with Viewer.dialled(recorder, home) as viewer:
            viewer.say(line)
            assert await viewer.is_closed(), line[:99]
    async with Viewer.dialled(recorder, home) as other:
        assert (await other.send("open", text="still here"))[:2] == (True, "sent to open, 10B")
    sent = await recorder.until_stored(1, "message.sent")
    assert [event.payload for event in sent] == [b"still here"]


async def test_secrets_are_expanded_by_the_recorder_and_shown_nowhere(
    home: Home, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BY_HAND_TOKEN", SECRET)
    recorder = await recording(home, peers)
    async with Viewer.dialled(recorder, home) as viewer:
        answers = [
            await viewer.send("open", text="say ${secret:BY_HAND_TOKEN}\nand ${other} $${secret:BY_HAND_TOKEN}"),
            await viewer.send("open", text=f"typed {SECRET}"),
            await viewer.send("open", text='{"password":"hunter2-by-hand"}'),
            await viewer.send("open", data=base64.b64encode(b"\x00\xff" + SECRET.encode()).decode()),
        ]
    assert [text for _, text, _ in answers] == [
        "sent to open, 55B",
        "sent to open, 20B",
        "sent to open, 30B",
        "sent to open, 16B binary",
    ]
    # For the history: references as typed, and nothing that is masked in the recording
    assert [kept for _, _, kept in answers] == [
        "say ${secret:BY_HAND_TOKEN}\nand ${other} $${secret:BY_HAND_TOKEN}",
        "typed [FILTERED]",
        '{"password":"[FILTERED]"}',
        "",
    ]
    # The peer says all of it again
    received = await recorder.until_stored(4)
    sent = await recorder.until_stored(4, "message.sent")
    assert [(event.opcode, (event.meta or {})["by"]) for event in sent] == [*[("text", "hand")] * 3, ("binary", "hand")]
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    assert [event.size for event in received] == [55, 20, 30, 16]
    assert b"[FILTERED]" in (received[0].payload or b"")
    for file in recorder.store.parent.iterdir():
        content = file.read_bytes()
        assert SECRET.encode() not in content, file
        assert b"hunter2-by-hand" not in content, file
