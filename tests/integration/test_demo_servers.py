"""Scripted servers as the library's own client meets them: each behaviour, on real sockets."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
)
from websockets.frames import Close
from websockets.typing import Subprotocol

from tests.peers import Peers, scenario
from wsmon.clock import SystemClock
from wsmon.demo.demo import Demo
from wsmon.demo.parse import DEMO_SCENARIOS, parse_scenario
from wsmon.demo.record import CloseReceived, Received, SessionTally, Tally
from wsmon.demo.scenario import Scenario
from wsmon.demo.server import ScenarioServer

SOON_S = 5.0
# a deadline, not a duration: nothing here takes a tenth of it


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class FixedClock:
    """Always the same instant."""

    def wall_ns(self) -> int:
        return 1_700_000_000_123_456_789

    def mono_ns(self) -> int:
        return 5


def dial(server: ScenarioServer, **options: object) -> connect:
    standard: dict[str, object] = {"ping_interval": None, "proxy": None, "close_timeout": 0.2, "max_size": None}
    return connect(server.url, **(standard | options))  # type: ignore[arg-type]  # names are the library's


def script(steps: str) -> Scenario:
    return parse_scenario("inline", steps)


async def receive(client: ClientConnection, count: int) -> list[str | bytes]:
    async with asyncio.timeout(SOON_S):
        return [await client.recv() for _ in range(count)]


async def end_of(client: ClientConnection) -> tuple[list[str | bytes], ConnectionClosed]:
    """All that arrives until the connection is closed, and how it was closed."""
    messages: list[str | bytes] = []
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                messages.append(await client.recv())
            except ConnectionClosed as closed:
                return messages, closed


async def refusal_of(server: ScenarioServer, **options: object) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refused:
        async with dial(server, **options):
            pass
    return refused.value


def numbers(messages: Iterable[str | bytes]) -> list[int]:
    return [json.loads(message)["seq"] for message in messages]


async def test_each_message_is_counted_and_numbered_exactly(peers: Peers) -> None:
    server = await peers.start(scenario("load").with_(rate=2000, count=300, size_bytes=120))
    async with dial(server) as first, dial(server) as second:
        got = await asyncio.gather(receive(first, 300), receive(second, 300))
    assert [numbers(messages) for messages in got] == [list(range(1, 301))] * 2
    assert {len(message) for messages in got for message in messages} == {120}
    assert sorted(json.loads(messages[0])["session"] for messages in got) == [1, 2]
    assert server.sent == Tally(600, 72_000)
    assert [tally.sent for tally in server.tallies] == [Tally(300, 36_000)] * 2


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
    assert server.sent == Tally(20_000, 4_000_000)


async def test_a_client_that_does_not_read_stops_the_flood(peers: Peers) -> None:
    server = await peers.start(scenario("flood").with_(count=1_000_000, size_bytes=60_000))
    async with dial(server, max_queue=1) as client:
        await receive(client, 1)
        unread = 0
        while server.sent.messages > unread:
            unread = server.sent.messages
            await asyncio.wait_for(client.ping(), SOON_S)
        assert unread < 1000
        client.transport.abort()


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
    assert server.sent == Tally(3, 3 * 4096)


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
            sent=Tally(3, 17),
            received=Tally(3, 17),
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


async def test_the_handshake_is_seen_with_headers_and_path(peers: Peers) -> None:
    server = await peers.start("subprotocols")
    offered = [Subprotocol("v1.feed"), Subprotocol("v2.feed")]
    headers = {"Authorization": "Bearer x", "X-Twice": "a"}
    async with dial(server, subprotocols=offered, additional_headers=headers, origin="https://o.example") as client:
        assert client.subprotocol == "v2.feed"
        assert client.response is not None
        assert client.response.headers["X-Served-By"] == "tests"
    (seen,) = server.handshakes
    assert (seen.path, seen.status) == ("/subprotocols", 101)
    asked = ("Authorization", "x-twice", "Origin", "Sec-WebSocket-Protocol", "X-Absent")
    assert [seen.header(name) for name in asked] == ["Bearer x", "a", "https://o.example", "v1.feed, v2.feed", None]
    assert server.tallies[0].subprotocol == "v2.feed"


@pytest.mark.parametrize("offered", [None, [Subprotocol("other")]])
async def test_a_client_without_a_common_subprotocol_is_accepted(
    peers: Peers, offered: list[Subprotocol] | None
) -> None:
    server = await peers.start("subprotocols")
    async with dial(server, subprotocols=offered) as client:
        assert client.subprotocol is None


@pytest.mark.parametrize(
    ("name", "status", "phrase", "header", "body"),
    [
        ("http_401", 401, "Unauthorized", ("WWW-Authenticate", 'Bearer realm="tests"'), b'{"error":"unauthorized"}'),
        ("http_503", 503, "Down For Maintenance", ("Content-Length", "38"), b"<html><body>maintenance</body></html>\n"),
        (
            "forbidden",
            403,
            "Forbidden",
            ("Content-Type", "application/json"),
            b'{"error":"forbidden","detail":"this key may not read /forbidden"}',
        ),
    ],
)
async def test_a_refusal_has_its_status_headers_and_body(
    peers: Peers, name: str, status: int, phrase: str, header: tuple[str, str], body: bytes
) -> None:
    server = await peers.start(name)
    response = (await refusal_of(server)).response
    assert (response.status_code, response.reason_phrase, bytes(response.body)) == (status, phrase, body)
    assert response.headers[header[0]] == header[1]
    assert (server.connections, server.sessions, server.handshakes[0].status) == (1, 0, status)


async def test_handshakes_are_taken_in_turn_and_the_last_one_stays(peers: Peers) -> None:
    server = await peers.start("http_429")
    for _ in range(2):
        response = (await refusal_of(server)).response
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
    for _ in range(2):
        async with dial(server):
            pass
    assert [seen.status for seen in server.handshakes] == [429, 429, 101, 101]


async def test_a_redirect_is_followed_within_the_origin(peers: Peers) -> None:
    server = await peers.start("redirect")
    async with dial(server) as client:
        assert await receive(client, 1) == ["arrived"]
    assert [(seen.path, seen.status) for seen in server.handshakes] == [("/redirect", 307), ("/elsewhere?moved=1", 101)]


@pytest.mark.parametrize("name", ["garbage_handshake", "bad_accept"])
async def test_a_broken_answer_fails_the_handshake(peers: Peers, name: str) -> None:
    server = await peers.start(name)
    with pytest.raises(InvalidMessage if name == "garbage_handshake" else InvalidHandshake):
        async with dial(server):
            pass
    assert server.connections == 1


async def test_a_server_that_hangs_never_answers(peers: Peers) -> None:
    server = await peers.start("hang")
    with pytest.raises(TimeoutError):
        async with dial(server, open_timeout=0.1):
            pass
    assert [seen.status for seen in server.handshakes] == [0]


async def test_a_handshake_is_answered_after_its_delay(peers: Peers) -> None:
    server = await peers.start(script('[[handshake]]\ndelay = "150ms"'))
    before_s = asyncio.get_running_loop().time()
    async with dial(server):
        assert asyncio.get_running_loop().time() - before_s >= 0.15


async def test_something_that_is_no_upgrade_is_refused_by_the_library(peers: Peers) -> None:
    server = await peers.start("echo")
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(SOON_S):
        assert (await reader.read()).startswith(b"HTTP/1.1 426 ")
    writer.close()
    await writer.wait_closed()
    assert (server.connections, server.sessions) == (1, 0)


async def test_something_that_is_no_http_is_hung_up_on(peers: Peers) -> None:
    server = await peers.start("echo")
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")
    async with asyncio.timeout(SOON_S):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert server.handshakes == ()


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
        pong = asyncio.ensure_future(await client.ping())
        await server.until(lambda: server.tallies[0].pings == 1)
        await receive(client, 3)
        assert not pong.done()
        pong.cancel()
        client.transport.abort()


async def test_pongs_can_be_late(peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "delay_pongs"\nfor = "120ms"'))
    async with dial(server) as client:
        assert await asyncio.wait_for(await client.ping(), SOON_S) >= 0.12


async def test_a_silent_server_answers_pings(peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "silence"'))
    async with dial(server) as client:
        await asyncio.wait_for(await client.ping(), SOON_S)
    assert (server.sent, server.tallies[0].pings) == (Tally(), 1)


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


async def test_a_hostile_refusal_arrives_as_it_is(peers: Peers) -> None:
    response = (await refusal_of(await peers.start("hostile_refusal"))).response
    assert bytes(response.body) == b"[/b]\x1b[31m\xed\xa0\x80\xff\xe2\x80\xaegnp\n"
    assert response.reason_phrase.encode("latin-1").decode() == "[/b] Bad \u202e Request"
    assert [(name, value.encode("latin-1").decode()) for name, value in response.headers.raw_items()] == [
        ("Connection", "close"),
        ("Content-Length", "20"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Markup", "[/b][bold]"),
        ("X-Bidi", "\u202egnp.exe"),
        ("X-C1", "\x9b31m"),
    ]


async def test_headers_with_control_characters_leave_as_they_are(peers: Peers) -> None:
    server = await peers.start("hostile_headers")
    assert await answer_of(server) == (
        b"HTTP/1.1 403 No\x1b[31m\r\nConnection: close\r\nContent-Length: 0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nX-Escape: \x1b]0;title\x07\x1b[2J\r\n\r\n"
    )
    with pytest.raises(InvalidMessage):
        async with dial(server):
            pass
    assert [seen.status for seen in server.handshakes] == [403, 101]


async def answer_of(server: ScenarioServer) -> bytes:
    """All that the server writes after a request for an upgrade, until it hangs up."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(UPGRADE)
    async with asyncio.timeout(SOON_S):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_server_speaks_tls(peers: Peers) -> None:
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    server = await peers.start("echo", ssl=ours)
    assert server.url.startswith("wss://127.0.0.1:")
    async with dial(server, ssl=theirs) as client:
        await client.send("secret")
        assert await receive(client, 1) == ["secret"]


