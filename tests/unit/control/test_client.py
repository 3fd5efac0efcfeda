"""The viewer's end of the control socket, against a recorder of which a test writes every line.

Against the real server: tests/integration/test_control_socket.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.background import background
from wsmon.control.client import RecorderClient, command_once, health_once
from wsmon.control.messages import PROTOCOL, Command, Hello, Message, Reply, Sample, decode, encode
from wsmon.errors import WsmonError
from wsmon.model.snapshot import Health

VIEWER = Hello(PROTOCOL, "0.1", 1, run=0, pid=1, last_id=0)
RECORDER = Hello(PROTOCOL, "0.1", 1, run=3, pid=4711, last_id=10, digest="abc")
SAMPLE = Sample(1, 2, 3.5, 4, is_paused=True, warning="disk full", digest="def")

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def recorder(path: Path, script: Script) -> AsyncIterator[Path]:
    """A recorder that runs ``script`` for each viewer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        finally:
            writer.close()

    socket = path / "r.sock"
    server = await asyncio.start_unix_server(serve, str(socket))
    try:
        yield socket
    finally:
        server.close()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *messages: Message) -> None:
    """Take the greeting of the viewer, and send ours and these messages."""
    assert decode(await reader.readline()) == VIEWER
    for message in (RECORDER, *messages):
        writer.write(encode(message))


async def hear_out(reader: asyncio.StreamReader) -> None:
    """Read until the viewer hangs up."""
    while await reader.readline():
        pass


async def test_a_command_returns_the_sentence_of_its_reply(tmp_path: Path) -> None:
    commands: list[Message] = []

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        commands.append(decode(await reader.readline()))
        writer.write(encode(Reply(99, ok=False, text="another one's")))
        writer.write(encode(Reply(1, ok=True, text="orders reconnects")))
        await hear_out(reader)

    async with recorder(tmp_path, reply) as socket:
        assert await command_once(socket, VIEWER, "reconnect", "orders") == "orders reconnects"
    assert commands == [Command(1, "reconnect", "orders")]


async def test_a_refusal_is_raised_with_its_sentence(tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        await reader.readline()
        writer.write(encode(Reply(1, ok=False, text="no connection named 'x'")))
        await hear_out(reader)

    async with recorder(tmp_path, refuse) as socket:
        with pytest.raises(WsmonError, match="no connection named 'x'"):
            await command_once(socket, VIEWER, "disable", "x")


async def test_a_recorder_that_ends_fails_the_command_under_way(tmp_path: Path) -> None:
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        await reader.readline()

    async with recorder(tmp_path, end) as socket:
        client = RecorderClient(socket, VIEWER)
        await client.connect_once()
        async with background(client.stop(), "stop") as stopping:
            await client.listen(lambda: None)
            client.hang_up()
            with pytest.raises(WsmonError, match="the recorder disconnected before responding"):
                await stopping
        assert (client.hello, client.health) == (None, None)


async def test_a_recorder_that_does_not_reply_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        await hear_out(reader)

    async with recorder(tmp_path, hang) as socket:
        client = RecorderClient(socket, VIEWER)
        await client.connect_once()
        monkeypatch.setattr("wsmon.control.client.ANSWER_S", 0.01)
        with pytest.raises(WsmonError, match=r"the recorder did not respond to `reload` within 0\.01 s"):
            await client.reload()
        client.hang_up()


async def test_a_recorder_that_does_not_greet_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await hear_out(reader)

    monkeypatch.setattr("wsmon.control.client.ANSWER_S", 0.01)
    async with recorder(tmp_path, hang) as socket:
        with pytest.raises(WsmonError, match=r"the recorder did not respond within 0\.01 s"):
            await command_once(socket, VIEWER, "stop")


async def test_a_socket_of_another_program_is_no_recorder(tmp_path: Path) -> None:
    async def wake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(SAMPLE))
        await hear_out(reader)

    async with recorder(tmp_path, wake) as socket:
        with pytest.raises(WsmonError, match="is not a wsmon recorder"):
            await command_once(socket, VIEWER, "stop")


async def test_health_is_the_first_sample(tmp_path: Path) -> None:
    async def sample(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, SAMPLE)
        await hear_out(reader)

    async with recorder(tmp_path, sample) as socket:
        assert await health_once(socket, VIEWER) == Health(1, 2, 3.5, 4, is_paused=True, warning="disk full")


async def test_a_recorder_that_ends_without_a_sample_has_no_health(tmp_path: Path) -> None:
    async with recorder(tmp_path, greet) as socket:
        with pytest.raises(WsmonError, match="the recorder disconnected before reporting its health"):
            await health_once(socket, VIEWER)


async def test_a_sample_brings_health_and_the_digest_in_force(tmp_path: Path) -> None:
    async def sample(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, SAMPLE)

    async with recorder(tmp_path, sample) as socket:
        client = RecorderClient(socket, VIEWER)
        await client.connect_once()
        assert (client.hello, client.digest) == (RECORDER, "abc")
        changes: list[Health | None] = []
        await client.listen(lambda: changes.append(client.health))
        assert changes == [Health(1, 2, 3.5, 4, is_paused=True, warning="disk full")]
        assert client.digest == "def"
        client.hang_up()


async def test_a_recorder_may_not_send_commands(tmp_path: Path) -> None:
    async def command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, Command(1, "stop"))
        await hear_out(reader)

    async with recorder(tmp_path, command) as socket:
        client = RecorderClient(socket, VIEWER)
        await client.connect_once()
        with pytest.raises(WsmonError, match="unexpected message from the recorder"):
            await client.listen(lambda: None)
        client.hang_up()
