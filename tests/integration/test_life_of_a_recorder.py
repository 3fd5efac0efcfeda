"""A recorder's life in real processes: started, signalled, killed, started again. Nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.support.peers import Peers, scenario, script
from tests.support.processes import Home, Recorder, stored
from wsmon.cli.request import Request
from wsmon.cli.spawn import ensure_recorder
from wsmon.cli.targets import resolve
from wsmon.control.lock import holder
from wsmon.errors import StoreHeldError, WsmonError

TICKS = """
[[step]]
do = "send"
text = 'tick $seq'
rate = 500
"""


def sequence(events: object) -> list[int]:
    """The numbers that the server gave its messages, in the order of the store."""
    assert isinstance(events, tuple | list)
    return [int(event.payload.split()[1]) for event in events if event.name == "message.received"]


async def recording(home: Home, peers: Peers) -> Recorder:
    """A recorder on a server that ticks."""
    server = await peers.start(script(TICKS))
    return await home.record(server.url)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly_with_everything_received_committed(
    home: Home, peers: Peers, number: signal.Signals
) -> None:
    recorder = await recording(home, peers)
    await recorder.until_stored(100)
    recorder.signal(number)
    assert await recorder.ended(within_s=2.5) == 0
    assert not recorder.store.with_name("store.db-wal").exists()
    events = stored(recorder.store)
    received = sequence(events)
    assert received == list(range(1, len(received) + 1))
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].name == "self.run.ended"
    assert [event.to_status for event in events if event.to_status][-1] == "closed"
    assert holder(recorder.store) is None


async def test_two_signals_at_once_are_one(home: Home, peers: Peers) -> None:
    """As from ``timeout 60 wsmon record``, which signals its command and then the group of processes."""
    recorder = await recording(home, peers)
    await recorder.until_stored(100)
    recorder.signal(signal.SIGTERM)
    recorder.signal(signal.SIGINT)
    assert await recorder.ended(within_s=2.5) == 0
    assert stored(recorder.store)[-1].name == "self.run.ended"


async def test_a_second_signal_ends_it_at_once(home: Home, peers: Peers) -> None:
    server = await peers.start("freeze")
    recorder = await home.record(server.url)
    await recorder.until_stored(1, "connection.completed")
    recorder.signal(signal.SIGTERM)
    while recorder.process.returncode is None:
        recorder.signal(signal.SIGTERM)
        await asyncio.sleep(0.01)
    assert await recorder.ended() == 130


async def test_kill_9_loses_at_most_the_last_tenth_of_a_second(home: Home, peers: Peers) -> None:
    server = await peers.start(script(TICKS))
    recorder = await home.record(server.url)
    await recorder.until_stored(200)
    recorder.signal(signal.SIGKILL)
    sent = server.sent.messages
    await recorder.ended()
    with sqlite3.connect(recorder.store) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    before = stored(recorder.store)
    received = sequence(before)
    assert received == list(range(1, len(received) + 1))
    assert sent - len(received) <= 0.15 * 500  # 100 ms of commits, and what the sockets held

    again = await home.record(server.url, store=recorder.store)
    await again.until_stored(len(received) + 100)
    again.signal(signal.SIGTERM)
    await again.ended()
    events = stored(recorder.store)
    assert events[: len(before)] == before
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert {event.source.run for event in events} == {1, 2}
    with sqlite3.connect(recorder.store) as database:
        assert database.execute("SELECT end FROM run ORDER BY id").fetchall() == [("abrupt",), ("clean",)]
        assert database.execute("SELECT end FROM session ORDER BY id").fetchall() == [("abrupt",), ("clean",)]
    database.close()


async def test_a_second_recorder_is_refused_and_names_the_first(home: Home, peers: Peers) -> None:
    recorder = await recording(home, peers)
    code, out, err = await home.run("record", "ws://127.0.0.1:1", "--store", recorder.store)
    assert (code, out) == (1, "")
    assert f"another recorder (pid {recorder.pid}, " in err
    assert "wsmon attach" in err


async def test_ps_lists_it_and_stop_ends_it(home: Home, peers: Peers) -> None:
    recorder = await recording(home, peers)
    code, out, _ = await home.run("ps", "--json")
    (found,) = json.loads(out)
    assert (code, found["pid"], found["store"]) == (0, recorder.pid, str(recorder.store))
    code, out, err = await home.run("stop", recorder.store)
    assert (code, out) == (0, "")
    assert err == f"stopped recorder of {recorder.store} (pid {recorder.pid})\n"
    assert await recorder.ended() == 0
    assert await home.run("ps", "--json") == (0, "[]\n", "")
    code, _, err = await home.run("stop")
    assert code == 1
    assert "no recorder is running" in err


async def test_hangup_reloads_and_restarts_only_what_changed(home: Home, peers: Peers) -> None:
    first, second = await peers.start("echo"), await peers.start("echo")
    entry = '[[connection]]\nname = "{}"\nurl = "{}"\n'
    path = home.write(entry.format("one", first.url) + entry.format("two", first.url))
    recorder = await home.record(path)
    await recorder.until_stored(2, "connection.completed")
    home.write(entry.format("one", first.url) + entry.format("two", second.url))
    recorder.signal(signal.SIGHUP)
    await recorder.until_stored(3, "connection.completed")
    (reloaded,) = await recorder.until_stored(1, "self.config.reloaded")
    assert (reloaded.status, reloaded.reason) == ("ok", "restarted two; 1 went on")
    assert (first.sessions, second.sessions) == (2, 1)


async def test_a_broken_file_keeps_the_old_configuration_and_says_so(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    path = home.write(f'[[connection]]\nname = "one"\nurl = "{server.url}"\n')
    recorder = await home.record(path)
    home.write(f'[[connection]]\nname = "one"\nurl = "{server.url}"\npign = 3\n')
    recorder.signal(signal.SIGHUP)
    (refused,) = await recorder.until_stored(1, "self.config.reloaded")
    assert refused.status == "error"
    assert "wsmon.toml:4: connection[0].pign" in refused.error
    assert server.sessions == 1
    assert recorder.process.returncode is None


async def test_it_ends_by_itself_when_its_time_is_up(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    recorder = await home.record(server.url, "--for", "300ms")
    assert await recorder.ended(within_s=3) == 0
    assert stored(recorder.store)[-1].name == "self.run.ended"


async def test_of_two_starts_at_once_the_loser_attaches(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    request = Request((server.url,), store=home.folder / "both" / "store.db")
    target = resolve(request, home.environ)
    starts = [asyncio.to_thread(ensure_recorder, request, target, home.environ) for _ in range(2)]
    await asyncio.gather(*starts)
    code, out, _ = await home.run("ps", "--json")
    assert (code, len(json.loads(out))) == (0, 1)


async def test_a_store_held_for_another_configuration_is_refused_and_both_are_named(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    recorder = await home.record(server.url)
    path = home.write(f'[[connection]]\nname = "one"\nurl = "{server.url}"\n')
    request = Request((str(path),), store=recorder.store)
    with pytest.raises(StoreHeldError, match=rf"in use by the recorder of {server.url} .* not of {path}"):
        ensure_recorder(request, resolve(request, home.environ), home.environ)


async def test_a_detached_recorder_that_cannot_start_says_why(home: Home, tmp_path: Path) -> None:
    store = tmp_path / "s" / "store.db"
    store.parent.mkdir()
    store.write_bytes(b"this is no SQLite file, and it is long enough to be read as one" * 20)
    request = Request(("ws://127.0.0.1:1",), store=store)
    with pytest.raises(WsmonError, match="store"):
        await asyncio.to_thread(ensure_recorder, request, resolve(request, home.environ), home.environ)
    assert store.read_bytes().startswith(b"this is no SQLite file")


async def test_every_message_of_fifty_connections_is_stored_exactly_once(home: Home, peers: Peers) -> None:
    per_connection = 200
    servers = [await peers.start(scenario("load").with_(rate=200, count=per_connection)) for _ in range(50)]
    text = "".join(
        f'[[connection]]\nname = "c{number}"\nurl = "{server.url}"\n' for number, server in enumerate(servers)
    )
    recorder = await home.record(home.write(text))
    await recorder.until_stored(50 * per_connection)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    received: dict[str, int] = {}
    for event in stored(recorder.store):
        if event.name == "message.received":
            received[event.source.connection] = received.get(event.source.connection, 0) + 1
    assert received == {f"c{number}": server.sent.messages for number, server in enumerate(servers)}


async def test_i6_a_configuration_is_read_from_standard_input_once(home: Home, peers: Peers) -> None:
    server = await peers.start(script(TICKS))
    recorder = await home.record("-", stdin=f'[[connection]]\nname = "piped"\nurl = "{server.url}"\n')
    await recorder.until_stored(10, "message.received")
    recorder.signal(signal.SIGHUP)
    await recorder.until_stored(20, "message.received")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    events = stored(recorder.store)
    assert {event.source.connection for event in events} == {"", "piped"}
    assert not any(event.name == "self.config.reloaded" for event in events)
