"""What a session tells of its way to the peer, and who ended it, from the facts of both sides."""

from __future__ import annotations

import asyncio
import re

import pytest
from websockets.exceptions import ProtocolError

from tests.support.engines import accept, against, hang_up_when_closed, meta_of, read_head
from wsmon.engine.session import CloseFacts, CloseSummary, close_meta
from wsmon.model.redact.masking import Sensitive

PEER = (4001, "bye")
ECHO = (4001, "bye")


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        (CloseFacts(PEER, ECHO, received_first=True), CloseSummary(4001, "peer", "bye", "", "")),
        (CloseFacts(received=PEER), CloseSummary(4001, "peer", "bye", "", "")),
        (CloseFacts((1005, ""), (1005, ""), received_first=True), CloseSummary(1005, "peer", "", "", "")),
        (
            CloseFacts(PEER, ECHO, received_first=True, loss=ConnectionResetError()),
            CloseSummary(4001, "peer", "bye", "", ""),
        ),
        (CloseFacts(PEER, ECHO, received_first=True, is_ours=True), CloseSummary(4001, "peer", "bye", "", "")),
        (
            CloseFacts((1000, ""), (1000, "stop"), received_first=False, is_ours=True),
            CloseSummary(1000, "us", "", "", ""),
        ),
        (CloseFacts(sent=(1000, "stop"), is_ours=True), CloseSummary(1000, "us", "stop", "", "")),
        (CloseFacts(is_ours=True), CloseSummary(None, "us", "", "", "")),
        (
            CloseFacts(sent=(1011, "keepalive ping timeout"), missed_pong_s=20.0),
            CloseSummary(
                1011,
                "heartbeat",
                "keepalive ping timeout",
                "heartbeat_timeout",
                "closed by wsmon: no pong for 20 s",
            ),
        ),
        (
            CloseFacts(sent=(1002, "invalid opcode"), fault=ProtocolError("invalid opcode")),
            CloseSummary(1002, "us", "invalid opcode", "protocol", "the peer broke the protocol: invalid opcode"),
        ),
        (CloseFacts(), CloseSummary(None, "network", "", "eof", "the TCP connection ended without a close frame")),
        (
            CloseFacts(loss=ConnectionResetError()),
            CloseSummary(None, "network", "", "reset", "the TCP connection was reset"),
        ),
        (
            CloseFacts(crash=ValueError("oops")),
            CloseSummary(None, "us", "", "internal", "internal error: ValueError: oops"),
        ),
    ],
)
def test_ending(facts: CloseFacts, ending: CloseSummary) -> None:
    assert CloseSummary.of(facts) == ending


@pytest.mark.parametrize(
    ("facts", "meta"),
    [
        (CloseFacts(), {}),
        (CloseFacts(sent=(1011, "x")), {"sent": {"code": 1011, "reason": "x"}, "first": "sent"}),
        (CloseFacts(received=PEER), {"received": {"code": 4001, "reason": "bye"}, "first": "received"}),
        (
            CloseFacts((1000, ""), (1000, "stop"), received_first=False),
            {"received": {"code": 1000, "reason": ""}, "sent": {"code": 1000, "reason": "stop"}, "first": "sent"},
        ),
    ],
)
def test_both_close_frames_are_kept_apart(facts: CloseFacts, meta: dict[str, object]) -> None:
    assert close_meta(facts) == meta


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A peer that accepts and waits for the end."""
    await accept(reader, writer)
    await hang_up_when_closed(reader, writer)


async def greet_through_a_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy that is the peer itself."""
    await read_head(reader)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await greet(reader, writer)


async def test_a_connection_tells_its_addresses() -> None:
    async with against(greet) as engine:
        told = meta_of(await engine.sink.wait("connection.open"))
        assert told["peer"] == f"127.0.0.1:{engine.port}"
        assert re.fullmatch(r"127\.0\.0\.1:\d+", told["local"])
        assert "proxy" not in told


async def test_a_completed_connection_has_the_status_of_its_upgrade() -> None:
    async with against(greet) as engine:
        completed = await engine.sink.wait("connection.completed")
    assert (completed.status, completed.to_status) == (101, "websocket_connected")


async def test_a_connection_through_a_proxy_tells_it_without_its_password() -> None:
    through = Sensitive("http://user:pass@127.0.0.1:PORT", "http://user:[FILTERED]@127.0.0.1:PORT")
    async with against(greet_through_a_proxy, url="ws://peer.test/", proxy=through) as engine:
        told = meta_of(await engine.sink.wait("connection.open"))
        await engine.sink.wait("connection.completed")
        address = f"127.0.0.1:{engine.port}"
        # Credentials in a URL are masked as one
        assert (told["peer"], told["proxy"]) == (address, f"http://[FILTERED]@{address}")


async def test_the_protocol_is_found_in_the_url_as_it_was_dialled() -> None:
    url = Sensitive("ws://127.0.0.1:PORT/socket.io/?EIO=4&transport=websocket", "ws://127.0.0.1:PORT/[FILTERED]")
    async with against(greet, url=url) as engine:
        assert meta_of(await engine.sink.wait("connection.completed"))["protocol"] == "socketio"


async def test_credentials_of_the_upgrade_are_a_login_where_the_protocol_has_no_other() -> None:
    headers = (("Authorization", Sensitive("Bearer abcdefgh", "Bearer [FILTERED]")),)
    async with against(greet, protocol="phoenix", headers=headers) as engine:
        await engine.sink.wait("auth.completed")
        assert [name for name in engine.sink.names() if name.startswith("auth.")] == ["auth.started", "auth.completed"]
    async with against(greet, protocol="phoenix") as engine:
        await engine.sink.wait("connection.completed")
        assert not any(name.startswith("auth.") for name in engine.sink.names())
