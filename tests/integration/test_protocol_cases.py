"""Messages as real servers write them, recorded end to end: what is said of them, and that nothing else is."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Mapping, Sequence

from tests.support.peers import Peers, script
from tests.support.processes import Home, stored
from wsmon.demo.scenario import Scenario
from wsmon.model.events import Event

CONNECTION = '[[connection]]\nname = "{name}"\nurl = "{url}"\nreconnect = {{ initial = "1h", max = "1h" }}\n'


def sends(*texts: str) -> Scenario:
    """A peer that sends these texts and closes."""
    steps = [f'[[step]]\ndo = "send"\ntext = {json.dumps(text)}\n' for text in texts]
    return script("".join(steps) + '[[step]]\ndo = "close"\ncode = 1000\n')


async def recorded(home: Home, peers: Peers, feeds: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, list[Event]]:
    """Record one session of each feed: settings of its connection, texts of its peer; return the events of each."""
    written = ""
    for name, (settings, texts) in feeds.items():
        server = await peers.start(sends(*texts))
        written += CONNECTION.format(name=name, url=server.url) + settings + "\n"
    recorder = await home.record(home.write(written))
    await recorder.until_stored(len(feeds), "connection.disconnected")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    events: dict[str, list[Event]] = {name: [] for name in feeds}
    for event in stored(recorder.store):
        if event.source.connection:
            events[event.source.connection].append(event)
    return events


def troubles(events: list[Event]) -> list[tuple[str, str, str]]:
    """Return name, kind and reason of errors and incidents beside the end of the session."""
    return [
        (event.name, event.type or event.error_type, event.error or event.reason)
        for event in events
        if (event.error_type or event.name == "incident.opened") and event.name != "connection.disconnected"
    ]


# By name of the connection
SOUND = {
    "several-texts": ['{"seq":1}', '{"seq":2}\n{"seq":3}\n{"seq":4}', '{"seq":5}\0', '{"seq":6}{"seq":7}', '{"seq":8}'],
    "no-numbers": ['{"seq":1,"p":0.1}', '{"seq":2,"p":NaN}', '{"seq":3,"p":-Infinity}'],
    "half-a-surrogate-pair": ['{"seq":1}', '{"seq":2,"text":"party \\ud83d"}', '{"seq":3}'],
    "byte-order-mark": ['\ufeff{"seq":1}', '\ufeff{"seq":2}'],
    "65-bits": [f'{{"seq":{2**64 + number}}}' for number in range(3)],
    "20-digits": [f'{{"seq":"{10**19 + number}"}}' for number in range(3)],
    "ranges": [f'{{"seq":[{number},{number + 9}]}}' for number in (1, 11, 21)],
}


async def test_p2_p3_a_sound_feed_has_no_error_and_no_gap(home: Home, peers: Peers) -> None:
    feeds = {
        f"{name}-{protocol}": (f'protocol = "{protocol}"\nsequence = {{ path = "$.seq" }}', texts)
        for protocol in ("json", "auto", "raw")
        for name, texts in SOUND.items()
    }
    found = await recorded(home, peers, feeds)
    assert {name: troubles(events) for name, events in found.items()} == {name: [] for name in feeds}


async def test_p3_p4_p6_what_servers_send_is_taken_for_what_it_is(home: Home, peers: Peers) -> None:
    numbers = range(4_118_596_219, 4_118_596_229)
    found = await recorded(
        home,
        peers,
        {
            "snapshot": (
                'sequence = { path = "$.seq", restart = ["snapshot"] }',
                [
                    '{"type":"snapshot","seq":1}',
                    *(f'{{"type":"{type_}","seq":{n}}}' for n in numbers for type_ in ("update", "heartbeat")),
                ],
            ),
            "sockjs": ("", ["o", "h", *(f'a["{{\\"n\\":{number}}}"]' for number in range(12))]),
            "actioncable": (
                "",
                ['{"type":"welcome"}', *(f'{{"type":"ping","message":{1_795_959_569 + n}}}' for n in range(10))],
            ),
            "socketcluster": ("", ['{"event":"#publish","data":{"channel":"ticks"}}', "", ""]),
            "rpc-websockets": ("", ['{"notification":"tick","params":[1,2]}'] * 3),
            "no-time": ('latency = { path = "$.T" }', ['{"T":"now"}'] * 3),
        },
    )
    assert {name: [kind for _, kind, _ in troubles(events)] for name, events in found.items()} == {
        **{name: [] for name in found},
        "no-time": ["latency_unreadable"],
    }
    names = {
        name: (Counter(event.name for event in events), [event.type for event in events if event.opcode == "text"])
        for name, events in found.items()
    }
    assert [event.type for event in found["sockjs"] if event.name == "connection.protocol"] == ["sockjs", "json"]
    assert names["actioncable"][0]["heartbeat.received"] == 10
    assert names["socketcluster"][0]["heartbeat.received"] == 2
    assert names["rpc-websockets"][1] == ["tick"] * 3