async def test_a_server_that_stops_says_so_to_its_clients() -> None:
    async with ScenarioServer(scenario("echo"), SystemClock()) as server, asyncio.timeout(SOON_S):
        client = await dial(server)
        await server.stop()
        _, closed = await end_of(client)
    assert closed.rcvd == Close(1001, "server stops")
    assert server.tallies[0].close_received == CloseReceived(1001, "server stops")


@pytest.mark.parametrize("name", ["flood", "freeze", "hang", "ignores_pings"])
async def test_a_server_stops_in_half_a_second_whatever_its_clients_do(name: str) -> None:
    async with ScenarioServer(scenario(name), SystemClock()) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(UPGRADE)
        await server.until(lambda: bool(server.handshakes))
        before_s = asyncio.get_running_loop().time()
        await server.stop()
        assert asyncio.get_running_loop().time() - before_s < 0.5
    writer.transport.abort()
    assert not any(tally.is_open for tally in server.tallies)
    assert reader is not None


async def test_clients_that_are_just_connecting_are_not_left_behind_by_a_stop() -> None:
    async with ScenarioServer(scenario("echo"), SystemClock()) as server:
        writers = [(await asyncio.open_connection(server.host, server.port)) for _ in range(20)]
    async with asyncio.timeout(SOON_S):
        for reader, writer in writers:
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()


