"""Recorder and viewer on a real Unix socket."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.applications import idle_ingest
from tests.support.fake_ports import FaultLog
from tests.support.users import STRANGER, give_away, needs_root
from wsmon.control.client import RecorderClient, command_once
from wsmon.control.messages import PROTOCOL, Command, Hello, Sample, encode
from wsmon.errors import WsmonError
from wsmon.model.snapshot import Health
from wsmon.recorder.server import ControlServer

VIEWER = Hello(PROTOCOL, "0.1.0", 1, run=0, pid=1, last_id=0)
RECORDER = Hello(PROTOCOL, "0.1.0", 1, run=3, pid=2, last_id=10, digest="abc")
SAMPLE = Sample(1, 2, 3.5, 4, is_paused=True, warning="disk full", digest="abc")


class Recorder:
    """A server whose commands are remembered; ``disable`` is refused."""

    def __init__(self, path: Path, hello: Hello = RECORDER) -> None:
        self.path = path
        self.commands: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.faults = FaultLog()
        self.server = ControlServer(path, lambda: hello, lambda: SAMPLE, self.execute, self.faults, idle_ingest())

    async def execute(self, command: Command) -> str:
        self.commands.append((command.action, command.connection))
        self.texts += [command.text] if command.text else []
        if command.action == "enable":
            raise RuntimeError("a fault of ours")
        if command.action == "disable":
            raise WsmonError("no connection is called 'x'", "orders, trades")
        return f"{command.action} done"


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Recorder]:
    made = Recorder(tmp_path / "r.sock")
    await made.server.start()
    yield made
    await made.server.close()


class Viewer:
    """A client that runs in the background and lets a test wait for a condition."""

    def __init__(self, path: Path) -> None:
        self.client = RecorderClient(path, VIEWER)
        self.changed = asyncio.Event()
        self.changes = 0

    def _on_change(self) -> None:
        self.changes += 1
        self.changed.set()

    async def __aenter__(self) -> Viewer:
        # __aexit__ awaits it.
        self._task = asyncio.create_task(self.client.run(self._on_change), name="viewer")  # noqa: TID251
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def until(self, condition: object) -> None:
        assert callable(condition)
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


async def test_both_sides_say_hello_and_health_follows(recorder: Recorder) -> None:
    async with Viewer(recorder.path) as viewer:
        await viewer.until(lambda: viewer.client.health is not None)
        assert viewer.client.hello == RECORDER
        assert viewer.client.health == Health(1, 2, 3.5, 4, is_paused=True, warning="disk full")
        assert viewer.client.digest == "abc"
        assert recorder.server.clients == 1


async def test_wakeups_are_coalesced(recorder: Recorder) -> None:
    async with Viewer(recorder.path) as viewer:
        await viewer.until(lambda: viewer.client.health is not None)
        before = viewer.changes
        for last_id in range(11, 5_011):
            recorder.server.wake(last_id)
        await viewer.until(lambda: viewer.changes > before)
        assert viewer.changes - before <= 2


async def test_commands_are_answered(recorder: Recorder) -> None:
    async with Viewer(recorder.path) as viewer:
        await viewer.until(lambda: viewer.client.hello is not None)
        assert await viewer.client.reload() == "reload done"
        await viewer.client.reconnect("orders")
        with pytest.raises(WsmonError, match="no connection is called 'x'"):
            await viewer.client.disable("x")
        assert recorder.commands == [("reload", ""), ("reconnect", "orders"), ("disable", "x")]


async def test_a_text_to_send_travels_with_its_command_unless_it_is_too_large(recorder: Recorder) -> None:
    async with Viewer(recorder.path) as viewer:
        await viewer.until(lambda: viewer.client.can_command)
        assert await viewer.client.send("orders", 'say "hi"\n') == ("send done", "")
        with pytest.raises(WsmonError, match="the message is too large to send by hand"):
            await viewer.client.send("orders", "x" * 65_536)
    assert (recorder.commands, recorder.texts) == ([("send", "orders")], ['say "hi"\n'])


async def test_a_single_command_needs_no_viewer(recorder: Recorder) -> None:
    assert await command_once(recorder.path, VIEWER, "stop") == "stop done"
    assert recorder.commands == [("stop", "")]


async def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await command_once(tmp_path / "none.sock", VIEWER, "stop")


async def test_a_viewer_finds_a_recorder_that_comes_later_and_notices_its_end(tmp_path: Path) -> None:
    async with Viewer(tmp_path / "r.sock") as viewer:
        await viewer.until(lambda: viewer.changes > 0)
        with pytest.raises(WsmonError, match="no recorder is responding"):
            await viewer.client.stop()
        late = Recorder(tmp_path / "r.sock")
        await late.server.start()
        await viewer.until(lambda: viewer.client.hello is not None)
        await late.server.close()
        await viewer.until(lambda: viewer.client.hello is None)
        assert viewer.client.health is None


async def test_a_recorder_of_another_protocol_is_watched_but_not_commanded(tmp_path: Path) -> None:
    strange = Recorder(tmp_path / "r.sock", Hello(PROTOCOL + 1, "9.9", 1, run=1, pid=77, last_id=0))
    await strange.server.start()
    async with Viewer(strange.path) as viewer:
        await viewer.until(lambda: viewer.client.hello is not None)
        assert not viewer.client.can_command
        with pytest.raises(WsmonError, match=r"recorder 9\.9 \(pid 77\) uses an incompatible protocol"):
            await viewer.client.stop()
    await strange.server.close()


async def test_the_socket_is_the_users_alone_and_goes_with_the_server(recorder: Recorder) -> None:
    assert stat.S_IMODE(recorder.path.stat().st_mode) == 0o600
    await recorder.server.close()
    assert not recorder.path.exists()


async def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "r.sock").touch()
    again = Recorder(tmp_path / "r.sock")
    await again.server.start()
    assert await command_once(again.path, VIEWER, "reload") == "reload done"
    await again.server.close()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\xff\x00\n", b"{}\n", b"x" * 200_000, b""])
async def test_garbage_ends_its_own_connection_only(recorder: Recorder, garbage: bytes) -> None:
    async with Viewer(recorder.path) as viewer:
        await viewer.until(lambda: viewer.client.hello is not None)
        reader, writer = await asyncio.open_unix_connection(str(recorder.path))
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(5):
            while await reader.readline():
                pass
        writer.close()
        assert await viewer.client.reload() == "reload done"


async def test_a_viewer_that_reads_nothing_delays_nobody(recorder: Recorder) -> None:
    stuck_reader, stuck = await asyncio.open_unix_connection(str(recorder.path), limit=1)
    stuck.write(encode(VIEWER))
    async with Viewer(recorder.path) as viewer:
        await viewer.until(lambda: viewer.client.health is not None)
        for last_id in range(1, 100_000):
            recorder.server.wake(last_id)
        assert await viewer.client.reload() == "reload done"
    stuck.close()
    assert stuck_reader is not None


async def test_a2_a_command_that_fails_by_a_fault_of_ours_is_answered_and_reported(recorder: Recorder) -> None:
    async with Viewer(recorder.path) as viewer:
        await viewer.until(lambda: viewer.client.hello is not None)
        with pytest.raises(WsmonError, match=r"`enable` failed due to a wsmon bug \(RuntimeError\)"):
            await viewer.client.enable("x")
        assert await viewer.client.reload() == "reload done"
    assert recorder.faults.faults == [("control", "RuntimeError('a fault of ours')")]


@pytest.mark.parametrize(
    "line", [b"[" * 60_000, b'{"type":"command","action":"stop","ref":' + b"9" * 5_000 + b"}", b"\xff"]
)
async def test_a2_a_command_without_end_ends_its_own_connection_only(recorder: Recorder, line: bytes) -> None:
    async with Viewer(recorder.path) as viewer:
        await viewer.until(lambda: viewer.client.hello is not None)
        reader, writer = await asyncio.open_unix_connection(str(recorder.path))
        writer.write(encode(VIEWER) + line + b"\n")
        async with asyncio.timeout(5):
            while await reader.readline():
                pass
        writer.close()
        assert await viewer.client.reload() == "reload done"
    assert (recorder.faults.faults, recorder.commands) == ([], [("reload", "")])


@needs_root
async def test_d11_a_socket_of_another_user_is_not_dialled(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    give_away(recorder.path)
    # Root may watch the recorders of all users
    assert await command_once(recorder.path, VIEWER, "reload") == "reload done"
    monkeypatch.setattr("os.geteuid", lambda: STRANGER + 1)
    with pytest.raises(WsmonError, match="belongs to another user"):
        await command_once(recorder.path, VIEWER, "reload")


async def test_d11_an_application_of_another_user_is_not_read(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsmon.recorder.server.peer_uid", lambda _socket: STRANGER)
    monkeypatch.setattr("os.geteuid", lambda: STRANGER + 1)
    reader, writer = await asyncio.open_unix_connection(str(recorder.path))
    assert await reader.read() == b""
    writer.close()
