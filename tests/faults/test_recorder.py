"""Failures from outside: a full disk, a held process, viewers that hang. What is lost is counted; the rest is whole."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import socket
import sys
from pathlib import Path

from tests.support.faults import (
    BIG,
    FLOOD,
    STEADY,
    Viewer,
    accounted,
    configuration,
    fill_disk,
    free_disk,
    is_whole,
    numbers,
    shed,
    until_accounted,
    until_grown,
)
from tests.support.peers import Peers, script
from tests.support.processes import DEADLINE_S, Home, Recorder, stored
from wsmon.cli.stores import greeting
from wsmon.config.locate import socket_of
from wsmon.control.messages import Command, encode


async def test_on_a_full_disk_received_is_stored_plus_shed(home: Home, peers: Peers) -> None:
    servers = {name: await peers.start(script(BIG + "count = 400")) for name in ("one", "two")}
    recorder = await home.record(home.write(configuration(servers, 'ping = { interval = "100ms", timeout = "5s" }')))
    viewer = Viewer(home, recorder)
    await recorder.until_stored(10)
    fill_disk(recorder)
    health = await viewer.until(lambda health: health.events_shed > 50)
    assert "failed" in health.warning
    free_disk(recorder)
    await viewer.until(lambda health: not health.warning)
    await until_accounted(recorder, 800)
    await viewer.leave()
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    events = is_whole(recorder.store)
    assert accounted(events) == {"one": 400, "two": 400}
    lost = shed(events)
    assert all(lost[name, "message.received"] > 0 for name in servers)
    assert {server.sessions for server in servers.values()} == {1}


async def test_a_stop_on_a_full_disk_ends_in_time_and_says_how_much_is_lost(home: Home, peers: Peers) -> None:
    server = await peers.start(script(STEADY))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsmon", "record", server.url, "--store", str(home.folder / "store.db")),
        stderr=asyncio.subprocess.PIPE,
        env=home.environ,
    )
    home.own(process)
    recorder = Recorder(process, home.folder / "store.db")
    assert process.stderr is not None
    # On a loaded machine it may first say that it got no time of the processor
    while b"recording to" not in (line := await process.stderr.readline()):
        assert line
    await recorder.until_stored(100)
    fill_disk(recorder)
    while b"retrying until it accepts events" not in (line := await process.stderr.readline()):
        assert line
    recorder.signal(signal.SIGTERM)
    said = (await process.stderr.read()).decode()
    assert await recorder.ended(within_s=2.0) == 1
    assert "events lost" in said.splitlines()[-1]
    is_whole(recorder.store)


async def test_s1_what_a_stop_on_a_full_disk_lost_is_told_by_stop_doctor_and_the_next_run(
    home: Home, peers: Peers
) -> None:
    server = await peers.start(script(STEADY))
    recorder = await home.record(server.url)
    viewer = Viewer(home, recorder)
    await recorder.until_stored(100)
    fill_disk(recorder)
    await viewer.until(lambda health: "failed" in health.warning)
    await viewer.leave()
    code, _, said = await home.run("stop", recorder.store)
    assert (code, await recorder.ended()) == (1, 1)
    (told,) = re.findall(r"^wsmon: ([\d,]+) events lost: ", said, re.MULTILINE)
    lost = int(told.replace(",", ""))
    _, checks, _ = await home.run("doctor", recorder.store, "--json")
    (about,) = [check for check in json.loads(checks)["checks"] if check["check"] == "losses"]
    assert (about["grade"], f"{told} events lost when the recorder stopped" in about["fact"]) == ("fail", True)
    before = len(is_whole(recorder.store))
    again = await home.record(server.url)
    await again.until_stored(1, "self.run.started")
    assert (await home.run("stop", again.store))[0] == 0
    assert await again.ended() == 0
    first = is_whole(again.store)[before]
    assert (first.name, (first.meta or {})["count"], (first.meta or {})["pid"]) == ("self.lost", lost, recorder.pid)
    assert "self.lost" not in {event.name for event in stored(again.store)[before + 1 :]}
    _, checks, _ = await home.run("doctor", again.store, "--json")
    (about,) = [check for check in json.loads(checks)["checks"] if check["check"] == "losses"]
    assert (about["grade"], about["fact"]) == (
        "warn",
        "events were dropped once in the last day (disk full or too slow)",
    )


async def test_a_recorder_that_was_held_goes_on_where_it_was(home: Home, peers: Peers) -> None:
    server = await peers.start(script(STEADY))
    recorder = await home.record(server.url)
    await recorder.until_stored(100)
    recorder.signal(signal.SIGSTOP)
    sent = server.sent.messages
    await server.until(lambda: server.sent.messages > sent + 500, DEADLINE_S)
    recorder.signal(signal.SIGCONT)
    await recorder.until_stored(sent + 500)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    (received,) = numbers(is_whole(recorder.store)).values()
    assert received == list(range(1, len(received) + 1))


def _running_s(pid: int) -> float:
    """Seconds of a processor that a process has taken so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _ended_children_s() -> float:
    """The same of all processes of ours that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def test_fifty_peers_that_flood_delay_no_end(home: Home, peers: Peers) -> None:
    servers = {f"c{number}": await peers.start(script(FLOOD)) for number in range(50)}
    recorder = await home.record(home.write(configuration(servers)))
    await until_grown(recorder.store, 5_000)
    others_s = _ended_children_s()
    before_s = _running_s(recorder.pid)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    assert _ended_children_s() - others_s - before_s < 2.0  # of a processor: by the clock it depends on who else runs
    received = numbers(is_whole(recorder.store))
    assert all(found == list(range(1, len(found) + 1)) for found in received.values())
    assert len(received) == 50


async def test_viewers_that_never_read_or_talk_nonsense_cost_nothing(home: Home, peers: Peers) -> None:
    server = await peers.start(script(STEADY))
    recorder = await home.record(server.url)
    path = str(socket_of(recorder.store, home.environ))
    reload = encode(Command(1, "reload"))
    sent = (b"", encode(greeting()), encode(greeting()) + reload * 5_000, b"x" * 100_000, b'{"type":"hello"}\n')
    hanging = [await asyncio.to_thread(_dial_and_leave, path, octets) for octets in sent]
    count = server.sent.messages
    await recorder.until_stored(count + 200)
    assert json.loads((await home.run("ps", "--json"))[1])[0]["pid"] == recorder.pid
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended(within_s=2.0) == 0
    for dialled in hanging:
        dialled.close()
    (received,) = numbers(is_whole(recorder.store)).values()
    assert received == list(range(1, len(received) + 1))


def _dial_and_leave(path: str, octets: bytes) -> socket.socket:
    dialled = socket.socket(socket.AF_UNIX)
    dialled.connect(path)
    dialled.setblocking(False)  # what nobody takes stays here
    if octets:
        dialled.send(octets)
    return dialled


async def test_an_end_with_viewers_is_quiet(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsmon", "record", server.url, "--quiet", "--store", str(home.folder / "store.db")),
        stderr=asyncio.subprocess.PIPE,
        env=home.environ,
    )
    home.own(process)
    await server.until(lambda: server.sessions == 1, DEADLINE_S)
    viewer = Viewer(home, Recorder(process, home.folder / "store.db"))
    await viewer.until(lambda _: True)
    process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    await viewer.leave()
    assert (process.returncode, said) == (0, b"")


async def test_nobody_waits_for_who_reads_stderr(home: Home, peers: Peers) -> None:
    server = await peers.start("bouncer")
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    config = home.write(configuration({"flapping": server}, 'reconnect = { initial = "10ms", max = "10ms" }'))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(home.folder / "store.db")),
        stderr=writing,
        env=home.environ,
    )
    home.own(process)
    os.close(writing)
    await server.until(lambda: server.sessions > 100, DEADLINE_S)  # each is three lines; the pipe holds fifty
    process.send_signal(signal.SIGTERM)
    assert await Recorder(process, home.folder / "store.db").ended(within_s=2.0) == 0
    os.close(reading)


async def test_servers_and_names_that_do_not_answer_delay_nobody(home: Home, peers: Peers) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    good, hang = await peers.start("echo"), await peers.start("hang")
    urls = {
        "good": good.url,
        "hang": hang.url,
        "tcp": f"ws://127.0.0.1:{port}",
        "tls": f"wss://127.0.0.1:{port}",
        "name": "ws://no-such-host.invalid",
        "closed": "ws://127.0.0.1:1",
    }
    entries = "".join(f'[[connection]]\nname = "{name}"\nurl = "{url}"\n' for name, url in urls.items())
    recorder = await home.record(home.write(f'[defaults]\nopen_timeout = "300ms"\n{entries}'))
    failed = await recorder.until_stored(5, "connection.disconnected")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended(within_s=2.0) == 0
    silent.close()
    errors = {event.source.connection: event.error_type for event in failed}
    assert errors.pop("name") in ("dns", "open_timeout")
    assert errors == {"hang": "open_timeout", "tcp": "open_timeout", "tls": "open_timeout", "closed": "tcp_refused"}
    assert good.sessions == 1


async def test_five_hundred_connections_at_once(home: Home, peers: Peers) -> None:
    servers = [await peers.start("echo") for _ in range(5)]
    recorder = await home.record(
        home.write(configuration({f"c{number}": servers[number % 5] for number in range(500)}))
    )
    await recorder.until_stored(500, "connection.completed")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    ends = [event.to_status for event in is_whole(recorder.store) if event.to_status == "closed"]
    assert len(ends) == 500


async def test_a_store_that_is_removed_ends_the_recording_and_the_next_one_goes_on(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    recorder = await home.record(server.url)
    await recorder.until_stored(1, "connection.completed")
    await asyncio.to_thread(shutil.rmtree, recorder.store.parent)
    again = await home.record(server.url, store=recorder.store)
    assert await recorder.ended(within_s=5.0) == 1
    await again.until_stored(1, "connection.completed")
    _, out, _ = await home.run("ps", "--json")
    assert [found["pid"] for found in json.loads(out)] == [again.pid]
    assert (await home.run("stop", again.store))[0] == 0
    assert await again.ended() == 0
    is_whole(again.store)
