"""Scripted servers as the library's own client meets them: what they send, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest
from websockets.frames import Close

from tests.support.clients import SOON_S, dial, end_of, receive
from tests.support.peers import Peers, scenario, script
from wsmon.demo.peer import CloseReceived, PayloadTally, Received, SessionTally


class FixedClock:
    """Always the same instant."""

    def wall_ns(self) -> int:
        return 1_700_000_000_123_456_789

    def mono_ns(self) -> int:
        return 5


def numbers(messages: Iterable[str | bytes]) -> list[int]:
    return [json.loads(message)["seq"] for message in messages]


async def test_each_message_is_counted_and_numbered_exactly(peers: Peers) -> None:
    server = await peers.start(scenario("load").with_(rate=2000, count=300, size_bytes=120))
    async with dial(server) as first, dial(server) as second:
        got = await asyncio.gather(receive(first, 300), receive(second, 300))
    assert [numbers(messages) for messages in got] == [list(range(1, 301))] * 2
    assert {len(message) for messages in got for message in messages} == {120}
    assert sorted(json.loads(messages[0])["session"] for messages in got) == [1, 2]
    assert server.sent == PayloadTally(600, 72_000)
    assert [tally.sent for tally in server.tallies] == [PayloadTally(300, 36_000)] * 2


async def test_a_rate_is_kept_and_bounded_by_its_duration(peers: Peers) -> None:
    server = await peers.start(
        script('[[step]]\ndo = "send"\nrate = 500\nfor = "200ms"\ntext = "x"\n[[step]]\ndo = "drop"')
    )
    async with dial(server) as client:
        messages, _ = await end_of(client)
    assert len(messages) == server.sent.messages
    assert 95 <= len(messages) <= 101


async def test_without_a_rate_a_client_gets_all_as_fast_as_it_reads(peers: Peers) -> None:
    server = await peers.start("flood")
    async with dial(server) as client:
        assert numbers(await receive(client, 20_000)) == list(range(1, 20_001))
        await server.until(lambda: server.tallies[0].is_script_done)
    assert server.sent == PayloadTally(20_000, 4_000_000)


async def test_a_client_that_does_not_read_stops_the_flood(peers: Peers) -> None:
    server = await peers.start(scenario("flood").with_(count=1_000_000, size_bytes=60_000))

    async def a_thousand_are_sent() -> None:
        while (so_far := server.sent.messages) < 1_000:
            await server.until(lambda: server.sent.messages > so_far, 0.2)

    async with dial(server, max_queue=1) as client:
        with pytest.raises(TimeoutError):
            await a_thousand_are_sent()
        client.transport.abort()
    assert 0 < server.sent.messages < 1_000


async def test_text_values_come_from_the_scenario_and_the_clock(peers: Peers) -> None:
    text = '[values]\nside = { turn = ["buy", "sell"] }\n[[step]]\ndo = "send"\ncount = 3\ntext = "$seq $side $time_ms"'
    server = await peers.start(script(text), clock=FixedClock())
    async with dial(server) as client:
        assert await receive(client, 3) == [
            "1 buy 1700000000123",
            "2 sell 1700000000123",
            "3 buy 1700000000123",
        ]


async def test_binary_messages_have_their_sizes_and_numbers(peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "send"\nsize = ["8B", "300B", "70KiB"]\ncount = 4'))
    async with dial(server) as client:
        got = await receive(client, 4)
    assert [len(message) for message in got] == [8, 300, 71_680, 8]
    assert [int.from_bytes(message[:8], "big") for message in got if isinstance(message, bytes)] == [1, 2, 3, 4]


async def test_fragments_are_joined_by_the_client_and_seen_as_frames(peers: Peers) -> None:
    server = await peers.start("fragments")
    async with dial(server) as client:
        parts = [part async for part in client.recv_streaming(decode=False)]
        assert [len(part) for part in parts] == [6, 6, 6, 6, 6]
        assert b"".join(parts).decode() == "Grüße aus Zürich: ☕☕☕"
        assert len((await receive(client, 1))[0]) == 3000
    assert server.sent.messages == 2


async def test_messages_pass_through_negotiated_compression(peers: Peers) -> None:
    server = await peers.start("compressed")
    async with dial(server) as client:
        assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
        assert numbers(await receive(client, 3)) == [1, 2, 3]
    assert server.sent == PayloadTally(3, 3 * 4096)


async def test_an_echo_sends_back_text_and_binary(peers: Peers) -> None:
    server = await peers.start("echo")
    async with dial(server) as client:
        await client.send("grüezi")
        await client.send(b"\xff\x00")
        await client.send(["in ", "parts"])
        assert await receive(client, 3) == ["grüezi", b"\xff\x00", "in parts"]
    await server.until(lambda: not server.tallies[0].is_open)
    assert server.received == (
        Received(1, 1, "grüezi".encode()),
        Received(1, 2, b"\xff\x00"),
        Received(1, 1, b"in parts"),
    )
    assert server.tallies == (
        SessionTally(
            1,
            sent=PayloadTally(3, 17),
            received=PayloadTally(3, 17),
            close_received=CloseReceived(1000, ""),
            is_open=False,
            is_script_done=True,
        ),
    )


async def test_a_script_waits_for_what_it_wants_to_receive(peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "receive"\ncount = 2\n[[step]]\ndo = "send"\ntext = "thanks"'))
    async with dial(server) as client:
        await client.send("one")
        await server.until(lambda: len(server.received) == 1)
        assert server.sent.messages == 0
        await client.send("two")
        assert await receive(client, 1) == ["thanks"]


async def test_repeated_steps_end_after_their_times(peers: Peers) -> None:
    steps = '[[step]]\ndo = "repeat"\ntimes = 3\nsteps = [{ do = "send", text = "$seq" }, { do = "wait", for = "1ms" }]'
    server = await peers.start(script(steps))
    async with dial(server) as client:
        assert await receive(client, 3) == ["1", "2", "3"]
        await server.until(lambda: server.tallies[0].is_script_done)


async def test_close_codes_come_in_turn_and_need_not_be_valid(peers: Peers) -> None:
    server = await peers.start("close_codes")
    closes = []
    for _ in range(8):
        async with dial(server) as client:
            _, closed = await end_of(client)
            closes.append((closed.rcvd, closed.sent and closed.sent.code))
    assert closes == [
        (Close(1000, "bye"), 1000),
        (Close(1001, "going away"), 1001),
        (Close(1011, "internal error"), 1011),
        (Close(4321, "ours"), 4321),
        (Close(1005, ""), 1005),
        (None, 1002),
        (None, 1007),
        (None, 1002),
    ]
    await server.until(lambda: not any(tally.is_open for tally in server.tallies))
    received = [tally.close_received and tally.close_received.code for tally in server.tallies]
    assert received == [1000, 1001, 1011, 4321, 1005, 1002, 1007, 1002]


async def test_the_connection_can_end_without_a_close_frame(peers: Peers) -> None:
    server = await peers.start("no_close_frame")
    async with dial(server) as client:
        messages, closed = await end_of(client)
    assert (messages, closed.rcvd, client.close_code) == (["last words"], None, 1006)


async def test_the_connection_can_be_reset(peers: Peers) -> None:
    server = await peers.start("reset")
    async with dial(server) as client:
        assert await receive(client, 1) == ["before the reset"]
        await client.send("go on")
        _, closed = await end_of(client)
    assert isinstance(closed.__cause__, ConnectionResetError)
    await server.until(lambda: not server.tallies[0].is_open)


async def test_a_frozen_server_answers_nothing_and_stays_up(peers: Peers) -> None:
    server = await peers.start("freeze")
    async with dial(server) as client:
        assert await receive(client, 1) == ["before the freeze"]
        await server.until(lambda: server.tallies[0].sent.messages == 1)
        pong = await client.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(pong), 0.1)
        assert (server.tallies[0].pings, server.tallies[0].is_open) == (0, True)
        client.transport.abort()


async def test_a_freeze_can_end(peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "freeze"\nfor = "50ms"'))
    async with dial(server) as client:
        await asyncio.wait_for(await client.ping(), SOON_S)
    assert server.tallies[0].pings == 1


async def test_pings_can_be_ignored_while_messages_flow(peers: Peers) -> None:
    server = await peers.start("ignores_pings")
    async with dial(server) as client:
        pong = await client.ping()
        await server.until(lambda: server.tallies[0].pings == 1)
        await receive(client, 3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pong, 0)
        client.transport.abort()


async def test_pongs_can_be_late(peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "delay_pongs"\nfor = "120ms"'))
    async with dial(server) as client:
        assert await asyncio.wait_for(await client.ping(), SOON_S) >= 0.12


async def test_a_silent_server_answers_pings(peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "silence"'))
    async with dial(server) as client:
        await asyncio.wait_for(await client.ping(), SOON_S)
    assert (server.sent, server.tallies[0].pings) == (PayloadTally(), 1)


async def test_a_server_can_ping_its_client(peers: Peers) -> None:
    server = await peers.start("pings")
    async with dial(server):
        await server.until(lambda: server.tallies[0].is_script_done)
    assert server.tallies[0].close_received == CloseReceived(1000, "")


@pytest.mark.parametrize(
    ("name", "code"),
    [("invalid_utf8", 1007), ("oversized", 1009), ("wrong_opcode", 1002), ("garbage_frames", 1002)],
)
async def test_what_no_server_may_send_makes_the_client_fail_the_connection(peers: Peers, name: str, code: int) -> None:
    server = await peers.start(name)
    async with dial(server, max_size=2**20) as client:
        messages, closed = await end_of(client)
    assert (messages, closed.sent and closed.sent.code) == ([], code)
    await server.until(lambda: not server.tallies[0].is_open)
    assert server.tallies[0].close_received is not None
    assert server.tallies[0].close_received.code == code


async def test_hostile_text_arrives_as_it_is(peers: Peers) -> None:
    server = await peers.start("hostile_payloads")
    async with dial(server) as client:
        got = await receive(client, 10)
    together = "".join(message for message in got[:8] if isinstance(message, str))
    for mark in ("[/b]", "\x1b]52;c;", "\x9b31m", "\x00", "\u202e", "\u2028", "\ufdd0"):
        assert mark in together
    assert got[8] == b"eda\xed\xa0\x80\xed\xb0\x80\xff\x1b[31m\xc0\x80"
    assert got[9] == "x" * 2**20


async def test_a_hostile_close_reason_arrives_as_it_is(peers: Peers) -> None:
    server = await peers.start("hostile_close")
    async with dial(server) as client:
        _, closed = await end_of(client)
    assert closed.rcvd == Close(4000, "[/b]\x1b[31m\x1b]0;x\x07 \x9b1m \u202egnp \x00")
