"""Hostile text from peers: kept byte for byte, and harmless wherever it is printed."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import signal
import struct
import sys
import termios
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Literal

from tests.support.background import background
from tests.support.json_corpus import corpus
from tests.support.peers import SCENARIOS, Peers
from tests.support.processes import DEADLINE_S, Home, stored
from wsmon.demo.scenario import Scenario, load_scenario
from wsmon.demo.steps import Accept, Cycle, HexBytes, Send, Step
from wsmon.errors import StoreError
from wsmon.model.redact.masking import MASK

HOSTILE = ("hostile_refusal", "hostile_close", "hostile_headers", "hostile_payloads")
# How each update of it begins, and its end; only there where a command takes a while
PROGRESS = "\r\x1b[K"
SECRETS_OF_THE_CORPUS = ("s3cr3t-one", "s3cr3t-two", "s3cr3t-esc", "s3cr3t-nested", "dXNlcjpzM2NyM3QtYjY0")


async def in_a_terminal(
    home: Home, *arguments: str | Path, until: Callable[[], Awaitable[object]] | None = None
) -> tuple[int, str]:
    """Run ``wsmon`` where all its ends are a terminal; exit code, and what reached the terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsmon", *map(str, arguments)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=home.environ,
        cwd=home.folder,
    )
    os.close(theirs)
    async with background(asyncio.to_thread(_drain, ours), "terminal") as printed:
        if until is not None:
            await until()
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            code = await process.wait()
        output = await printed
    os.close(ours)
    return code, output.decode()


def _recorded(store: Path) -> int:
    try:
        return sum(event.name == "message.received" for event in stored(store))
    except StoreError:  # it is just being made
        return 0


def _drain(terminal: int) -> bytes:
    output = b""
    while True:
        try:
            output += os.read(terminal, 65_536)
        except OSError:  # how Linux says that nobody has the other end any more
            return output


def obeyed(text: str) -> set[str]:
    """The characters that a terminal would obey, line ends apart and wsmon's own line of progress."""
    shown = text.replace(PROGRESS, "").replace("\r\n", "")
    return {character for character in shown if not character.isprintable()}


async def test_nothing_that_a_peer_says_reaches_a_terminal_raw(home: Home, peers: Peers) -> None:
    urls = {name: (await peers.start(name)).url for name in HOSTILE}
    config = home.write(
        '[defaults]\nmax_message = "2MiB"\ncapture = { payload_limit = "2MiB" }\n'
        'reconnect = { initial = "1h", max = "1h" }\n'
        + "".join(f'[[connection]]\nname = "{name}"\nurl = "{url}"\n' for name, url in urls.items())
    )
    store = home.folder / "store.db"

    async def all_is_recorded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            while _recorded(store) < 10:
                await asyncio.sleep(0.05)

    code, talk = await in_a_terminal(home, "record", config, "--store", store, until=all_is_recorded)
    assert (code, obeyed(talk)) == (0, set())
    assert "[/b]␛[31m" in talk
    for command in (["search"], ["search", "--json"], ["stats"], ["stats", "--json"]):
        code, printed = await in_a_terminal(home, *command, "--store", store)
        assert (code, obeyed(printed)) == (0, set()), command
    for format_ in ("jsonl", "json", "csv"):
        code, printed = await in_a_terminal(home, "export", "--format", format_, "--store", store, "name:message.*")
        assert (code, obeyed(printed)) == (0, set()), format_
    _, out, _ = await home.run("search", "--store", store)
    assert obeyed(out.replace("\n", "")) == set()


async def test_what_a_terminal_shows_as_json_is_the_same_value(home: Home, peers: Peers) -> None:
    scenario = load_scenario(SCENARIOS / "hostile_payloads.toml")
    server = await peers.start(scenario)
    recorder = await home.record(server.url)
    await recorder.until_stored(10)
    recorder.signal(signal.SIGTERM)
    await recorder.ended()
    query = ("name:message.received", "--order", "asc", "--store", recorder.store)
    _, shown = await in_a_terminal(home, "search", "--json", *query)
    _, piped, _ = await home.run("search", "--json", *query)
    assert [json.loads(line) for line in shown.splitlines()] == [json.loads(line) for line in piped.split("\n") if line]


def as_steps(payloads: Iterable[bytes], frame_type: Literal["text", "binary"]) -> tuple[Send, ...]:
    """One step for each payload, which sends it once."""
    return tuple(Send(hex=HexBytes(payload), frame_type=frame_type) for payload in payloads)


def masked(payload: bytes) -> bytes:
    """What is kept of a payload of the collection."""
    for secret in SECRETS_OF_THE_CORPUS:
        payload = payload.replace(secret.encode(), MASK.encode())
    return payload


def exported(lines: str) -> list[bytes]:
    """The payloads of events as JSON lines."""
    events = [json.loads(line) for line in lines.split("\n") if line]
    return [
        event["payload"].encode() if "payload" in event else base64.b64decode(event["payload_base64"])
        for event in events
    ]


async def test_every_payload_of_the_collection_is_kept_and_exported_byte_for_byte(home: Home, peers: Peers) -> None:
    utf8 = tuple(each.payload for each in corpus() if each.is_utf8)
    others = tuple(each.payload for each in corpus() if not each.is_utf8)
    every = (*utf8, *others)
    assert len(every) == 349
    sends: dict[str, tuple[Step, ...]] = {
        "text": as_steps(utf8, "text"),
        "binary": as_steps(every, "binary"),
        "broken": (Cycle(as_steps(others, "text")),),
    }
    servers = {name: await peers.start(Scenario(name, (Accept(),), steps)) for name, steps in sends.items()}
    config = home.write(
        '[defaults]\nmax_message = "4MiB"\ncapture = { payload_limit = "4MiB" }\n'
        'reconnect = { initial = "10ms", max = "10ms" }\n'
        + "".join(f'[[connection]]\nname = "{name}"\nurl = "{server.url}"\n' for name, server in servers.items())
    )
    recorder = await home.record(config)
    await recorder.until_stored(len(utf8) + len(every))
    refused = await recorder.until_stored(len(others), "error.occurred")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    assert {(event.source.connection, event.error_type) for event in refused} == {("broken", "invalid_utf8")}
    for name, expected in (("text", utf8), ("binary", every)):
        kept = [
            event.payload
            for event in stored(recorder.store)
            if (event.source.connection, event.name) == (name, "message.received")
        ]
        assert kept == [masked(payload) for payload in expected]
        query = (f"connection:{name}", "name:message.received", "--store", recorder.store)
        _, out, _ = await home.run("export", "--format", "jsonl", *query)
        assert exported(out) == kept