async def test_a_mistake_in_a_session_is_raised_at_the_end() -> None:
    class BrokenClock(FixedClock):
        def wall_ns(self) -> int:
            raise ArithmeticError("no time")

    broken = script('[[step]]\ndo = "send"\ntext = "$time_ms"')
    with pytest.raises(ExceptionGroup, match="scripts of inline failed") as caught:
        async with ScenarioServer(broken, BrokenClock()) as server, dial(server) as client:
            await end_of(client)
    assert [repr(error) for error in caught.value.exceptions] == ["ArithmeticError('no time')"]


async def test_the_demonstration_is_alive_on_every_connection() -> None:
    async with Demo(SystemClock()) as demo, asyncio.timeout(3.0):
        servers = {server.scenario.name: server for server in demo.servers}

        async def meet(name: str) -> str:
            connection = next(spec for spec in demo.configuration.connections if spec.name == name)
            offered = [Subprotocol(text.reveal()) for text in connection.subprotocols] or None
            try:
                async with connect(connection.url.reveal(), subprotocols=offered, proxy=None) as client:
                    return type(await client.recv()).__name__
            except ConnectionClosedError as closed:
                return str(closed.rcvd)
            except InvalidStatus as refused:
                return str(refused.response.status_code)

        met = dict(zip(DEMO_SCENARIOS, await asyncio.gather(*map(meet, DEMO_SCENARIOS)), strict=True))
    assert met == {
        "ticker": "str",
        "chat": "str",
        "binary": "bytes",
        "slow": "str",
        "silent": "str",
        "dropper": "str",
        "bouncer": "1008 (policy violation) policy violation: token expired",
        "forbidden": "403",
    }
    assert {name: server.connections for name, server in servers.items()} == dict.fromkeys(DEMO_SCENARIOS, 1)


async def test_the_demonstrations_configuration_names_its_servers() -> None:
    async with Demo(SystemClock()) as demo:
        configuration = demo.configuration
        urls = [(server.scenario.name, server.url) for server in demo.servers]
    assert configuration.path is None
    assert [(spec.name, spec.url.reveal()) for spec in configuration.connections] == urls
    assert Counter(spec.group for spec in configuration.connections) == {"feeds": 3, "market": 3, "chat": 2}
    assert {spec.name: spec.expect_every_s for spec in configuration.connections}["silent"] == 2.0
    assert configuration.digest == Demo(SystemClock()).configuration.digest
    assert configuration.digest != Demo(SystemClock(), [scenario("echo")]).configuration.digest
