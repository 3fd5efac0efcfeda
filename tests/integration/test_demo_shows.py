"""What the demonstration shows within a minute: trouble of every kind that wsmon is for, found and explained."""

from __future__ import annotations

import asyncio

from tests.support.processes import POLL_S, Home, Recorder, stored
from wsmon.model.events import Event

MINUTE_S = 60.0
INCIDENTS = {"stall", "storm", "gap", "duplicate", "reorder", "auth"}


async def until_shown(recorder: Recorder) -> tuple[Event, ...]:
    """What is stored once every kind of incident was opened and a session of the dropper was lost."""
    async with asyncio.timeout(MINUTE_S):
        while True:
            events = stored(recorder.store)
            opened = {event.type for event in events if event.name == "incident.opened"}
            judged = {event.source.connection for event in events if event.verdict is not None}
            if opened >= INCIDENTS and judged >= {"bouncer", "dropper", "forbidden"}:
                return events
            await asyncio.sleep(POLL_S * 5)  # another process's store tells nobody


async def test_a_minute_shows_every_kind_of_trouble_and_why(home: Home) -> None:
    events = await until_shown(await home.demonstrate())
    incidents = {
        (event.source.connection, event.type): event.reason for event in events if event.name == "incident.opened"
    }
    verdicts = {event.source.connection: event.verdict for event in events if event.verdict is not None}
    assert incidents.keys() == {
        ("silent", "stall"),
        ("bouncer", "storm"),
        ("orderbook", "gap"),
        ("orderbook", "duplicate"),
        ("orderbook", "reorder"),
        ("login", "auth"),
        ("forbidden", "auth"),
    }
    assert incidents["silent", "stall"].startswith("no data for 2")
    assert incidents["silent", "stall"].endswith("(expected every 2 s)")
    assert incidents["bouncer", "storm"].startswith("5 attempts in ")
    assert incidents["bouncer", "storm"].endswith(
        " s, 4 of them connected and then dropped; last: “policy violation: token expired”, 1008, closed by peer"
    )
    assert incidents["orderbook", "gap"] == "1 missing message: BUND 67"
    assert incidents["orderbook", "reorder"] == "1 out-of-order message: BUND 79"
    assert incidents["orderbook", "duplicate"] == "1 duplicate message: BUND 101"
    assert incidents["login", "auth"] == "login failed: “this token was revoked on Friday”"
    assert incidents["forbidden", "auth"] == "the upgrade was refused with 403"
    assert {name: (verdict.by, verdict.code) for name, verdict in verdicts.items()} == {
        "bouncer": ("peer", "1008 policy violation"),
        "dropper": ("peer", "1001 going away"),
        "forbidden": ("refusal", "HTTP 403 Forbidden"),
    }
