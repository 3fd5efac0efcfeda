"""A recorder that may open fewer files than it has connections."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.support.peers import Peers, script
from tests.support.processes import Home, socket_in, stored

CONNECTIONS = 60
LIMIT = 40
HOLD = """
[[step]]
do = "send"
text = "{}"
rate = 5
"""


@pytest.mark.parametrize("clients", [0, 5])
async def test_s5_more_connections_than_open_files_are_told_as_ours_and_asyncio_prints_nothing(
    home: Home, peers: Peers, clients: int
) -> None:
    server = await peers.start(script(HOLD))
    of_one = '[[connection]]\nname = "c{}"\nurl = "{}"\n'
    config = home.write("".join(of_one.format(number, server.url) for number in range(CONNECTIONS)))
    recorder = await home.record_with_files(config, LIMIT)
    tried = len(await recorder.until_stored(1, "connection.reconnect.failed"))
    # There is no descriptor to let them in with, which asyncio finds once a second
    viewers = [socket.socket(socket.AF_UNIX) for _ in range(clients)]
    for viewer in viewers:
        viewer.connect(str(socket_in(home, recorder.store)))
    await recorder.until_stored(tried + CONNECTIONS, "connection.reconnect.failed")
    for viewer in viewers:
        viewer.close()
    recorder.signal(signal.SIGTERM)
    out, err = await recorder.process.communicate()
    told = f"server failed: it cannot accept a client: too many open files: wsmon may open {LIMIT}\n"
    said = told.encode() if clients else b""
    assert (recorder.process.returncode, out, err) == (0, b"", said)
    events = stored(recorder.store)
    failed = [event for event in events if event.error_type and event.source.connection]
    assert {event.error for event in failed} == {f"too many open files: wsmon may open {LIMIT}"}
    assert {event.error_type for event in failed} == {"descriptors"}
    assert {event.verdict.by for event in failed if event.verdict is not None} == {"us"}
    assert sum(event.name == "self.sink.failed" for event in events) == bool(clients)
