"""A recorder that tells somebody: real programs and servers, that work and do not, while it records."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
from pathlib import Path

from tests.support.background import background
from tests.support.engines import raw_server
from tests.support.peers import Peers, script
from tests.support.processes import DEADLINE_S, Home, Recorder, stored
from wsmon.cli.stores import greeting
from wsmon.control.client import RecorderClient
from wsmon.control.lock import holder
from wsmon.model.events import Event
from wsmon.model.snapshot import Health

# What is critical is told within five seconds
ANNOUNCED_NS = 5_000_000_000
TICKS = """
[[step]]
do = "send"
text = 'tick $seq'
rate = 200
"""
SILENT = "[[step]]\ndo = 'wait'\nfor = '600s'\n"


def program(home: Home, name: str, text: str) -> Path:
    """A shell script in the home."""
    path = home.folder / name
    path.write_text(f"#!/bin/sh\ncd {home.folder}\n{text}\n")
    path.chmod(stat.S_IRWXU)
    return path


def configuration(alerts: str, **urls: str) -> str:
    """Connections of which those whose name begins with ``quiet`` stall after half a second."""
    tables = [
        f'[[connection]]\nname = "{name}"\nurl = "{url}"\n'
        + ('expect_every = "500ms"\n' if name.startswith("quiet") else "")
        for name, url in urls.items()
    ]
    return "".join((f"[wsmon]\nalerts = {{ {alerts} }}\n", *tables))


async def alert(path: Path) -> dict[str, object]:
    """What a program wrote, once it is there as a whole."""
    async with asyncio.timeout(DEADLINE_S):
        while not await asyncio.to_thread(path.exists):
            await asyncio.sleep(0.02)  # another process tells nobody
    told: dict[str, object] = json.loads(await asyncio.to_thread(path.read_text))
    return told


def named(recorder: Recorder, name: str) -> list[Event]:
    return [event for event in stored(recorder.store) if event.name == name]


async def health(recorder: Recorder) -> Health:
    """A sample of the recorder, as viewers get it."""
    held = holder(recorder.store)
    assert held is not None
    client = RecorderClient(Path(held.socket), greeting())
    sampled = asyncio.Event()
    await client.connect_once()
    async with background(client.listen(sampled.set), "listener"), asyncio.timeout(DEADLINE_S):
        while client.health is None:
            await sampled.wait()
            sampled.clear()
    found = client.health
    client.hang_up()
    return found


async def test_a_program_gets_the_incident_while_a_webhook_hangs_and_everything_is_recorded(
    home: Home, peers: Peers
) -> None:
    got = program(home, "alert.sh", "cat > part && mv part got")
    busy, quiet = await peers.start(script(TICKS)), await peers.start(script(SILENT))
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    async with raw_server(hang) as port:
        alerts = f'command = ["{got}"], webhook = "http://127.0.0.1:{port}/"'
        recorder = await home.record(home.write(configuration(alerts, busy=busy.url, quiet=quiet.url)))
        told = await alert(home.folder / "got")
        async with asyncio.timeout(DEADLINE_S):
            await asked.wait()
        (opened,) = named(recorder, "incident.opened")
        assert (told["connection"], told["kind"]) == ("quiet", "stall")
        assert told["incident"] == {"id": opened.id, "kind": "stall", **_facts(opened, "evidence", "silence")}
        received = len(await recorder.until_stored(100))
        await recorder.until_stored(received + 100)
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended(within_s=2.5) == 0  # also while an alert is under way
    assert len(named(recorder, "incident.opened")) == 1
    assert not named(recorder, "self.alert.failed")


async def test_an_event_that_a_rule_asks_for_is_told_once(home: Home, peers: Peers) -> None:
    got = program(home, "alert.sh", "cat > part.$$ && mv part.$$ got.$$")
    busy = await peers.start(script(TICKS))
    rules = f'command = ["{got}"], rules = {{ early = "kind:message /tick 1[0-9]$/", never = "is:gap" }}'
    recorder = await home.record(home.write(configuration(rules, busy=busy.url)))
    await recorder.until_stored(100)
    async with asyncio.timeout(DEADLINE_S):
        while not (told := list(home.folder.glob("got.*"))):
            await asyncio.sleep(0.02)  # another process tells nobody
    alerted = json.loads(await asyncio.to_thread(told[0].read_text))
    (opened,) = named(recorder, "incident.opened")
    text = "rule 'early' matched: kind:message /tick 1[0-9]$/"
    assert (alerted["kind"], alerted["text"]) == ("rule:early", f"busy: rule:early: {text}")
    assert alerted["incident"]["silence"] == "no alerts.rules.early"
    (proof,) = [event for event in stored(recorder.store) if event.payload == b"tick 10"]
    assert _facts(opened, "evidence") == {"evidence": [proof.id]}
    (delivered,) = await recorder.until_stored(1, "self.alert.delivered")
    assert _facts(delivered, "connections", "evidence") == {"connections": {"busy": 1}, "evidence": [opened.id]}
    # From the message on, which comes before the incident of the rule
    assert delivered.duration_ns is not None
    assert delivered.mono_ns - proof.mono_ns >= delivered.duration_ns > opened.mono_ns - proof.mono_ns
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended(within_s=2.5) == 0
    assert len(list(home.folder.glob("got.*"))) == 1


async def test_giving_up_is_announced_within_five_seconds(home: Home) -> None:
    got = program(home, "alert.sh", "cat > part && mv part got")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    retry = 'reconnect = { initial = "50ms", max = "50ms", max_attempts = 2 }\n'
    text = configuration(f'command = ["{got}"]', feed=f"ws://127.0.0.1:{port}/") + retry
    recorder = await home.record(home.write(text))
    told = await alert(home.folder / "got")
    (end,) = [event for event in stored(recorder.store) if event.to_status == "error"]
    announced_ns = (home.folder / "got").stat().st_mtime_ns
    assert 0 <= announced_ns - end.ts_ns < ANNOUNCED_NS
    assert (told["connection"], told["kind"], told["text"]) == (
        "feed",
        "retries_exhausted",
        f"feed: retries_exhausted: gave up after 3 attempts: {end.error}",
    )


async def test_a_peer_that_breaks_the_protocol_is_announced_within_five_seconds(home: Home, peers: Peers) -> None:
    got = program(home, "alert.sh", "cat > part && mv part got")
    server = await peers.start("garbage_frames")
    recorder = await home.record(home.write(configuration(f'command = ["{got}"]', feed=server.url)))
    told = await alert(home.folder / "got")
    fault = named(recorder, "error.occurred")[0]
    assert 0 <= (home.folder / "got").stat().st_mtime_ns - fault.ts_ns < ANNOUNCED_NS
    assert (told["connection"], told["kind"], told["text"]) == ("feed", "protocol", f"feed: protocol: {fault.error}")


async def test_a_failure_is_an_event_and_a_warning_until_another_program_is_named(home: Home, peers: Peers) -> None:
    failing = program(home, "alert.sh", "echo no luck; exit 3")
    quiet = await peers.start(script(SILENT))
    path = home.write(configuration(f'command = ["{failing}"], bell = false, desktop = true', quiet=quiet.url))
    recorder = await home.record(path)
    (failure,) = await recorder.until_stored(1, "self.alert.failed")
    (opened,) = named(recorder, "incident.opened")
    assert failure.error == f"{failing} ended with exit code 3"
    assert failure.reason == f"{failure.error}; not delivered: quiet: stall: {opened.reason}"
    assert failure.meta == {"way": "command", "lost": 1, "connections": {"quiet": 1}, "evidence": [opened.id]}
    sample = await health(recorder)
    assert sample.warning == f"an alert was not delivered: {failure.error}"
    assert (sample.rings, sample.notifies) == (False, True)

    working = program(home, "better.sh", "cat > part && mv part got")
    path.write_text(configuration(f'command = ["{working}"]', quiet=quiet.url, quiet2=quiet.url))
    recorder.signal(signal.SIGHUP)
    told = await alert(home.folder / "got")
    assert told["connection"] == "quiet2"
    sample = await health(recorder)
    assert (sample.warning, sample.rings, sample.notifies) == ("", True, False)
    (reloaded,) = named(recorder, "self.config.reloaded")
    assert reloaded.reason == "added quiet2; alerts changed; 1 went on"
    assert len([each for each in named(recorder, "connection.started") if each.source.connection == "quiet"]) == 1


def _facts(event: Event, *names: str) -> dict[str, object]:
    assert event.meta is not None
    return {name: event.meta[name] for name in names}
