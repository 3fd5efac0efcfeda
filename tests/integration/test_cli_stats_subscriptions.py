"""What a connection is subscribed to, as ``stats --json`` says it of a recording that goes on."""

from __future__ import annotations

import json

from tests.support.peers import Peers, script
from tests.support.processes import Home

CONFIRMED = json.dumps({"jsonrpc": "2.0", "id": 1, "result": ["book", "trades"]})
PEER = script(
    f"""
[[step]]
do = "receive"
[[step]]
do = "send"
count = 1
text = '{CONFIRMED}'
[[step]]
do = "silence"
for = "60s"
"""
)
ASKED = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": {"channels": ["trades", "book", "refused"]}}
)


async def test_stats_say_what_is_active(home: Home, peers: Peers) -> None:
    server = await peers.start(PEER)
    config = home.write(
        f"[[connection]]\nname = 'feed'\nurl = '{server.url}'\nprotocol = 'deribit'\nsend = ['{ASKED}']\n"
    )
    recorder = await home.record(config)
    ends = await recorder.until_stored(3, "subscription.subscribe.completed")
    assert {event.topic: event.status for event in ends} == {"book": "ok", "trades": "ok", "refused": "error"}
    code, out, _ = await home.run("stats", "--json", "--store", recorder.store)
    (connection,) = json.loads(out)["connections"]
    assert (code, connection["subscriptions"]) == (0, {"active": ["book", "trades"], "pending": [], "lost": []})
