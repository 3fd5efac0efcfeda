"""Load on ``wsmon relay``: messages at full speed both ways, and many connections at once.

``WSMON_RELAY_S`` (``.ci/long``) makes it 100,000 messages each way, and 1,000 connections.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import pytest

from tests.support.processes import Home, stored
from tests.support.relay_processes import relaying
from tests.support.relayed_sockets import SocketPair, Upstream, exchanged, received, text_frame
from wsmon.model.events import Event

IS_LONG = bool(os.environ.get("WSMON_RELAY_S"))
MESSAGES = 100_000 if IS_LONG else 5_000
CONNECTIONS = 1_000 if IS_LONG else 200
# A close frame without a code: masked, and not
CLOSE = {True: b"\x88\x80\x00\x00\x00\x00", False: b"\x88\x00"}

pytestmark = pytest.mark.timeout(300 if IS_LONG else 60)


def numbered(count: int, *, is_masked: bool) -> bytes:
    """Frames with a number each."""
    return b"".join(
        text_frame(b'{"type":"trade","symbol":"BTC-USD","price":"64123.50","seq":%d}' % n, is_masked=is_masked)
        for n in range(count)
    )


def numbers(events: tuple[Event, ...], name: str) -> list[int]:
    """The numbers of the stored messages of one direction, in their order."""
    payloads = (event.payload or b"" for event in events if event.name == name)
    return [int(payload.rpartition(b":")[2][:-1]) for payload in payloads]


def shed(events: tuple[Event, ...], name: str) -> int:
    """How many messages of one direction were counted instead of stored, because the store was too slow."""
    metas = (event.meta or {} for event in events if event.name == "self.shed")
    return sum(int(str(meta["events"])) for meta in metas if meta.get("name") == name)


async def test_messages_at_full_speed_arrive_whole_and_are_recorded(home: Home) -> None:
    ours, theirs = (numbered(MESSAGES, is_masked=is_masked) for is_masked in (True, False))
    with Upstream() as upstream:
        async with relaying(home, f"ws://127.0.0.1:{upstream.port}") as relay:
            pair = await asyncio.to_thread(upstream.opened, relay.port)
            arrived = await asyncio.to_thread(exchanged, pair, ours, theirs)
            pair.close()
            assert arrived == (ours, theirs)
            assert await relay.stop() == 0
    events = stored(relay.store)
    for name in ("message.sent", "message.received"):
        found, counted = numbers(events, name), shed(events, name)
        assert len(found) + counted == MESSAGES, f"{len(found):,} stored, {counted:,} counted of {MESSAGES:,} {name}"
        assert found == sorted(set(found))
        assert counted == 0 or IS_LONG


async def test_many_connections_at_once_are_all_recorded(home: Home) -> None:
    def talk(pair: SocketPair, number: int) -> None:
        """One message each way, then the close frames and the ends of both."""
        for sender, receiver in ((pair.application, pair.server), (pair.server, pair.application)):
            is_masked = sender is pair.application
            sent = text_frame(b'{"n":%d}' % number, is_masked=is_masked) + CLOSE[is_masked]
            sender.sendall(sent)
            assert received(receiver, len(sent)) == sent

    def open_and_talk(upstream: Upstream, port: int) -> None:
        pairs = [upstream.opened(port) for _ in range(CONNECTIONS)]
        for number, pair in enumerate(pairs):
            talk(pair, number)
        for pair in pairs:
            pair.close()

    with Upstream() as upstream:
        async with relaying(home, f"ws://127.0.0.1:{upstream.port}") as relay:
            await asyncio.to_thread(open_and_talk, upstream, relay.port)
            assert await relay.stop() == 0
    events = stored(relay.store)
    counts = Counter[str](event.name for event in events if event.source.connection)
    lifecycle = ("connection.started", "connection.completed", "connection.disconnected")
    wanted = (*lifecycle, "message.sent", "message.received")
    assert {name: counts[name] for name in wanted} == dict.fromkeys(wanted, CONNECTIONS)
    ended = [event for event in events if event.name == "connection.disconnected"]
    assert {event.close_by for event in ended} == {"application"}
