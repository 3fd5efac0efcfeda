"""Trouble that scripted peers make is found by a real recorder within its time, and is over when it is."""

from __future__ import annotations

import asyncio

import pytest

from tests.peers import Peers, script
from tests.processes import DEADLINE_S, POLL_S, Home, Recorder, stored
from wsmon.model.events import Event

CONFIGURATION = """
[[connection]]
name = "feed"
url = "{url}"
"""
ENDS_AT_ONCE = """
[[step]]
do = "close"
code = 1008
"""
TICKS = """
[[step]]
do = "send"
text = '{"n":$seq}'
rate = 50
"""


def numbers(*sent: int) -> str:
    """A peer that sends these numbers, as two feeds would, and then waits."""
    steps = [f'[[step]]\ndo = "send"\ntext = \'{{"data":{{"n":{number},"s":"BTC"}}}}\'\n' for number in sent]
    return "".join(steps) + '[[step]]\ndo = "wait"\nfor = "1h"\n'


async def until(recorder: Recorder, name: str, kind: str) -> Event:
    """The first incident event of that name and kind, once it is stored."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            for event in stored(recorder.store):
                if (event.name, event.type) == (name, kind):
                    return event
            await asyncio.sleep(POLL_S)  # another process's store tells nobody


async def test_a_stall_is_found_within_a_second_and_ends_with_data(home: Home, peers: Peers) -> None:
    server = await peers.start(
        script(
            '[[step]]\ndo = "send"\ntext = "one"\n'
            '[[step]]\ndo = "wait"\nfor = "3s"\n'
            '[[step]]\ndo = "send"\ntext = "two"\n'
            '[[step]]\ndo = "wait"\nfor = "1h"\n'
        )
    )
    path = home.write(CONFIGURATION.format(url=server.url) + 'expect_every = "1s"\n')
    recorder = await home.record(path)
    opened = await until(recorder, "incident.opened", "stall")
    closed = await until(recorder, "incident.closed", "stall")
    first = next(event for event in stored(recorder.store) if event.name == "message.received")
    assert 1e9 < opened.mono_ns - first.mono_ns < 2e9
    assert (closed.meta or {})["incident"] == opened.id
    assert closed.reason.startswith("data again after 3")


async def test_a_peer_that_accepts_and_rejects_is_a_storm_until_a_session_holds(home: Home, peers: Peers) -> None:
    rejecting = await peers.start(script(ENDS_AT_ONCE))
    retry = 'reconnect = { initial = "20ms", max = "50ms", stable_after = "1s" }\n'
    recorder = await home.record(home.write(CONFIGURATION.format(url=rejecting.url) + retry))
    opened = await until(recorder, "incident.opened", "storm")
    assert ((opened.meta or {})["attempts"], "accepted and lost again" in opened.reason) == (5, True)
    await rejecting.stop()
    await peers.start(script(TICKS), port=rejecting.port)
    closed = await until(recorder, "incident.closed", "storm")
    assert closed.reason.startswith("open for 1")
    kinds = [event.type for event in stored(recorder.store) if event.name == "incident.opened"]
    assert kinds.count("storm") == 1


@pytest.mark.parametrize("protocol", ["raw", "auto"])
async def test_what_a_feed_leaves_out_repeats_and_mixes_up_is_found(home: Home, peers: Peers, protocol: str) -> None:
    server = await peers.start(script(numbers(1, 2, 5, 6, 8, 7, 8, 9)))
    asked = f'protocol = "{protocol}"\nsequence = {{ path = "$.data.n", key = "$.data.s" }}\n'
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url) + asked))
    gap = await until(recorder, "incident.opened", "gap")
    assert gap.reason == "2 messages missing: BTC 3-4"
    assert (gap.meta or {})["ranges"] == {"BTC": [[3, 4]]}
    events = {event.id: event for event in stored(recorder.store)}
    (after,) = [events[number] for number in (gap.meta or {})["evidence"]]  # type: ignore[union-attr,index]
    assert (after.payload, after.meta) == (b'{"data":{"n":5,"s":"BTC"}}', {"seq": 5, "key": "BTC"})
    duplicate = await until(recorder, "incident.opened", "duplicate")
    reorder = await until(recorder, "incident.opened", "reorder")
    assert (duplicate.reason, reorder.reason) == (
        "1 message more than once: BTC 8",
        "1 message out of order: BTC 7",
    )


async def test_feed_latency_is_in_the_statistics(home: Home, peers: Peers) -> None:
    server = await peers.start(script(TICKS))
    asked = 'latency = { path = "$.n", unit = "s" }\n'
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url) + asked))
    (*_, tenth) = await recorder.until_stored(10)
    assert isinstance((tenth.meta or {})["latency_ms"], float)
    code, out, _ = await home.run("stats", "--store", recorder.store, "--json")
    assert code == 0
    assert '"feed_latency_ms": {"count": ' in out or '"feed_latency_ms":{"count":' in out
