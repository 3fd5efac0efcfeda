"""Heartbeats of Deribit, as ``wsmon search`` and ``wsmon stats`` show them from a recorder that runs."""

from __future__ import annotations

import json

from tests.support.peers import Peers, script
from tests.support.processes import Home

REPLY = '{"jsonrpc":"2.0","id":1,"result":"ok"}'
HEARTBEAT = '{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}'
# Its keys in another order
TEST_REQUEST = '{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}'
# The interval is short: Deribit takes 10 s and more
ASKED = '{"jsonrpc":"2.0","id":1,"method":"public/set_heartbeat","params":{"interval":1}}'
PEER = script(
    f"""
[[step]]
do = "receive"
count = 1
[[step]]
do = "send"
count = 1
text = '{REPLY}'
[[step]]
do = "send"
count = 1
text = '{HEARTBEAT}'
[[step]]
do = "send"
count = 1
text = '{TEST_REQUEST}'
[[step]]
do = "silence"
for = "60s"
"""
)


async def test_db_01_db_14_a_test_request_is_answered_and_missing_heartbeats_are_found(
    home: Home, peers: Peers
) -> None:
    server = await peers.start(PEER)
    deribit = f"protocol = 'deribit'\nanswer = true\nsend = ['{ASKED}']\n"
    config = home.write(f"[[connection]]\nname = 'feed'\nurl = '{server.url}'\n{deribit}")
    recorder = await home.record(config)
    await recorder.until_stored(1, "heartbeat.timeout")

    async def found(*query: str) -> list[dict[str, object]]:
        code, out, err = await home.run("search", "--store", recorder.store, *query, "--json", "--order", "asc")
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]

    (answer,) = await found("dir:out", "type:public/test")
    said = json.loads(str(answer["payload"]))
    assert (said["method"], said["params"], isinstance(said["id"], int)) == ("public/test", {}, True)
    (answered,) = await found("event:heartbeat.responded", "type:test_request")
    assert answered["outcome"] == "ok"
    (missed,) = await found("is:problem", "heartbeats missed")
    assert (missed["name"], missed["error_type"]) == ("heartbeat.timeout", "heartbeat_missed")
    # As often as a busy machine is late, more are missing when it looks
    meta = missed["meta"]
    assert isinstance(meta, dict)
    assert meta["missed"] >= 2
