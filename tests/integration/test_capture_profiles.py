"""Profiles through a recorder of its own: cases TG-07, TG-08, TG-09 and TG-15 of the telemetry guide."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.peers import Peers, script
from tests.support.processes import DEADLINE_S, Home, Recorder, stored
from wsmon.model.events import Event

TEXT = '{"hello":"websocket"}'
THOUSAND = script(
    f"""
[[step]]
do = "ping"
text = "are you there"
[[step]]
do = "send"
count = 1000
rate = 0
text = '{TEXT}'
[[step]]
do = "close"
code = 1000
reason = "that was all"
"""
)
CHATTY = script(
    f"""
[[step]]
do = "send"
count = 100000
rate = 200
text = '{TEXT}'
"""
)
ONCE = "reconnect = { initial = '1h', max = '1h' }"


async def recorded(home: Home, url: str, *lines: str) -> tuple[Recorder, tuple[Event, ...]]:
    """Everything of a session that its peer ended, and of the end of the recorder."""
    config = home.write("\n".join(("[[connection]]", "name = 'feed'", f"url = '{url}'", *lines)))
    recorder = await home.record(config)
    await recorder.until_stored(1, "connection.disconnected")
    await stopped(recorder)
    return recorder, stored(recorder.store)


async def stopped(recorder: Recorder) -> None:
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0


async def statistics(home: Home, store: Path) -> dict[str, Any]:
    code, out, _ = await home.run("stats", "--json", "--store", store)
    assert code == 0
    connection: dict[str, Any] = json.loads(out)["connections"][0]
    return connection


def names(events: tuple[Event, ...]) -> Counter[str]:
    return Counter(event.name for event in events)


def batched(events: tuple[Event, ...]) -> tuple[int, int]:
    """Count and total size of all batch rows."""
    metas: list[Any] = [event.meta for event in events if event.name == "message.batch_processed"]
    return sum(meta["count"] for meta in metas), sum(meta["total_size"] for meta in metas)


@pytest.mark.parametrize(
    ("profile", "rows", "of_batches"),
    [
        ("financial", 1000, (0, 0)),
        ("standard", 0, (1000, 1000 * len(TEXT))),
        ("lightweight", 0, (1000, 1000 * len(TEXT))),
    ],
)
async def test_tg_07_a_thousand_messages_are_rows_or_counted_exactly(
    home: Home, peers: Peers, profile: str, rows: int, of_batches: tuple[int, int]
) -> None:
    server = await peers.start(THOUSAND)
    recorder, events = await recorded(home, server.url, f"profile = '{profile}'", ONCE)
    assert server.sessions == 1
    assert names(events)["message.received"] == rows
    assert batched(events) == of_batches
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    told = await statistics(home, recorder.store)
    assert (
        told["profile"],
        told["messages"]["received"],
        told["bytes"]["received"],
        told["message_size"]["count"],
    ) == ((profile, 1000, 1000 * len(TEXT), 1000))


async def test_tg_08_lightweight_keeps_the_end_and_drops_heartbeats_and_messages(home: Home, peers: Peers) -> None:
    server = await peers.start(THOUSAND)
    _, events = await recorded(home, server.url, "profile = 'lightweight'", ONCE)
    found = names(events)
    assert found["connection.disconnected"] == 1
    assert [name for name in found if name.startswith(("heartbeat.", "message."))] == ["message.batch_processed"]


@pytest.mark.parametrize("profile", ["detailed", "standard"])
async def test_tg_09_credentials_are_masked_and_nothing_else_is(home: Home, peers: Peers, profile: str) -> None:
    body = {
        "params": {"client_secret": "s-canary", "nested": {"access_token": "t-canary"}, "limit": 5},
        "list": [{"api_key": "k-canary", "symbol": "BTC"}],
    }
    said = script(f"[[step]]\ndo = 'send'\ncount = 1\ntext = '{json.dumps(body)}'\n[[step]]\ndo = 'close'\n")
    server = await peers.start(said)
    recorder, events = await recorded(home, server.url, f"profile = '{profile}'", "protocol = 'json'", ONCE)
    shown = [json.loads(event.payload) for event in events if event.name == "message.received" and event.payload]
    masked = {
        "params": {"client_secret": "[FILTERED]", "nested": {"access_token": "[FILTERED]"}, "limit": 5},
        "list": [{"api_key": "[FILTERED]", "symbol": "BTC"}],
    }
    assert shown == ([masked] if profile == "detailed" else [])
    assert not any(b"canary" in path.read_bytes() for path in recorder.store.parent.iterdir() if path.is_file())


async def test_tg_15_a_switch_at_runtime_affects_what_comes_later_and_is_logged(home: Home, peers: Peers) -> None:
    server = await peers.start(CHATTY)
    entry = f"[[connection]]\nname = 'feed'\nurl = '{server.url}'\nprofile = '{{}}'\n"
    config = home.write(entry.format("detailed"))
    recorder = await home.record(config)
    await recorder.until_stored(20)
    home.write(entry.format("standard"))
    recorder.signal(signal.SIGHUP)
    await recorder.until_stored(1, "message.batch_processed")
    home.write(entry.format("detailed"))
    recorder.signal(signal.SIGHUP)
    await recorder.until_stored(4, "self.config.reloaded")
    await recorder.until_stored(1 + names(stored(recorder.store))["message.received"])
    await stopped(recorder)

    events = stored(recorder.store)
    to_standard, to_detailed = [
        event for event in events if event.name == "self.config.reloaded" and event.source.connection == "feed"
    ]
    assert (to_standard.reason, to_standard.meta) == (
        "profile detailed → standard",
        {"profile": "standard", "before": "detailed"},
    )
    assert (to_detailed.meta or {})["profile"] == "detailed"
    rows = {event.id for event in events if event.name == "message.received"}
    assert any(number < to_standard.id for number in rows)
    assert not any(to_standard.id < number < to_detailed.id for number in rows)
    assert any(number > to_detailed.id for number in rows)
    batches = {event.id for event in events if event.name == "message.batch_processed"}
    assert all(to_standard.id < number < to_detailed.id for number in batches)
    assert [
        event.reason for event in events if event.name == "self.config.reloaded" and not event.source.connection
    ] == [
        "profile detailed → standard for feed; 1 went on",
        "profile standard → detailed for feed; 1 went on",
    ]
    assert server.sessions == 1, "the session went on"
    received = (await statistics(home, recorder.store))["messages"]["received"]
    assert len(rows) + batched(events)[0] == received


async def test_messages_without_rows_are_told_to_the_last_one_after_a_kill(home: Home, peers: Peers) -> None:
    server = await peers.start(CHATTY)
    config = home.write(f"[[connection]]\nname = 'feed'\nurl = '{server.url}'\nprofile = 'standard'\n")
    for _ in range(3):
        recorder = await home.record(config)
        sent = server.sent.messages
        await server.until(lambda before=sent: server.sent.messages > before + 150, DEADLINE_S)  # type: ignore[misc]
        recorder.signal(signal.SIGKILL)
        await recorder.ended()
    last = await home.record(config)
    await stopped(last)
    messages = (await statistics(home, last.store))["messages"]
    assert messages["received"] > 100
    assert batched(stored(last.store))[0] == messages["received"] + messages["sent"]
