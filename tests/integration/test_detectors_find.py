"""Trouble that scripted peers make is found by a real recorder within its time, and is over when it is."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Sequence
from itertools import islice
from random import Random

import pytest

from tests.support.peers import Peers, script
from tests.support.processes import DEADLINE_S, POLL_S, Home, Recorder, stored
from wsmon.demo.template import Count, value_source
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


async def test_a_stall_is_found_while_it_lasts_and_ends_with_data(home: Home, peers: Peers) -> None:
    server = await peers.start(
        script(
            '[[step]]\ndo = "send"\ntext = "one"\n'
            '[[step]]\ndo = "wait"\nfor = "3s"\n'
            '[[step]]\ndo = "send"\ntext = "two"\nrate = 5\n'
        )
    )
    path = home.write(CONFIGURATION.format(url=server.url) + 'expect_every = "1s"\n')
    recorder = await home.record(path)
    opened = await until(recorder, "incident.opened", "stall")
    closed = await until(recorder, "incident.closed", "stall")
    first, second = [event for event in stored(recorder.store) if event.name == "message.received"][:2]
    assert 1e9 < opened.mono_ns - first.mono_ns < second.mono_ns - first.mono_ns
    assert opened.id < second.id
    assert (closed.meta or {})["incident"] == opened.id
    assert re.match(r"data again after \d", closed.reason)


async def test_a_peer_that_accepts_and_rejects_is_a_storm_until_a_session_holds(home: Home, peers: Peers) -> None:
    rejecting = await peers.start(script(ENDS_AT_ONCE))
    retry = 'reconnect = { initial = "20ms", max = "50ms", stable_after = "1s" }\n'
    recorder = await home.record(home.write(CONFIGURATION.format(url=rejecting.url) + retry))
    opened = await until(recorder, "incident.opened", "storm")
    assert ((opened.meta or {})["attempts"], "connected and then dropped" in opened.reason) == (5, True)
    await rejecting.stop()
    await peers.start(script(TICKS), port=rejecting.port)
    closed = await until(recorder, "incident.closed", "storm")
    assert closed.reason.startswith(("open for 1", "open for 2"))  # a busy machine looks later
    kinds = [event.type for event in stored(recorder.store) if event.name == "incident.opened"]
    assert kinds.count("storm") == 1


@pytest.mark.parametrize("protocol", ["raw", "auto"])
async def test_what_a_feed_leaves_out_repeats_and_mixes_up_is_found(home: Home, peers: Peers, protocol: str) -> None:
    server = await peers.start(script(numbers(1, 2, 5, 6, 8, 7, 8, 9)))
    asked = f'protocol = "{protocol}"\nsequence = {{ path = "$.data.n", key = "$.data.s" }}\n'
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url) + asked))
    gap = await until(recorder, "incident.opened", "gap")
    assert gap.reason == "2 missing messages: BTC 3-4"
    assert (gap.meta or {})["ranges"] == {"BTC": [[3, 4]]}
    events = {event.id: event for event in stored(recorder.store)}
    (after,) = [events[number] for number in (gap.meta or {})["evidence"]]  # type: ignore[union-attr,index]
    assert (after.payload, after.meta) == (b'{"data":{"n":5,"s":"BTC"}}', {"seq": 5, "key": "BTC"})
    duplicate = await until(recorder, "incident.opened", "duplicate")
    reorder = await until(recorder, "incident.opened", "reorder")
    assert (duplicate.reason, reorder.reason) == (
        "1 duplicate message: BTC 8",
        "1 out-of-order message: BTC 7",
    )


def faults_of(numbers: Sequence[int]) -> dict[str, tuple[int, set[int]]]:
    """By plain counting: how many numbers of a feed are missing, came twice or came late, and which."""
    seen: set[int] = set()
    twice: list[int] = []
    late: list[int] = []
    for number in numbers:
        if number in seen:
            twice.append(number)
        elif seen and number < max(seen):
            late.append(number)
        seen.add(number)
    missing = set(range(min(seen), max(seen))) - seen
    return {
        "gap": (len(missing), missing),
        "duplicate": (len(twice), set(twice)),
        "reorder": (len(late), set(late)),
    }


def found_faults(events: Sequence[Event]) -> dict[str, tuple[int, set[int]]]:
    """The same, as the ended incidents tell it."""
    counts = {"gap": "missing", "duplicate": "duplicates", "reorder": "reordered"}
    found: dict[str, tuple[int, set[int]]] = {}
    for event in events:
        if event.name == "incident.closed" and event.type in counts:
            assert event.type not in found
            facts = event.meta or {}
            count, ranges = facts[counts[event.type]], facts["ranges"]
            assert isinstance(count, int)
            assert isinstance(ranges, dict)
            listed = {number for first, last in ranges[""] for number in range(first, last + 1)}
            found[event.type] = (count, listed)
    return found


@pytest.mark.parametrize("profile", ["detailed", "lightweight"])
async def test_every_fault_of_a_busy_feed_is_found_to_the_last_one(home: Home, peers: Peers, profile: str) -> None:
    faults = Count(1, skip_every=17, repeat_every=29, swap_every=41)
    server = await peers.start(
        script(
            "[values]\nn = { count = 1, skip_every = 17, repeat_every = 29, swap_every = 41 }\n"
            '[[step]]\ndo = "send"\ntext = \'{"n":$n}\'\ncount = 5000\nrate = 0\n'
            '[[step]]\ndo = "close"\ncode = 1000\n'
        )
    )
    asked = f'profile = "{profile}"\nsequence = {{ path = "$.n" }}\nreconnect = {{ initial = "1h", max = "1h" }}\n'
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url) + asked))
    await recorder.until_stored(1, "connection.disconnected")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    numbers = value_source(faults, Random(0))
    sent = [int(str(number)) for number in islice(iter(numbers, None), 5000)]
    assert found_faults(stored(recorder.store)) == faults_of(sent)


async def test_a_clean_feed_that_reconnects_has_no_fault(home: Home, peers: Peers) -> None:
    server = await peers.start(
        script('[[step]]\ndo = "send"\ntext = \'{"n":$seq}\'\ncount = 300\nrate = 0\n[[step]]\ndo = "drop"\n')
    )
    asked = 'sequence = { path = "$.n" }\nreconnect = { initial = "10ms", max = "20ms" }\n'
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url) + asked))
    await recorder.until_stored(8, "connection.disconnected")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    events = stored(recorder.store)
    assert sum(event.name == "message.received" for event in events) >= 8 * 300
    assert {event.type for event in events if event.name == "incident.opened"} == {"storm"}


async def test_feed_latency_is_in_the_statistics(home: Home, peers: Peers) -> None:
    server = await peers.start(script(TICKS))
    asked = 'latency = { path = "$.n", unit = "s" }\n'
    recorder = await home.record(home.write(CONFIGURATION.format(url=server.url) + asked))
    (*_, tenth) = await recorder.until_stored(10)
    assert isinstance((tenth.meta or {})["latency_ms"], float)
    code, out, _ = await home.run("stats", "--store", recorder.store, "--json")
    assert code == 0
    assert '"feed_latency_ms": {"count": ' in out or '"feed_latency_ms":{"count":' in out
