"""Feeds that node compresses and packs: what wsmon records is what the server says it sent."""

from __future__ import annotations

import json
import signal

from tests.support.node_peers import RealPeers
from tests.support.processes import Home, stored

CANARY = "canary-0123456789"
CONNECTIONS = {
    "gzip": 'answer = true\nheartbeat = { reply_to = "ping", answer = "{\\"pong\\":1700000000000}" }',
    "stream": "capture.raw = true",
    "deflate": 'decode = "deflate"',
    "msgpack": 'decode = "msgpack"\ncapture.raw = true',
    "base64": "",
}
ENCODINGS = {
    "gzip": "gzip",
    "stream": "zlib-stream",
    "deflate": "deflate",
    "msgpack": "msgpack",
    "base64": "base64+zlib",
}


async def test_what_node_compresses_is_recorded_as_it_was_said(home: Home, real_peers: RealPeers) -> None:
    server = await real_peers.start("compressed")
    entries = (
        f'[[connection]]\nname = "{name}"\nurl = "ws://127.0.0.1:{server.port}/{name}"\n{rest}\n'
        for name, rest in CONNECTIONS.items()
    )
    recorder = await home.record(home.write("".join(entries)))
    await recorder.until_stored(5 * len(CONNECTIONS) + 1)
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    events = [event for event in stored(recorder.store) if event.source.connection]
    received = [event for event in events if event.name == "message.received"]
    for name in CONNECTIONS:
        ours = [event for event in received if event.source.connection == name]
        sent = [one for one in server.named("sent") if one["path"] == name]
        said = [json.loads(one["text"].replace(CANARY, "[FILTERED]")) for one in sent]
        assert [json.loads(event.payload or b"") for event in ours] == said, name
        assert [event.size for event in ours] == [one["size"] for one in sent], name
        assert {event.encoding for event in ours} == {ENCODINGS[name]}
        read = [(event.type, event.topic, event.redacted) for event in ours if event.type]
        assert read == [("tick", "btc-ü", True)] * 5, name
    assert server.values("received", "text") == ['{"pong":1700000000000}']
    assert [event.error for event in events if event.error_type] == []
    assert CANARY.encode() not in recorder.store.read_bytes()
